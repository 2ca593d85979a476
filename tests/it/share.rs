//! A site that is shared with the network: `--share`.

#[cfg(feature = "share")]
use crate::support::in_a_network;
use crate::support::{Launch, Site};
use std::process::Command;

/// Returns the output and the exit status of a command line.
fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .args(arguments)
        .output()
        .expect("millpond runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_shared_site_is_reachable_from_the_network_and_listed() {
    let site = Site::small();
    let server = Launch::bare()
        .args(["--share", "--announce=false", "--port", "0"])
        .arg(site.root())
        .expecting(&["running as root", "got 421"])
        .start();
    let status = |host: &str, target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        server.response_to("GET", request).status
    };
    assert_eq!(status("192.0.2.2:8080", "/a.txt"), 200);
    assert_eq!(status("millpond.local:8080", "/a.txt"), 200);
    assert_eq!(status("localhost", "/"), 200, "it is listed");
    assert_eq!(status("evil.example", "/a.txt"), 421);
    assert_eq!(status("evil.example.local", "/a.txt"), 421);
}

#[test]
fn the_check_shows_every_address_and_the_defaults_of_sharing() {
    let site = Site::small();
    let root = site.root();
    let root = root.to_str().unwrap();
    let (status, said) = said(&[root, "--share", "--check"]);
    assert_eq!(status, Some(0), "{said}");
    for line in [
        &format!("millpond would serve {root} at http://0.0.0.0:8080/\n"),
        &format!("millpond would serve {root} at http://[::]:8080/\n"),
        "directories are listed, because the site is shared (listing)\n",
        "only requests for localhost and IP addresses, names in .local are answered, because the \
         site is shared (allowed-hosts)\n",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
}

#[test]
fn https_is_for_servers_without_a_listen_address() {
    let (status, text) = said(&["--https", "--listen", "127.0.0.1:0", "--check"]);
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("write https:// before the address"), "{text}");
    let (status, text) = said(&[
        "--https",
        "--listen",
        "https://127.0.0.1:0",
        "--print-config",
    ]);
    assert_eq!(status, Some(0), "{text}");
}

#[cfg(feature = "share")]
#[test]
fn a_person_at_a_terminal_gets_a_qr_code_that_fits() {
    let site = Site::small();
    for (columns, is_shown) in [(80, true), (20, false)] {
        let in_terminal = format!(
            "export TERM=xterm MILLPOND=\"$0\"; exec script --quiet --return --command \
             'stty cols {columns}; exec \"$MILLPOND\" root --share --port 80' /dev/null"
        );
        let Some(process) = in_a_network(&site, &in_terminal) else {
            return;
        };
        let shown = process.await_stdout("the banner", |shown| {
            shown.contains("stops it").then(|| shown.to_owned())
        });
        assert!(shown.contains("http://192.0.2.2:80/"), "{shown}");
        assert!(shown.contains("with --share,"), "{shown}");
        assert_eq!(shown.contains("\x1b[48;5;231m"), is_shown, "{shown}");
    }
}

//! Output at startup: for programs, for a person at a terminal, and about a port in use.

use crate::support::{Launch, Process, Server, Site, in_a_network, quoted, unavailable};
use std::{
    net::TcpListener,
    process::{self, Command, Output},
};

/// Runs a command line at a terminal until the output contains `last`, and returns the output.
fn at_a_terminal(command: &str, variables: &[(&str, &str)], last: &str) -> Option<String> {
    let can_script = |output: Output| output.status.success();
    let probed = Command::new("script").arg("--version").output();
    if !probed.is_ok_and(can_script) {
        unavailable("the program script (bsdutils)");
        return None;
    }
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", command, "/dev/null"]);
    script.env("TERM", "xterm").env_remove("NO_COLOR");
    script.envs(variables.iter().copied());
    let process = Process::spawn(&mut script);
    // A terminal turns each LF into CR LF.
    let shown = process.await_stdout(last, |shown| {
        shown.contains(last).then(|| shown.replace('\r', ""))
    });
    Some(shown)
}

/// Returns the name of this process in the kernel.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/self/comm").expect("the kernel reports it");
    name.trim_end().to_owned()
}

#[test]
fn a_person_at_a_terminal_gets_urls_and_features() {
    let site = Site::small();
    let root = site.root();
    let command = format!(
        "{} {} --listen 127.0.0.1:0 --sandbox off --compression",
        quoted(env!("CARGO_BIN_EXE_millpond")),
        quoted(&root)
    );
    let Some(shown) = at_a_terminal(&command, &[("NO_COLOR", "1")], "stops it\r\n") else {
        return;
    };
    let (port, _) = shown
        .split_once("http://127.0.0.1:")
        .and_then(|(_, rest)| rest.split_once('/'))
        .unwrap_or_else(|| panic!("no address in {shown}"));
    let before = format!(
        "\n  millpond serves {}\n\n  this machine  http://127.0.0.1:{port}/\n  \
         your network  has no access; allow it with --listen 0.0.0.0:{port}\n\n",
        root.display()
    );
    assert!(shown.starts_with(&before), "{shown}");
    assert!(
        shown.contains("\n  listing off, sandbox off, compression on"),
        "{shown}"
    );
    assert!(!shown.contains('\x1b'), "{shown:?}");
    let Some(shown) = at_a_terminal(&command, &[], "stops it") else {
        return;
    };
    assert!(shown.contains("\x1b[1mhttp://127.0.0.1:"), "{shown:?}");
}

#[test]
fn listeners_on_all_addresses_show_the_network_addresses() {
    let site = Site::small();
    let script = "exec \"$0\" root --listen 0.0.0.0:80";
    let Some(server) = in_a_network(&site, script) else {
        return;
    };
    let stdout = server.await_stdout("both lines", |stdout| {
        (stdout.lines().count() == 2).then(|| stdout.to_owned())
    });
    assert_eq!(
        stdout,
        "millpond serves root at http://0.0.0.0:80/\n\
         millpond serves root at http://192.0.2.2:80/\n"
    );
}

#[test]
fn a_port_in_use_suggests_the_next_free_one() {
    let site = Site::small();
    // Another program may take the next port at any time, so the test expects no particular one.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut second = Launch::bare()
        .arg(site.root())
        .args(["--listen", &address])
        .spawn();
    assert_eq!(second.wait().code(), Some(1));
    let said = second.end();
    let start = format!(
        "error: http://{address}/ is in use by {}, process {}",
        own_name(),
        process::id()
    );
    let free: u16 = said
        .strip_prefix(&start)
        .and_then(|rest| rest.strip_prefix("; the next free port is "))
        .and_then(|rest| rest.split_once(": try --listen 127.0.0.1:"))
        .and_then(|(port, again)| (again.trim_end() == port).then(|| port.parse().unwrap()))
        .unwrap_or_else(|| panic!("{said}"));
    assert!((port + 1..=port + 100).contains(&free), "{said}");
}

#[test]
fn the_default_port_in_use_suggests_the_next_free_one_that_is_not_requested_too() {
    let site = Site::small();
    let script = "\"$0\" root & first=$!; echo first=$first; \
        until \"$0\" --health 2>&1; do sleep 0.05; done; \
        \"$0\" root; \
        \"$0\" root --listen '[::1]:8080'; \
        \"$0\" root --listen 127.0.0.1:8080 --listen 127.0.0.1:8081; \
        kill $first; wait $first; echo done";
    let Some(mut process) = in_a_network(&site, script) else {
        return;
    };
    process.await_stdout("the end", |stdout| stdout.contains("done").then_some(()));
    let said = process.end();
    let stdout = process.stdout();
    let first = stdout.lines().find_map(|line| line.strip_prefix("first="));
    let first = first.expect("its id");
    let errors: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    let in_use = |wanted: &str, port: u16, flag: &str| {
        format!(
            "error: millpond is already running at http://{wanted}:8080/ as process {first}; stop it with: \
             kill {first}; the next free port is {port}: try {flag}"
        )
    };
    // A shell would expand the brackets in the second address as a pattern.
    assert_eq!(
        errors,
        [
            in_use("127.0.0.1", 8081, "--port 8081"),
            in_use("[::1]", 8081, "--listen '[::1]:8081'"),
            in_use("127.0.0.1", 8082, "--listen 127.0.0.1:8082"),
        ]
    );
}

#[test]
fn a_program_gets_the_same_lines_whatever_its_terminal() {
    let site = Site::small();
    let server: Server = Launch::of(site.root())
        .env("TERM", "xterm-256color")
        .env("CLICOLOR_FORCE", "1")
        .start();
    let line = format!(
        "millpond serves {} at http://{}/\n",
        site.root().display(),
        server.address
    );
    assert_eq!(server.process.stdout(), line);
}

#[test]
fn a_page_is_shown_and_its_directory_is_served() {
    let site = Site::small();
    site.file("docs/a b.html", "<p>a")
        .file("docs/index.html", "<p>i")
        .file("docs/a.txt", "a");
    for (name, url) in [
        ("docs/a b.html", "/a%20b.html\n"),
        ("docs/index.html", "/\n"),
    ] {
        let process = Launch::of(site.path(name)).spawn();
        let shown = process.await_stdout("the URL", |shown| {
            shown.contains(" at http://").then(|| shown.to_owned())
        });
        let root = site.path("docs").display().to_string();
        assert!(
            shown.starts_with(&format!("millpond serves {root} at http://")),
            "{shown}"
        );
        assert!(shown.ends_with(url), "{shown}");
    }
    let check = Launch::bare()
        .current_dir(site.path("docs"))
        .args(["a b.html", "--listen", "127.0.0.1:0", "--check"])
        .spawn();
    let expected = "millpond would serve . at http://127.0.0.1:0/a%20b.html\n";
    check.await_stdout("the URL", |shown| shown.contains(expected).then_some(()));
    // Anything else is no directory.
    let mut other = Launch::of(site.path("docs/a.txt")).spawn();
    assert!(!other.wait().success());
    assert!(other.end().contains("is not a directory"));
}

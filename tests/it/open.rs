//! `--open`: the browser gets the URL once the server is up, and runs independently.
//!
//! A script replaces `xdg-open`. It records its arguments and its environment.

use crate::support::{Launch, Server, Signal, Site, poll_until};
use std::{env, fs, path::Path, process::Command, thread, time::Duration};

/// Creates a site with an `xdg-open` beside it, and a launch of a server for its user.
fn site_and_launch(script: &str) -> (Site, Launch) {
    let site = Site::small();
    let bin = site.outside("bin");
    fs::create_dir(&bin).expect("a directory can be made");
    // Not written by this process: another test may fork in the meantime, and its child would have
    // the file open for writing, which prevents executing it.
    let mut writer = Command::new("sh");
    writer.args(["-c", "printf '#!/bin/sh\\n%s' \"$1\" >\"$0\""]);
    let written = writer.arg(bin.join("xdg-open")).arg(script).status();
    assert!(written.is_ok_and(|status| status.success()));
    site.mode("../bin/xdg-open", 0o755).mode("..", 0o777);
    let launch = with_screen(Launch::unprivileged(&site.root()), &bin);
    (site, launch)
}

fn with_screen(launch: Launch, bin: &Path) -> Launch {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [bin.to_owned()]
            .into_iter()
            .chain(env::split_paths(&inherited)),
    );
    let path = path.expect("a path").into_string().expect("UTF-8");
    let launch = launch.arg("--open").env("DISPLAY", ":7");
    launch.env("PATH", &path)
}

/// Returns the text that the script has written to a file beside the site, once it exists.
fn await_note(site: &Site, name: &str) -> String {
    poll_until(name, || {
        let note = fs::read_to_string(site.outside(name)).ok()?;
        note.ends_with('\n').then_some(note)
    })
}

/// Waits until a server has no child, not even a zombie: until the shell that started the browser
/// has ended.
fn await_no_children(server: &Server) {
    let id = server.process.id();
    let path = format!("/proc/{id}/task/{id}/children");
    poll_until("the server to be without children", || {
        let children = fs::read_to_string(&path).expect("the kernel reports it");
        children.is_empty().then_some(())
    });
}

#[test]
fn the_browser_gets_a_url_that_answers_and_is_not_confined() {
    let (site, launch) = site_and_launch(
        "here=${0%/*}/..\n\
         grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status >\"$here/status\"\n\
         echo \"$1\" >\"$here/sandbox-lets-write\"\n",
    );
    let server = launch.start();
    let url = await_note(&site, "sandbox-lets-write");
    assert_eq!(url, format!("http://{}/\n", server.address));
    assert!(await_note(&site, "status").contains("NoNewPrivs:\t0"));
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn the_browser_gets_a_url_whose_host_is_answered() {
    let (site, launch) = site_and_launch("echo \"$1\" >\"${0%/*}/../url\"\n");
    let server = launch.args(["--allowed-hosts", "localhost"]).start();
    let port = server.address.port();
    let url = await_note(&site, "url");
    assert_eq!(url, format!("http://localhost:{port}/\n"));
}

#[test]
fn the_browser_leaves_no_zombie_and_outlives_the_server() {
    let (site, launch) = site_and_launch(
        "here=${0%/*}/..\necho $$ >\"$here/id\"\n\
         for _ in $(seq 200); do [ -e \"$here/stop\" ] && break; sleep 0.05; done\n\
         echo done >\"$here/end\"\n",
    );
    let mut server = launch.start();
    let id = await_note(&site, "id");
    await_no_children(&server);
    let group = format!("/proc/{}/stat", id.trim());
    let group = fs::read_to_string(group).expect("the browser runs");
    let group = group.split(' ').nth(4).expect("a process group");
    assert_ne!(group, server.process.id().to_string());
    assert!(server.stop(Signal::INT).success());
    // The browser holds no descriptor of the server: its output has ended.
    assert_eq!(server.process.end(), "");
    fs::write(site.outside("stop"), "").expect("a file can be written");
    assert_eq!(await_note(&site, "end"), "done\n");
}

#[test]
fn a_browser_that_ends_at_once_leaves_no_zombie() {
    let (site, launch) = site_and_launch("echo \"$1\" >\"${0%/*}/../url\"\nexit 3\n");
    let server = launch.start();
    await_note(&site, "url");
    await_no_children(&server);
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn a_missing_program_screen_or_user_causes_a_warning_and_the_server_runs() {
    let (site, launch) = site_and_launch("");
    fs::remove_file(site.outside("bin/xdg-open")).expect("it is there");
    let bin = site.outside("bin");
    // The path has nothing else, because a real xdg-open would open a real browser.
    let launch = launch.env("PATH", bin.to_str().expect("UTF-8"));
    let no_program = ("xdg-open is missing", launch);
    let launch = Launch::unprivileged(&site.root()).arg("--open");
    let no_screen = (
        "names a screen",
        launch.env("DISPLAY", "").env("WAYLAND_DISPLAY", ""),
    );
    let mut launches = vec![no_program, no_screen];
    if rustix::process::geteuid().is_root() {
        let launch = with_screen(Launch::of(site.root()), &bin);
        launches.push(("it would run as root", launch));
    }
    for (reason, launch) in launches {
        let server = launch.expecting(&["no browser is opened"]).start();
        assert_eq!(server.get("/a.txt").status, 200, "{reason}");
        let said = server.process.await_stderr(reason, |said| {
            said.contains(reason).then(|| said.to_owned())
        });
        assert!(
            said.contains("WARN millpond: no browser is opened: "),
            "{said}"
        );
        await_no_children(&server);
    }
}

#[test]
fn a_server_that_does_not_start_opens_nothing() {
    let (site, launch) = site_and_launch("echo \"$1\" >\"${0%/*}/../url\"\n");
    let log = site.outside("missing/access.log");
    let mut process = launch.arg("--access-log").arg(log).spawn();
    assert_eq!(process.wait().code(), Some(1));
    process.end();
    thread::sleep(Duration::from_millis(200));
    assert!(!site.outside("url").exists());
}

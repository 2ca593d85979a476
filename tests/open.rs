//! `--open`: the browser gets the address once the server is up, and is left to itself.
//!
//! What stands for `xdg-open` is a script that writes down how it was called and how it lives.

mod support;

use std::{env, fs, path::Path, process::Command, thread, time::Duration};
use support::{Launch, Server, Signal, Site, poll_until};

/// A site with an `xdg-open` beside it, and what starts a server there for its user.
fn site_and_launch(script: &str) -> (Site, Launch) {
    let site = Site::small();
    let bin = site.outside("bin");
    fs::create_dir(&bin).expect("a directory can be made");
    // Not by us: what another test forks meanwhile would have it open to write to, and so keep it
    // from being executed.
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

/// What the script has written to a file beside the site, once it is there.
fn await_note(site: &Site, name: &str) -> String {
    poll_until(name, || {
        let note = fs::read_to_string(site.outside(name)).ok()?;
        note.ends_with('\n').then_some(note)
    })
}

/// Waits until a server has no child, not even a zombie: until the shell that has left the browser
/// to itself is gone.
fn await_no_children(server: &Server) {
    let id = server.process.id();
    let path = format!("/proc/{id}/task/{id}/children");
    poll_until("the server to be without children", || {
        let children = fs::read_to_string(&path).expect("the kernel tells");
        children.is_empty().then_some(())
    });
}

#[test]
fn the_browser_gets_an_address_that_answers_and_is_confined_by_nothing() {
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
fn the_browser_gets_the_address_whose_host_is_answered() {
    let (site, launch) = site_and_launch("echo \"$1\" >\"${0%/*}/../url\"\n");
    let server = launch.args(["--hosts", "localhost"]).start();
    let port = server.address.port();
    let url = await_note(&site, "url");
    assert_eq!(url, format!("http://localhost:{port}/\n"));
}

#[test]
fn the_browser_is_nobodys_zombie_and_outlives_the_server() {
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
    // Nothing of the server's is held open: its output has ended.
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
fn without_a_program_a_screen_or_a_user_there_is_a_warning_and_the_server_goes_on() {
    let (site, launch) = site_and_launch("");
    fs::remove_file(site.outside("bin/xdg-open")).expect("it is there");
    let bin = site.outside("bin");
    // Nothing else in the path, as somebody's own xdg-open would open a real browser.
    let launch = launch.env("PATH", bin.to_str().expect("UTF-8"));
    let no_program = ("there is no xdg-open", launch);
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

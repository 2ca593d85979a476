//! Reloading settings and reopening logs while the server runs.

use crate::support::{Launch, Server, Signal, Site, is_root, poll_until, rounds, unavailable};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command},
};

/// A site, and a settings file in its own directory.
struct Home {
    site: Site,
    settings: PathBuf,
}

const DONE: &str = "settings reloaded";
const REFUSED: &str = "keeping the previous settings";

impl Home {
    fn new(settings: &str) -> Self {
        let site = Site::small();
        for directory in ["etc", "log"] {
            fs::create_dir(site.outside(directory)).unwrap();
        }
        let home = Self {
            settings: site.outside("etc/millpond.toml"),
            site,
        };
        home.write(settings);
        home
    }

    /// Replaces the settings file in one step, as an editor does.
    fn write(&self, settings: &str) {
        let fresh = self.settings.with_extension("toml.new");
        fs::write(&fresh, settings).unwrap();
        fs::rename(&fresh, &self.settings).unwrap();
    }

    fn launch(&self) -> Launch {
        Launch::of(self.site.root())
            .arg("--config")
            .arg(&self.settings)
            .expecting(&[" INFO millpond::server::reload: "])
    }

    fn log(&self) -> PathBuf {
        self.site.outside("log/access.log")
    }

    fn records(&self, name: &str) -> String {
        fs::read_to_string(self.site.outside("log").join(name)).unwrap_or_default()
    }
}

/// Requests a reload, and waits for its outcome.
#[track_caller]
fn reload(server: &Server, outcome: &str) -> String {
    let before = server.process.stderr().matches(outcome).count();
    server.process.signal(Signal::HUP);
    server.process.await_stderr(outcome, |said| {
        (said.matches(outcome).count() > before).then(|| said.to_owned())
    })
}

#[test]
fn new_settings_apply_to_the_next_request_of_the_same_connection() {
    let home = Home::new("cache-control = 'no-cache'\n");
    let server = home.launch().start();
    let mut client = server.connect();
    let mut ask = |host: &str| {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        client.send(request).response_to("GET")
    };
    let before = ask("a");
    assert_eq!(before.field("cache-control"), Some("no-cache"));
    assert_eq!(before.field("server"), Some("millpond"));

    home.write("cache-control = 'max-age=7'\nserver-header = false\nallowed-hosts = ['b']\n");
    reload(&server, DONE);
    let after = ask("b");
    assert_eq!(after.field("cache-control"), Some("max-age=7"));
    assert_eq!(after.field("server"), None);
    assert_eq!(ask("a").status, 421);
}

#[test]
fn connection_limits_change_for_open_connections() {
    let home = Home::new("");
    let server = home.launch().start();
    let mut first = server.connect();
    let mut second = server.connect();
    for client in [&mut first, &mut second] {
        let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(client.send(request).response_to("GET").status, 200);
    }
    home.write("connections-per-client-max = 2\n");
    reload(&server, DONE);
    assert_eq!(
        server.connect().rest_or_reset(),
        b"",
        "a third is one too many"
    );
    assert!(
        first
            .send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .response_to("GET")
            .status
            == 200
    );
    drop(first);
    poll_until("room for another", || {
        let mut client = server.connect();
        client.try_send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        (!client.rest_or_reset().is_empty()).then_some(())
    });
}

#[test]
fn a_shorter_timeout_applies_to_open_connections() {
    let home = Home::new("connections-max = 1\nidle-timeout = '1h'\n");
    let server = home.launch().start();
    let idle = || {
        let mut client = server.connect();
        let client_is_served = client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client_is_served.response_to("GET").status, 200);
        client
    };
    let mut first = idle();
    home.write("connections-max = 1\nidle-timeout = '10m'\n");
    reload(&server, DONE);
    let mut second = idle();
    assert_eq!(first.rest_or_reset(), b"", "it made room");
    home.write("connections-max = 1\nidle-timeout = '1ms'\n");
    reload(&server, DONE);
    assert_eq!(second.rest(), b"");
}

#[test]
fn invalid_settings_are_reported_with_their_position_and_the_old_ones_stay() {
    let home = Home::new("cache-control = 'max-age=1'\n");
    let mut launch = home.launch();
    launch = launch.expecting(&["millpond::server::reload: "]);
    let server = launch.start();
    home.write("cache-control = 'max-age=2'\nidle-timeot = '1s'\nheader-timeout = 'soon'\n");
    let said = reload(&server, REFUSED);
    let path = home.settings.display();
    for problem in [
        format!("{path}:2:1: unknown setting \"idle-timeot\"; did you mean idle-timeout?"),
        format!("{path}:3:18: header-timeout: "),
    ] {
        assert!(said.contains(&problem), "{problem:?} in\n{said}");
    }
    fs::remove_file(&home.settings).unwrap();
    let said = reload(&server, REFUSED);
    assert!(
        said.contains(&format!("{path}: cannot read the file: ")),
        "{said}"
    );
    let response = server.get("/a.txt");
    assert_eq!(response.field("cache-control"), Some("max-age=1"));
}

#[test]
fn settings_from_a_pipe_are_not_read_again() {
    let home = Home::new("allowed-hosts = ['b']\n");
    let expected = &["millpond::server::reload: "];
    let replaced = home.launch().expecting(expected).start();
    fs::remove_file(&home.settings).unwrap();
    let made = Command::new("mkfifo").arg(&home.settings).status();
    assert!(made.unwrap().success());
    let substituted = Launch::of(home.site.root())
        .within(|command| {
            let mut shell = Command::new("bash");
            let script = "exec \"$0\" \"$@\" --config <(echo \"allowed-hosts = ['b']\")";
            shell.args(["-c", script]).arg(command.get_program());
            shell.args(command.get_args());
            shell
        })
        .expecting(expected)
        .start();
    for server in [replaced, substituted] {
        let said = reload(&server, REFUSED);
        assert!(said.contains("cannot be read a second time"), "{said}");
        assert_eq!(server.get("/a.txt").status, 421, "it is for a alone");
    }
}

#[test]
fn settings_that_need_a_restart_are_named_and_the_others_apply() {
    let home = Home::new("");
    let mut server = Launch::bare()
        .in_default_sandbox()
        .args(["--config".as_ref(), home.settings.as_os_str()])
        .env("MILLPOND_ROOT", &home.site.root().display().to_string());
    home.write("listen = ['127.0.0.1:0']\n");
    server = server.expecting(&["millpond::server::reload: "]);
    let server = server.start();
    home.write(
        "listen = ['127.0.0.1:1']\nsandbox = 'off'\nuser = '7'\ncache-control = 'no-store'\n",
    );
    let said = reload(&server, DONE);
    for name in ["listen", "sandbox", "user"] {
        let line = format!("{name} cannot be changed while the server runs; restart to apply it");
        assert!(said.contains(&line), "{line:?} in\n{said}");
    }
    assert_eq!(
        server.get("/a.txt").field("cache-control"),
        Some("no-store")
    );
}

#[test]
fn another_root_is_served_if_the_sandbox_allows_it() {
    let home = Home::new("");
    home.site.file("inner/a.txt", "inner\n");
    fs::create_dir(home.site.outside("other")).unwrap();
    fs::write(home.site.outside("other/a.txt"), "other\n").unwrap();
    let settings = |root: &Path| format!("root = {root:?}\n");
    home.write(&settings(&home.site.root()));
    for sandbox in ["auto", "strict", "off"] {
        let launch = Launch::bare()
            .args(["--listen", "127.0.0.1:0", "--sandbox", sandbox])
            .args(["--config".as_ref(), home.settings.as_os_str()])
            .expecting(&["millpond::server::reload: ", "stops the site"]);
        let server = launch.start();
        home.write(&settings(&home.site.path("inner")));
        reload(&server, DONE);
        assert_eq!(server.get("/a.txt").text(), "inner\n");
        home.write(&settings(&home.site.outside("missing")));
        assert!(reload(&server, REFUSED).contains("there is no directory"));
        home.write(&settings(&home.site.outside("other")));
        if sandbox != "strict" {
            // It is beside the root, where a build may create another one.
            reload(&server, DONE);
            assert_eq!(server.get("/a.txt").text(), "other\n");
        } else if confines() {
            let said = reload(&server, REFUSED);
            assert!(said.contains("other is outside the sandbox"), "{said}");
            assert_eq!(server.get("/a.txt").text(), "inner\n");
        } else {
            unavailable("Landlock");
        }
        home.write(&settings(&home.site.root()));
    }
}

fn confines() -> bool {
    let mut check = Launch::of("/").arg("--check").spawn();
    check.wait();
    check.end();
    check
        .stdout()
        .contains("the sandbox refuses all other files")
}

#[test]
fn a_renamed_log_is_reopened_on_usr1_and_on_hup() {
    let home = Home::new("");
    let server = home.launch().arg("--access-log").arg(home.log()).start();
    assert_renamed_log_is_reopened(&home, &server);
}

#[test]
fn an_unprivileged_user_reopens_its_log() {
    if !is_root("to drop them") {
        return;
    }
    let home = Home::new("");
    chown(home.site.outside("log"), Some(54321), Some(54321)).unwrap();
    let server = home
        .launch()
        .args(["--user", "54321:54321", "--access-log"])
        .arg(home.log())
        .start();
    assert_renamed_log_is_reopened(&home, &server);
}

#[track_caller]
fn assert_renamed_log_is_reopened(home: &Home, server: &Server) {
    for (signal, old) in [
        (Signal::USR1, "access.log.1"),
        (Signal::HUP, "access.log.2"),
    ] {
        server.get("/a.txt");
        poll_until("a record", || {
            (!home.records("access.log").is_empty()).then_some(())
        });
        fs::rename(home.log(), home.site.outside("log").join(old)).unwrap();
        // Without a signal, the server keeps the same file under its new name.
        server.get("/index.html");
        poll_until("a record", || {
            home.records(old).contains("/index.html").then_some(())
        });
        server.process.signal(signal);
        poll_until("a new log", || home.log().exists().then_some(()));
        server.get(&format!("/a.txt?after-{old}"));
        poll_until("a record", || {
            home.records("access.log")
                .contains(&format!("/a.txt?after-{old}"))
                .then_some(())
        });
        assert!(!home.records(old).contains(&format!("?after-{old}")));
    }
}

#[test]
fn a_log_line_started_in_one_format_is_finished_in_it() {
    let home = Home::new("");
    let large = 30_000_000;
    home.site.file("large.bin", vec![0; large]);
    let server = home.launch().start();
    let mut client = server.connect();
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(100_000);
    home.write("access-log-format = 'json'\n");
    reload(&server, DONE);
    client.response_to("GET");
    server.get("/a.txt");
    let records = server.records(2);
    assert!(
        records[0].contains("\"GET /large.bin HTTP/1.1\" 200 30000000 "),
        "{records:?}"
    );
    assert!(records[1].starts_with("{\"time\":"), "{records:?}");
}

#[test]
fn a_log_that_cannot_be_reopened_continues_in_the_old_file() {
    let home = Home::new("");
    let server = home
        .launch()
        .arg("--access-log")
        .arg(home.log())
        .expecting(&["log lines still go to the previous file"])
        .start();
    let moved = home.site.outside("moved");
    fs::rename(home.site.outside("log"), &moved).unwrap();
    server.process.signal(Signal::USR1);
    server.process.await_stderr("the warning", |said| {
        said.contains("log lines still go to the previous file")
            .then_some(())
    });
    server.get("/a.txt");
    poll_until("a record", || {
        let log = fs::read_to_string(moved.join("access.log")).unwrap_or_default();
        log.contains("/a.txt").then_some(())
    });
}

#[test]
fn hup_reloads_the_other_sources_without_a_settings_file() {
    let site = Site::small();
    let server = Launch::of(site.root()).expecting(&[DONE]).start();
    reload(&server, DONE);
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn a_server_stops_when_its_terminal_is_closed_even_at_startup() {
    if Command::new("setsid").arg("--version").output().is_err() {
        return unavailable("setsid (util-linux)");
    }
    let site = Site::small();
    for round in 0..rounds(30, 100) {
        let socket = site.outside(format!("socket-{round}"));
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = openpt(flags).unwrap();
        unlockpt(&terminal).unwrap();
        let inner = ioctl_tiocgptpeer(&terminal, flags).unwrap();
        // It becomes the controlling terminal of the process.
        let mut server = Command::new("setsid");
        server
            .args(["--ctty", env!("CARGO_BIN_EXE_millpond")])
            .arg(site.root())
            .args(["--access-log", "off", "--listen"])
            .arg(format!("unix:{}", socket.display()))
            .stdin(inner.try_clone().unwrap())
            .stdout(inner.try_clone().unwrap())
            .stderr(inner);
        let mut server = KilledOnDrop(server.spawn().unwrap());
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("unix:") {
            let mut part = [0; 1024];
            let length = rustix::io::read(&terminal, &mut part).unwrap();
            said.extend_from_slice(&part[..length]);
        }
        // The banner is printed, and the server may not have continued since.
        drop(terminal);
        poll_until("the server to stop", || server.0.try_wait().unwrap());
    }
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // An error means that the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

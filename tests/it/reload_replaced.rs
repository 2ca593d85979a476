//! Settings files that are replaced while the server runs, and the messages of failed reloads.

use crate::support::{Client, Launch, Server, Signal, Site, is_root, unavailable};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

const DONE: &str = "settings reloaded";
const REFUSED: &str = "keeping the previous settings";

/// Requests a reload, waits for its outcome, and returns the log so far.
#[track_caller]
fn reload(server: &Server, outcome: &str) -> String {
    let before = server.process.stderr().matches(outcome).count();
    server.process.signal(Signal::HUP);
    server.process.await_stderr(outcome, |said| {
        (said.matches(outcome).count() > before).then(|| said.to_owned())
    })
}

fn confines() -> bool {
    let mut check = Launch::of("/").arg("--check").spawn();
    check.wait();
    check.end();
    check
        .stdout()
        .contains("the sandbox refuses all other files")
}

/// Common programs that change a file.
const EDITS: [&[&str]; 3] = [
    &["sed", "-i", "s/max-age=1/max-age=2/", "millpond.toml"],
    &[
        "sh",
        "-c",
        "echo \"cache-control = 'max-age=2'\" >new && mv new millpond.toml",
    ],
    &[
        "sh",
        "-c",
        "rm millpond.toml && echo \"cache-control = 'max-age=2'\" >millpond.toml",
    ],
];

#[test]
fn settings_beside_the_site_are_reloaded_however_they_are_replaced() {
    for edit in EDITS {
        for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
            let site = Site::small();
            let home = site.outside(".");
            fs::write(home.join("millpond.toml"), "cache-control = 'max-age=1'\n").unwrap();
            fs::write(home.join("another"), "file").unwrap();
            let server = Launch::bare()
                .current_dir(&home)
                .args(["--config", "millpond.toml", "root", "--listen", listen])
                .expecting(&[DONE, "running as root while other machines can connect"])
                .start();
            let age = || server.get("/").field("cache-control").map(str::to_owned);
            assert_eq!(age().as_deref(), Some("max-age=1"));
            let mut edited = Command::new(edit[0]);
            let edited = edited.args(&edit[1..]).current_dir(&home).status();
            assert!(edited.unwrap().success());
            reload(&server, DONE);
            assert_eq!(age().as_deref(), Some("max-age=2"), "{edit:?} {listen}");
        }
    }
}

#[test]
fn settings_that_the_sandbox_blocks_are_reported_at_startup_and_on_reload() {
    if !confines() {
        return unavailable("Landlock");
    }
    let site = Site::small();
    let settings = site.outside("millpond.toml");
    fs::write(&settings, "cache-control = 'max-age=1'\n").unwrap();
    fs::write(site.outside("another"), "file").unwrap();
    let server = Launch::of(site.root())
        .args(["--sandbox", "strict", "--config"])
        .arg(&settings)
        .expecting(&[
            "stops the site",
            "as editors and sed -i do,",
            "millpond::server::reload: ",
        ])
        .start();
    let limit =
        "is replaced, as editors and sed -i do, a reload cannot read it, and it needs a restart";
    server.process.await_stderr("a word beforehand", |said| {
        said.contains(limit).then_some(())
    });
    // Writing in place keeps the same file.
    fs::write(&settings, "cache-control = 'max-age=2'\n").unwrap();
    reload(&server, DONE);
    fs::write(site.outside("new"), "cache-control = 'max-age=3'\n").unwrap();
    fs::rename(site.outside("new"), &settings).unwrap();
    let said = reload(&server, REFUSED);
    assert!(
        said.contains("millpond.toml was replaced, and the sandbox allows only the file that was"),
        "{said}"
    );
    assert_eq!(server.get("/").field("cache-control"), Some("max-age=2"));
}

#[test]
fn metrics_show_if_the_last_reload_succeeded() {
    let site = Site::small();
    let settings = site.outside("millpond.toml");
    let write = |text: &str| fs::write(&settings, text).unwrap();
    write("cache-control = 'max-age=1'\n");
    let server = Launch::of(site.root())
        .args(["--admin", "127.0.0.1:0", "--config"])
        .arg(&settings)
        .expecting(&["millpond::server::reload: "])
        .start();
    let metric = |name: &str| {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut client = Client::connect(server.admin_address());
        let response = client.send(request).response_to("GET");
        let value = |line: &str| line.strip_prefix(name)?.trim().parse::<f64>().ok();
        response.text().lines().find_map(value).expect(name)
    };
    let is_successful = || metric("millpond_config_last_reload_successful");
    let succeeded = || metric("millpond_config_last_reload_success_timestamp_seconds");
    assert!(is_successful() > 0.5);
    let started = succeeded();
    assert!((metric("process_start_time_seconds") - started).abs() < 1.0);
    write("bogus = 1\n");
    reload(&server, REFUSED);
    assert!(is_successful() < 0.5);
    assert!((succeeded() - started).abs() < 0.001);
    write("cache-control = 'max-age=2'\n");
    reload(&server, DONE);
    assert!(is_successful() > 0.5);
    assert!(succeeded() > started);
}

#[test]
fn relative_settings_are_reloaded_if_the_user_cannot_access_their_parent_directory() {
    if !is_root("to become another user") {
        return;
    }
    let site = Site::small();
    let home = site.outside("closed/home");
    fs::create_dir_all(&home).unwrap();
    let settings = home.join("millpond.toml");
    fs::write(&settings, "cache-control = 'max-age=1'\n").unwrap();
    fs::set_permissions(site.outside("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    let server = Launch::bare()
        .current_dir(&home)
        .arg(site.root())
        .args(["--listen", "127.0.0.1:0", "--user", "54321:54321"])
        .args(["--config", "millpond.toml"])
        .expecting(&[DONE])
        .start();
    fs::write(&settings, "cache-control = 'max-age=2'\n").unwrap();
    reload(&server, DONE);
    assert_eq!(server.get("/").field("cache-control"), Some("max-age=2"));
}

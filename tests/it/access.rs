//! Access control, by user and password, and by client address.

mod flood;
mod wrong;

use crate::support::{Launch, Response, Server, Signal, Site, assert_all, poll_until};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Users as written by htpasswd with `-B -C 5`, `-2`, `-5` and `-m`. The password is `secret`.
const USERS: &str = "\
alice:$2y$05$opJRvU7AVGypODzAYi2LPOAGt1g7lymMbMDrIKBLtCS.2xqehX0Em\n\
bob:$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0\n\
carol:$6$abcdefghijklmnop$J/AWykHqo2Tx5UtavGnFc3ytI33la50JpzLTarSWVhkIXK6wOjNwwZjsrIw2UgmrER2EKrSHCeQyAINEEXAk1/\n";

const WEAK: &str = "dave:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n";

/// The messages about weak hashes, and about a changed file.
const SAID: &[&str] = &["$apr1$ hashes", "have changed"];

fn site() -> Site {
    let site = Site::small();
    site.file("staging/a.txt", "for some")
        .file("staging/index.html", "start")
        .file("404.html", "the page of the site");
    fs::create_dir(site.outside("etc")).unwrap();
    fs::write(site.outside("etc/users"), USERS).unwrap();
    site
}

fn users(site: &Site) -> PathBuf {
    site.outside("etc/users")
}

/// Returns a launch with these tables, in which `USERS` is replaced by the file.
fn launch(site: &Site, tables: &str) -> Launch {
    let file = format!("'{}'", users(site).display());
    fs::write(
        site.outside("millpond.toml"),
        tables.replace("USERS", &file),
    )
    .unwrap();
    Launch::of(site.root())
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .expecting(SAID)
}

const STAGING: &str = "[[access]]\npath = '/staging/**'\nusers = USERS\nrealm = 'Staging'\n";

fn credentials(both: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(both))
}

fn get(server: &Server, target: &str, both: &str) -> Response {
    server.request("GET", target, &[("Authorization", &credentials(both))])
}

#[test]
fn a_part_of_the_site_is_for_users_with_the_right_password() {
    let site = site();
    let server = launch(&site, STAGING).start();
    let response = server.get("/staging/a.txt");
    assert_eq!(response.status, 401);
    assert_eq!(
        response.field("WWW-Authenticate"),
        Some("Basic realm=\"Staging\", charset=\"UTF-8\"")
    );
    assert_eq!(response.field("Cache-Control"), Some("no-store"));
    assert!(response.text().contains("needs a user name and a password"));
    let table = [
        ("alice:secret", 200),
        ("bob:secret", 200),
        ("carol:secret", 200),
        ("alice:Secret", 401),
        ("alice:", 401),
        ("Alice:secret", 401),
        ("nobody:secret", 401),
        ("alice", 401),
        (":secret", 401),
    ];
    assert_all(table, |both| get(&server, "/staging/a.txt", both).status);
    assert_eq!(server.get("/a.txt").status, 200);
    assert_eq!(get(&server, "/a.txt", "alice:wrong").status, 200);
    let response = get(&server, "/staging/a.txt", "alice:secret");
    assert_eq!(response.content, b"for some");
    assert_eq!(response.values("Cache-Control"), ["no-cache", "private"]);
}

#[test]
fn nothing_reveals_files_behind_a_password() {
    let site = site();
    site.file("staging/big.txt", "x".repeat(100_000))
        .file("page.html", "page")
        .file("app.js", "1".repeat(2000))
        .file("app.js.gz", "not even gzip");
    let tables = format!("{STAGING}[[access]]\npath = ['/page.html', '/*.js']\nusers = USERS\n");
    let server = launch(&site, &tables)
        .args(["--clean-urls", "--spa"])
        .start();
    for target in [
        "/staging/a.txt",
        "/staging/none",
        "/staging",
        "/staging/",
        "/staging/index",
        "/staging/index.html",
        "/staging/.git/config",
        "/staging/../staging/a.txt",
        "/%73taging/a.txt",
        "//staging//a.txt",
        "/staging%2fa.txt",
        "/staging/big.txt",
        "/page",
        "/page/",
        "/page.html",
        "/app.js",
        "/app.js.gz",
    ] {
        for fields in [
            &[][..],
            &[("If-None-Match", "*")],
            &[("Range", "bytes=0-0")],
            &[("If-Match", "\"x\"")],
            &[("Accept-Encoding", "gzip")],
            &[("Accept", "text/html")],
            &[("Authorization", "Basic x")],
        ] {
            let response = server.request("GET", target, fields);
            assert_eq!(response.status, 401, "{target} {fields:?}");
            assert_eq!(response.field("ETag"), None, "{target} {fields:?}");
            let head = server.request("HEAD", target, fields);
            assert_eq!(head.status, 401, "{target} {fields:?}");
        }
    }
    // The cache does not reveal it either, after another client has received it.
    assert_eq!(get(&server, "/staging/a.txt", "alice:secret").status, 200);
    assert_eq!(server.get("/staging/a.txt").status, 401);
    // A browser first asks for permission, without a password (the Fetch standard, §4.8).
    assert_eq!(server.request("OPTIONS", "/staging/a.txt", &[]).status, 204);
}

#[test]
fn the_whole_site_is_for_the_users_of_auth_file() {
    let site = site();
    let server = launch(&site, "[[access]]\npath = '/a.txt'\nallow = 'all'\n")
        .arg("--auth-file")
        .arg(users(&site))
        .start();
    assert_eq!(server.get("/").status, 401);
    assert_eq!(server.get("/none").status, 401);
    assert_eq!(server.get("/a%2fb").status, 401);
    assert_eq!(server.get("/a.txt").status, 200);
    assert_eq!(get(&server, "/", "bob:secret").status, 200);
    let missing = get(&server, "/none", "bob:secret");
    assert_eq!(
        (missing.status, missing.text()),
        (404, "the page of the site")
    );
    let health = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .args(["--health", &format!("http://{}/", server.address)])
        .output()
        .unwrap();
    assert!(health.status.success(), "{health:?}");
}

#[test]
fn the_log_names_the_user_and_no_password() {
    let site = site();
    let server = launch(&site, STAGING).start();
    for both in ["alice:secret", "alice:secret", "alice:wrong", "se\"cret:x"] {
        get(&server, "/staging/a.txt", both);
    }
    server.get("/staging/a.txt");
    let records = server.records(5);
    let users: Vec<_> = records
        .iter()
        .map(|it| it.split(' ').nth(2).unwrap())
        .collect();
    assert_eq!(users, ["alice", "alice", "-", "-", "-"]);
    let all = server.process.stdout() + &server.process.stderr();
    for secret in ["secret", "wrong", "c2VjcmV0"] {
        assert!(!all.contains(secret), "{all}");
    }
    let json = launch(&site, STAGING)
        .args(["--access-log-format", "json"])
        .start();
    get(&json, "/staging/a.txt", "alice:secret");
    assert!(json.records(1)[0].contains(",\"user\":\"alice\","));
}

#[test]
fn a_changed_password_file_is_read_again_and_an_invalid_one_is_ignored() {
    let site = site();
    let server = launch(&site, STAGING)
        .expecting(&[
            "reloaded the users",
            "line 1: there is no colon",
            "make each line",
            "keeping the previous users",
        ])
        .start();
    let status = |both| get(&server, "/staging/a.txt", both).status;
    assert_eq!(status("alice:secret"), 200);
    let without_alice = USERS.split_once('\n').unwrap().1;
    fs::write(users(&site), without_alice).unwrap();
    poll_until("alice to be refused", || {
        (status("alice:secret") == 401).then_some(())
    });
    assert_eq!(status("bob:secret"), 200);
    // As careful programs do: by writing another file that replaces it.
    fs::write(site.outside("etc/new"), "alice\n").unwrap();
    fs::rename(site.outside("etc/new"), users(&site)).unwrap();
    poll_until("the mistake to be reported", || {
        assert_eq!(status("bob:secret"), 200);
        server
            .process
            .stderr()
            .contains("keeping the previous users")
            .then_some(())
    });
    fs::write(users(&site), USERS).unwrap();
    poll_until("alice to be let in", || {
        (status("alice:secret") == 200).then_some(())
    });
}

#[test]
fn requests_of_a_connection_are_answered_in_order_while_passwords_are_verified() {
    let site = site();
    let server = launch(&site, STAGING).start();
    let request = |target: &str, both: &str| {
        let value = credentials(both);
        format!("GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n")
    };
    let requests = [
        request("/staging/a.txt", "alice:secret"),
        request("/a.txt", "alice:secret"),
        request("/staging/a.txt", "bob:wrong"),
        request("/staging/index.html", "bob:secret"),
    ];
    let mut client = server.connect();
    client.send(requests.concat());
    let statuses = requests.map(|_| client.response_to("GET").status);
    assert_eq!(statuses, [200, 200, 401, 200]);
}

#[test]
fn a_reload_reads_other_password_files_and_is_refused_if_one_is_invalid() {
    let site = site();
    let server = launch(&site, STAGING)
        .expecting(&[
            "cannot read the users",
            "make the file with `htpasswd",
            "keeping the previous settings",
            "settings reloaded",
        ])
        .start();
    let reload = |tables: &str, log: &str| {
        let file = format!("'{}'", users(&site).display());
        fs::write(
            site.outside("millpond.toml"),
            tables.replace("USERS", &file),
        )
        .unwrap();
        let before = server.process.stderr().matches(log).count();
        server.process.signal(Signal::HUP);
        poll_until(log, || {
            (server.process.stderr().matches(log).count() > before).then_some(())
        });
    };
    let other = site.outside("etc/others");
    fs::write(
        &other,
        "erin:$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0\n",
    )
    .unwrap();
    let of_others = STAGING.replace("USERS", &format!("'{}'", other.display()));
    reload(&of_others, "settings reloaded");
    assert_eq!(get(&server, "/staging/a.txt", "alice:secret").status, 401);
    assert_eq!(get(&server, "/staging/a.txt", "erin:secret").status, 200);
    let missing = STAGING.replace(
        "USERS",
        &format!("'{}'", site.outside("etc/none").display()),
    );
    reload(&missing, "keeping the previous settings");
    assert_eq!(get(&server, "/staging/a.txt", "erin:secret").status, 200);
    reload("", "settings reloaded");
    assert_eq!(server.get("/staging/a.txt").status, 200);
}

#[test]
fn passwords_cannot_be_introduced_by_a_reload() {
    let site = site();
    let server = launch(&site, "")
        .expecting(&["restart", "keeping the previous settings"])
        .start();
    launch(&site, STAGING);
    server.process.signal(Signal::HUP);
    poll_until("the reload to be refused", || {
        server
            .process
            .stderr()
            .contains("keeping the previous")
            .then_some(())
    });
    assert_eq!(server.get("/staging/a.txt").status, 200);
}

#[test]
fn clients_are_admitted_by_the_address_from_a_trusted_proxy() {
    let site = site();
    let tables = "trusted-proxies = '127.0.0.1'\n\
                  [[access]]\npath = '/staging/**'\nallow = ['10.0.0.0/8']\ndeny = ['10.6.6.6']\n";
    let server = launch(&site, tables).start();
    let table = [
        ("X-Forwarded-For: 10.1.2.3", 200),
        ("X-Forwarded-For: 192.0.2.1", 403),
        ("X-Forwarded-For: 10.1.2.3, 192.0.2.1", 403),
        ("X-Forwarded-For: 10.6.6.6", 403),
        ("Forwarded: for=10.1.2.3", 200),
        ("Forwarded: for=\"10.1.2.3, for=192.0.2.1", 403),
        ("X-Real-IP: 10.1.2.3", 200),
        // One of them was sent by the client, through a proxy that writes another.
        ("X-Forwarded-For: 10.1.2.3\r\nX-Real-IP: 192.0.2.1", 403),
        ("X-Forwarded-For: unknown", 403),
        // The proxy itself.
        ("X-Other: 10.1.2.3", 403),
    ];
    assert_all(table, |lines| {
        let head = format!("GET /staging/a.txt HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        server.response_to("GET", head).status
    });
    let refused = server.get("/staging/a.txt");
    assert_eq!(refused.field("Cache-Control"), Some("no-store"));
    assert!(refused.text().contains("network address"));
}

#[test]
fn the_address_of_an_untrusted_proxy_on_this_machine_admits_nobody() {
    let site = site();
    let server = launch(&site, "[[access]]\npath = '/**'\nallow = '127.0.0.0/8'\n").start();
    assert_eq!(server.get("/a.txt").status, 200);
    for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
        let response = server.request("GET", "/a.txt", &[(name, "192.0.2.1")]);
        assert_eq!(response.status, 403, "{name}");
    }
}

#[test]
fn explain_shows_the_conditions_for_clients() {
    let site = site();
    launch(&site, STAGING);
    let explain = |target: &str, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
            .arg(site.root())
            .arg("--config")
            .arg(site.outside("millpond.toml"))
            .args(["--explain", target])
            .args(more)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let file = users(&site).display().to_string();
    let staging = format!("access    1, /staging/**: a password of {file}\n");
    assert!(explain("/staging/a.txt", &[]).contains(&staging));
    assert!(!explain("/a.txt", &[]).contains("access "));
    let whole = format!("access    auth-file, /**: a password of {file}\n");
    assert!(explain("/a.txt", &["--auth-file", &file]).contains(&whole));
    assert!(explain("/staging/a.txt", &["--auth-file", &file]).contains(&staging));
}

#[test]
fn a_line_from_hash_password_admits_its_user() {
    let site = site();
    let hash = |user: &str, password: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_millpond"))
            .args(["--hash-password", user])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(password.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let (line, errors) = hash("erin", "p\u{e4}ss: word\n");
    assert!(
        line.starts_with("erin:$2y$10$") && errors.is_empty(),
        "{line}{errors}"
    );
    assert_ne!(hash("erin", "p\u{e4}ss: word\n").0, line, "another salt");
    fs::write(users(&site), USERS.to_owned() + &line).unwrap();
    let server = launch(&site, STAGING).start();
    assert_eq!(
        get(&server, "/staging/a.txt", "erin:p\u{e4}ss: word").status,
        200
    );
    assert_eq!(get(&server, "/staging/a.txt", "erin:p\u{e4}ss").status, 401);
    for (user, password, advice) in [
        ("a:b", "x\n", "cannot be a user"),
        ("erin", "\n", "it is empty"),
        ("erin", "a\tb\n", "control character"),
    ] {
        let (line, errors) = hash(user, password);
        assert!(line.is_empty() && errors.contains(advice), "{errors}");
    }
}

#[test]
fn a_file_that_the_servers_user_cannot_read_is_read_at_the_start() {
    let site = site();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    site.mode("", 0o755);
    Command::new("chmod")
        .arg("600")
        .arg(users(&site))
        .status()
        .unwrap();
    let server = launch(&site, STAGING)
        .args(["--user", "65534:65534"])
        .expecting(&["cannot be read again"])
        .start();
    assert_eq!(get(&server, "/staging/a.txt", "alice:secret").status, 200);
    let process = &server.process;
    process.await_stderr("the advice", |said| said.find("need a restart"));
    fs::write(users(&site), "").unwrap();
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(get(&server, "/staging/a.txt", "alice:secret").status, 200);
}

#[test]
fn several_workers_share_verified_passwords() {
    let site = site();
    let server = launch(&site, STAGING).args(["--workers", "2"]).start();
    // Connections are distributed in turn.
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for both in ["alice:secret", "alice:wrong", "bob:secret"] {
        let value = credentials(both);
        for client in &mut clients {
            client.send(format!(
                "GET /staging/a.txt HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n"
            ));
        }
        for client in &mut clients {
            let expected = if both.ends_with("wrong") { 401 } else { 200 };
            assert_eq!(client.response_to("GET").status, expected, "{both}");
        }
    }
}

#[test]
fn weak_hashes_are_accepted_with_a_warning() {
    let site = site();
    fs::write(users(&site), USERS.to_owned() + WEAK).unwrap();
    let server = launch(&site, STAGING).start();
    assert_eq!(get(&server, "/staging/a.txt", "dave:secret").status, 200);
    let process = &server.process;
    process.await_stderr("a warning", |said| said.find("on line 4"));
}

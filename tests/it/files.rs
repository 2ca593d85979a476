//! Files: those that are beneath the root, and those that must not be reachable through it.

use crate::support::{Launch, Server, Site, assert_all, unavailable};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rustix::process::{Resource, Rlimit};
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{ffi::OsStrExt, net::UnixListener},
    path::Path,
};

fn text_of(server: &Server, target: &str) -> (u16, String) {
    let response = server.get(target);
    (
        response.status,
        String::from_utf8_lossy(&response.content).into_owned(),
    )
}

#[track_caller]
fn assert_serves(server: &Server, target: &str, content: &str) {
    assert_eq!(
        text_of(server, target),
        (200, content.to_owned()),
        "{target}"
    );
}

#[test]
fn names_that_are_not_utf_8_are_served() {
    let site = Site::new();
    let names: [&[u8]; 4] = [b"caf\xe9.txt", b"\xff\xfe", b"a\tb", b"line\nbreak"];
    for name in names {
        site.file(OsStr::from_bytes(name), name);
    }
    let server = Server::start(site.root());
    for name in names {
        let target = name
            .iter()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<Vec<_>>()
            .concat();
        let response = server.get(&format!("/{target}"));
        assert_eq!(
            (response.status, response.content.as_slice()),
            (200, name),
            "{target}"
        );
    }
}

#[test]
fn an_empty_file_is_served() {
    let site = Site::new();
    site.file("empty.txt", "");
    let response = Server::start(site.root()).get("/empty.txt");
    assert_eq!(
        (response.status, response.field("content-length")),
        (200, Some("0"))
    );
}

#[test]
fn symlinks_inside_the_root_are_followed() {
    let site = Site::small();
    site.file("dir/b.txt", "beta\n")
        .symlink("to-file", "a.txt")
        .symlink("to-link", "to-file")
        .symlink("to-dir", "dir")
        .symlink("dir/up", "../a.txt")
        .symlink("to-deep", "dir/../dir/./b.txt");
    let server = Server::start(site.root());
    assert_serves(&server, "/to-file", "alpha\n");
    assert_serves(&server, "/to-link", "alpha\n");
    assert_serves(&server, "/to-dir/b.txt", "beta\n");
    assert_serves(&server, "/dir/up", "alpha\n");
    assert_serves(&server, "/to-deep", "beta\n");
}

#[test]
fn absolute_symlinks_that_name_a_place_inside_the_root_are_followed() {
    let site = Site::small();
    site.file("dir/b.txt", "beta\n")
        .file("index.html", "index\n")
        .symlink("to-file", site.path("a.txt"))
        .symlink("to-dir", site.path("dir"))
        .symlink("to-root", site.root())
        .symlink("dir/to-link", site.path("to-file"));
    let server = Server::start(site.root());
    assert_serves(&server, "/to-file", "alpha\n");
    assert_serves(&server, "/to-dir/b.txt", "beta\n");
    assert_serves(&server, "/to-root/dir/b.txt", "beta\n");
    assert_serves(&server, "/to-root/", "index\n");
    assert_serves(&server, "/to-dir/to-link", "alpha\n");
}

#[test]
fn relative_symlinks_that_lead_through_absolute_ones_are_followed() {
    let site = Site::small();
    site.file("v2/index.html", "second\n")
        .file("v2/docs/b.txt", "beta\n")
        .symlink("latest", site.path("v2"))
        .symlink("start", "latest/index.html")
        .symlink("dir", "latest/docs")
        .symlink("v2/up", "../latest/../a.txt")
        .symlink("chain", "dir/../up")
        .symlink("gone", "latest/missing.txt")
        .symlink("no-directory", "latest/index.html/../index.html");
    let server = Launch::of(site.root()).arg("--listing").start();
    assert_serves(&server, "/start", "second\n");
    assert_serves(&server, "/dir/b.txt", "beta\n");
    assert_serves(&server, "/v2/up", "alpha\n");
    assert_serves(&server, "/chain", "alpha\n");
    assert_eq!(server.get("/gone").status, 404);
    assert_eq!(server.get("/no-directory").status, 404);
    fs::remove_file(site.path("index.html")).unwrap();
    let listing = server.get("/").text().to_owned();
    for name in ["start", "dir", "chain"] {
        assert!(listing.contains(&format!("\"{name}")), "{name}: {listing}");
    }
}

#[test]
fn symlinks_that_lead_out_give_404_and_a_log_line_with_the_reason() {
    const BUT_SLASHES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');
    let site = Site::small();
    fs::write(site.outside("secret.txt"), "secret\n").unwrap();
    site.directory("dir")
        .symlink("relative", "../secret.txt")
        .symlink("absolute", site.outside("secret.txt"))
        .symlink("directory", "..")
        .symlink("slash", "/")
        .symlink("system", "/etc/passwd")
        .symlink("magic", "/proc/self/root")
        .symlink("chain", "relative")
        .symlink("through", site.path("dir"))
        .symlink("dir/above", "../..")
        .symlink("far", "through/above/secret.txt")
        .symlink("near", "through/../../root/a.txt");
    // A link that leads out does not lead back in: otherwise a client could find out the path of
    // the root.
    let root = site.root();
    let root = percent_encode(root.as_os_str().as_bytes(), BUT_SLASHES);
    let around = format!("/slash{root}/a.txt");
    let server = Launch::of(site.root())
        .expecting(&["is not served"])
        .start();
    let targets = [
        "/relative",
        "/absolute",
        "/directory/secret.txt",
        "/directory/root/a.txt",
        "/system",
        &around,
        "/magic/etc/passwd",
        "/chain",
        "/far",
        "/near",
    ];
    assert_all(targets.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
    server
        .process
        .await_stderr("a line about a symbolic link that leads out", |stderr| {
            let mut lines = stderr.lines();
            lines
                .find(|line| line.contains("relative") && line.contains("link"))
                .map(|_| ())
        });
}

#[test]
fn symlinks_that_lead_nowhere_or_in_circles_give_404() {
    let site = Site::new();
    site.symlink("dangling", "missing")
        .symlink("self", "self")
        .symlink("one", "two")
        .symlink("two", "one")
        .symlink("three", site.path("four"))
        .symlink("four", "three");
    let server = Launch::of(site.root()).expecting(&["form a loop"]).start();
    let targets = [
        "/dangling",
        "/self",
        "/one",
        "/one/below",
        "/three",
        "/four/below",
    ];
    assert_all(targets.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
}

#[test]
fn special_files_give_404_without_blocking() {
    let site = Site::new();
    site.fifo("pipe").fifo("index.html");
    let _socket = UnixListener::bind(site.path("socket")).unwrap();
    let server = Launch::of(site.root())
        .expecting(&["not a regular file"])
        .start();
    let targets = ["/pipe", "/socket", "/"];
    assert_all(targets.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
}

#[test]
fn devices_give_404() {
    let server = Launch::of("/dev")
        .expecting(&["not a regular file"])
        .start();
    let targets = ["/null", "/zero", "/random", "/tty"];
    assert_all(targets.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
}

#[test]
fn dotfiles_give_404_except_below_well_known() {
    let site = Site::small();
    site.file(".hidden", "hidden\n")
        .file(".git/config", "hidden\n")
        .file("dir/.htpasswd", "hidden\n")
        .file("dir/.d/a.txt", "hidden\n")
        .file("...", "hidden\n")
        .file(".well-known/security.txt", "known\n")
        .file(".well-known/.hidden", "also known\n")
        .file("dir/.well-known/a.txt", "hidden\n")
        .file(".well-known-not/a.txt", "hidden\n");
    let server = Launch::of(site.root())
        .expecting(&["private files"])
        .start();
    let hidden = [
        "/.hidden",
        "/.git/config",
        "/.git/",
        "/.git",
        "/dir/.htpasswd",
        "/dir/.d/a.txt",
        "/...",
        "/%2ehidden",
        "/%2Egit/config",
        "/dir/../.hidden",
        "/.well-known/../.hidden",
        "/dir/.well-known/a.txt",
        "/.well-known-not/a.txt",
        "/.well-known/../.git/config",
    ];
    assert_all(hidden.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
    assert_serves(&server, "/.well-known/security.txt", "known\n");
    assert_serves(&server, "/%2ewell-known/security.txt", "known\n");
}

#[test]
fn permission_denied_gives_403() {
    let site = Site::small();
    site.file("closed.txt", "closed\n")
        .mode("closed.txt", 0o000);
    site.file("dir/b.txt", "beta\n").mode("dir", 0o000);
    let server = Launch::unprivileged(&site.root())
        .expecting(&["no permission to read"])
        .start();
    let table = [
        ("/a.txt", 200),
        ("/closed.txt", 403),
        ("/dir/b.txt", 403),
        ("/dir/", 403),
    ];
    assert_all(table, |target| server.get(target).status);
    drop(server);
    site.mode("dir", 0o755);
}

#[test]
fn a_name_too_long_gives_404() {
    let site = Site::small();
    let server = Server::start(site.root());
    let name = "n".repeat(256);
    let many_names = "n/".repeat(3000);
    let encoded = "%6e".repeat(256);
    let targets = [
        format!("/{name}"),
        format!("/{name}/a.txt"),
        format!("/{many_names}"),
        encoded,
    ];
    let targets = targets.map(|target| format!("/{}", target.trim_start_matches('/')));
    assert_all(targets.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
}

#[test]
fn a_file_in_the_way_of_a_directory_gives_404() {
    let site = Site::small();
    let server = Server::start(site.root());
    let targets = ["/a.txt/b.txt", "/a.txt/", "/index.html/"];
    assert_all(targets.map(|target| (target, 404)), |target| {
        server.get(target).status
    });
}

#[test]
fn no_descriptors_left_gives_503_with_retry_after() {
    let site = Site::small();
    let server = Launch::of(site.root()).expecting(&["descriptors"]).start();
    let mut client = server.connect();
    for _ in 0..2 {
        // By the second request, the server has tried to accept once more, without success.
        let request = "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(request).response_to("GET");
    }
    let pid = server.process.pid();
    let lowest_free = (0..1000)
        .find(|number| !Path::new(&format!("/proc/{}/fd/{number}", server.process.id())).exists());
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let none = Rlimit {
        current: lowest_free,
        maximum,
    };
    let before = rustix::process::prlimit(Some(pid), Resource::Nofile, none).unwrap();
    let response = client
        .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    assert_eq!(response.status, 503);
    let seconds = response
        .field("retry-after")
        .and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{response:?}");
    rustix::process::prlimit(Some(pid), Resource::Nofile, before).unwrap();
    assert_serves(&server, "/a.txt", "alpha\n");
}

#[test]
fn an_io_error_gives_500() {
    // The kernel refuses to report the speed of the loopback interface.
    let root = Path::new("/sys/devices/virtual/net/lo");
    if fs::read(root.join("speed")).is_ok() || !root.join("speed").exists() {
        return unavailable("a file of sysfs whose reading fails");
    }
    let server = Launch::of(root).expecting(&["\"/speed\""]).start();
    assert_eq!(server.get("/speed").status, 500);
    server.process.await_stderr("the failure", |stderr| {
        stderr.contains("speed").then_some(())
    });
}

#[test]
fn an_empty_file_is_empty() {
    let site = Site::new();
    site.file("empty.txt", "");
    let server = Server::start(site.root());
    for _ in 0..2 {
        let response = server.get("/empty.txt");
        assert_eq!((response.status, response.text()), (200, ""));
        assert!(response.field("last-modified").is_some());
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_its_connection() {
    let site = Site::small();
    let file = File::create(site.path("huge.bin")).unwrap();
    file.set_len(1 << 30).unwrap();
    let server = Launch::of(site.root())
        .expecting(&["was truncated"])
        .start();
    let mut client = server.connect();
    client
        .send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(100_000);
    file.set_len(50_000).unwrap();
    let received = client.until_reset();
    assert!(received.len() < 1 << 30, "the content ends early");
    assert!(
        content_behind_head(&received).iter().all(|byte| *byte == 0),
        "nothing else is sent in its place"
    );
    assert_serves(&server, "/a.txt", "alpha\n");
}

#[test]
fn a_file_that_grows_while_it_is_sent_gives_exactly_its_content_length() {
    let site = Site::small();
    let file = File::create(site.path("huge.bin")).unwrap();
    file.set_len(50_000_000).unwrap();
    let server = Server::start(site.root());
    let mut client = server.connect();
    client
        .send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(100_000);
    file.set_len(60_000_000).unwrap();
    assert_eq!(client.response_to("GET").content.len(), 50_000_000);
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response_to("GET").content, b"alpha\n");
}

/// Returns the bytes after the first head in the output of a connection.
#[track_caller]
fn content_behind_head(output: &[u8]) -> &[u8] {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n");
    &output[end.expect("a head") + 4..]
}

//! Live reload: the script in pages, the stream of events, and the cases without either.

use crate::support::{Client, Launch, Process, Response, Server, Site, poll_until};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustix::process::Signal;
use std::{fs, os::unix::fs::symlink};

const TAG: &str = "<script src=\"/.well-known/millpond/live.js\" async=\"\"";

const EVENTS: &str = "/.well-known/millpond/live";

/// The `Accept` field of a browser for pages.
const NAVIGATION: (&str, &str) = ("Accept", "text/html,*/*;q=0.8");

fn live(site: &Site) -> Launch {
    Launch::of(site.root()).arg("--live")
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.content).into_owned()
}

/// A listening page, with the events that it has received.
struct Page {
    client: Client,
    received: String,
}

impl Page {
    /// Opens the stream, and waits for its beginning.
    #[track_caller]
    fn open(server: &Server, target: &str, fields: &str) -> Self {
        let mut client = server.connect();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"
        ));
        let mut page = Self {
            client,
            received: String::new(),
        };
        let head = page.until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: text/event-stream\r\n"));
        assert!(head.contains("\r\nConnection: close\r\n"));
        assert!(!head.to_ascii_lowercase().contains("content-length"));
        page
    }

    /// Returns everything up to and including the next occurrence of `end`.
    #[track_caller]
    fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.received.find(end) {
                let rest = self.received.split_off(at + end.len());
                return std::mem::replace(&mut self.received, rest);
            }
            let bytes = self.client.receive_some();
            assert!(!bytes.is_empty(), "the stream ended: {}", self.received);
            self.received.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Returns the id and the data of the next event.
    #[track_caller]
    fn event(&mut self) -> (String, String) {
        let event = self.until("\n\n");
        let field = |name: &str| {
            let mut lines = event.lines();
            let value = lines.find_map(|line| line.strip_prefix(name));
            value
                .unwrap_or_else(|| panic!("{name} in {event:?}"))
                .to_owned()
        };
        (field("id: "), field("data: "))
    }

    #[track_caller]
    fn data(&mut self) -> String {
        self.event().1
    }
}

/// Returns a page that is up to date.
#[track_caller]
fn listening(server: &Server) -> Page {
    let mut page = Page::open(server, EVENTS, "");
    assert_eq!(page.data(), "[]");
    page
}

#[test]
fn pages_contain_the_script_and_their_fields_describe_the_sent_content() {
    let site = Site::new();
    let page = "<!doctype html><body>a</body></html>\n";
    let sent =
        format!("<!doctype html><body>a{TAG} data-file=\"/index.html\"></script></body></html>\n");
    let large = format!("<p>{}</p>", "x".repeat(100_000));
    site.file("index.html", page)
        .file("large.html", &large)
        .file("pre.html", "<p>original")
        .file("pre.html.br", "compressed from the original")
        .file("a.css", "a{}")
        .file("a.txt", page);
    let server = live(&site).start();
    let got = server.get("/");
    assert_eq!(text(&got), sent);
    assert_eq!(got.field("cache-control"), Some("no-cache"));
    assert_eq!(got.field("last-modified"), None);
    let length = sent.len().to_string();
    let head = server.request("HEAD", "/", &[]);
    assert_eq!(head.field("content-length"), Some(&*length));
    assert_eq!(head.field("etag"), got.field("etag"));
    // A response that a client has from before is not reused.
    let plain = Launch::of(site.root()).start();
    let before = plain.get("/");
    let tag = before.field("etag").unwrap();
    let since = before.field("last-modified").unwrap();
    let asked = [("If-None-Match", tag), ("If-Modified-Since", since)];
    assert_eq!(plain.request("GET", "/", &asked).status, 304);
    assert_eq!(server.request("GET", "/", &asked).status, 200);
    assert_eq!(server.request("GET", "/", &asked[1..]).status, 200);
    let tag = server.await_strong_etag("/");
    assert_eq!(
        server
            .request("GET", "/", &[("If-None-Match", &tag)])
            .status,
        304
    );
    let part = server.request("GET", "/", &[("Range", "bytes=22-28")]);
    assert_eq!((part.status, text(&part)), (206, "<script".to_owned()));
    assert_eq!(
        part.field("content-range"),
        Some(&*format!("bytes 22-28/{length}"))
    );
    // Pages of any size, compressed after the script was added.
    let got = text(&server.get("/large.html"));
    assert_eq!(
        got,
        format!("{large}{TAG} data-file=\"/large.html\"></script>")
    );
    let coded = server.request("GET", "/pre.html", &[("Accept-Encoding", "br")]);
    assert_eq!(coded.field("content-encoding"), None);
    assert!(text(&coded).starts_with("<p>original<script"));
    for other in ["/a.css", "/a.txt"] {
        assert!(!text(&server.get(other)).contains("live.js"), "{other}");
    }
}

#[test]
fn a_compressed_page_has_the_script_in_it() {
    let site = Site::new();
    site.file("index.html", "<p>word</p>\n".repeat(500));
    let server = live(&site).start();
    server.await_strong_etag("/");
    let coded = server.request("GET", "/", &[("Accept-Encoding", "gzip")]);
    assert!(
        coded
            .gunzipped()
            .ends_with(b"data-file=\"/index.html\"></script>")
    );
}

#[test]
fn applications_error_pages_and_listings_get_the_script_too() {
    let site = Site::new();
    site.file("app/a.txt", "a").file("app/b/c.txt", "c");
    let server = live(&site).arg("--listing").start();
    let listing = server.request("GET", "/app/", &[NAVIGATION]);
    assert!(text(&listing).contains(&format!("{TAG} data-file=\"/app/\">")));
    let policy = listing.field("content-security-policy").unwrap();
    assert!(
        policy.contains("' 'self'; ") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    let missing = server.get("/nothing");
    assert!(text(&missing).contains(&format!("{TAG} data-missing=\"\">")));
    let policy = missing.field("content-security-policy").unwrap();
    assert!(
        policy.contains("; script-src 'self'; connect-src 'self'"),
        "{policy}"
    );
    site.file("404.html", "gone").file("index.html", "start");
    let missing = server.get("/nothing");
    assert_eq!(missing.status, 404);
    let expected = format!("gone{TAG} data-file=\"/404.html\" data-missing=\"\"></script>");
    assert_eq!(text(&missing), expected);

    let server = live(&site).arg("--spa").start();
    let start = server.request("GET", "/users/7", &[NAVIGATION]);
    assert_eq!(
        text(&start),
        format!("start{TAG} data-file=\"/index.html\"></script>")
    );
}

#[test]
fn without_live_reload_nothing_is_added_and_the_site_has_its_paths() {
    let site = Site::small();
    site.file(".well-known/millpond/live.js", "the site's own");
    let server = Server::start(site.root());
    assert!(!text(&server.get("/")).contains("script"));
    assert_eq!(
        text(&server.get("/.well-known/millpond/live.js")),
        "the site's own"
    );
    assert_eq!(server.get(EVENTS).status, 404);
    let server = live(&site).start();
    let script = server.get("/.well-known/millpond/live.js");
    assert!(text(&script).contains("EventSource"));
    assert_eq!(
        script.field("content-type"),
        Some("text/javascript; charset=utf-8")
    );
}

#[test]
fn a_change_is_sent_once_to_all_listening_pages() {
    let site = Site::small();
    site.file("css/site.css", "a{}").directory("empty");
    symlink("css", site.path("styles")).unwrap();
    symlink("a.txt", site.path("link.txt")).unwrap();
    fs::write(site.outside("secret.txt"), "s").unwrap();
    symlink(site.outside("."), site.path("out")).unwrap();
    let server = live(&site).start();
    let (mut one, mut other) = (listening(&server), listening(&server));
    fs::write(site.path("css/site.css"), "b{}").unwrap();
    // The file is reported by both of its names.
    let expected = "[\"/css/site.css\",\"/styles/site.css\"]";
    assert_eq!(
        (one.data(), other.data()),
        (expected.into(), expected.into())
    );
    fs::write(site.path("a.txt"), "b").unwrap();
    assert_eq!(one.data(), "[\"/a.txt\",\"/link.txt\"]");
    // Hidden files and those outside of the root are ignored.
    fs::write(site.path(".hidden"), "x").unwrap();
    fs::write(site.outside("secret.txt"), "t").unwrap();
    // A rename over an old file, in a directory that was empty.
    fs::write(site.path("empty/new.tmp"), "x").unwrap();
    fs::rename(site.path("empty/new.tmp"), site.path("empty/a b.html")).unwrap();
    assert_eq!(one.data(), "[\"/empty/a%20b.html\",\"/empty/new.tmp\"]");
    // New directories and their contents.
    fs::create_dir_all(site.path("x/y")).unwrap();
    fs::write(site.path("x/y/z.html"), "z").unwrap();
    let data = one.data();
    assert!(
        data.contains("\"/x/\"") && data.contains("\"/x/y/z.html\""),
        "{data}"
    );
    fs::write(site.path("x/y/z.html"), "zz").unwrap();
    assert_eq!(one.data(), "[\"/x/y/z.html\"]");
    // A directory that is moved away, with all of its contents.
    fs::rename(site.path("x"), site.outside("x")).unwrap();
    assert_eq!(one.data(), "[\"/x/\"]");
}

#[test]
fn a_build_that_removes_the_root_and_makes_it_again_is_one_event() {
    let site = Site::small();
    let server = live(&site)
        .expecting(&["is gone", "is available again"])
        .start();
    let mut page = listening(&server);
    fs::remove_dir_all(site.root()).unwrap();
    poll_until("the root to be lost", || {
        (server.get("/").status == 503).then_some(())
    });
    for number in 0..30 {
        site.file(format!("{number}/index.html"), "x");
    }
    site.file("index.html", "again");
    assert_eq!(page.data(), "null");
    assert!(text(&server.get("/")).starts_with("again"));
    // The new directory is watched, too.
    fs::write(site.path("index.html"), "changed").unwrap();
    assert_eq!(page.data(), "[\"/index.html\"]");
}

#[test]
fn a_page_that_reconnects_receives_the_changes_that_it_has_missed() {
    let site = Site::small();
    let mut server = live(&site).start();
    let mut page = Page::open(&server, EVENTS, "");
    let (first, _) = page.event();
    fs::write(site.path("a.txt"), "1").unwrap();
    let (second, data) = page.event();
    assert_eq!(data, "[\"/a.txt\"]");
    let since = |id: &str| format!("{EVENTS}?since={id}");
    assert_eq!(Page::open(&server, &since(&first), "").data(), data);
    assert_eq!(Page::open(&server, &since(&second), "").data(), "[]");
    let reconnect = format!("Last-Event-ID: {first}\r\n");
    assert_eq!(Page::open(&server, EVENTS, &reconnect).data(), data);
    // By the age of a page that was loaded before the start of the server, or just now.
    let old = format!("{EVENTS}?age=100000000");
    assert_eq!(Page::open(&server, &old, "").data(), "null");
    let new = format!("{EVENTS}?age=0");
    assert_eq!(Page::open(&server, &new, "").data(), "[]");
    // After a restart, all earlier events are unknown.
    assert!(server.stop(Signal::TERM).success());
    let server = live(&site).start();
    assert_eq!(Page::open(&server, &since(&second), "").data(), "null");
}

#[test]
fn streams_do_not_hold_up_the_end_of_the_server() {
    let site = Site::small();
    let mut server = live(&site).start();
    let mut pages = [listening(&server), listening(&server)];
    let begun = std::time::Instant::now();
    assert!(server.stop(Signal::TERM).success());
    let took = begun.elapsed();
    assert!(took.as_millis() < 1500, "{took:?}");
    for page in &mut pages {
        assert!(page.client.receive_some().is_empty());
    }
}

#[test]
fn a_browser_has_four_streams_and_the_oldest_is_closed() {
    let site = Site::small();
    let server = live(&site).start();
    let mut pages: Vec<_> = (0..6).map(|_| listening(&server)).collect();
    let mut other = Page::open(&server, EVENTS, "User-Agent: another\r\n");
    assert_eq!(other.data(), "[]");
    for page in &mut pages[..2] {
        assert!(page.client.receive_some().is_empty(), "it has ended");
    }
    fs::write(site.path("a.txt"), "1").unwrap();
    for page in pages[2..].iter_mut().chain([&mut other]) {
        assert_eq!(page.data(), "[\"/a.txt\"]");
    }
}

#[test]
fn streams_are_connections_of_their_own_kind_and_in_no_log() {
    let site = Site::small();
    let server = live(&site).args(["--admin", "127.0.0.1:0"]).start();
    let _page = listening(&server);
    let admin = server.admin_address();
    let metrics = Client::connect(admin)
        .send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    assert!(
        text(&metrics).contains("millpond_connections{phase=\"stream\"} 1"),
        "{}",
        text(&metrics)
    );
    server.get("/.well-known/millpond/live.js");
    server.get("/a.txt");
    let records = server.records(1);
    assert!(
        records.len() == 1 && records[0].contains("/a.txt"),
        "{records:?}"
    );
}

#[test]
fn a_stream_that_waits_for_a_password_has_an_owner_and_no_log_line() {
    let site = Site::small();
    let line =
        |user| format!("{user}:$2y$05$opJRvU7AVGypODzAYi2LPOAGt1g7lymMbMDrIKBLtCS.2xqehX0Em\n");
    fs::write(
        site.outside("users"),
        ('a'..='f').map(line).collect::<String>(),
    )
    .unwrap();
    let server = live(&site)
        .arg("--auth-file")
        .arg(site.outside("users"))
        .start();
    // Each password is verified once, so each of these requests has to wait.
    let login = |user| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:secret")));
    let open = |user, agent| {
        let fields = format!("Authorization: {}\r\nUser-Agent: {agent}\r\n", login(user));
        let mut page = Page::open(&server, EVENTS, &fields);
        assert_eq!(page.data(), "[]");
        page
    };
    let mut pages: Vec<_> = ('a'..='e').map(|user| open(user, user)).collect();
    // All of these are of one browser.
    let mut oldest = open('f', 'z');
    pages.extend((0..4).map(|_| open('f', 'z')));
    assert!(oldest.client.receive_some().is_empty(), "it has ended");
    fs::write(site.path("a.txt"), "1").unwrap();
    for page in &mut pages {
        assert_eq!(page.data(), "[\"/a.txt\"]");
    }
    drop(pages);
    server.request("GET", "/a.txt", &[("Authorization", &login('a'))]);
    let records = server.records(1);
    assert!(
        records.len() == 1 && records[0].contains("/a.txt"),
        "{records:?}"
    );
}

#[test]
fn a_client_of_http_10_or_one_that_asks_for_the_head_is_served_as_well() {
    let site = Site::small();
    let server = live(&site).start();
    let head = server.exchange(format!("HEAD {EVENTS} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
    assert!(
        head.contains("\r\nContent-Type: text/event-stream\r\n"),
        "{head}"
    );
    let mut client = server.connect();
    client.send(format!("GET {EVENTS} HTTP/1.0\r\n\r\n"));
    let mut page = Page {
        client,
        received: String::new(),
    };
    page.until("\r\n\r\n");
    assert_eq!(page.data(), "[]");
    assert_eq!(server.request("POST", EVENTS, &[]).status, 405);
    // Requests after the one for the stream are neither answered nor stored.
    page.client
        .send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000));
    fs::write(site.path("a.txt"), "1").unwrap();
    assert_eq!(page.data(), "[\"/a.txt\"]");
}

#[test]
fn other_hosts_learn_nothing() {
    let site = Site::small();
    let server = live(&site)
        .args(["--allowed-hosts", "local"])
        .expecting(&["got 421"])
        .start();
    assert_eq!(server.get(EVENTS).status, 421);
    assert_eq!(server.get("/.well-known/millpond/live.js").status, 421);
}

#[test]
fn a_missing_file_and_a_policy_that_forbids_the_script_are_reported_once() {
    let site = Site::small();
    site.file(
        "strict.html",
        "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\"><p>",
    );
    let server = live(&site)
        .args(["--header", "Content-Security-Policy: default-src 'none'"])
        .expecting(&["is missing", "does not reload"])
        .start();
    let page = ("Referer", "http://a.example/index.html");
    for _ in 0..3 {
        server.request("GET", "/img/logo.png", &[page]);
        server.request("GET", "/favicon.ico", &[page]);
        server.get("/unasked");
        server.get("/strict.html");
    }
    let told = server.process.await_stderr("two policies", |told| {
        (told.matches("does not reload").count() >= 2).then(|| told.to_owned())
    });
    assert_eq!(told.matches("is missing").count(), 1, "{told}");
    assert!(told.contains("/img/logo.png is missing; http://a.example/index.html requests it"));
    assert_eq!(told.matches("does not reload").count(), 2, "{told}");
    assert!(told.contains("add to it: script-src 'self'; connect-src 'self'"));
    assert!(
        told.contains("in its <meta> element forbids the script; add to it: script-src 'self'")
    );
}

#[test]
fn it_is_refused_in_the_background() {
    let site = Site::small();
    let daemon = live(&site).arg("--daemon");
    let systemd = live(&site).env("NOTIFY_SOCKET", "/nowhere");
    for (launch, reason) in [(daemon, "--daemon"), (systemd, "a service manager")] {
        let (status, said) = ended(launch.spawn());
        assert_eq!(status, Some(1), "{said}");
        assert!(
            said.contains(&format!("cannot reload pages with {reason}: ")),
            "{said}"
        );
    }
    let (status, said) = ended(live(&site).args(["--daemon", "--check"]).spawn());
    assert!(status == Some(1) && said.contains("--daemon"), "{said}");
}

fn ended(mut process: Process) -> (Option<i32>, String) {
    let status = process.wait();
    (status.code(), process.end())
}

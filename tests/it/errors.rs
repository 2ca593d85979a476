//! Every response that is not a success has a small, valid HTML page that explains it.

use crate::support::{Launch, Response, Server, Site, assert_all, unavailable};
use std::{fs, path::Path};

/// Elements that have no end tag (HTML, "void elements").
const VOID: [&str; 4] = ["meta", "link", "br", "hr"];

/// Asserts that a response is a page about its own status, with the right framing and type.
#[track_caller]
fn assert_page(response: &Response) {
    let status = response.status.to_string();
    assert_eq!(
        response.field("content-type"),
        Some("text/html; charset=utf-8"),
        "{status}"
    );
    let length = response.content.len();
    assert_eq!(
        response.field("content-length"),
        Some(length.to_string().as_str()),
        "{status}"
    );
    assert!(length < 4096, "{length} bytes for {status}");
    let page = response.text();
    assert_valid_html(page);
    assert!(
        page.contains(&status) && page.contains(&response.reason),
        "{page}"
    );
    let words = page
        .split(|char: char| !char.is_ascii_alphabetic())
        .filter(|word| word.len() > 2);
    assert!(
        words.count() > 10,
        "a page says what happened in words: {page}"
    );
}

/// Checks parts that browsers tolerate if wrong: doctype, language, encoding, title and balanced
/// tags.
#[track_caller]
fn assert_valid_html(page: &str) {
    let lower = page.to_ascii_lowercase();
    assert!(lower.starts_with("<!doctype html>"), "{page}");
    assert!(
        lower.contains("<html lang=\"") && lower.contains("<meta charset=\"utf-8\""),
        "{page}"
    );
    let title = lower
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    assert!(
        title.is_some_and(|(title, _)| !title.trim().is_empty()),
        "{page}"
    );
    let mut open = Vec::new();
    for part in lower["<!doctype html>".len()..].split('<').skip(1) {
        let (tag, text) = part
            .split_once('>')
            .unwrap_or_else(|| panic!("an open tag: {page}"));
        assert!(!text.contains('>'), "a stray \">\": {page}");
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{page}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0], "{page}");
}

#[test]
fn every_status_of_a_well_formed_request_has_a_page() {
    let site = Site::small();
    site.directory("bare")
        .file("closed.txt", "")
        .mode("closed.txt", 0o000);
    let server = Launch::unprivileged(&site.root())
        .expecting(&["\"/closed.txt\""])
        .start();
    let requests = [
        ("GET", "/bare", None, 301),
        ("GET", "/%zz", None, 400),
        ("GET", "/closed.txt", None, 403),
        ("GET", "/missing", None, 404),
        ("POST", "/a.txt", None, 405),
        ("GET", "/a.txt", Some(("If-Match", "\"other\"")), 412),
        ("GET", "/a.txt", Some(("Range", "bytes=9-")), 416),
        ("GET", "/a.txt", Some(("Expect", "nonsense")), 417),
        ("BREW", "/a.txt", None, 501),
    ];
    for (method, target, field, status) in requests {
        let response = server.request(method, target, field.as_slice());
        assert_eq!(response.status, status, "{method} {target}");
        assert_page(&response);
    }
}

#[test]
fn every_status_of_a_rejected_request_has_a_page() {
    let site = Site::small();
    let server = Server::start(site.root());
    let long = "x".repeat(20_000);
    let requests = [
        ("GET /a.txt HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n".to_owned(),
            413,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"),
            431,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: a, chunked\r\n\r\n".to_owned(),
            501,
        ),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
    ];
    for (request, status) in requests {
        let response = server.response_to("GET", request);
        assert_eq!((response.status, response.closes()), (status, true));
        assert_page(&response);
    }
}

#[test]
fn a_failure_of_the_server_has_a_page() {
    let root = Path::new("/sys/devices/virtual/net/lo");
    if fs::read(root.join("speed")).is_ok() || !root.join("speed").exists() {
        return unavailable("a file of sysfs whose reading fails");
    }
    let response = Launch::of(root)
        .expecting(&["\"/speed\""])
        .start()
        .get("/speed");
    assert_eq!(response.status, 500);
    assert_page(&response);
}

#[test]
fn a_request_that_arrives_too_slowly_gets_a_page() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--header-timeout", "100ms"])
        .start();
    let response = server.connect().send("GET /").response_to("GET");
    assert_eq!(response.status, 408);
    assert_page(&response);
}

#[test]
fn an_error_page_shows_the_requested_path_whatever_came_before() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    let mut page_of = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = client.send(&request).response_to("GET");
        assert_eq!(response.status, 404, "{path}");
        response.text().to_owned()
    };
    for path in ["/one", "/one", "/two", "/one", "/one/", "/%6Fne"] {
        let page = page_of(path);
        let shown = path.replace("%6F", "o");
        assert!(page.contains(&format!("<code>{shown}</code>")), "{page}");
    }
    site.file("one", "here by now");
    assert_eq!(server.get("/one").status, 200);
    fs::remove_file(site.root().join("one")).unwrap();
    assert_eq!(server.get("/one").status, 404);
}

#[test]
fn a_path_shown_in_a_page_is_escaped() {
    let site = Site::small();
    site.directory("<b>\"'&");
    let server = Server::start(site.root());
    let targets = [
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        "/%22onmouseover=%22alert(1)",
        "/'onmouseover='alert(1)",
        "/%26lt;script%26gt;",
        "/%3C!--",
        "/%3Cb%3E%22'%26",
        "/%3Cb%3E%22'%26?%3Cscript%3E%22",
        "/?\"><script>",
        "/missing?\"><script>",
        "/%E2%80%AE%ff%01",
    ];
    for target in targets {
        let response = server.get(target);
        if response.status == 200 {
            continue;
        }
        assert_valid_html(response.text());
        let page = response.text().to_ascii_lowercase();
        for forbidden in ["<script", "\"onmouseover", "<!--", "<b>"] {
            assert!(
                !page.contains(forbidden),
                "{forbidden} for {target}: {page}"
            );
        }
        assert!(
            !page.contains(|char: char| char.is_control() && char != '\n'),
            "{target}: {page}"
        );
    }
    let page = server.get("/%3Cscript%3E&amp").content;
    let page = String::from_utf8_lossy(&page).into_owned();
    let forms = [
        "&lt;script&gt;&amp;amp",
        "%3Cscript%3E&amp;amp",
        "%3Cscript%3E%26amp",
    ];
    assert!(forms.iter().any(|form| page.contains(form)), "{page}");
}

#[test]
fn an_error_page_reveals_neither_the_root_nor_the_system() {
    let site = Site::small();
    site.directory("bare").symlink("out", "/etc/passwd");
    let server = Launch::of(site.root())
        .expecting(&["is not served"])
        .start();
    let root = site.root().to_string_lossy().into_owned();
    for target in ["/missing", "/bare/", "/out", "/a.txt/b"] {
        let response = server.get(target);
        let page = response.text();
        assert!(
            !page.contains(&root) && !page.contains("passwd"),
            "{target}: {page}"
        );
    }
}

#[test]
fn an_error_page_has_no_content_for_head() {
    let site = Site::small();
    let server = Server::start(site.root());
    let table = [
        ("HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("HEAD /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("HEAD * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("HEAD /a.txt HTTP/1.1\r\n\r\n", 400),
    ];
    assert_all(
        table.map(|(request, status)| (request, (status, 0))),
        |request| {
            let output = server.exchange(request);
            let (response, length) = Response::parse(&output, "HEAD")
                .unwrap()
                .expect("a response");
            (response.status, output.len() - length)
        },
    );
}

#[test]
fn statuses_have_the_reason_phrases_of_the_registry() {
    let site = Site::small();
    site.directory("bare");
    let server = Server::start(site.root());
    let table = [
        (("GET", "/a.txt"), "OK"),
        (("OPTIONS", "/"), "No Content"),
        (("GET", "/bare"), "Moved Permanently"),
        (("GET", "/%zz"), "Bad Request"),
        (("GET", "/missing"), "Not Found"),
        (("POST", "/"), "Method Not Allowed"),
        (("BREW", "/"), "Not Implemented"),
    ];
    assert_all(
        table.map(|(request, reason)| (request, reason.to_owned())),
        |(method, target)| server.request(method, target, &[]).reason,
    );
}

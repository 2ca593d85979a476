//! Fallbacks for missing files, above all error pages.

use crate::support::{Launch, Response, Server, Site, noise};
use std::fs;

const NAVIGATION: (&str, &str) = (
    "Accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);

/// Asserts that the response has exactly the fields that an error page may have.
fn assert_is_error_page(response: &Response, text: &str) {
    assert_eq!(response.text(), text);
    assert_eq!(
        response.fields_without_date(),
        [
            ("Server", "millpond"),
            ("Date", ""),
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", &*text.len().to_string()),
            ("Cache-Control", "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
        ]
    );
}

#[test]
fn a_404_has_the_error_page_of_the_site() {
    let site = Site::small();
    site.file("404.html", "not here").directory("bare");
    let server = Launch::of(site.root())
        .args(["--cache-control", "max-age=31536000, immutable"])
        .expecting(&["no index file"])
        .start();
    for target in [
        "/b.txt",
        "/dir/b.txt",
        "/bare/",
        "/a.txt/",
        "/.git/config",
        "/a%2fb",
        "/a/b/c?d",
    ] {
        let response = server.get(target);
        assert_eq!(response.status, 404, "{target}");
        assert_is_error_page(&response, "not here");
    }
    let head = server.request("HEAD", "/b.txt", &[]);
    assert_eq!((head.status, head.text()), (404, ""));
    assert_eq!(head.field("content-length"), Some("8"));
}

#[test]
fn the_error_page_itself_can_be_requested_like_any_page() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Server::start(site.root());
    assert_eq!(server.get("/b.txt").status, 404);
    let response = server.get("/404.html");
    assert_eq!((response.status, response.text()), (200, "not here"));
    assert!(response.field("etag").is_some());
    let clean = Launch::of(site.root()).arg("--clean-urls").start();
    assert_eq!(clean.get("/404").status, 200);
    assert_eq!(clean.get("/404.html").status, 301);
    assert_eq!(clean.get("/b").text(), "not here");
}

#[test]
fn preconditions_and_ranges_change_nothing_about_an_error() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Launch::ahead(site.root()).start();
    let etag = server.await_strong_etag("/404.html");
    for field in [
        ("If-None-Match", &*etag),
        ("If-None-Match", "*"),
        ("If-Match", "\"other\""),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("Range", "bytes=0-1"),
    ] {
        let response = server.request("GET", "/b.txt", &[field]);
        assert_eq!(response.status, 404, "{field:?}");
        assert_is_error_page(&response, "not here");
    }
}

#[test]
fn the_error_page_is_current_in_each_tick_and_may_appear_and_disappear() {
    let site = Site::small();
    let server = Server::start(site.root());
    let current = || server.get("/b.txt").text().to_owned();
    assert!(current().contains("404 Not Found"));
    site.file("404.html", "one");
    assert_eq!(current(), "one");
    site.replace("404.html", "two");
    assert_eq!(current(), "two");
    fs::remove_file(site.path("404.html")).unwrap();
    assert!(current().contains("404 Not Found"));
}

#[test]
fn a_large_error_page_is_sent_too() {
    let site = Site::small();
    let page = noise(300_000);
    site.file("404.html", &page);
    let server = Server::start(site.root());
    let response = server.get("/b.txt");
    assert_eq!((response.status, response.content), (404, page));
    assert_eq!(server.request("HEAD", "/b.txt", &[]).field("etag"), None);
}

#[test]
fn an_unreadable_error_page_is_logged_and_the_built_in_one_is_sent() {
    let site = Site::small();
    site.file("secret.txt", "secret").mode("secret.txt", 0o000);
    site.file("404.html", "not here").mode("404.html", 0o000);
    site.file("403.html", "not for you");
    let server = Launch::unprivileged(&site.root())
        .expecting(&["no permission to read it"])
        .start();
    let response = server.get("/b.txt");
    assert_eq!(response.status, 404);
    assert!(response.text().contains("There is no page at this URL"));
    server.process.await_stderr("the reason", |stderr| {
        let message =
            "\"/404.html\", the page of the error 404, is not served: the server has no permission";
        stderr.contains(message).then_some(())
    });
    let response = server.get("/secret.txt");
    assert_eq!((response.status, response.text()), (403, "not for you"));
}

#[test]
fn error_pages_can_be_turned_off() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Launch::of(site.root()).arg("--error-pages=false").start();
    assert!(server.get("/b.txt").text().contains("404 Not Found"));
}

#[test]
fn other_errors_have_built_in_pages() {
    let site = Site::small();
    for name in ["400.html", "405.html", "412.html", "416.html", "421.html"] {
        site.file(name, "mine");
    }
    site.file("404.html", "mine");
    let server = Launch::of(site.root())
        .args(["--allowed-hosts", "a.example"])
        .start();
    for (method, target, field) in [
        ("POST", "/a.txt", ("A", "b")),
        ("GET", "/%00", ("A", "b")),
        ("GET", "/a.txt", ("If-Match", "\"other\"")),
        ("GET", "/a.txt", ("Range", "bytes=100-")),
        ("GET", "http://b.example/none", ("A", "b")),
    ] {
        let response = server.request(method, target, &[field]);
        assert_ne!(response.text(), "mine", "{method} {target}");
        assert!(response.status >= 400);
    }
}

/// Monitoring, link previews and curl.
#[test]
fn a_fallback_is_sent_in_a_coding_that_the_client_accepts() {
    let site = Site::new();
    let (start, error) = ("the pond lies still\n".repeat(99), "gone\n".repeat(999));
    site.file("index.html", &start).file("404.html", &error);
    site.file("404.html.br", "as if by brotli");
    let gzip = ("Accept-Encoding", "gzip");
    for cache in ["0", "1000000"] {
        let server = Launch::of(site.root())
            .args(["--spa", "--cache-bytes-max", cache])
            .start();
        for _ in 0..2 {
            let root = server.request("GET", "/", &[gzip]);
            let deep = server.request("GET", "/deep", &[NAVIGATION, gzip]);
            assert_eq!(
                (deep.status, deep.gunzipped()),
                (200, start.clone().into_bytes())
            );
            assert_eq!(deep.field("etag"), root.field("etag"));
            assert_eq!(
                deep.values("vary"),
                ["Accept, Sec-Fetch-Dest", "Accept-Encoding"]
            );
            let condition = ("If-None-Match", deep.field("etag").unwrap());
            let again = server.request("GET", "/deep", &[NAVIGATION, gzip, condition]);
            assert_eq!(again.status, 304);

            for target in ["/gone.js", "/a%2fb.js", "/.git/config"] {
                let gone = server.request("GET", target, &[gzip]);
                assert_eq!(
                    (gone.status, gone.gunzipped()),
                    (404, error.clone().into_bytes())
                );
                assert_eq!(
                    gone.values("vary"),
                    ["Accept, Sec-Fetch-Dest", "Accept-Encoding"]
                );
                assert_eq!(gone.field("etag"), None);
                let head = server.request("HEAD", target, &[gzip]);
                let length = gone.content.len().to_string();
                assert_eq!(head.field("content-length"), Some(&*length));
                let beside = server.request("GET", target, &[("Accept-Encoding", "br")]);
                assert_eq!(beside.field("content-encoding"), Some("br"));
                assert_eq!((beside.status, beside.text()), (404, "as if by brotli"));
                let plain = server.get(target);
                assert_eq!((plain.status, plain.text()), (404, &*error));
                assert_eq!(
                    plain.values("vary"),
                    ["Accept, Sec-Fetch-Dest", "Accept-Encoding"]
                );
            }
        }
    }
}

#[test]
fn a_fallback_is_current_in_every_coding() {
    let site = Site::new();
    let server = Server::start(site.root());
    let gzip = [("Accept-Encoding", "gzip")];
    for round in 0..3 {
        let page = format!("{round}: gone\n").repeat(500);
        site.replace("404.html", &page);
        for _ in 0..2 {
            let response = server.request("GET", "/gone", &gzip);
            assert_eq!(
                (response.status, response.gunzipped()),
                (404, page.clone().into_bytes())
            );
        }
    }
    site.replace("404.html", "small");
    let response = server.request("GET", "/gone", &gzip);
    assert_eq!(response.text(), "small");
    assert_eq!(response.field("content-encoding"), None);
}

#[test]
fn a_failed_job_gets_an_error_page_that_waits_for_its_compression() {
    let site = Site::small();
    let page = "not for you\n".repeat(999);
    site.file("403.html", &page);
    site.directory("closed").mode("closed", 0o311);
    let server = Launch::unprivileged(&site.root())
        .arg("--listing")
        .expecting(&["no permission to read it"])
        .start();
    let response = server.request("GET", "/closed/", &[("Accept-Encoding", "gzip")]);
    assert_eq!(
        (response.status, response.gunzipped()),
        (403, page.into_bytes())
    );
    assert!(server.records(1)[0].contains("\"GET /closed/ HTTP/1.1\" 403 "));
}

#[test]
fn a_new_file_takes_precedence_over_a_clean_url() {
    let site = Site::new();
    site.file("about.html", "page")
        .file("taken", "file")
        .file("taken.html", "page");
    let server = Launch::ahead(site.root()).arg("--clean-urls").start();
    let get = |target: &str| {
        let response = server.get(target);
        (response.status, response.text().to_owned())
    };
    assert_eq!(get("/about"), (200, "page".to_owned()));
    assert_eq!(get("/about"), (200, "page".to_owned()));
    assert_eq!(get("/taken.html"), (200, "page".to_owned()));
    site.file("about", "file");
    assert_eq!(get("/about"), (200, "file".to_owned()));
    fs::remove_file(site.path("taken")).unwrap();
    assert_eq!(get("/taken.html").0, 301);
    assert_eq!(get("/taken"), (200, "page".to_owned()));
}

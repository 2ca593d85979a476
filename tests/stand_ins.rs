//! What is served in place of what is not there: pages of errors, and the start of an application.

mod support;

use std::{fs, thread, time::Duration};
use support::{Launch, Response, Server, Site, assert_all, noise};

const NAVIGATION: (&str, &str) = (
    "Accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);

const JSON: (&str, &str) = ("Accept", "application/json");

/// The fields that a page of an error may have, and no others.
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
fn a_404_has_the_page_that_the_site_has_for_it() {
    let site = Site::small();
    site.file("404.html", "not here")
        .file("dir/404.html", "another");
    site.directory("bare");
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
fn the_page_itself_is_a_page_like_any_other() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Server::start(site.root());
    assert_eq!(server.get("/b.txt").status, 404);
    let response = server.get("/404.html");
    assert_eq!((response.status, response.text()), (200, "not here"));
    assert!(response.field("etag").is_some());
    let clean = Launch::of(site.root()).arg("--clean-addresses").start();
    assert_eq!(clean.get("/404").status, 200);
    assert_eq!(clean.get("/404.html").status, 301);
    assert_eq!(clean.get("/b").text(), "not here");
}

#[test]
fn preconditions_and_ranges_change_nothing_about_an_error() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Server::start(site.root());
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
fn the_page_is_current_within_the_tick_and_may_come_and_go() {
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
fn a_large_page_is_sent_too() {
    let site = Site::small();
    let page = noise(300_000);
    site.file("404.html", &page);
    let server = Server::start(site.root());
    let response = server.get("/b.txt");
    assert_eq!((response.status, response.content), (404, page));
    assert_eq!(server.request("HEAD", "/b.txt", &[]).field("etag"), None);
}

#[test]
fn a_page_that_cannot_be_read_is_told_and_the_usual_one_sent() {
    let site = Site::small();
    site.file("secret.txt", "secret").mode("secret.txt", 0o000);
    site.file("404.html", "not here").mode("404.html", 0o000);
    site.file("403.html", "not for you");
    let server = Launch::unprivileged(&site.root())
        .expecting(&["may not read it"])
        .start();
    let response = server.get("/b.txt");
    assert_eq!(response.status, 404);
    assert!(response.text().contains("There is nothing here"));
    server.process.await_stderr("the reason", |stderr| {
        let told = "the page of the error 404 is not served: the server's user may not read it";
        stderr.contains(told).then_some(())
    });
    let response = server.get("/secret.txt");
    assert_eq!((response.status, response.text()), (403, "not for you"));
}

#[test]
fn pages_of_errors_can_be_turned_off() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Launch::of(site.root()).arg("--error-pages=false").start();
    assert!(server.get("/b.txt").text().contains("404 Not Found"));
}

#[test]
fn other_errors_are_not_the_sites() {
    let site = Site::small();
    for name in ["400.html", "405.html", "412.html", "416.html", "421.html"] {
        site.file(name, "mine");
    }
    site.file("404.html", "mine");
    let server = Launch::of(site.root())
        .args(["--hosts", "a.example"])
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

#[test]
fn a_navigation_that_finds_nothing_gets_the_start_of_the_application() {
    let site = Site::small();
    site.file("404.html", "not here").file("assets/app.js", "1");
    let server = Launch::of(site.root())
        .arg("--spa")
        .expecting(&["no index file"])
        .start();
    let start = "<!doctype html><title>Start</title>";
    let table = [
        // With Accept as browsers send it for pages, and for scripts.
        (("/", NAVIGATION), (200, start)),
        (("/users/7", NAVIGATION), (200, start)),
        (("/users/7?a=b", NAVIGATION), (200, start)),
        (("/users/jane.doe", NAVIGATION), (200, start)),
        (("/files/a%2Fb", NAVIGATION), (200, start)),
        (("/a.txt", NAVIGATION), (200, "alpha\n")),
        (("/a.txt/", NAVIGATION), (200, start)),
        (("/assets/", NAVIGATION), (200, start)),
        (("/.env", NAVIGATION), (404, "not here")),
        // However a hidden name is written.
        (("/.git%2fconfig", NAVIGATION), (404, "not here")),
        (("/%2egit%2Fconfig", NAVIGATION), (404, "not here")),
        (("/a/..%2f.env", NAVIGATION), (404, "not here")),
        (("/.well-known%2fa", NAVIGATION), (200, start)),
        // Who names other types wants one of these.
        (
            ("/assets/gone", ("Accept", "text/css,*/*;q=0.1")),
            (404, "not here"),
        ),
        (
            ("/gone", ("Accept", "image/avif,image/*,*/*;q=0.8")),
            (404, "not here"),
        ),
        (
            ("/api/users", ("Accept", "application/json")),
            (404, "not here"),
        ),
        (
            (
                "/api/users",
                ("Accept", "application/json, text/plain, */*"),
            ),
            (404, "not here"),
        ),
        (
            ("/users/7", ("Accept", "text/html;q=0, */*")),
            (404, "not here"),
        ),
        (("/users/7", ("Accept", "x-text/html")), (404, "not here")),
        (("/users/7", ("Accept", "")), (404, "not here")),
        (("/users/7", ("Accept", "*/*;q=0")), (404, "not here")),
    ];
    let table = table.map(|(case, (status, text))| (case, (status, text.to_owned())));
    assert_all(table, |(target, field)| {
        let response = server.request("GET", target, &[*field]);
        (response.status, response.text().to_owned())
    });
    let head = server.request("HEAD", "/users/7", &[NAVIGATION]);
    assert_eq!((head.status, head.text()), (200, ""));
    assert_eq!(
        server.request("POST", "/users/7", &[NAVIGATION]).status,
        405
    );
    assert_eq!(server.request("GET", "/assets", &[NAVIGATION]).status, 301);
}

/// Monitors, previews of links and curl.
#[test]
fn a_client_that_accepts_anything_gets_the_start_unless_it_wants_no_document() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = Launch::of(site.root()).arg("--spa").start();
    let (start, gone) = ("<!doctype html><title>Start</title>", "not here");
    let anything = ("Accept", "*/*");
    let table = [
        (("/users/7", vec![]), (200, start)),
        (("/users/7", vec![anything]), (200, start)),
        (("/users/", vec![anything]), (200, start)),
        (("/v1.2/users", vec![anything]), (200, start)),
        (("/v1.2%2Fusers?a=b.c", vec![anything]), (200, start)),
        // What is called like a file is one that is missing.
        (("/assets/gone.js", vec![anything]), (404, gone)),
        (("/assets/gone%2Ejs", vec![]), (404, gone)),
        (("/a%2Fgone.js", vec![anything]), (404, gone)),
        (("/users/jane.doe", vec![anything]), (404, gone)),
        (("/users/jane.doe", vec![NAVIGATION]), (200, start)),
        (("/.env", vec![anything]), (404, gone)),
        (("/.git%2fconfig", vec![]), (404, gone)),
    ];
    let table = table.map(|(case, (status, text))| (case, (status, text.to_owned())));
    assert_all(table, |(target, fields)| {
        let response = server.request("GET", target, fields);
        (response.status, response.text().to_owned())
    });
    for (destination, status) in [
        ("document", 200),
        ("iframe", 200),
        ("frame", 200),
        ("empty", 404),
        ("script", 404),
        ("image", 404),
        ("style", 404),
        ("object", 404),
        ("", 404),
    ] {
        let fields = [anything, ("Sec-Fetch-Dest", destination)];
        let response = server.request("GET", "/api/users", &fields);
        assert_eq!(response.status, status, "{destination}");
        let vary = response.field("vary");
        assert_eq!(vary, Some("Accept, Sec-Fetch-Dest"), "{destination}");
        // A page that a script asks for by its type is the same page.
        let fields = [NAVIGATION, ("Sec-Fetch-Dest", destination)];
        assert_eq!(server.request("GET", "/turbo", &fields).status, 200);
    }
    let head = server.request("HEAD", "/users/7", &[]);
    assert_eq!((head.status, head.text()), (200, ""));
}

#[test]
fn what_depends_on_accept_says_so_and_nothing_else_does() {
    let site = Site::small();
    let server = Launch::of(site.root()).arg("--spa").start();
    let vary = |target: &str, fields: &[(&str, &str)]| {
        let response = server.request("GET", target, fields);
        (response.status, response.field("vary").map(str::to_owned))
    };
    let accept = || Some("Accept, Sec-Fetch-Dest".to_owned());
    assert_eq!(vary("/", &[NAVIGATION]), (200, None));
    assert_eq!(vary("/a.txt", &[]), (200, None));
    assert_eq!(vary("/deep", &[NAVIGATION]), (200, accept()));
    assert_eq!(vary("/deep", &[JSON]), (404, accept()));
    assert_eq!(vary("/a%2Fb", &[JSON]), (404, accept()));
    let range = ("Range", "bytes=0-1");
    assert_eq!(vary("/deep", &[NAVIGATION, range]), (206, accept()));
    let etag = server.await_strong_etag("/");
    let condition = ("If-None-Match", &*etag);
    assert_eq!(vary("/deep", &[NAVIGATION, condition]), (304, accept()));
    site.file("404.html", "not here");
    assert_eq!(vary("/deep", &[JSON]), (404, accept()));
    assert_eq!(vary("/404.html", &[]), (200, None));
    let plain = Server::start(site.root());
    assert_eq!(plain.get("/deep").field("vary"), None);
}

#[test]
fn the_start_of_the_application_is_current_and_the_same_as_the_root() {
    let site = Site::new();
    let server = Launch::of(site.root())
        .arg("--spa")
        .args(["--index", "index.html", "--index", "index.htm"])
        .expecting(&["no index file"])
        .start();
    let deep = || {
        let response = server.request("GET", "/deep/link", &[NAVIGATION]);
        (response.status, response.text().to_owned())
    };
    assert_eq!(deep().0, 404);
    site.file("index.htm", "old");
    assert_eq!(deep(), (200, "old".to_owned()));
    // So long that the file counts as settled, and is found in memory.
    thread::sleep(Duration::from_millis(2_100));
    assert_eq!(deep(), (200, "old".to_owned()));
    assert_eq!(server.get("/").text(), "old");
    site.file("index.html", "new");
    assert_eq!(deep(), (200, "new".to_owned()));
    assert_eq!(server.get("/").text(), "new");
    let etag = |target: &str| {
        let response = server.request("GET", target, &[NAVIGATION]);
        response.field("etag").map(str::to_owned)
    };
    assert_eq!(etag("/deep/link"), etag("/"));
}

#[test]
fn what_stands_in_is_sent_in_a_coding_that_the_client_accepts() {
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
fn what_stands_in_is_current_in_every_coding() {
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
fn a_failure_that_was_waited_for_has_its_page_in_a_coding_that_is_waited_for() {
    let site = Site::small();
    let page = "not for you\n".repeat(999);
    site.file("403.html", &page);
    site.directory("closed").mode("closed", 0o311);
    let server = Launch::unprivileged(&site.root())
        .arg("--listing")
        .expecting(&["may not read it"])
        .start();
    let response = server.request("GET", "/closed/", &[("Accept-Encoding", "gzip")]);
    assert_eq!(
        (response.status, response.gunzipped()),
        (403, page.into_bytes())
    );
    assert!(server.records(1)[0].contains("\"GET /closed/ HTTP/1.1\" 403 "));
}

#[test]
fn a_clean_address_gives_way_to_a_file_that_appears_later() {
    let site = Site::new();
    site.file("about.html", "page")
        .file("taken", "file")
        .file("taken.html", "page");
    let server = Launch::of(site.root()).arg("--clean-addresses").start();
    thread::sleep(Duration::from_millis(2_100));
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

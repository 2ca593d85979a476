//! The start page of a single-page application, as a fallback for missing files.

use crate::support::{Launch, Site, assert_all};

const NAVIGATION: (&str, &str) = (
    "Accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);

const JSON: (&str, &str) = ("Accept", "application/json");

#[test]
fn a_navigation_to_a_missing_file_gets_the_start_page() {
    let site = Site::small();
    site.file("404.html", "not here").file("assets/app.js", "1");
    let server = Launch::of(site.root()).arg("--spa").start();
    let start = "<!doctype html><title>Start</title>";
    let table = [
        // With `Accept` as browsers send it for pages, and for scripts.
        (("/", NAVIGATION), (200, start)),
        (("/users/7", NAVIGATION), (200, start)),
        (("/users/7?a=b", NAVIGATION), (200, start)),
        (("/users/jane.doe", NAVIGATION), (200, start)),
        (("/files/a%2Fb", NAVIGATION), (200, start)),
        (("/a.txt", NAVIGATION), (200, "alpha\n")),
        (("/a.txt/", NAVIGATION), (200, start)),
        (("/assets/", NAVIGATION), (200, start)),
        (("/.env", NAVIGATION), (404, "not here")),
        // In all spellings of a hidden name.
        (("/.git%2fconfig", NAVIGATION), (404, "not here")),
        (("/%2egit%2Fconfig", NAVIGATION), (404, "not here")),
        (("/a/..%2f.env", NAVIGATION), (404, "not here")),
        (("/.well-known%2fa", NAVIGATION), (200, start)),
        // A client that names other types wants one of them.
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

#[test]
fn a_client_that_accepts_anything_gets_the_start_page_unless_it_wants_no_document() {
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
        // A path with the name of a file means a file that is missing.
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
        // A page that a script requests by its type is the same page.
        let fields = [NAVIGATION, ("Sec-Fetch-Dest", destination)];
        assert_eq!(server.request("GET", "/turbo", &fields).status, 200);
    }
    let head = server.request("HEAD", "/users/7", &[]);
    assert_eq!((head.status, head.text()), (200, ""));
}

#[test]
fn the_log_does_not_ask_for_an_index_file_where_the_start_page_is_sent() {
    let site = Site::new();
    site.file("_shell.html", "shell").file("assets/app.js", "1");
    // Any line in the log would be unexpected.
    let server = Launch::of(site.root()).arg("--spa=/_shell.html").start();
    for target in ["/", "/assets/"] {
        let response = server.request("GET", target, &[NAVIGATION]);
        assert_eq!((response.status, response.text()), (200, "shell"));
        let known = response.field("ETag").unwrap();
        let response = server.request("GET", target, &[NAVIGATION, ("If-None-Match", known)]);
        assert_eq!(response.status, 304, "{target}");
    }
}

#[test]
fn only_responses_that_depend_on_accept_vary_by_it() {
    let site = Site::small();
    let server = Launch::ahead(site.root()).arg("--spa").start();
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
    let plain = Launch::ahead(site.root()).start();
    assert_eq!(plain.get("/deep").field("vary"), None);
}

#[test]
fn the_start_page_is_current_and_the_same_as_the_root() {
    let site = Site::new();
    let server = Launch::ahead(site.root())
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

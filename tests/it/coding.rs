//! Content codings (RFC 9110 §8.4, §12.5.3): precompressed files beside a file.

use crate::support::{
    Launch, MADE, Response, Server, Site, gzip, gzip_of, noise, poll_until, settled_time,
    zstandard_of,
};
use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

/// A script and the files beside it, each with its own length. The server checks only the first and
/// the last bytes of precompressed files, so the rest may be anything.
const SCRIPT: [(&str, usize); 4] = [
    ("app.js", 4000),
    ("app.js.br", 1000),
    ("app.js.zst", 1100),
    ("app.js.gz", 1200),
];

fn site_with_coded_files() -> Site {
    let site = Site::new();
    for (name, length) in SCRIPT {
        let content = match name.rsplit_once('.') {
            Some((_, "gz")) => gzip_of(4000, length),
            Some((_, "zst")) => zstandard_of(4000, length),
            _ => noise(length),
        };
        site.file(name, content);
    }
    site
}

fn accepting(server: &Server, target: &str, value: &str) -> Response {
    server.request("GET", target, &[("Accept-Encoding", value)])
}

/// Returns the coding and the length, and checks that the tag and `Vary` match the coding.
fn variant(response: &Response) -> (&str, usize) {
    assert_eq!(response.status, 200);
    assert_eq!(response.field("vary"), Some("Accept-Encoding"));
    assert_eq!(
        response.field("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    let coding = response.field("content-encoding").unwrap_or("identity");
    let etag = response.field("etag").expect("a tag");
    let suffix = etag.trim_matches('"').split_once('-');
    assert_eq!(suffix.map_or("identity", |(_, suffix)| suffix), coding);
    (coding, response.content.len())
}

#[test]
fn thirty_values_of_accept_encoding_select_the_right_variant() {
    const IDENTITY: (&str, usize) = ("identity", 4000);
    const BROTLI: (&str, usize) = ("br", 1000);
    const ZSTANDARD: (&str, usize) = ("zstd", 1100);
    const GZIP: (&str, usize) = ("gzip", 1200);
    let table = [
        // Values that clients send.
        ("gzip, deflate, br, zstd", BROTLI),
        ("gzip, deflate, br", BROTLI),
        ("gzip, deflate", GZIP),
        ("deflate, gzip, zstd", ZSTANDARD),
        ("gzip", GZIP),
        ("identity", IDENTITY),
        ("", IDENTITY),
        ("*", BROTLI),
        // Quality values.
        ("br;q=0.5, gzip", GZIP),
        ("br;q=0.8, zstd;q=0.9, gzip;q=0.7", ZSTANDARD),
        ("gzip;q=0.001", GZIP),
        ("gzip;q=1.000, br;q=0.999", GZIP),
        ("br;q=0, gzip;q=0.5, zstd;q=0.5", ZSTANDARD),
        ("gzip;q=0", IDENTITY),
        ("br;q=0, zstd;q=0, gzip;q=0", IDENTITY),
        ("identity;q=0.5, gzip;q=0.4", IDENTITY),
        ("identity;q=0.5, gzip;q=0.5", GZIP),
        // The asterisk, and rejecting identity.
        ("*;q=0", IDENTITY),
        ("identity;q=0", IDENTITY),
        ("identity;q=0, gzip;q=0.1", GZIP),
        ("*;q=0, gzip", GZIP),
        ("br;q=0, *;q=0.5", ZSTANDARD),
        ("gzip;q=0.2, *;q=0.1", GZIP),
        ("identity, *;q=0.1", IDENTITY),
        // Other spellings, and malformed values.
        ("GZIP", GZIP),
        ("x-gzip;Q=0.3", GZIP),
        ("zstd ;\tq=0.5 ,, gzip ; q=0.4", ZSTANDARD),
        ("compress, sdch", IDENTITY),
        ("br;q=2, gzip;level=9, zstd;q=", IDENTITY),
        ("gzip, gzip;q=0", IDENTITY),
    ];
    assert_eq!(table.len(), 30);
    let site = site_with_coded_files();
    let server = Server::start(site.root());
    let mut tags = BTreeSet::new();
    for (value, expected) in table {
        let response = accepting(&server, "/app.js", value);
        let (coding, length) = variant(&response);
        let etag = response.field("etag").unwrap();
        println!("{value:34} {coding:9} {length:5} Vary: Accept-Encoding, ETag: {etag}");
        assert_eq!((coding, length), expected, "{value}");
        tags.insert(etag.to_owned());
    }
    assert_eq!(
        tags.len(),
        4,
        "each variant has one tag, and a tag of its own"
    );
    assert_eq!(variant(&server.get("/app.js")), IDENTITY, "no field at all");
    let lines = [("Accept-Encoding", "gzip"), ("Accept-Encoding", "br;q=0.5")];
    let response = server.request("GET", "/app.js", &lines);
    assert_eq!(variant(&response), GZIP, "two lines are one list");
}

#[test]
fn each_variant_has_its_own_fields_in_every_kind_of_response() {
    let site = site_with_coded_files();
    site.modified("app.js.gz", settled_time() + Duration::from_secs(5));
    let server = Server::start(site.root());
    let gzip = ("Accept-Encoding", "gzip");
    let plain = server.get("/app.js");
    let coded = server.request("GET", "/app.js", &[gzip]);
    let etag = coded.field("etag").unwrap();
    let plain_etag = plain.field("etag").unwrap();
    assert_eq!(
        coded.field("last-modified"),
        Some("Tue, 02 Jan 2024 03:04:10 GMT")
    );
    assert_eq!(
        plain.field("last-modified"),
        Some("Tue, 02 Jan 2024 03:04:05 GMT")
    );

    let head = server.request("HEAD", "/app.js", &[gzip]);
    assert_eq!(head.fields_without_date(), coded.fields_without_date());

    let unchanged = server.request("GET", "/app.js", &[gzip, ("If-None-Match", etag)]);
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.field("vary"), Some("Accept-Encoding"));
    assert_eq!(unchanged.field("etag"), Some(etag));
    assert_eq!(unchanged.field("content-encoding"), None);
    let status = |fields: &[(&str, &str)]| server.request("GET", "/app.js", fields).status;
    assert_eq!(status(&[("If-None-Match", plain_etag)]), 304);
    assert_eq!(
        status(&[("If-None-Match", etag)]),
        200,
        "that is another variant"
    );
    assert_eq!(status(&[gzip, ("If-None-Match", plain_etag)]), 200);
    assert_eq!(status(&[gzip, ("If-Match", etag)]), 200);
    assert_eq!(status(&[gzip, ("If-Match", plain_etag)]), 412);
}

#[test]
fn a_precompressed_file_under_its_own_name_is_served_like_any_file() {
    let site = site_with_coded_files();
    let server = Server::start(site.root());
    for (target, content_type) in [
        ("/app.js.gz", "application/gzip"),
        ("/app.js.zst", "application/zstd"),
        ("/app.js.br", "application/octet-stream"),
    ] {
        let response = accepting(&server, target, "gzip, br, zstd");
        assert_eq!(response.field("content-type"), Some(content_type));
        assert_eq!(response.field("content-encoding"), None);
        assert_eq!(response.field("vary"), None);
    }
}

#[test]
fn a_precompressed_file_older_than_its_original_is_skipped_and_logged_once() {
    let site = site_with_coded_files();
    site.modified("app.js.br", settled_time() - Duration::from_secs(2))
        // Archives store times in steps of two seconds, and a copy program may copy this file
        // first.
        .modified("app.js.zst", settled_time() - Duration::from_millis(1_999));
    let mut server = Launch::of(site.root())
        .args(["--cache-bytes-max", "0"])
        .expecting(&["\"app.js.br\" is older than the original file"])
        .start();
    for _ in 0..5 {
        let response = accepting(&server, "/app.js", "br, zstd;q=0.5");
        assert_eq!(variant(&response).0, "zstd");
    }
    let said = server.process.end();
    assert_eq!(said.matches("is older").count(), 1, "{said}");
}

#[test]
fn a_change_of_the_original_makes_precompressed_files_outdated_at_once() {
    let site = site_with_coded_files();
    let server = Launch::of(site.root())
        .expecting(&["is older than the original file"])
        .start();
    for _ in 0..3 {
        assert_eq!(variant(&accepting(&server, "/app.js", "br")).0, "br");
    }
    site.replace("app.js", "let pond;\n");
    site.modified("app.js", settled_time() + Duration::from_mins(1));
    let response = accepting(&server, "/app.js", "br");
    assert_eq!(response.content, b"let pond;\n");
    assert_eq!(response.field("content-encoding"), None);
}

#[test]
fn precompressed_files_may_appear_change_and_disappear() {
    let site = Site::new();
    site.file("app.js", noise(4000));
    let server = Launch::ahead(site.root()).start();
    let coded = || {
        let response = accepting(&server, "/app.js", "br");
        (response.field("content-encoding") == Some("br")).then_some(response.content)
    };
    assert_eq!(coded(), None);
    site.file("app.js.br", "first");
    let come = Instant::now();
    poll_until("a coded file", coded);
    assert!(
        come.elapsed() < Duration::from_secs(8),
        "{:?}",
        come.elapsed()
    );
    site.replace("app.js.br", "another");
    assert_eq!(
        coded().as_deref(),
        Some(&b"another"[..]),
        "a change is seen at once"
    );
    fs::remove_file(site.path("app.js.br")).unwrap();
    assert_eq!(coded(), None, "so is the end");
}

#[test]
fn precompressed_files_follow_the_same_rules_as_any_file() {
    let site = Site::new();
    for name in ["a.js", "b.js", "c.js", "d.js"] {
        site.file(name, noise(2000));
    }
    fs::write(site.outside("secret"), "secret").unwrap();
    site.symlink("a.js.br", "../secret")
        .fifo("b.js.br")
        .directory("c.js.br")
        .symlink("d.js.br", "a.js.br");
    let server = Launch::of(site.root())
        .expecting(&["cannot be served for the original file: a symbolic link"])
        .start();
    for target in ["/a.js", "/b.js", "/c.js", "/d.js"] {
        let response = accepting(&server, target, "br");
        assert_eq!(response.content, noise(2000), "{target}");
        assert_eq!(response.field("content-encoding"), None, "{target}");
    }
}

#[test]
fn an_index_file_may_be_precompressed_too() {
    let site = Site::new();
    site.file("guide/index.html", "plain")
        .file("guide/index.html.gz", gzip("plain"));
    let server = Server::start(site.root());
    let response = accepting(&server, "/guide/", "gzip");
    assert_eq!(response.gunzipped(), b"plain");
    assert_eq!(
        response.field("content-type"),
        Some("text/html; charset=utf-8")
    );
}

#[test]
fn rules_apply_to_every_variant_of_a_file() {
    let site = site_with_coded_files();
    site.file("a.txt", "pond\n".repeat(1000));
    let settings =
        "[[rule]]\npath = ['/app.js', '/a.txt']\nset = { Cache-Control = 'max-age=60' }\n";
    fs::write(site.outside("millpond.toml"), settings).unwrap();
    let server = Launch::of(site.root())
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .start();
    for (target, codings) in [("/app.js", "br"), ("/app.js", ""), ("/a.txt", "gzip")] {
        let response = accepting(&server, target, codings);
        let coding = response.field("content-encoding").unwrap_or_default();
        assert_eq!(coding, codings);
        assert_eq!(
            response.field("cache-control"),
            Some("max-age=60"),
            "{target} {codings}"
        );
        let etag = response.field("etag").unwrap();
        let fields = [("Accept-Encoding", codings), ("If-None-Match", etag)];
        let unchanged = server.request("GET", target, &fields);
        assert_eq!(unchanged.status, 304);
        assert_eq!(unchanged.field("cache-control"), Some("max-age=60"));
    }
}

#[test]
fn a_precompressed_file_is_sent_only_for_its_own_original() {
    let site = Site::new();
    for name in ["later/index.htm", "gone/index.html", "gone/index.htm"] {
        site.file(name, name).file(format!("{name}.gz"), gzip(name));
    }
    site.file("about.html", "about.html")
        .file("about.html.gz", gzip("about.html"));
    // From here on all of them stay in the cache.
    let server = Launch::ahead(site.root())
        .args(["--index", "index.html", "--index", "index.htm"])
        .arg("--clean-urls")
        .start();
    let assert_found = |target, name: &str| {
        assert_eq!(server.get(target).text(), name);
        let coded = accepting(&server, target, "gzip");
        assert_eq!(coded.gunzipped(), name.as_bytes());
        assert_eq!(coded.field("content-encoding"), Some("gzip"));
    };
    for _ in 0..2 {
        assert_found("/later/", "later/index.htm");
        assert_found("/gone/", "gone/index.html");
        assert_found("/about", "about.html");
    }
    for name in ["later/index.html", "about"] {
        site.file(name, name).file(format!("{name}.gz"), gzip(name));
    }
    fs::remove_file(site.path("gone/index.html")).unwrap();
    assert_found("/later/", "later/index.html");
    assert_found("/gone/", "gone/index.htm");
    assert_found("/about", "about");
}

#[test]
fn the_next_coding_replaces_a_precompressed_file_while_that_is_unreadable() {
    let site = site_with_coded_files();
    site.file("app.css", "pond {}\n".repeat(500))
        .file("app.css.gz", gzip_of(4000, 250))
        .file("tiny.css", "pond {}\n")
        .file("tiny.css.gz", gzip_of(8, 250));
    let unreadable = ["app.js.br", "app.css.gz", "tiny.css.gz"];
    for name in unreadable {
        site.mode(name, 0);
    }
    // The originals are not new, so they stay in the cache.
    let mut server = Launch::unprivileged_ahead(&site.root())
        .expecting(&["cannot be served for the original file"])
        .start();
    let coding = |target| {
        let response = accepting(&server, target, "br, gzip");
        assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{target}");
        let coding = response.field("content-encoding").map(str::to_owned);
        (coding, response.content.len())
    };
    let gz = || Some("gzip".to_owned());
    for _ in 0..3 {
        assert_eq!(coding("/app.js"), (gz(), 1200), "it lies beside, too");
        let (made, length) = coding("/app.css");
        assert_eq!(made.as_deref(), Some(MADE), "it is made");
        assert!((6..200).contains(&length), "{length}");
        assert_eq!(coding("/tiny.css"), (None, 8), "it is too small for that");
    }
    for name in unreadable {
        site.mode(name, 0o644);
    }
    let readable = Instant::now();
    let br = || Some("br".to_owned());
    poll_until("what lies beside", || {
        let is_seen = coding("/app.js") == (br(), 1000)
            && coding("/app.css") == (gz(), 250)
            && coding("/tiny.css") == (gz(), 250);
        is_seen.then_some(())
    });
    assert!(
        readable.elapsed() < Duration::from_secs(8),
        "{:?}",
        readable.elapsed()
    );
    let said = server.process.end();
    assert_eq!(said.lines().count(), 3, "each is reported once: {said}");
}

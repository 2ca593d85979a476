//! Compression by Brotli on request (RFC 9110 §8.4.1, RFC 7932), and the cases in which gzip is
//! used instead.

use crate::support::{Launch, Response, Server, Site, assert_all, gzip};
use rustix::process::Signal;
use std::fmt::Write as _;

/// The codings that a browser accepts.
const BROWSER: &str = "gzip, deflate, br, zstd";

/// Returns this many different lines of text.
fn text(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        writeln!(text, "{line}: the pond lies still, {}", line * line % 977).expect("it is memory");
    }
    text
}

fn accepting(server: &Server, target: &str, value: &str) -> Response {
    server.request("GET", target, &[("Accept-Encoding", value)])
}

fn coding(response: &Response) -> Option<&'static str> {
    let coding = response.field("content-encoding")?;
    ["br", "gzip", "zstd"].into_iter().find(|it| *it == coding)
}

#[test]
fn text_is_compressed_with_brotli_if_the_client_does_not_prefer_gzip() {
    let site = Site::new();
    site.file("a.txt", text(1000));
    let server = Server::start(site.root());
    assert_all(
        [
            (BROWSER, Some("br")),
            ("br", Some("br")),
            ("BR", Some("br")),
            ("gzip;q=0.5, br;q=0.5", Some("br")),
            ("gzip;q=0.5, br;q=0.6", Some("br")),
            ("*", Some("br")),
            ("*, identity;q=0.5", Some("br")),
            ("br, identity;q=0", Some("br")),
            ("gzip, br;q=0.9", Some("gzip")),
            ("gzip, br;q=0", Some("gzip")),
            ("gzip", Some("gzip")),
            ("zstd", None),
            ("br;q=0", None),
            ("identity", None),
            ("br;q=0.5, identity", None),
            ("", None),
        ],
        |accepted| {
            let response = accepting(&server, "/a.txt", accepted);
            assert_eq!(response.field("vary"), Some("Accept-Encoding"));
            let content = match coding(&response) {
                Some("br") => response.unbrotlied(),
                Some(_) => response.gunzipped(),
                None => response.content.clone(),
            };
            assert!(content == text(1000).as_bytes(), "{accepted}");
            coding(&response)
        },
    );
    let [br, gzip] = ["br", "gzip"].map(|it| accepting(&server, "/a.txt", it).content.len());
    assert!(br < gzip, "{br} of {gzip}");
}

#[test]
fn the_result_of_brotli_is_the_same_everywhere_and_has_its_own_tag() {
    let site = Site::new();
    let site_beside = Site::new();
    // One file that is read into memory, and one that is compressed directly from disk.
    for (name, lines) in [("small.txt", 1000), ("large.txt", 20_000)] {
        site.file(name, text(lines));
        site_beside.file(name, text(lines));
    }
    let servers = [
        Launch::ahead(site.root()).start(),
        Launch::ahead(site_beside.root()).start(),
        // The cache only makes it faster, without changing a byte.
        Launch::ahead(site.root())
            .args(["--cache-bytes-max", "0"])
            .start(),
    ];
    for target in ["/small.txt", "/large.txt"] {
        let mut seen = Vec::new();
        for server in &servers {
            server.await_strong_etag(target);
            for _ in 0..2 {
                let response = accepting(server, target, BROWSER);
                let etag = response.field("etag").unwrap().to_owned();
                assert!(etag.starts_with('"') && etag.ends_with("-br\""), "{etag}");
                let again = [("Accept-Encoding", BROWSER), ("If-None-Match", &*etag)];
                let not_modified = server.request("GET", target, &again);
                assert_eq!(not_modified.status, 304);
                assert_eq!(not_modified.field("etag"), Some(&*etag));
                assert_eq!(not_modified.field("vary"), Some("Accept-Encoding"));
                let head = server.request("HEAD", target, &[("Accept-Encoding", BROWSER)]);
                assert_eq!(head.fields_without_date(), response.fields_without_date());
                seen.push((etag, response.unbrotlied(), response.content));
            }
            let other = [("Accept-Encoding", "gzip"), ("If-None-Match", &*seen[0].0)];
            assert_eq!(server.request("GET", target, &other).status, 200);
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{target}");
    }
}

#[test]
fn a_client_that_began_with_brotli_gets_the_rest_of_that() {
    let site = Site::new();
    site.file("a.txt", text(1000));
    let server = Server::start(site.root());
    let whole = accepting(&server, "/a.txt", BROWSER);
    let etag = whole.field("etag").unwrap();
    let (accept, range) = (("Accept-Encoding", BROWSER), ("Range", "bytes=100-"));
    let rest = server.request("GET", "/a.txt", &[accept, range, ("If-Range", etag)]);
    assert_eq!((rest.status, coding(&rest)), (206, Some("br")));
    assert!(rest.content == whole.content[100..]);
    // A client that does not state what it has gets a part of the file without a coding.
    let part = server.request("GET", "/a.txt", &[accept, range]);
    assert_eq!((part.status, coding(&part)), (206, None));
    assert!(part.content == text(1000).as_bytes()[100..]);
}

#[test]
fn precompressed_files_come_before_codings_made_on_request() {
    let site = Site::new();
    site.file("app.js", text(100))
        .file("app.js.gz", gzip(text(100)));
    let server = Server::start(site.root());
    for (accepted, expected) in [
        (BROWSER, Some("gzip")),
        ("gzip, br", Some("gzip")),
        ("gzip;q=0.5, br", Some("br")),
        ("br", Some("br")),
        ("gzip", Some("gzip")),
    ] {
        let response = accepting(&server, "/app.js", accepted);
        assert_eq!(coding(&response), expected, "{accepted}");
        if expected == Some("gzip") {
            assert!(response.content == gzip(text(100)));
        }
    }
}

#[test]
fn an_unreadable_precompressed_file_is_replaced_by_a_coding_made_on_request() {
    let site = Site::new();
    site.file("app.js", text(100))
        .file("app.js.br", "closed")
        .mode("app.js.br", 0);
    let server = Launch::unprivileged(&site.root())
        .expecting(&["cannot be served for the original file"])
        .start();
    for _ in 0..2 {
        let response = accepting(&server, "/app.js", BROWSER);
        assert_eq!(response.unbrotlied(), text(100).as_bytes());
    }
}

#[test]
fn a_changed_file_and_a_file_after_a_reload_are_compressed_again() {
    let site = Site::new();
    site.file("a.txt", text(1000));
    let server = Launch::ahead(site.root())
        .expecting(&["settings reloaded"])
        .start();
    let first = accepting(&server, "/a.txt", BROWSER);
    server.process.signal(Signal::HUP);
    server.process.await_stderr("a reload", |said| {
        said.contains("settings reloaded").then_some(())
    });
    let second = accepting(&server, "/a.txt", BROWSER);
    assert!(first.content == second.content);
    site.replace("a.txt", text(900));
    let third = accepting(&server, "/a.txt", BROWSER);
    assert_eq!(third.unbrotlied(), text(900).as_bytes());
    assert_ne!(third.field("etag"), second.field("etag"));
}

#[test]
fn error_pages_and_start_pages_are_compressed_with_brotli() {
    let site = Site::new();
    site.file("404.html", text(100))
        .file("index.html", text(200));
    let server = Launch::of(site.root()).arg("--spa").start();
    let missing = accepting(&server, "/missing.js", BROWSER);
    assert_eq!(missing.status, 404);
    assert_eq!(missing.unbrotlied(), text(100).as_bytes());
    let fields = [("Accept", "text/html"), ("Accept-Encoding", BROWSER)];
    let start = server.request("GET", "/somewhere", &fields);
    assert_eq!(start.status, 200);
    assert_eq!(start.unbrotlied(), text(200).as_bytes());
}

#[test]
fn files_above_2_mib_are_compressed_with_gzip() {
    let site = Site::new();
    let mut content = text(2 * 1024 * 1024 / 25);
    content.truncate(2 * 1024 * 1024);
    site.file("least.txt", &content);
    content.push('.');
    site.file("large.txt", &content);
    let server = Launch::ahead(site.root()).start();
    server.await_strong_etag("/least.txt");
    server.await_strong_etag("/large.txt");
    let large = accepting(&server, "/large.txt", BROWSER);
    assert!(large.gunzipped() == content.as_bytes());
    let least = accepting(&server, "/least.txt", BROWSER);
    assert!(least.unbrotlied() == content.as_bytes()[..2 * 1024 * 1024]);
    assert_eq!(coding(&accepting(&server, "/large.txt", "br")), None);
}

#[test]
fn gzip_replaces_brotli_while_brotli_would_use_too_much_memory() {
    const FILES: usize = 40;
    let site = Site::new();
    for number in 0..FILES {
        site.file(format!("{number}.txt"), text(1500 + number));
    }
    let server = Server::start(site.root());
    server.process.signal(Signal::STOP);
    let mut clients: Vec<_> = (0..FILES)
        .map(|number| {
            let mut client = server.connect();
            client.send(format!(
                "GET /{number}.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {BROWSER}\r\n\r\n"
            ));
            client
        })
        .collect();
    server.process.signal(Signal::CONT);
    let mut counts = [0; 2];
    for (number, client) in clients.iter_mut().enumerate() {
        let response = client.response_to("GET");
        let (index, content) = match coding(&response) {
            Some("br") => (0, response.unbrotlied()),
            _ => (1, response.gunzipped()),
        };
        assert!(content == text(1500 + number).as_bytes());
        counts[index] += 1;
    }
    let [brotli, gzip] = counts;
    assert!(brotli > 0 && gzip > 0, "{brotli} and {gzip}");
    // When nothing else is in progress, all of them are compressed by Brotli.
    for number in 0..FILES {
        let response = accepting(&server, &format!("/{number}.txt"), BROWSER);
        assert_eq!(coding(&response), Some("br"));
    }
    let peak = server.peak_memory_kib();
    assert!(peak < 60 * 1024, "{peak} KiB");
}

#[test]
fn brotli_is_off_if_compression_is_off() {
    let site = Site::new();
    site.file("a.txt", text(1000));
    let server = Launch::of(site.root()).arg("--compression=false").start();
    let response = accepting(&server, "/a.txt", BROWSER);
    assert_eq!((coding(&response), response.field("vary")), (None, None));
}

//! Ranges of files that are available in several codings (RFC 9110 §12.1, §14.2).

use crate::support::{Launch, MADE, Response, Server, Site, gzip_of, noise, zstandard_of};
use std::fmt::Write as _;

/// The codings that a browser accepts.
const ACCEPT: (&str, &str) = ("Accept-Encoding", "gzip, deflate, br, zstd");

/// Creates a site with a script and the files beside it, each with its own length and content. The
/// server checks only the declared size of precompressed files, so the rest may be anything.
fn site_with_coded_files() -> Site {
    let site = Site::new();
    for (name, content) in [
        ("app.js", script()),
        ("app.js.br", noise(5000)[4000..].to_vec()),
        ("app.js.zst", zstandard_of(4000, 1100)),
        ("app.js.gz", gzip_of(4000, 1200)),
    ] {
        site.file(name, content);
    }
    site
}

fn script() -> Vec<u8> {
    noise(4000)
}

/// Returns this many lines of text, all different.
fn text(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        writeln!(text, "{line}: the pond lies still, {}", line * line % 977).expect("it is memory");
    }
    text
}

/// Returns the coding and the length of a whole response.
fn whole(response: &Response) -> (&str, usize) {
    assert_eq!(response.status, 200);
    assert_eq!(response.field("vary"), Some("Accept-Encoding"));
    assert_eq!(response.field("content-range"), None);
    let coding = response.field("content-encoding").unwrap_or("identity");
    (coding, response.content.len())
}

#[test]
fn a_range_refers_to_the_file_without_a_coding() {
    let site = site_with_coded_files();
    let server = Server::start(site.root());
    let plain = server.get("/app.js");
    let get = |fields: &[(&str, &str)]| {
        let get = server.request("GET", "/app.js", fields);
        let head = server.request("HEAD", "/app.js", fields);
        assert_eq!(head.status, get.status);
        if get
            .field("content-type")
            .is_some_and(|of| of.starts_with("text/javascript"))
        {
            assert_eq!(head.fields_without_date(), get.fields_without_date());
        }
        get
    };
    for (range, expected) in [
        ("bytes=100-199", 100..200),
        ("bytes=-200", 3800..4000),
        ("bytes=900-", 900..4000),
        // Beyond the end of every precompressed form.
        ("bytes=3000-", 3000..4000),
    ] {
        let part = get(&[ACCEPT, ("Range", range)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.content, script()[expected], "{range}");
        assert_eq!(part.field("content-encoding"), None);
        assert_eq!(part.field("vary"), Some("Accept-Encoding"));
        assert_eq!(part.field("etag"), plain.field("etag"));
        assert_eq!(part.field("last-modified"), plain.field("last-modified"));
    }
    let parts = get(&[ACCEPT, ("Range", "bytes=0-9, 3990-")]);
    assert_eq!((parts.status, parts.field("content-encoding")), (206, None));
    assert_eq!(parts.field("vary"), Some("Accept-Encoding"));
    let beyond = get(&[ACCEPT, ("Range", "bytes=4000-")]);
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.field("content-range"), Some("bytes */4000"));
    let etag = plain.field("etag").unwrap();
    let range = ("Range", "bytes=100-199");
    for (condition, status) in [
        (("If-Range", etag), 206),
        (("If-Range", "\"other\""), 200),
        (("If-Match", etag), 206),
        (("If-None-Match", etag), 304),
        (("If-None-Match", "\"other\""), 206),
    ] {
        let part = get(&[ACCEPT, range, condition]);
        assert_eq!(part.status, status, "{condition:?}");
        assert_eq!(part.field("content-encoding"), None, "{condition:?}");
    }
    // An invalid range is ignored, and the whole has the best coding.
    for ignored in ["lines=1-2", "bytes=2-1"] {
        assert_eq!(whole(&get(&[ACCEPT, ("Range", ignored)])), ("br", 1000));
    }
}

#[test]
fn a_client_that_started_with_a_coding_gets_the_rest_of_that_coding() {
    let site = site_with_coded_files();
    let server = Server::start(site.root());
    for (coding, length) in [("br", 1000), ("zstd", 1100), ("gzip", 1200)] {
        let accept = ("Accept-Encoding", coding);
        let begun = server.request("GET", "/app.js", &[accept]);
        assert_eq!(whole(&begun), (coding, length));
        let etag = begun.field("etag").unwrap();
        let range = ("Range", "bytes=400-");
        let if_range = ("If-Range", etag);
        let rest = server.request("GET", "/app.js", &[accept, range, if_range]);
        assert_eq!(rest.status, 206);
        assert_eq!(rest.content, begun.content[400..]);
        assert_eq!(rest.field("content-encoding"), Some(coding));
        assert_eq!(rest.field("etag"), Some(etag));
        assert_eq!(rest.field("vary"), Some("Accept-Encoding"));
        let unsaid = server.request("GET", "/app.js", &[range, if_range]);
        assert_eq!((unsaid.status, unsaid.content), (206, rest.content));
        let parts = [accept, ("Range", "bytes=0-9, 900-"), if_range];
        let parts = server.request("GET", "/app.js", &parts);
        assert_eq!(parts.status, 206);
        assert_eq!(parts.field("content-encoding"), Some(coding));
        let beyond = [accept, ("Range", "bytes=2000-"), if_range];
        let beyond = server.request("GET", "/app.js", &beyond);
        assert_eq!(beyond.status, 416);
        let expected = format!("bytes */{length}");
        assert_eq!(beyond.field("content-range"), Some(&*expected));
        // A client that no longer accepts the coding, or has only a weak tag, starts again.
        let weak = format!("W/{etag}");
        for fields in [
            [("Accept-Encoding", "identity"), range, if_range],
            [accept, range, ("If-Range", &weak)],
        ] {
            let again = server.request("GET", "/app.js", &fields);
            assert_eq!(whole(&again), ("identity", 4000), "{fields:?}");
        }
        // If the form has changed, the client gets the new one.
        let old = format!("\"old-{coding}\"");
        let changed = [accept, range, ("If-Range", &old)];
        let changed = server.request("GET", "/app.js", &changed);
        assert_eq!(whole(&changed), (coding, length));
    }
}

#[test]
fn a_client_that_rejects_identity_gets_no_range() {
    let site = site_with_coded_files();
    let server = Server::start(site.root());
    let range = ("Range", "bytes=100-199");
    for (accept, expected) in [
        ("gzip, identity;q=0", ("gzip", 1200)),
        ("identity;q=0, *", ("br", 1000)),
        ("zstd, gzip;q=0.5, *;q=0", ("zstd", 1100)),
    ] {
        let accept = ("Accept-Encoding", accept);
        let response = server.request("GET", "/app.js", &[accept, range]);
        assert_eq!(whole(&response), expected, "{accept:?}");
        let etag = response.field("etag").unwrap();
        let fields = [accept, range, ("If-Range", etag)];
        let rest = server.request("GET", "/app.js", &fields);
        assert_eq!(rest.status, 206, "{accept:?}");
        assert_eq!(rest.field("content-encoding"), Some(expected.0));
    }
}

#[test]
fn the_rest_of_a_compressed_response_is_sent_even_if_it_is_not_cached() {
    let site = Site::new();
    let content = text(1000);
    site.file("a.txt", &content);
    let servers = [
        Launch::of(site.root())
            .args(["--cache-bytes-max", "0"])
            .start(),
        Server::start(site.root()),
    ];
    for (accept, made) in [(ACCEPT, MADE), (("Accept-Encoding", "gzip"), "gzip")] {
        site.replace("a.txt", &content);
        let begun = servers[0].request("GET", "/a.txt", &[accept]);
        let etag = begun.field("etag").unwrap();
        let fields = [accept, ("Range", "bytes=1000-"), ("If-Range", etag)];
        for server in &servers {
            // One server no longer has the result, and the other has never had it.
            let rest = server.request("GET", "/a.txt", &fields);
            assert_eq!(rest.status, 206);
            assert_eq!(rest.field("content-encoding"), Some(made));
            assert_eq!(rest.content, begun.content[1000..]);
        }
        site.replace("a.txt", text(900));
        for server in &servers {
            let changed = server.request("GET", "/a.txt", &fields);
            assert_eq!(changed.status, 200);
            let content = if made == MADE {
                changed.uncompressed()
            } else {
                changed.gunzipped()
            };
            assert_eq!(content, text(900).as_bytes());
        }
    }
}

#[test]
fn a_range_of_a_compressible_file_refers_to_the_plain_text() {
    let site = Site::new();
    let content = text(1000);
    site.file("a.txt", &content)
        .file("index.html", &content)
        .file("404.html", &content)
        .file("folder/b.txt", &content);
    let server = Launch::of(site.root()).args(["--listing", "--spa"]).start();
    let range = ("Range", "bytes=100-199");
    let html = ("Accept", "text/html");
    for (target, fields) in [
        ("/a.txt", &[ACCEPT, range][..]),
        ("/", &[ACCEPT, range]),
        ("/of/the/application", &[ACCEPT, range, html]),
    ] {
        let part = server.request("GET", target, fields);
        assert_eq!(part.status, 206, "{target}");
        assert_eq!(part.text(), &content[100..200], "{target}");
        assert_eq!(part.field("content-encoding"), None, "{target}");
    }
    let listing = server.get("/folder/");
    let part = server.request("GET", "/folder/", &[ACCEPT, range]);
    assert_eq!(part.status, 206);
    assert_eq!(part.content, listing.content[100..200]);
    assert_eq!(part.field("vary"), Some("Accept, Accept-Encoding"));
    let coded = server.request("GET", "/folder/", &[ACCEPT]);
    let begun = [ACCEPT, range, ("If-Range", coded.field("etag").unwrap())];
    let rest = server.request("GET", "/folder/", &begun);
    assert_eq!(rest.status, 206);
    assert_eq!(rest.content, coded.content[100..200]);
    // An error page is sent whole, whatever range is requested.
    let error = server.request("GET", "/missing.css", &[ACCEPT, range]);
    assert_eq!(error.status, 404);
    assert_eq!(error.uncompressed(), content.as_bytes());
}

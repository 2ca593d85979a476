//! Media types (RFC 9110 §8.3): by file name, and as the operator sets them.

use crate::support::{Launch, Server, Site, assert_all, gzip_of, noise};
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write as _};

fn start(site: &Site, settings: &str) -> Server {
    configure(Launch::of(site.root()), site, settings).start()
}

fn configure(launch: Launch, site: &Site, settings: &str) -> Launch {
    let file = site.outside("millpond.toml");
    fs::write(&file, settings).expect("a file can be written");
    launch.arg("--config").arg(file)
}

#[test]
fn readable_files_are_plain_text_and_registered_types_are_used() {
    let table = [
        ("LICENSE", "text/plain; charset=utf-8"),
        ("README", "text/plain; charset=utf-8"),
        ("SHA256SUMS", "text/plain; charset=utf-8"),
        ("Makefile", "text/plain; charset=utf-8"),
        ("Packages", "text/plain; charset=utf-8"),
        ("install.sh", "text/plain; charset=utf-8"),
        ("paper.tex", "text/plain; charset=utf-8"),
        ("dump.sql", "text/plain; charset=utf-8"),
        ("setup.ps1", "text/plain; charset=utf-8"),
        ("refs.bib", "text/plain; charset=utf-8"),
        ("de.po", "text/plain; charset=utf-8"),
        ("boot.ipxe", "text/plain; charset=utf-8"),
        ("nginx.conf", "text/plain; charset=utf-8"),
        ("millpond.service", "text/plain; charset=utf-8"),
        ("ci.yaml", "application/yaml"),
        ("app.js.map", "application/json; charset=utf-8"),
        ("notebook.ipynb", "application/json; charset=utf-8"),
        (
            "app.webmanifest",
            "application/manifest+json; charset=utf-8",
        ),
        ("app.appinstaller", "application/appinstaller"),
        ("busybox", "application/octet-stream"),
    ];
    let site = Site::new();
    for (name, _) in table {
        site.file(name, "content");
    }
    let server = Server::start(site.root());
    let table = table.map(|(name, media_type)| (name, Some(media_type.to_owned())));
    assert_all(table, |name| {
        let response = server.get(&format!("/{name}"));
        // Without this, browsers would still sniff the content.
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
        response.field("content-type").map(str::to_owned)
    });
}

#[test]
fn a_media_type_is_set_by_extension_or_by_rule() {
    let site = Site::small();
    for name in ["a.note", "B.NOTE", "c.mjs", "association", "d.svgz"] {
        site.file(name, "0123456789");
    }
    let server = start(
        &site,
        "[types]\n\
         note = 'text/x-note'\n\
         MJS = 'text/x-own; charset=us-ascii'\n\
         [[rule]]\n\
         path = '/association'\n\
         set = { content-type = 'application/json' }\n",
    );
    let table = [
        ("/a.note", "text/x-note; charset=utf-8"),
        ("/B.NOTE", "text/x-note; charset=utf-8"),
        ("/c.mjs", "text/x-own; charset=us-ascii"),
        ("/association", "application/json"),
        ("/a.txt", "text/plain; charset=utf-8"),
    ];
    let table = table.map(|(target, value)| (target, Some(value.to_owned())));
    assert_all(table, |target| {
        server.get(target).field("content-type").map(str::to_owned)
    });
    let parts = server.request("GET", "/association", &[("Range", "bytes=0-0,2-3")]);
    assert!(
        parts
            .field("content-type")
            .unwrap()
            .starts_with("multipart/byteranges")
    );
    assert!(parts.text().contains("Content-Type: application/json\r\n"));
}

#[test]
fn a_media_type_is_set_for_one_name_without_an_extension_or_for_all() {
    let site = Site::small();
    let names = [
        "page",
        "LICENSE",
        "Owners",
        "OWNERS.txt",
        "dot.",
        "README.unknown",
    ];
    for name in names {
        site.file(name, "0123456789");
    }
    site.file("release.d/page", "0123456789");
    let found = |settings: &str| {
        let server = start(&site, settings);
        names.map(|name| {
            let response = server.get(&format!("/{name}"));
            response.field("content-type").unwrap().to_owned()
        })
    };
    let (bytes, text) = ("application/octet-stream", "text/plain; charset=utf-8");
    assert_eq!(found(""), [bytes, text, bytes, text, bytes, text]);
    let html = "text/html; charset=utf-8";
    // A given name takes precedence over the empty one, and both over the known types.
    assert_eq!(
        found("[types]\nOWNERS = 'text/x-own'\n'' = 'text/html'\n"),
        [html, html, "text/x-own; charset=utf-8", text, html, text]
    );
    assert_eq!(
        found("[types]\nlicense = 'text/x-own'\n"),
        [bytes, "text/x-own; charset=utf-8", bytes, text, bytes, text]
    );
    let server = start(&site, "[types]\n'' = 'text/html'\n");
    let inner = server.get("/release.d/page");
    assert_eq!(inner.field("content-type"), Some(html));
}

/// The build of a Unity game for the web.
const UNITY: &str = "listing = true\n\
     [[rule]]\npath = '/**/*.br'\nset = { Content-Encoding = 'br' }\n\
     [[rule]]\npath = ['/**/*.gz', '/plain/*']\nset = { content-encoding = 'GZIP' }\n\
     [[rule]]\npath = '/**/*.unityweb'\nset = { Content-Encoding = 'br', X-A = 'b' }\n\
     [[rule]]\npath = '/**/*.symbols.*'\nset = { Content-Type = 'application/x-own' }\n";

#[test]
fn a_file_stored_in_a_coding_has_that_coding_and_the_type_of_its_content() {
    let site = Site::new();
    let table = [
        ("Build/game.wasm.br", "br", "application/wasm"),
        ("Build/game.data.br", "br", "application/octet-stream"),
        (
            "Build/game.framework.js.br",
            "br",
            "text/javascript; charset=utf-8",
        ),
        ("Build/game.symbols.json.br", "br", "application/x-own"),
        ("Build/game.wasm.unityweb", "br", "application/wasm"),
        ("Build/game.data.GZ.gz", "gzip", "application/gzip"),
        ("Build/page.html.gz", "gzip", "text/html; charset=utf-8"),
        ("plain/app.css", "gzip", "text/css; charset=utf-8"),
    ];
    for (name, ..) in table {
        site.file(name, noise(2000));
    }
    site.file("Build/game.loader.js", "loader();\n".repeat(500));
    let server = start(&site, UNITY);
    for (name, coding, media_type) in table {
        let target = format!("/{name}");
        // It is sent as stored, whatever the client accepts, and is not compressed again.
        for accepted in ["gzip, br", "identity", "zstd"] {
            let response = server.request("GET", &target, &[("Accept-Encoding", accepted)]);
            assert_eq!(response.status, 200, "{name}");
            assert_eq!(response.field("content-encoding"), Some(coding), "{name}");
            assert_eq!(response.field("content-type"), Some(media_type), "{name}");
            assert_eq!(response.field("vary"), None, "{name}");
            assert_eq!(response.content, noise(2000), "{name}");
        }
        let entries = server.request(
            "GET",
            if name.starts_with("Build") {
                "/Build/"
            } else {
                "/plain/"
            },
            &[("Accept", "application/json")],
        );
        let (_, file) = name.split_once('/').unwrap();
        let entry = format!("\"href\":\"{file}\",\"kind\":\"file\",\"type\":\"{media_type}\"");
        assert!(entries.text().contains(&entry), "{entry}");
    }
    // Files without a coding by a rule are compressed as usual.
    let gzip = [("Accept-Encoding", "gzip")];
    let loader = server.request("GET", "/Build/game.loader.js", &gzip);
    assert_eq!(loader.gunzipped(), "loader();\n".repeat(500).into_bytes());
    assert_eq!(loader.field("vary"), Some("Accept-Encoding"));
}

#[test]
fn a_stored_coding_applies_to_ranges_validators_and_as_a_precompressed_form() {
    let site = Site::new();
    let content = b"the pond lies still\n".repeat(9000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&content).unwrap();
    // One that is sent from memory, and one that is sent from the file.
    let stored = encoder.finish().unwrap();
    assert!(stored.len() > 64 * 1024);
    let small = gzip_of(2000, 1000);
    site.file("large.data.gz", &stored)
        .file("small.js.gz", &small);
    site.file("small.js", "1".repeat(2000));
    let server = configure(Launch::ahead(site.root()), &site, UNITY).start();
    let large = server.get("/large.data.gz");
    assert_eq!(large.gunzipped(), content);
    for (target, stored) in [
        ("/large.data.gz", &stored[..]),
        ("/small.js.gz", &small[..]),
    ] {
        let tag = server.await_strong_etag(target);
        assert!(tag.ends_with("-gzip\""), "{tag}");
        let head = server.request("HEAD", target, &[]);
        assert_eq!(
            head.field("content-length"),
            Some(&*stored.len().to_string())
        );
        let fields = [("Range", "bytes=100-199"), ("If-Range", &*tag)];
        let part = server.request("GET", target, &fields);
        assert_eq!((part.status, &part.content[..]), (206, &stored[100..200]));
        assert_eq!(part.field("content-encoding"), Some("gzip"));
        let range = format!("bytes 100-199/{}", stored.len());
        assert_eq!(part.field("content-range"), Some(&*range));
        let again = server.request("GET", target, &[("If-None-Match", &tag)]);
        assert_eq!((again.status, again.field("content-encoding")), (304, None));
    }
    // As a precompressed file for its original, it is sent only to clients that accept the coding.
    let plain = server.get("/small.js");
    assert_eq!(
        (plain.text(), plain.field("content-encoding")),
        (&*"1".repeat(2000), None)
    );
    let coded = server.request("GET", "/small.js", &[("Accept-Encoding", "gzip")]);
    assert_eq!(coded.content, small);
    assert_eq!(coded.values("content-encoding"), ["gzip"]);
    assert_eq!(coded.field("vary"), Some("Accept-Encoding"));
}

//! Media types (RFC 9110 §8.3): by the name of a file, and as the operator sets them.

mod support;

use std::fs;
use support::{Launch, Server, Site, assert_all};

fn start(site: &Site, settings: &str) -> Server {
    let file = site.outside("millpond.toml");
    fs::write(&file, settings).expect("a file can be written");
    Launch::of(site.root()).arg("--config").arg(file).start()
}

#[test]
fn what_people_read_is_shown_and_what_is_registered_is_called_so() {
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
        // Without this, browsers would look into it all the same.
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
fn a_media_type_is_set_by_a_name_without_an_extension_and_for_all_of_them() {
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
    // A name that is given comes before the empty one, and both before what is known.
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

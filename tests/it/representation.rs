//! The metadata of a file (RFC 9110 §8): its type, its length and its validators.

use crate::support::{
    LAST_MODIFIED, Launch, Response, Server, Site, assert_all, noise, settled_time,
};
use std::{
    fs::{self, File},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Too large to be held in memory.
const LARGE: usize = 4_000_000;

/// Too large to be read before it is sent.
const HUGE: usize = 17_000_000;

fn etag(response: &Response) -> &str {
    response.field("etag").expect("a file has an entity tag")
}

#[test]
fn the_type_follows_the_extension() {
    let table = [
        ("page.html", "text/html; charset=utf-8"),
        ("page.htm", "text/html; charset=utf-8"),
        ("PAGE.HTML", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("module.mjs", "text/javascript; charset=utf-8"),
        ("classic.cjs", "text/javascript; charset=utf-8"),
        ("data.json", "application/json; charset=utf-8"),
        ("image.svg", "image/svg+xml; charset=utf-8"),
        ("feed.xml", "text/xml; charset=utf-8"),
        ("page.xhtml", "application/xhtml+xml; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("notes.md", "text/markdown; charset=utf-8"),
        ("fix.patch", "text/plain; charset=utf-8"),
        ("table.csv", "text/csv; charset=utf-8"),
        ("image.png", "image/png"),
        ("photo.jpg", "image/jpeg"),
        ("photo.webp", "image/webp"),
        ("favicon.ico", "image/x-icon"),
        ("font.woff2", "font/woff2"),
        ("font.woff", "font/woff"),
        ("font.otf", "font/otf"),
        ("code.wasm", "application/wasm"),
        ("film.mp4", "video/mp4"),
        ("film.webm", "video/webm"),
        ("live.m3u8", "application/vnd.apple.mpegurl"),
        ("live0.ts", "video/mp2t"),
        ("boat.obj", "model/obj"),
        ("card.vcf", "text/vcard; charset=utf-8"),
        ("paper.pdf", "application/pdf"),
        ("archive.zip", "application/zip"),
        ("archive.tgz", "application/gzip"),
        ("package.rpm", "application/x-rpm"),
        ("dir.html/plain", "application/octet-stream"),
        ("odd.unheard-of", "application/octet-stream"),
        ("ends-in-a-dot.", "application/octet-stream"),
    ];
    let site = Site::new();
    for (name, _) in table {
        site.file(name, "content");
    }
    let server = Server::start(site.root());
    assert_all(
        table.map(|(name, media_type)| (name, Some(media_type.to_owned()))),
        |name| {
            let response = server.get(&format!("/{name}"));
            response.field("content-type").map(str::to_owned)
        },
    );
}

#[test]
fn a_rule_can_give_svgz_another_type() {
    let site = Site::small();
    site.file("a.svgz", "0123456789")
        .file("b.svgz", "0123456789");
    let settings = site.outside("millpond.toml");
    let rule = "[[rule]]\npath = '/a.svgz'\nset = { Content-Type = 'application/gzip' }\n";
    fs::write(&settings, rule).unwrap();
    let server = Launch::of(site.root())
        .arg("--config")
        .arg(settings)
        .start();
    for (target, content_type, coding) in [
        ("/a.svgz", "application/gzip", None),
        ("/b.svgz", "image/svg+xml; charset=utf-8", Some("gzip")),
    ] {
        let response = server.get(target);
        assert_eq!(response.field("content-type"), Some(content_type));
        assert_eq!(response.field("content-encoding"), coding, "{target}");
    }
}

#[test]
fn a_file_is_sent_with_all_its_metadata() {
    let site = Site::small();
    let response = Server::start(site.root()).get("/a.txt");
    let expected = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "6"),
        ("last-modified", LAST_MODIFIED),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in expected {
        assert_eq!(response.field(name), Some(value), "{name}");
    }
    let server = response.field("server").expect("the server names itself");
    assert!(server.starts_with("millpond"), "{server}");
}

#[test]
fn the_date_is_now() {
    let site = Site::small();
    let server = Server::start(site.root());
    let before = SystemTime::now() - Duration::from_secs(1);
    let response = server.get("/a.txt");
    let date = httpdate::parse_http_date(response.field("date").unwrap()).unwrap();
    assert!(before <= date && date <= SystemTime::now(), "{date:?}");
}

#[test]
fn the_server_field_can_be_switched_off() {
    let site = Site::small();
    let server = Launch::of(site.root()).arg("--server-header=false").start();
    for target in ["/a.txt", "/missing", "/%zz"] {
        assert_eq!(server.get(target).field("server"), None, "{target}");
    }
}

#[test]
fn cache_control_is_set_by_the_operator() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .arg("--cache-control=max-age=60")
        .start();
    assert_eq!(
        server.get("/a.txt").field("cache-control"),
        Some("max-age=60")
    );
    let server = Launch::of(site.root()).arg("--cache-control=").start();
    assert_eq!(server.get("/a.txt").field("cache-control"), None);
}

#[test]
fn a_file_from_the_future_has_no_last_modified() {
    let site = Site::small();
    site.file("large.bin", noise(LARGE));
    let tomorrow = SystemTime::now() + Duration::from_hours(24);
    let server = Server::start(site.root());
    for name in ["a.txt", "large.bin"] {
        site.modified(name, tomorrow);
        let response = server.request("HEAD", &format!("/{name}"), &[]);
        assert_eq!(
            (response.status, response.field("last-modified")),
            (200, None)
        );
        etag(&response);
    }
}

#[test]
fn a_file_without_a_time_has_no_last_modified() {
    let site = Site::new();
    for (name, seconds) in [("zero", 0), ("one", 1)] {
        site.file(name, name)
            .modified(name, UNIX_EPOCH + Duration::from_secs(seconds));
        let large = format!("{name}.bin");
        site.file(&large, noise(LARGE))
            .modified(&large, UNIX_EPOCH + Duration::from_secs(seconds));
    }
    let server = Server::start(site.root());
    for target in ["/zero", "/one", "/zero.bin", "/one.bin"] {
        assert_eq!(
            server.request("HEAD", target, &[]).field("last-modified"),
            None,
            "{target}"
        );
    }
    assert!(
        !etag(&server.get("/zero")).starts_with("W/"),
        "content needs no time"
    );
}

#[test]
fn the_entity_tag_of_a_small_file_depends_only_on_its_content() {
    let [one, other] = [Site::new(), Site::new()];
    one.file("a.txt", "same")
        .file("b.txt", "different")
        .file("c.css", "same");
    other
        .file("renamed.txt", "same")
        .modified("renamed.txt", UNIX_EPOCH);
    let [server, replica] = [&one, &other].map(|site| Server::start(site.root()));
    let tag = etag(&server.get("/a.txt")).to_owned();
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
        "{tag}"
    );
    assert_eq!(etag(&replica.get("/renamed.txt")), tag, "replicas agree");
    assert_ne!(etag(&server.get("/b.txt")), tag);
}

#[test]
fn a_small_file_just_written_has_a_strong_entity_tag() {
    let site = Site::new();
    let server = Server::start(site.root());
    let mut tags = Vec::new();
    for content in ["one", "two", "six"] {
        fs::write(site.path("a.txt"), content).unwrap();
        site.modified("a.txt", settled_time());
        tags.push(etag(&server.get("/a.txt")).to_owned());
    }
    assert!(tags.iter().all(|tag| tag.starts_with('"')), "{tags:?}");
    tags.dedup();
    assert_eq!(
        tags.len(),
        3,
        "the same size and time, and yet not the same"
    );
}

#[test]
fn the_entity_tag_depends_on_the_content_up_to_16_mib_and_on_the_times_above() {
    let site = Site::new();
    let nanosecond_later = settled_time() + Duration::from_nanos(1);
    for (size, is_content) in [(LARGE, true), (HUGE, false)] {
        let content = noise(size);
        site.file("a.bin", &content)
            .file("later.bin", &content)
            .modified("later.bin", nanosecond_later)
            .file("longer.bin", noise(size + 1));
        let server = Launch::ahead(site.root()).start();
        let names = ["/a.bin", "/later.bin", "/longer.bin"];
        let tags = names.map(|name| server.await_strong_etag(name));
        assert_eq!(tags[0] == tags[1], is_content, "{size} a nanosecond later");
        assert_ne!(tags[0], tags[2], "{size} a byte longer");
        assert_eq!(server.await_strong_etag("/a.bin"), tags[0]);
    }
}

#[test]
fn the_entity_tag_of_a_large_file_is_weak_for_two_seconds_after_a_change() {
    let site = Site::new();
    let server = Server::start(site.root());
    for size in [LARGE, HUGE] {
        let file = File::create(site.path("large.bin")).unwrap();
        file.set_len(size as u64).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        let fresh = server.get("/large.bin");
        let weak = etag(&fresh);
        assert!(weak.starts_with("W/\""), "{weak}");
        let strong = server.await_strong_etag("/large.bin");
        let modified = file.metadata().unwrap().modified().unwrap();
        let age = modified.elapsed().unwrap();
        assert!(age >= Duration::from_secs(2), "strong after {age:?}");
        if size == HUGE {
            assert_eq!(weak, format!("W/{strong}"), "it need not be sent again");
        }
    }
}

#[test]
fn the_cache_changes_no_byte_of_a_response() {
    let site = Site::small();
    site.file("large.bin", noise(LARGE)).directory("bare");
    let cached = Launch::ahead(site.root()).start();
    let uncached = Launch::ahead(site.root())
        .args(["--cache-bytes-max", "0"])
        .start();
    cached.await_strong_etag("/large.bin");
    for target in ["/", "/a.txt", "/large.bin", "/bare", "/missing"] {
        for _ in 0..2 {
            let [one, other] = [&cached, &uncached].map(|server| server.get(target));
            assert_eq!(
                one.fields_without_date(),
                other.fields_without_date(),
                "{target}"
            );
            assert!(one.content == other.content, "{target}");
        }
    }
}

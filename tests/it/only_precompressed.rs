//! Files that exist only in precompressed forms: `app.css.gz` without `app.css`.

use crate::support::{
    Launch, Response, Server, Site, gzip, gzip_of, noise, poll_until, settled_time, zstandard_of,
};
use std::{
    fs,
    time::{Duration, Instant},
};

fn accepting(server: &Server, target: &str, value: &str) -> Response {
    server.request("GET", target, &[("Accept-Encoding", value)])
}

/// Returns the status, the coding and the type.
fn kind(response: &Response) -> (u16, Option<&str>, Option<&str>) {
    let field = |name| response.field(name);
    (
        response.status,
        field("content-encoding"),
        field("content-type"),
    )
}

const CSS: Option<&str> = Some("text/css; charset=utf-8");

fn css() -> String {
    "pond { depth: 3px }\n".repeat(300)
}

#[test]
fn a_precompressed_file_without_original_is_sent_to_clients_that_accept_it_and_expanded_for_others()
{
    let site = Site::new();
    site.file("app.css.gz", gzip(css()));
    for cache in [&[][..], &["--cache-bytes-max=0"]] {
        let server = Launch::of(site.root()).args(cache).start();
        for _ in 0..2 {
            let coded = accepting(&server, "/app.css", "gzip, deflate, br");
            assert_eq!(kind(&coded), (200, Some("gzip"), CSS));
            assert!(coded.content == gzip(css()));
            assert_eq!(coded.field("vary"), Some("Accept-Encoding"));
            for codings in ["br", "identity", "", "gzip;q=0.1, identity;q=0.5"] {
                let plain = accepting(&server, "/app.css", codings);
                assert_eq!(kind(&plain), (200, None, CSS), "{codings}");
                assert_eq!(plain.text(), css(), "{codings}");
                assert_eq!(plain.field("vary"), Some("Accept-Encoding"), "{codings}");
                assert!(plain.field("last-modified").is_some(), "{codings}");
                assert_ne!(plain.field("etag"), coded.field("etag"), "{codings}");
            }
            assert_eq!(server.get("/app.css").text(), css());
            let archive = accepting(&server, "/app.css.gz", "gzip");
            assert_eq!(kind(&archive), (200, None, Some("application/gzip")));
        }
    }
}

#[test]
fn an_expanded_file_answers_preconditions_ranges_and_head_like_any_file() {
    let site = Site::new();
    let (page, length) = (css(), css().len());
    // This one is held in memory, and the next one is not.
    let large = String::from_utf8(
        noise(200_000)
            .into_iter()
            .map(|byte| b'a' + byte % 26)
            .collect(),
    )
    .unwrap();
    site.file("app.css.gz", gzip(&page))
        .file("large.css.gz", gzip(&large));
    assert!(gzip(&large).len() > 70_000);
    let server = Server::start(site.root());
    let plain = server.get("/app.css");
    let tag = plain.field("etag").unwrap();
    assert!(tag.starts_with('"'), "{tag}");
    let head = server.request("HEAD", "/app.css", &[]);
    assert_eq!(head.fields_without_date(), plain.fields_without_date());
    let unchanged = server.request("GET", "/app.css", &[("If-None-Match", tag)]);
    assert_eq!(unchanged.status, 304);
    let fields = [("Range", "bytes=5-9"), ("If-Range", tag)];
    let part = server.request("GET", "/app.css", &fields);
    assert_eq!(part.status, 206);
    assert_eq!(part.content, page.as_bytes()[5..10]);
    let range = format!("bytes 5-9/{length}");
    assert_eq!(part.field("content-range"), Some(range.as_str()));
    assert_eq!(server.get("/large.css").text(), large);
    // The tag is the same as that of a file with this content.
    site.file("app.css", &page);
    assert_eq!(server.get("/app.css").field("etag"), Some(tag));
}

#[test]
fn it_is_found_in_all_places_after_all_plain_files() {
    let site = Site::new();
    site.file("index.html.gz", gzip("start"))
        .file("guide/index.html.gz", gzip("guide"))
        .file("both/index.html.gz", gzip("coded"))
        .file("both/index.htm", "plain")
        .file("about.html.gz", gzip("about"))
        .file("404.html.gz", gzip("nothing here"))
        .file(".hidden.gz", gzip("secret"))
        .file("sub/x.txt.gz", gzip("in a directory"))
        .directory("dir.gz");
    let server = Launch::of(site.root())
        .args(["--index", "index.html", "--index", "index.htm"])
        .args(["--clean-urls", "--error-pages=true"])
        .start();
    for (target, status, text) in [
        ("/", 200, "start"),
        ("/guide/", 200, "guide"),
        ("/both/", 200, "plain"),
        ("/about", 200, "about"),
        ("/sub/x.txt", 200, "in a directory"),
        ("/missing", 404, "nothing here"),
        ("/.hidden", 404, "nothing here"),
        ("/dir", 404, "nothing here"),
    ] {
        let response = server.get(target);
        assert_eq!(
            (response.status, response.text()),
            (status, text),
            "{target}"
        );
        let coded = accepting(&server, target, "gzip");
        assert_eq!(coded.status, status, "{target}");
        if text != "plain" {
            assert_eq!(coded.gunzipped(), text.as_bytes(), "{target}");
        }
    }
    for (target, status) in [("/about.html", 301), ("/guide", 301), ("/index.html", 301)] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
    let spa = Launch::of(site.root()).arg("--spa").start();
    let fields = [("Accept", "text/html"), ("Accept-Encoding", "gzip")];
    let start = spa.request("GET", "/users/1", &fields);
    assert_eq!(start.status, 200);
    assert_eq!(start.gunzipped(), b"start");
    let plain = spa.request("GET", "/users/1", &fields[..1]);
    assert_eq!((plain.status, plain.text()), (200, "start"));
}

#[test]
fn a_client_that_does_not_accept_the_coding_gets_404_if_the_file_cannot_be_expanded() {
    let site = Site::new();
    // 20 MiB of zeros that declare their size, and the same in two members, of which the last is
    // small.
    let bomb = gzip(vec![0; 20 << 20]);
    let members = [bomb.clone(), gzip("small")].concat();
    site.file("app.css.br", noise(500))
        .file("app.css.zst", zstandard_of(100, 500))
        .file("bomb.css.gz", &bomb)
        .file("members.css.gz", &members);
    let server = Launch::of(site.root())
        .env("RUST_LOG", "info")
        .expecting(&["is not served", "another", "settings", "millpond"])
        .start();
    for target in ["/app.css", "/bomb.css", "/members.css"] {
        for codings in ["identity", "deflate", "*;q=0"] {
            let response = accepting(&server, target, codings);
            assert_eq!(response.status, 404, "{target} {codings}");
        }
    }
    server.process.await_stderr("the reason", |stderr| {
        stderr.contains("only compressed files exist").then_some(())
    });
    for (target, codings, expected) in [
        ("/app.css", "gzip, br", "br"),
        ("/app.css", "zstd, gzip", "zstd"),
        ("/app.css", "identity, br;q=0.5, zstd;q=0.6", "zstd"),
        ("/bomb.css", "gzip", "gzip"),
        ("/bomb.css", "identity, gzip;q=0.1", "gzip"),
        ("/members.css", "identity, gzip;q=0.1", "gzip"),
    ] {
        let response = accepting(&server, target, codings);
        assert_eq!(kind(&response), (200, Some(expected), CSS), "{target}");
    }
}

#[test]
fn a_damaged_file_gives_500_when_it_is_expanded() {
    let site = Site::new();
    let mut wrong = gzip(css());
    let middle = wrong.len() / 2;
    wrong[middle] ^= 0xff;
    let mut wrong_sum = gzip(css());
    let sum = wrong_sum.len() - 6;
    wrong_sum[sum] ^= 1;
    site.file("wrong.css.gz", wrong)
        .file("sum.css.gz", wrong_sum)
        .file("noise.css.gz", gzip_of(500, 400))
        .file("text.css.gz", "plain");
    let server = Launch::of(site.root())
        .expecting(&[
            "is damaged",
            "in the format of gzip",
            "only compressed files",
        ])
        .start();
    for target in ["/wrong.css", "/sum.css", "/noise.css"] {
        assert_eq!(server.get(target).status, 500, "{target}");
    }
    assert_eq!(server.get("/text.css").status, 404, "it is no gzip at all");
}

#[test]
fn a_damaged_start_page_is_replaced_by_the_error_page() {
    let site = Site::new();
    site.file("index.html.gz", gzip_of(500, 400))
        .file("404.html", "not here");
    let server = Launch::of(site.root())
        .arg("--spa")
        .expecting(&["the start page of the application, is not served: only a .gz of it"])
        .start();
    for _ in 0..2 {
        let response = server.request("GET", "/deep", &[("Accept", "text/html")]);
        assert_eq!((response.status, response.text()), (404, "not here"));
    }
}

#[test]
fn all_gzip_members_are_expanded() {
    let site = Site::new();
    let members = [gzip("first "), gzip("second"), gzip("")].concat();
    site.file("data.vcf.gz", members);
    let server = Server::start(site.root());
    assert_eq!(server.get("/data.vcf").text(), "first second");
}

#[test]
fn it_may_appear_change_and_disappear_and_the_original_takes_precedence_at_once() {
    let site = Site::new();
    site.file("other.txt", "other");
    let server = Launch::ahead(site.root()).start();
    assert_eq!(server.get("/app.css").status, 404);
    site.file("app.css.gz", gzip("first"));
    let come = Instant::now();
    let found = || (server.get("/app.css").status == 200).then_some(());
    poll_until("the coded file", found);
    assert!(come.elapsed() < Duration::from_secs(4));
    assert_eq!(server.get("/app.css").text(), "first");
    // From here on it stays in the cache.
    for _ in 0..2 {
        assert_eq!(server.get("/app.css").text(), "first");
    }
    site.replace("app.css.gz", gzip("second"));
    assert_eq!(server.get("/app.css").text(), "second");
    assert_eq!(
        accepting(&server, "/app.css", "gzip").gunzipped(),
        b"second"
    );
    site.file("app.css", "itself");
    assert_eq!(server.get("/app.css").text(), "itself");
    site.modified("app.css", settled_time() + Duration::from_secs(9));
    fs::remove_file(site.path("app.css")).unwrap();
    assert_eq!(server.get("/app.css").text(), "second");
    fs::remove_file(site.path("app.css.gz")).unwrap();
    assert_eq!(server.get("/app.css").status, 404);
}

#[test]
fn it_is_ignored_if_precompressed_files_are_off() {
    let site = Site::new();
    site.file("app.css.gz", gzip(css()));
    let server = Launch::of(site.root()).arg("--precompressed=false").start();
    assert_eq!(accepting(&server, "/app.css", "gzip").status, 404);
    assert_eq!(server.get("/app.css.gz").status, 200);
}

#[test]
fn a_link_that_leads_out_or_an_unreadable_file_is_not_served() {
    let site = Site::new();
    fs::write(site.outside("secret.gz"), gzip("secret")).unwrap();
    site.symlink("out.css.gz", "../secret.gz")
        .file("closed.css.gz", gzip("closed"))
        .mode("closed.css.gz", 0);
    let server = Launch::unprivileged(&site.root())
        .expecting(&["cannot be served for the original file", "is not served"])
        .start();
    for target in ["/out.css", "/closed.css"] {
        for codings in ["gzip", "identity"] {
            let response = accepting(&server, target, codings);
            assert_eq!(response.status, 404, "{target} {codings}");
        }
    }
}

#[test]
fn rules_and_types_apply_to_the_name_without_the_extension() {
    let site = Site::new();
    site.file("app.css.gz", gzip(css()))
        .file("model.gltf.gz", gzip("{}"));
    let settings = "[types]\ngltf = 'model/gltf+json'\n[[rule]]\npath = '/**/*.css'\nset = { X-Pond = 'deep' }\n";
    fs::write(site.outside("millpond.toml"), settings).unwrap();
    let server = Launch::of(site.root())
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .start();
    for codings in ["gzip", "identity"] {
        let styled = accepting(&server, "/app.css", codings);
        assert_eq!(styled.field("x-pond"), Some("deep"), "{codings}");
        let model = accepting(&server, "/model.gltf", codings);
        let content_type = model.field("content-type").unwrap();
        assert!(
            content_type.starts_with("model/gltf+json"),
            "{content_type}"
        );
    }
}

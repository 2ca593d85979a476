//! Attempts to get a file of one site through another.

use super::{THREE, get, launch, roots};
use std::fs;

/// The content that no request for another site may reveal.
const SECRET: &str = "xyzzy plugh";

#[test]
fn nothing_of_one_site_is_served_by_another() {
    let site = roots();
    site.file("b/secret.txt", SECRET)
        .file("b/.env", SECRET)
        .file("b/sub/secret.txt", SECRET)
        .file("b/secret.js.gz", SECRET)
        .symlink("a/link.txt", "../b/secret.txt")
        .symlink("a/absolute.txt", site.path("b/secret.txt"))
        .symlink("a/dir", "../b")
        .symlink("m/dir", site.path("b"))
        .symlink("m/index.js.gz", "../b/secret.js.gz")
        .symlink("a/403.html", "../b/secret.txt")
        .symlink("m/500.html", "../b/secret.txt");
    fs::remove_file(site.path("a/404.html")).unwrap();
    site.symlink("a/404.html", "../b/secret.txt");
    let server = launch(&site, THREE)
        .expecting(&[
            "a symbolic link leads out of the root",
            "only compressed files exist",
        ])
        .start();
    // Puts the file into the cache of its own site.
    assert_eq!(get(&server, "b.test", "/secret.txt").text(), SECRET);
    let own = get(&server, "b.test", "/secret.txt");
    let tag = own.field("etag").unwrap().to_owned();
    for request in requests(&tag) {
        let response = server.response_to("GET", &request);
        let text = String::from_utf8_lossy(&response.content);
        assert!(
            !text.contains("xyz") && !text.contains("lug"),
            "{request}{text}"
        );
        assert!(
            matches!(response.status, 400 | 404 | 421 | 403),
            "{request}{}",
            response.status
        );
        assert_ne!(response.field("etag"), Some(tag.as_str()), "{request}");
    }
    // Its own host, in any spelling, gets it.
    for host in ["B.Test", "b.test.", "b.test:1", "b.test.:65535"] {
        assert_eq!(get(&server, host, "/secret.txt").text(), SECRET, "{host}");
    }
    let absolute = with("a.test", "http://b.test/secret.txt", "X: y");
    assert_eq!(server.response_to("GET", absolute).text(), SECRET);
}

fn plain(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

fn with(host: &str, target: &str, field: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{field}\r\n\r\n")
}

/// Returns requests that might reveal the secret, whose entity tag is `tag`.
fn requests(tag: &str) -> Vec<String> {
    vec![
        plain("a.test", "/secret.txt"),
        plain("a.test", "/../b/secret.txt"),
        plain("a.test", "/%2e%2e/b/secret.txt"),
        plain("a.test", "/..%2fb%2fsecret.txt"),
        plain("a.test", "/.%2e/b/secret.txt"),
        plain("a.test", "/link.txt"),
        plain("a.test", "/absolute.txt"),
        plain("a.test", "/dir/secret.txt"),
        plain("a.test", "/dir/"),
        plain("a.test", "/none"),
        plain("a.test", "/.env"),
        plain("c.test", "/media/../secret.txt"),
        plain("c.test", "/media/../b/secret.txt"),
        plain("c.test", "/media/%2e%2e/secret.txt"),
        plain("c.test", "/media/..%2fb/secret.txt"),
        plain("c.test", "/media%2f..%2fsecret.txt"),
        plain("c.test", "/media/dir/secret.txt"),
        plain("c.test", "/media/dir/"),
        plain("c.test", "/media/index.js"),
        plain("c.test", "/media//secret.txt"),
        plain("c.test", "//b.test/secret.txt"),
        plain("c.test", "/secret.txt"),
        plain("b.test.evil", "/secret.txt"),
        plain("b%2etest", "/secret.txt"),
        plain("[::1]", "/secret.txt"),
        plain("", "/secret.txt"),
        // The host in the target counts, and not that in the field.
        with("b.test", "http://a.test/secret.txt", "X: y"),
        with("b.test", "http://c.test/media/secret.txt", "X: y"),
        with("a.test", "/secret.txt", "X-Forwarded-Host: b.test"),
        with("a.test", "/secret.txt", "Forwarded: host=b.test"),
        with("a.test", "/secret.txt", &format!("If-None-Match: {tag}")),
        with("a.test", "/secret.txt", "If-None-Match: *"),
        with("a.test", "/secret.txt", "Range: bytes=0-3"),
        with("a.test", "/link.txt", "Range: bytes=4-9"),
        with("c.test", "/media/secret.js", "Accept-Encoding: gzip"),
        with("a.test", "/deep/link", "Accept: text/html"),
        with("c.test", "/media/deep/link", "Accept: text/html"),
    ]
}

#[test]
fn files_of_the_same_name_are_kept_apart_on_one_connection() {
    let site = roots();
    let large = |root: &str| format!("{root} ").repeat(40_000);
    for root in ["a", "b", "m"] {
        site.file(format!("{root}/large.txt"), large(root));
    }
    let server = launch(&site, THREE).start();
    let mut client = server.connect();
    for _ in 0..3 {
        for (root, host, base) in [
            ("a", "a.test", ""),
            ("b", "b.test", ""),
            ("m", "c", "/media"),
        ] {
            for (name, expected) in [
                ("same.txt", format!("same of {root}")),
                ("large.txt", large(root)),
                ("", format!("index of {root}")),
            ] {
                for coding in ["identity", "gzip"] {
                    let head = format!(
                        "GET {base}/{name} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: {coding}\r\n\r\n"
                    );
                    let response = client.send(head).response_to("GET");
                    let body = match response.field("content-encoding") {
                        Some(_) => response.gunzipped(),
                        None => response.content.clone(),
                    };
                    assert_eq!(body, expected.as_bytes(), "{host}{base}/{name}");
                }
            }
        }
    }
}

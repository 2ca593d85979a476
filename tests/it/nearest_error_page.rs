//! Error pages of the nearest directory above a missing file.

use crate::support::{Launch, Response, Server, Site, poll_until};
use std::fs;
use std::process::Command;

fn text(response: &Response) -> (u16, &str) {
    (response.status, response.text())
}

#[test]
fn the_error_page_of_the_nearest_directory_is_served() {
    let site = Site::small();
    site.file("404.html", "top")
        .file("docs/404.html", "docs")
        .file("docs/a/b/c/404.html", "c")
        .file("docs/e/404.html.br", "not asked for by this client")
        .file("docs/.hidden/404.html", "hidden")
        .file(".well-known/404.html", "well known");
    site.directory("docs/a/b/d")
        .directory("docs/f/404.html")
        .symlink("link", "docs/a/b/c");
    let server = Launch::of(site.root())
        .expecting(&["no index file", "only compressed files exist"])
        .start();
    for (target, expected) in [
        ("/none", "top"),
        ("/none/none/none", "top"),
        ("/a.txt/none", "top"),
        ("/docs/", "docs"),
        ("/docs/none", "docs"),
        ("/docs/none/none/none/", "docs"),
        ("/docs/a/b/none", "docs"),
        ("/docs/a/b/c/none", "c"),
        ("/docs/a/b/c/none/none?d", "c"),
        ("/docs/a/b/d/", "docs"),
        ("/docs/%61/b/./x/../c/none", "c"),
        // It cannot be served to this client.
        ("/docs/e/none", "docs"),
        ("/docs/f/none", "docs"),
        ("/link/none", "c"),
        ("/docs/.hidden/none", "docs"),
        ("/docs/.git/a/b", "docs"),
        ("/.well-known/a/b", "well known"),
        ("/docs%2fnone", "top"),
        ("/docs/a%2fb", "top"),
    ] {
        for _ in 0..2 {
            assert_eq!(text(&server.get(target)), (404, expected), "{target}");
        }
    }
}

#[test]
fn other_errors_have_pages_of_the_nearest_directory_too() {
    let site = Site::small();
    site.file("403.html", "top").file("a/403.html", "a");
    for place in [
        "secret.txt",
        "a/secret.txt",
        "a/b/secret.txt",
        "c/secret.txt",
    ] {
        site.file(place, "secret").mode(place, 0o000);
    }
    let server = Launch::unprivileged(&site.root())
        .expecting(&["no permission to read it"])
        .start();
    for (target, expected) in [
        ("/secret.txt", "top"),
        ("/a/secret.txt", "a"),
        ("/a/b/secret.txt", "a"),
        ("/c/secret.txt", "top"),
    ] {
        assert_eq!(text(&server.get(target)), (403, expected), "{target}");
    }
}

#[test]
fn an_error_page_below_the_root_may_appear_change_and_disappear() {
    let site = Site::small();
    site.file("404.html", "top").directory("a/b");
    let server = Server::start(site.root());
    let get = || server.get("/a/b/none").text().to_owned();
    assert_eq!(get(), "top");
    site.file("a/404.html", "a");
    poll_until("the new page", || (get() == "a").then_some(()));
    site.replace("a/404.html", "changed");
    assert_eq!(get(), "changed");
    site.file("a/b/404.html", "nearer");
    poll_until("the nearer page", || (get() == "nearer").then_some(()));
    fs::remove_file(site.path("a/b/404.html")).unwrap();
    assert_eq!(get(), "changed");
    fs::remove_dir_all(site.path("a")).unwrap();
    assert_eq!(get(), "top");
}

#[test]
fn an_error_page_that_cannot_be_read_is_logged_and_the_next_one_is_served() {
    let site = Site::small();
    site.file("404.html", "top")
        .file("a/404.html", "a")
        .file("a/b/404.html", "b")
        .mode("a/b/404.html", 0o000);
    let server = Launch::unprivileged(&site.root())
        .expecting(&["no permission to read it"])
        .start();
    assert_eq!(text(&server.get("/a/b/none")), (404, "a"));
    server.process.await_stderr("the reason", |stderr| {
        let message = "\"/a/b/404.html\", the page of the error 404, is not served: the server has";
        stderr.contains(message).then_some(())
    });
}

#[test]
fn an_error_page_is_compressed_for_the_directory_that_it_is_in() {
    let site = Site::small();
    let page = |name: &str| format!("not in {name}\n").repeat(500);
    site.file("404.html", page("top"))
        .file("a/404.html", page("a"))
        .file("a/b/404.html", page("b"));
    for cache in ["0", "1000000"] {
        let server = Launch::of(site.root())
            .args(["--cache-bytes-max", cache])
            .start();
        for _ in 0..2 {
            for (target, name) in [("/none", "top"), ("/a/none", "a"), ("/a/b/none", "b")] {
                let response = server.request("GET", target, &[("Accept-Encoding", "gzip")]);
                assert_eq!(response.status, 404);
                assert_eq!(response.gunzipped(), page(name).into_bytes(), "{target}");
            }
        }
    }
}

/// A path may have thousands of segments, and all of them may exist.
#[test]
fn a_path_of_very_many_segments_takes_few_lookups() {
    let site = Site::small();
    site.file("404.html", "top")
        .directory(["d"; 900].join("/"))
        .file(format!("{}404.html", "d/".repeat(16)), "sixteenth")
        .file(format!("{}404.html", "d/".repeat(17)), "too deep");
    let server = Launch::of(site.root())
        .args(["--header-bytes-max", "16384"])
        .start();
    for (target, expected) in [
        (format!("/{}none", "d/".repeat(899)), "sixteenth"),
        (format!("/{}none", "d/".repeat(17)), "sixteenth"),
        (format!("/{}none", "d/".repeat(15)), "top"),
        (format!("/{}none", "n/".repeat(900)), "top"),
    ] {
        assert_eq!(text(&server.get(&target)), (404, expected), "{target}");
    }
}

#[test]
fn an_error_page_is_explained_with_its_path() {
    let site = Site::small();
    site.file("docs/404.html", "docs");
    let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg(site.root())
        .args(["--explain", "/docs/a/b"])
        .env_remove("RUST_LOG")
        .output()
        .expect("millpond runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        text.contains(
            "\ninstead   the page of the error 404, /docs/404.html, 4 bytes of text/html"
        ),
        "{text}"
    );
}

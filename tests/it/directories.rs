//! Directories: their index, their trailing slash, and the targets of redirects.

use crate::support::{Launch, Server, Site, assert_all, resolve};

#[test]
fn a_directory_serves_its_index() {
    let site = Site::small();
    site.file("dir/index.html", "<title>dir</title>");
    let server = Server::start(site.root());
    for (target, content) in [
        ("/", "<!doctype html><title>Start</title>"),
        ("/dir/", "<title>dir</title>"),
    ] {
        let response = server.get(target);
        assert_eq!(
            (response.status, response.text()),
            (200, content),
            "{target}"
        );
        assert_eq!(
            response.field("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
}

#[test]
fn a_directory_without_a_trailing_slash_gives_301_and_keeps_the_query() {
    let site = Site::new();
    site.directory("dir/sub dir")
        .directory("gr\u{fc}n")
        .directory("100%")
        .directory("a?b#c");
    site.directory("semi;colon")
        .directory("a:b")
        .symlink("link", "dir");
    let server = Server::start(site.root());
    let table = [
        ("/dir", "dir/"),
        ("/link", "link/"),
        ("/dir?a=b&c=%20d", "dir/?a=b&c=%20d"),
        ("/dir?", "dir/?"),
        ("/dir?//evil.example", "dir/?//evil.example"),
        ("/dir/sub%20dir", "sub%20dir/"),
        // Dot segments in the request: clients may resolve them to different directories.
        ("/./dir/../dir", "/dir/"),
        ("/dir//sub%20dir", "sub%20dir/"),
        ("/100%25", "100%25/"),
        ("/a%3Fb%23c?q", "a%3Fb%23c/?q"),
        ("/gr%C3%BCn", "gr%C3%BCn/"),
        ("/gr%c3%bcn", "gr%C3%BCn/"),
        ("/a:b", "./a:b/"),
        ("/a%3ab?c:d", "./a:b/?c:d"),
        ("http://a.example/dir?a", "dir/?a"),
    ];
    let table = table.map(|(target, location)| (target, (301, Some(location.to_owned()))));
    assert_all(table, |target| {
        let response = server.get(target);
        (
            response.status,
            response.field("location").map(str::to_owned),
        )
    });
}

#[test]
fn no_redirect_leads_to_another_host() {
    let site = Site::new();
    let names = [
        "evil.example",
        "\\evil.example",
        "\r\nX-Evil: a",
        "\t",
        "\u{1}",
        "http:",
        "@a",
        "%5c",
    ];
    for name in names {
        site.directory(name);
    }
    let server = Launch::of(site.root())
        .expecting(&["the directory has no index file"])
        .start();
    let targets = [
        "//evil.example",
        "///evil.example",
        "//evil.example?a",
        "/.//evil.example",
        "/dir/..//evil.example",
        "//evil.example/%2e",
        "//evil.example/..",
        "/\\evil.example",
        "/%5cevil.example",
        "//%5cevil.example",
        "/%5Cevil.example?a",
        "/%2fevil.example",
        "/%2f%2fevil.example",
        "/%0d%0aX-Evil:%20a",
        "/%09",
        "/%01",
        "/%09/evil.example",
        "/http:",
        "/@a",
        "/%255c",
        "http://evil.example/evil.example",
        "http://evil.example//evil.example",
        "http://evil.example//evil.example?a",
    ];
    for target in targets {
        let response = server.get(target);
        let Some(location) = response.field("location") else {
            assert!(
                [200, 400, 404].contains(&response.status),
                "{target:?}: {}",
                response.status
            );
            continue;
        };
        assert_eq!(response.status, 301, "{target:?}");
        // Neither a slash or a backslash, after which browsers may read a host, nor a scheme.
        let first = location.split(['/', '?']).next().unwrap_or_default();
        assert!(
            !first.contains(':') && !location.starts_with("//"),
            "{target:?} leads to {location:?}"
        );
        let plain = location
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        assert!(plain, "{target:?} leads to {location:?}");
        assert_eq!(
            server.get(&resolve(target, location)).status,
            404,
            "{location:?} is a directory without index"
        );
    }
}

#[test]
fn a_redirect_target_can_be_requested() {
    let site = Site::new();
    for name in [
        "\\back",
        "tab\t",
        "\"quote\"",
        "<b>",
        "%2e",
        "\u{fc}",
        "a b",
        "a:b",
        "~",
    ] {
        site.file(format!("{name}/index.html"), name);
    }
    let server = Server::start(site.root());
    let targets = [
        "/%5Cback",
        "/tab%09",
        "/%22quote%22",
        "/%3Cb%3E",
        "/%252e",
        "/%C3%BC",
        "/a%20b",
        "/a:b",
        "/a%3ab",
        "/~",
        "/%7e",
    ];
    for target in targets {
        let response = server.get(target);
        let location = response
            .field("location")
            .unwrap_or_else(|| panic!("{target}: {response:?}"));
        assert_eq!(
            server.get(&resolve(target, location)).status,
            200,
            "{target} leads to {location}"
        );
    }
}

#[test]
fn pipelined_redirects_are_each_relative_to_their_own_target() {
    let site = Site::new();
    site.file("a/b/index.html", "b").file("c/index.html", "c");
    let server = Server::start(site.root());
    let mut client = server.connect();
    let targets = ["/a/b?x", "/c", "http://other.example/a/b", "/a/../c"];
    let requests = targets.map(|target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.send(requests.concat());
    let locations = targets.map(|_| {
        client
            .response_to("GET")
            .field("location")
            .map(str::to_owned)
    });
    let expected = ["b/?x", "c/", "b/", "/c/"].map(|location| Some(location.to_owned()));
    assert_eq!(locations, expected);
}

#[test]
fn a_file_with_a_trailing_slash_gives_404() {
    let site = Site::small();
    let server = Server::start(site.root());
    for target in ["/a.txt/", "/index.html/", "/a.txt/?a", "/a.txt/."] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
}

#[test]
fn a_directory_without_an_index_gives_404_with_the_reason_in_the_log() {
    let site = Site::new();
    site.file("bare/a.txt", "alpha\n")
        .directory("odd/index.html");
    let server = Launch::of(site.root())
        .env("RUST_LOG", "debug")
        .expecting(&["is not served", "DEBUG"])
        .start();
    for target in ["/", "/bare/", "/odd/"] {
        let response = server.get(target);
        assert_eq!(response.status, 404, "{target}");
        assert!(!response.text().contains("a.txt"), "nothing is listed");
    }
    server.process.await_stderr("the reason", |stderr| {
        let mut lines = stderr.lines();
        lines
            .find(|line| line.contains("bare") && line.contains("no index file"))
            .map(|_| ())
    });
}

#[test]
fn an_index_may_be_a_symlink() {
    let site = Site::small();
    site.directory("dir").symlink("dir/index.html", "../a.txt");
    assert_eq!(Server::start(site.root()).get("/dir/").text(), "alpha\n");
}

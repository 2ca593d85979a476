//! `--explain`: the response to a request and its reasons, from the code that serves.

use crate::support::{Launch, Site, without_dates};
use std::{fs, os::unix::fs::symlink, path::Path};

/// Returns the exit code and the steps, by name, for a target in a site.
fn explain(launch: Launch, target: &str) -> (Option<i32>, Vec<(String, String)>) {
    let mut process = launch.args(["--explain", target]).spawn();
    let code = process.wait().code();
    assert_eq!(process.end(), "", "everything is on standard output");
    let steps = process
        .stdout()
        .lines()
        .map(|line| {
            let (step, what) = line.split_at(10);
            (step.trim().to_owned(), what.to_owned())
        })
        .collect();
    (code, steps)
}

fn step<'a>(steps: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let named = steps.iter().filter(|(step, _)| step == name);
    named.map(|(_, what)| what.as_str()).collect()
}

/// Creates a site in which every path has its own explanation.
fn add_explained_files(site: &Site) {
    site.file("guide/index.html", "guide")
        .file(".git/config", "hidden")
        .directory("empty")
        .symlink("out", "/etc/hostname")
        .symlink("round", "round")
        .fifo("pipe");
}

#[test]
fn every_outcome_is_explained_with_its_reason() {
    let site = Site::small();
    add_explained_files(&site);
    let too_long = format!("/{}/", "n".repeat(256));
    for (target, code, status, why) in [
        ("/", 0, "200 OK", "35 bytes of text/html; charset=utf-8"),
        ("/a.txt?x=y", 0, "200 OK", "6 bytes of text/plain"),
        ("http://a.example/a.txt", 0, "200 OK", "6 bytes"),
        ("http://a.example/a.txt#b", 0, "200 OK", "6 bytes"),
        (
            "/guide",
            0,
            "301 Moved Permanently",
            "does not end in a slash",
        ),
        ("/guide/", 0, "200 OK", "5 bytes"),
        ("/missing", 1, "404 Not Found", "no such file"),
        ("/empty/", 1, "404 Not Found", "no index file"),
        ("/a.txt/", 1, "404 Not Found", "a file, but the URL ends in"),
        (&too_long, 1, "404 Not Found", "longer than"),
        ("/.git/config", 1, "404 Not Found", "starts with a dot"),
        ("/out", 1, "404 Not Found", "leads out of the root"),
        ("/round", 1, "404 Not Found", "form a loop"),
        ("/pipe", 1, "404 Not Found", "not a regular file"),
    ] {
        let (exit, steps) = explain(Launch::of(site.root()), target);
        let finds = step(&steps, "finds").concat();
        assert!(finds.contains(why), "{target}: {steps:?}");
        let is_served = !finds.starts_with("nothing to serve: ");
        assert_eq!(is_served, status == "200 OK", "{target}: {finds}");
        assert_eq!(step(&steps, "answer"), [format!("HTTP/1.1 {status}")]);
        assert_eq!(exit, Some(code), "{target}");
    }
}

#[test]
fn requests_that_search_no_file_are_explained_too() {
    let site = Site::small();
    for (target, name, why, status) in [
        ("/a%2fb", "path", "an encoded slash", "404 Not Found"),
        ("/%zz", "path", "two hexadecimal digits", "400 Bad Request"),
        ("/a%00", "path", "an encoded NUL", "400 Bad Request"),
        (
            "/a b",
            "refused",
            "a space is written %20",
            "400 Bad Request",
        ),
        ("ftp://a/b", "refused", "neither a path", "400 Bad Request"),
        (
            "http://u@a/b",
            "refused",
            "neither a path",
            "400 Bad Request",
        ),
    ] {
        let (code, steps) = explain(Launch::bare().arg(site.root()), target);
        assert_eq!(code, Some(1), "{target}");
        assert!(
            step(&steps, name).concat().contains(why),
            "{target}: {steps:?}"
        );
        assert_eq!(
            step(&steps, "answer"),
            [format!("HTTP/1.1 {status}")],
            "{target}"
        );
        assert!(step(&steps, "looks at").is_empty(), "{target}");
    }
}

#[test]
fn a_path_may_lack_its_slash_and_a_url_of_this_machine_its_scheme() {
    let site = Site::small();
    site.file("blog/index.html", "blog").file("12:30", "noon");
    for (typed, request, status) in [
        ("blog", "GET /blog", "301 Moved Permanently"),
        ("blog/", "GET /blog/", "200 OK"),
        ("blog/?a=b#c", "GET /blog/?a=b", "200 OK"),
        ("", "GET /", "200 OK"),
        ("?q", "GET /?q", "200 OK"),
        ("*", "GET /*", "404 Not Found"),
        ("12:30", "GET /12:30", "200 OK"),
        ("none://", "GET none://", "400 Bad Request"),
        (
            "http://localhost:8080/blog/",
            "GET http://localhost:8080/blog/",
            "200 OK",
        ),
        (
            "localhost:8080/blog/",
            "GET http://localhost:8080/blog/",
            "200 OK",
        ),
        ("127.0.0.1:80", "GET http://127.0.0.1:80", "200 OK"),
        ("[::1]:80/", "GET http://[::1]:80/", "200 OK"),
        ("www.example:80/", "GET /www.example:80/", "404 Not Found"),
    ] {
        let (_, steps) = explain(Launch::bare().arg(site.root()), typed);
        assert_eq!(step(&steps, "request"), [request], "{typed}");
        assert_eq!(
            step(&steps, "answer"),
            [format!("HTTP/1.1 {status}")],
            "{typed}"
        );
    }
}

#[test]
fn each_symbolic_link_on_the_way_is_shown_including_those_of_the_root() {
    let site = Site::small();
    site.file("releases/7/page.html", "seven")
        .symlink("latest", "releases/7")
        .symlink("about.html", "latest/page.html");
    let root = site.outside("www");
    symlink("root", &root).unwrap();
    let (code, steps) = explain(Launch::bare().arg(&root), "/about.html");
    // If the temporary directory itself is behind a link, that link comes first.
    let real = fs::canonicalize(site.root()).unwrap();
    let path = |path: &Path| path.display().to_string();
    let links = step(&steps, "link");
    let expected = [
        format!("{} -> root", path(&real.with_file_name("www"))),
        format!("{} -> latest/page.html", path(&real.join("about.html"))),
        format!("{} -> releases/7", path(&real.join("latest"))),
    ];
    assert!(
        links.ends_with(&expected.each_ref().map(String::as_str)),
        "{links:?}"
    );
    assert_eq!(
        step(&steps, "looks at"),
        [path(&real.join("releases/7/page.html"))]
    );
    assert_eq!(code, Some(0));
}

#[test]
fn a_link_that_leads_out_is_shown_with_its_target() {
    let site = Site::small();
    fs::write(site.outside("secret"), "secret").unwrap();
    site.symlink("out", "../secret");
    let (code, steps) = explain(Launch::bare().arg(site.root()), "/out");
    assert_eq!(code, Some(1));
    assert!(step(&steps, "looks at").concat().ends_with("/secret"));
}

#[test]
fn the_explained_response_is_the_one_that_the_server_sends() {
    let site = Site::small();
    add_explained_files(&site);
    let server = Launch::of(site.root())
        .expecting(&["private files"])
        .start();
    for target in [
        "/",
        "/a.txt",
        "/guide",
        "/missing",
        "/.git/config",
        "/%zz",
        "/a%2fb",
    ] {
        let launch = Launch::bare().arg(site.root());
        let mut process = launch.args(["--explain", target]).spawn();
        process.wait();
        process.end();
        let explained = process.stdout();
        let (_, explained) = explained.split_once("answer    ").expect("an answer");
        let explained = explained.replace("\n          ", "\r\n");
        let sent = server.exchange(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let sent = String::from_utf8(sent).unwrap();
        let (sent, _) = sent.split_once("\r\n\r\n").expect("a head");
        let same = without_dates(explained.trim_end().as_bytes()) == without_dates(sent.as_bytes());
        assert!(
            same,
            "{target} is explained as\n{explained}\nand sent as\n{sent}"
        );
    }
}

#[test]
fn explanations_respect_the_settings() {
    let site = Site::small();
    let launch = || {
        Launch::bare()
            .arg(site.root())
            .args(["--allowed-hosts", "a.example"])
    };
    let (code, steps) = explain(launch(), "/a.txt");
    assert_eq!((code, step(&steps, "host")), (Some(0), vec!["a.example"]));
    let (code, steps) = explain(launch(), "http://b.example/a.txt");
    assert_eq!(code, Some(1));
    assert_eq!(
        step(&steps, "host"),
        ["b.example is not one of the hosts that are answered"]
    );
    assert_eq!(step(&steps, "answer"), ["HTTP/1.1 421 Misdirected Request"]);

    let launch = Launch::bare().arg(site.root());
    let launch = launch.args(["--url-bytes-max", "64"]);
    let (_, steps) = explain(launch, &format!("/{}", "a".repeat(64)));
    assert_eq!(step(&steps, "answer"), ["HTTP/1.1 414 URI Too Long"]);
    assert!(step(&steps, "refused").concat().contains("url-bytes-max"));
}

#[test]
fn a_file_that_may_not_be_read_is_403() {
    let site = Site::small();
    site.mode("a.txt", 0o000);
    let (code, steps) = explain(Launch::unprivileged(&site.root()), "/a.txt");
    assert_eq!(code, Some(1));
    assert_eq!(step(&steps, "answer"), ["HTTP/1.1 403 Forbidden"]);
    assert!(
        step(&steps, "finds")
            .concat()
            .contains("no permission to read it")
    );
    if rustix::process::geteuid().is_root() {
        let launch = Launch::bare().arg(site.root());
        let (_, steps) = explain(launch.args(["--user", "65534:65534"]), "/a.txt");
        assert_eq!(step(&steps, "answer"), ["HTTP/1.1 403 Forbidden"]);
    }
}

#[test]
fn no_name_can_send_escape_sequences_to_a_terminal() {
    let site = Site::small();
    site.symlink("evil", "a\u{1b}]0;title\u{7}\nb");
    let (_, steps) = explain(Launch::bare().arg(site.root()), "/evil");
    assert!(
        step(&steps, "link")
            .concat()
            .contains("-> a\u{fffd}]0;title\u{fffd}\u{fffd}b")
    );
}

#[test]
fn a_missing_root_gives_one_sentence() {
    let site = Site::new();
    let launch = Launch::bare().arg(site.path("missing"));
    let mut process = launch.args(["--explain", "/"]).spawn();
    assert_eq!(process.wait().code(), Some(1));
    let said = process.end();
    assert!(
        said.lines().count() == 1 && said.contains("missing"),
        "{said}"
    );
    assert_eq!(process.stdout(), "");
}

#[test]
fn the_codings_of_a_file_are_shown() {
    let site = Site::small();
    site.file("app.js", "plain")
        .file("app.js.br", "coded")
        .file("long.js", "let pond;\n".repeat(200))
        .file("long.js.br", "closed")
        .file("closed.txt", "plain")
        .file("closed.txt.gz", "closed")
        .mode("long.js.br", 0)
        .mode("closed.txt.gz", 0);
    for (target, codings) in [
        ("/app.js", &["br, for clients that accept them"][..]),
        (
            "/long.js",
            &[if cfg!(feature = "brotli") {
                "br made on request, gzip made on request, for clients that accept them"
            } else {
                "gzip made on request, for clients that accept them"
            }],
        ),
        ("/closed.txt", &[]),
        ("/a.txt", &[]),
    ] {
        let (_, steps) = explain(Launch::unprivileged(&site.root()), target);
        assert_eq!(step(&steps, "codings"), codings, "{target}");
    }
}

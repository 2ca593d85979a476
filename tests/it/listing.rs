//! Directory listings: their entries, formats and orders.

use crate::support::{Launch, Server, Site, noise};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
};

const JSON: (&str, &str) = ("Accept", "application/json");

fn listing(site: &Site) -> Server {
    Launch::of(site.root()).arg("--listing").start()
}

/// Returns the entries of a listing as JSON.
#[track_caller]
fn entries(server: &Server, target: &str) -> Vec<Value> {
    let response = server.request("GET", target, &[JSON]);
    assert_eq!(response.status, 200, "{target}");
    let json: Value = serde_json::from_slice(&response.content).expect("it is JSON");
    json["entries"].as_array().expect("a list").clone()
}

#[track_caller]
fn names(server: &Server, target: &str) -> Vec<String> {
    let name = |entry: Value| entry["name"].as_str().expect("a name").to_owned();
    entries(server, target).into_iter().map(name).collect()
}

/// Returns the references in a page that lead into the directory itself.
fn references(page: &str) -> Vec<String> {
    let rows = page.split("\n<tr class=").skip(1);
    let links = rows.filter_map(|row| row.split_once("<a href=\""));
    links
        .map(|(_, link)| link.split_once('"').expect("a closing quote").0)
        .filter(|reference| !reference.starts_with("../"))
        .map(|reference| reference.replace("&amp;", "&"))
        .collect()
}

#[test]
fn directories_are_listed_only_if_the_option_is_on() {
    let site = Site::new();
    site.file("dir/a.txt", "alpha\n");
    let server = Launch::of(site.root())
        .expecting(&["no index file"])
        .start();
    for target in ["/", "/dir/"] {
        let response = server.request("GET", target, &[JSON]);
        assert_eq!(response.status, 404, "{target}");
        assert!(!response.text().contains("a.txt"));
    }
    drop(server);
    let server = listing(&site);
    assert_eq!(names(&server, "/"), ["dir"]);
    assert_eq!(names(&server, "/dir/"), ["a.txt"]);
    assert_eq!(server.get("/nowhere/").status, 404);
    assert_eq!(server.get("/dir/a.txt/").status, 404);
}

#[test]
fn an_index_file_takes_precedence_over_a_listing() {
    let site = Site::small();
    site.file("dir/a.txt", "alpha\n");
    let server = Launch::of(site.root())
        .arg("--listing")
        .expecting(&["not a regular file"])
        .start();
    let response = server.request("GET", "/", &[JSON]);
    assert_eq!(response.text(), "<!doctype html><title>Start</title>");
    assert_eq!(response.field("vary"), None, "there is nothing to choose");
    let redirect = server.get("/dir?sort=size");
    assert_eq!(redirect.field("location"), Some("dir/?sort=size"));
    assert!(server.get("/dir/").text().contains("a.txt"));
    // An unreadable index file is not skipped either.
    site.fifo("dir/index.html");
    let response = server.get("/dir/");
    assert_eq!(response.status, 404);
}

#[test]
fn names_of_any_bytes_are_shown_safely_and_their_links_work() {
    let names: [&[u8]; 19] = [
        b"a b",
        b"<b>&\"'",
        b"&lt;",
        b"javascript:alert(1)",
        b"a:b",
        b"\\\\host\\x",
        b"?q#f",
        b"100%",
        b"%2e%2e",
        b"%ff",
        b"\xff\xfe",
        b"caf\xc3\xa9",
        b"\r\nX: y",
        b"\x01\x1b[31m",
        b"\xe2\x80\xaegpj.exe",
        b" ",
        b"-",
        b"~",
        &[b'x'; 255],
    ];
    let site = Site::new();
    for name in names {
        site.file(OsStr::from_bytes(name), name);
        let directory = [b"in ", &name[..name.len().min(250)]].concat();
        let inner = [&directory, &b"/"[..], b"inner"].concat();
        site.file(OsStr::from_bytes(&inner), name);
    }
    let server = listing(&site);
    let page = server.get("/");
    assert!(
        page.content
            .iter()
            .all(|byte| *byte == b'\n' || *byte >= b' '),
        "no control character is left"
    );
    let page = page.text();
    assert!(!page.contains("<b>") && !page.contains("\u{202e}"));
    let from_page = references(page);
    let entries = entries(&server, "/");
    assert_eq!((from_page.len(), entries.len()), (38, 38));
    let mut found = Vec::new();
    for (entry, reference) in entries.iter().zip(&from_page) {
        let href = entry["href"].as_str().unwrap();
        assert_eq!(href, reference, "both forms agree");
        match entry["kind"].as_str() {
            Some("file") => {
                let response = server.get(&format!("/{reference}"));
                assert_eq!(response.status, 200, "{reference}");
                assert_eq!(entry["size"], response.content.len());
                let name = String::from_utf8_lossy(&response.content);
                assert_eq!(entry["name"], *name);
                found.push(response.content);
            }
            Some("directory") => {
                let inner = server.get(&format!("/{reference}inner"));
                assert_eq!(inner.status, 200, "{reference}");
            }
            kind => panic!("{kind:?}"),
        }
    }
    found.sort();
    let mut expected = names.map(<[u8]>::to_vec);
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn files_that_would_be_rejected_are_not_listed() {
    let site = Site::new();
    site.file("open.txt", "a")
        .file("open/a.txt", "a")
        .file("closed.txt", "secret")
        .file("closed/a.txt", "secret")
        .file(".hidden", "secret")
        .file(".git/config", "secret")
        .file(".well-known/security.txt", "for programs")
        .fifo("fifo")
        .symlink("dangling", "nowhere")
        .symlink("circle", "circle")
        .symlink("out", "/etc/passwd")
        .symlink("out-directory", "/etc")
        .symlink("up", "..")
        .symlink("to-hidden", ".hidden")
        .symlink("to-closed", "closed.txt")
        .symlink("in", "open.txt")
        .symlink("in-directory", "open")
        .symlink("absolute", site.path("open.txt"))
        .mode("closed.txt", 0o000)
        .mode("closed", 0o000);
    let _socket = UnixListener::bind(site.path("socket")).unwrap();
    let server = Launch::unprivileged(&site.root())
        .arg("--listing")
        .expecting(&["is not served", "private files"])
        .start();
    let listed = names(&server, "/");
    assert_eq!(
        listed,
        [
            "in-directory",
            "open",
            "absolute",
            "in",
            "open.txt",
            // The link makes the hidden file public under another name.
            "to-hidden"
        ]
    );
    for entry in entries(&server, "/") {
        let href = entry["href"].as_str().unwrap();
        assert_eq!(
            server.get(&format!("/{href}")).status,
            200,
            "{href} is served"
        );
    }
    for entry in fs::read_dir(site.root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !listed.contains(&name) && name != ".well-known" {
            let slashed = server.get(&format!("/{name}/")).status;
            let plain = server.get(&format!("/{name}")).status;
            assert!(slashed != 200 && plain != 200, "{name} is not served");
        }
    }
    // A directory that may be entered but not read can serve files, but has no listing.
    site.mode("open", 0o111);
    assert_eq!(server.get("/open/a.txt").status, 200);
    assert_eq!(server.get("/open/").status, 403);
    site.mode("open", 0o755).mode("closed", 0o755);
}

#[test]
fn a_link_is_listed_as_its_target() {
    let site = Site::new();
    site.file("a.txt", noise(5000)).directory("dir");
    site.symlink("link.png", "a.txt").symlink("folder", "dir");
    let server = listing(&site);
    let entries = entries(&server, "/");
    let results: Vec<_> = entries
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), &entry["size"]))
        .collect();
    assert_eq!(
        results,
        [
            ("dir", &Value::Null),
            ("folder", &Value::Null),
            ("a.txt", &Value::from(5000)),
            ("link.png", &Value::from(5000))
        ]
    );
}

#[test]
fn the_query_selects_the_order() {
    let site = Site::new();
    site.file("b", noise(20)).file("a10", noise(30));
    site.file("a9", noise(10)).directory("z");
    let server = listing(&site);
    for (query, expected) in [
        ("", "z a9 a10 b"),
        ("?sort=name&order=desc", "z b a10 a9"),
        ("?sort=size", "z a9 b a10"),
        ("?sort=size&order=desc&other", "z a10 b a9"),
        ("?sort=nothing&order=sideways", "z a9 a10 b"),
    ] {
        assert_eq!(
            names(&server, &format!("/{query}")).join(" "),
            expected,
            "{query}"
        );
    }
    // Invalid values leave no trace in the page.
    let page = |target| server.get(target).content;
    assert_eq!(page("/?sort=<script>"), page("/"));
    assert_eq!(
        page("/?order=desc&x=y&sort=size"),
        page("/?sort=size&order=desc")
    );
}

#[test]
fn json_lists_all_entries() {
    let site = Site::new();
    site.file("a b/c/d.txt", "delta")
        .directory("a b/c/e")
        .file("a b/c/f.png", noise(1000));
    let server = listing(&site);
    let response = server.request("GET", "/a%20b/c/?sort=size&order=desc", &[JSON]);
    let json: Value = serde_json::from_slice(&response.content).unwrap();
    let time = "2024-01-02T03:04:05Z";
    assert_eq!(json["path"], "/a%20b/c/");
    assert_eq!(
        (&json["sort"], &json["order"]),
        (&"size".into(), &"desc".into())
    );
    assert_eq!(
        (&json["directories"], &json["files"]),
        (&1.into(), &2.into())
    );
    assert_eq!(
        (&json["bytes"], &json["cut"]),
        (&1005.into(), &false.into())
    );
    assert_eq!(
        json["entries"][1],
        serde_json::json!({
            "name": "f.png", "href": "f.png", "kind": "file", "type": "image/png",
            "size": 1000, "modified": time
        })
    );
    assert_eq!(json["entries"][2]["type"], "text/plain; charset=utf-8");
    assert_eq!(json["entries"][0]["kind"], "directory");
    assert_eq!(json["entries"].as_array().unwrap().len(), 3);
}

#[test]
fn listed_types_are_those_that_files_are_served_with() {
    let site = Site::new();
    for name in ["a.log", "A.LOG", "b.txt", "c.tar", "data", "plain"] {
        site.file(format!("in/{name}"), "a");
    }
    let settings = "listing = true\n\
         [types]\n\
         log = 'text/x-log'\n\
         [[rule]]\n\
         path = '/in/data'\n\
         set = { Content-Type = 'application/json', X-A = 'b' }\n\
         [[rule]]\n\
         path = '/in/*.tar'\n\
         set = { Content-Type = 'application/x-one' }\n\
         [[rule]]\n\
         path = '/**/c.*'\n\
         set = { Content-Type = 'application/x-two' }\n\
         [[rule]]\n\
         path = '/data'\n\
         set = { Content-Type = 'text/x-other' }\n";
    fs::write(site.outside("m.toml"), settings).unwrap();
    let server = Launch::of(site.root())
        .arg("--config")
        .arg(site.outside("m.toml"))
        .start();
    let mut results = Vec::new();
    for entry in entries(&server, "/in/") {
        let name = entry["name"].as_str().unwrap();
        let listed = entry["type"].as_str().unwrap().to_owned();
        let response = server.get(&format!("/in/{name}"));
        assert_eq!(Some(&*listed), response.field("content-type"), "{name}");
        results.push(listed);
    }
    assert!(results.contains(&"text/x-log; charset=utf-8".to_owned()));
    assert!(results.contains(&"application/x-two".to_owned()));
    assert!(results.contains(&"application/json".to_owned()));
    let page = server.get("/in/");
    let row = "<tr class=\"text\"><th scope=\"row\"><a href=\"a.log\">";
    assert!(page.text().contains(row), "{}", page.text());
}

#[test]
fn changes_are_seen_at_once() {
    let site = Site::new();
    let server = listing(&site);
    assert_eq!(names(&server, "/"), [""; 0]);
    assert!(server.get("/").text().contains("This folder is empty."));
    for number in 0..20 {
        site.file(format!("{number:02}"), "a");
        assert_eq!(names(&server, "/").len(), number + 1);
    }
    fs::remove_file(site.path("07")).unwrap();
    fs::rename(site.path("08"), site.path("new")).unwrap();
    let names = names(&server, "/");
    assert!(names.contains(&"new".to_owned()) && names.len() == 19);
}

#[test]
fn a_readme_is_shown_safely() {
    let site = Site::new();
    let text = "# Hello *you*\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1)) [b](b.txt)";
    site.file("docs/README.md", text);
    site.file("plain/readme", "<b>text</b>");
    site.file("both/README.txt", "the text")
        .file("both/ReadMe.md", "the *markdown*");
    site.directory("none").directory("out");
    site.outside("secret.md");
    fs::write(site.outside("secret.md"), "secret").unwrap();
    symlink(site.outside("secret.md"), site.path("out/README.md")).unwrap();
    let server = listing(&site);
    let page = server.get("/docs/");
    let page = page.text();
    assert!(
        page.contains("<h2 id=\"hello-you\">Hello <em>you</em></h2>"),
        "{page}"
    );
    assert!(page.contains("<a href=\"b.txt\">b</a>"));
    // One script is the page's own.
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("javascript:"));
    for (target, content) in [
        ("/plain/", "<pre>&lt;b&gt;text&lt;/b&gt;</pre>"),
        ("/both/", "the <em>markdown</em>"),
    ] {
        let page = server.get(target);
        assert!(page.text().contains(content), "{target}");
    }
    for target in ["/none/", "/out/"] {
        assert!(!server.get(target).text().contains("id=\"readme\""));
    }
    assert!(
        !server
            .request("GET", "/docs/", &[JSON])
            .text()
            .contains("Hello")
    );
}

#[test]
fn a_listing_can_be_explained() {
    let site = Site::new();
    site.file("a.txt", "alpha\n");
    let mut process = Launch::of(site.root())
        .args(["--listing", "--explain", "/"])
        .spawn();
    assert!(process.wait().success());
    assert_eq!(process.end(), "");
    let results = process.stdout();
    let expected = "finds     a directory without an index file, which is listed in ";
    assert!(results.contains(expected), "{results}");
    assert!(results.contains("answer    HTTP/1.1 200 OK"));
}

//! The file that a URL leads to: index files with several names, and clean URLs.

use crate::support::{Client, Launch, Response, Server, Site, assert_all, resolve};
use std::{fs, mem};

/// Returns the status, and the target of a redirect or else the content.
fn outcome(server: &Server, target: &str) -> (u16, String) {
    let response = server.get(target);
    let location = response.field("location");
    let location = location.map(|location| resolve(target, location));
    let what = location.unwrap_or_else(|| response.text().to_owned());
    (response.status, what)
}

/// Creates a site whose files contain their own names.
fn site(names: &[&str]) -> Site {
    let site = Site::new();
    for name in names {
        site.file(name, name);
    }
    site
}

#[test]
fn the_first_existing_index_file_is_served() {
    let site = site(&[
        "index.htm",
        "both/index.html",
        "both/index.htm",
        "old/default.htm",
    ]);
    site.directory("odd/index.html")
        .file("odd/index.htm", "odd");
    let server = Launch::of(site.root())
        .args(["--index", "index.html", "--index", "index.htm"])
        .expecting(&["no index file"])
        .start();
    let table = [
        ("/", (200, "index.htm")),
        ("/both/", (200, "both/index.html")),
        ("/odd/", (200, "odd")),
        ("/both/index.htm", (200, "both/index.htm")),
    ];
    let table = table.map(|(target, (status, what))| (target, (status, what.to_owned())));
    assert_all(table, |target| outcome(&server, target));
    assert_eq!(server.get("/old/").status, 404);
}

#[test]
fn a_new_or_removed_index_file_changes_the_next_response() {
    let site = site(&["index.htm"]);
    let server = Launch::of(site.root())
        .args(["--index", "index.html", "--index", "index.htm"])
        .start();
    assert_eq!(outcome(&server, "/"), (200, "index.htm".to_owned()));
    site.file("index.html", "index.html");
    assert_eq!(outcome(&server, "/"), (200, "index.html".to_owned()));
    fs::remove_file(site.path("index.html")).unwrap();
    assert_eq!(outcome(&server, "/"), (200, "index.htm".to_owned()));
}

#[test]
fn directories_have_no_index_without_index_names() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .env("MILLPOND_INDEX", "")
        .expecting(&["no index file"])
        .start();
    assert_eq!(server.get("/").status, 404);
    assert_eq!(server.get("/index.html").status, 200);
}

#[test]
fn clean_urls_are_off_by_default() {
    let site = site(&["about.html"]);
    let server = Server::start(site.root());
    assert_eq!(server.get("/about").status, 404);
    assert_eq!(server.get("/about.html").status, 200);
}

#[test]
fn a_page_has_one_clean_url_and_its_other_urls_redirect_there() {
    let site = site(&[
        "index.html",
        "about.html",
        "guide/index.html",
        "blog.html",
        "blog/first.html",
        "both.html",
        "both/index.html",
        "taken",
        "taken.html",
        "a.b.html",
        "app.js",
        "gr\u{fc}n %.html",
        "nested/index/index.html",
    ]);
    let server = Launch::of(site.root()).arg("--clean-urls").start();
    let table = [
        ("/", (200, "index.html")),
        ("/index.html?a=b", (301, "/?a=b")),
        ("/index", (301, "/")),
        ("/about", (200, "about.html")),
        ("/about?a", (200, "about.html")),
        ("/about.html?a=b&c=//d", (301, "/about?a=b&c=//d")),
        ("/about/?a=b", (301, "/about?a=b")),
        ("/guide", (301, "/guide/")),
        ("/guide/", (200, "guide/index.html")),
        ("/guide/index.html", (301, "/guide/")),
        ("/guide/index", (301, "/guide/")),
        // A page takes precedence over the directory with its name, which holds the pages below it.
        ("/blog", (200, "blog.html")),
        ("/blog/", (301, "/blog")),
        ("/blog/first", (200, "blog/first.html")),
        // If both have a page, each has its own URL.
        ("/both", (200, "both.html")),
        ("/both/", (200, "both/index.html")),
        ("/both.html", (301, "/both")),
        // A URL that belongs to one file cannot belong to another.
        ("/taken", (200, "taken")),
        ("/taken.html", (200, "taken.html")),
        ("/a.b", (200, "a.b.html")),
        ("/app.js", (200, "app.js")),
        ("/gr%c3%bcn%20%25.html", (301, "/gr%C3%BCn%20%25")),
        ("/gr%c3%bcn%20%25", (200, "gr\u{fc}n %.html")),
        ("//about.html", (301, "//about")),
        ("/x/../about/", (301, "/about")),
        ("/nested/index/", (200, "nested/index/index.html")),
        ("/nested/index/index.html", (301, "/nested/index/")),
    ];
    let table = table.map(|(target, (status, what))| (target, (status, what.to_owned())));
    assert_all(table, |target| outcome(&server, target));
    for target in ["/taken/", "/about.htm", "/about.html/", "/app", "/index/"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
}

#[test]
fn a_redirect_to_a_clean_url_ends_at_a_file_with_any_combination_of_files() {
    let names = [
        "a",
        "a.html",
        "a/index.html",
        "index.html",
        "index.htm",
        "index/index.html",
        "a.html.html",
        "index.html.html",
    ];
    let targets = [
        "",
        "a",
        "a/",
        "a.html",
        "a.html/",
        "a/index",
        "a/index.html",
        "index",
        "index/",
        "index.html",
        "index.htm",
        "index/index.html",
        "a.html.html",
        "index.html.html",
    ];
    let site = Site::new();
    // Each combination of files has its own directory, named by its number.
    let choices: Vec<_> = (0..1_u32 << names.len())
        .filter(|choice| choice & 0b101 != 0b101)
        .collect();
    for choice in &choices {
        site.directory(choice.to_string());
        for (bit, name) in names
            .iter()
            .enumerate()
            .filter(|(bit, _)| choice >> bit & 1 == 1)
        {
            site.file(format!("{choice}/{name}"), format!("{choice} {bit} {name}"));
        }
    }
    let server = Launch::of(site.root())
        .arg("--clean-urls")
        .args(["--index", "index.html", "--index", "index.htm"])
        .expecting(&["is not served"])
        .start();
    let mut client = server.connect();
    for choice in choices {
        for target in targets {
            let (hops, at, response) = follow(&mut client, format!("/{choice}/{target}"));
            // A redirect may lead to a directory without an index.
            let only_slash = hops
                .iter()
                .all(|hop| !hop.ends_with('/') && at == format!("{hop}/"));
            assert!(
                response.status == 200 || only_slash,
                "{hops:?} leads to {at}"
            );
            if response.status == 200 {
                assert!(response.text().starts_with(&format!("{choice} ")), "{at}");
            }
        }
    }
}

/// Returns the URLs that redirect, the final URL, and its response.
fn follow(client: &mut Client, target: String) -> (Vec<String>, String, Response) {
    let (mut at, mut hops) = (target, Vec::new());
    loop {
        client.send(format!("GET {at} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = client.response_to("GET");
        match response.field("location") {
            None => return (hops, at, response),
            Some(location) => {
                let next = resolve(&at, location);
                hops.push(mem::replace(&mut at, next));
            }
        }
        assert!(hops.len() <= 2, "{hops:?} leads on to {at}");
    }
}

#[test]
fn the_redirects_of_clean_urls_are_relative_so_a_proxy_may_strip_a_prefix() {
    let site = site(&["index.html", "about.html", "guide/index.html", "a:b.html"]);
    let server = Launch::of(site.root()).arg("--clean-urls").start();
    let table = [
        ("/about.html", "about"),
        ("/about.html?a=/b:c", "about?a=/b:c"),
        ("/about/", "../about"),
        ("/about//?a", "../../about?a"),
        ("/index.html", "./"),
        ("/index?", "./?"),
        ("/guide", "guide/"),
        ("/guide/index.html", "./"),
        ("/guide/index", "./"),
        ("/a:b.html", "./a:b"),
        ("/a:b/", "../a:b"),
        // Dot segments in the request: clients may resolve them to different directories.
        ("/about/.", "/about"),
        ("/guide/../about/%2e", "/about"),
    ];
    let table = table.map(|(target, location)| (target, Some(location.to_owned())));
    assert_all(table, |target| {
        let response = server.get(target);
        let location = response.field("location")?.to_owned();
        // The page links to the same target as the field.
        let link = format!("<a href=\"{}\">", location.replace('&', "&amp;"));
        assert!(response.text().contains(&link), "{target}");
        assert_eq!(server.get(&resolve(target, &location)).status, 200);
        Some(location)
    });
}

#[test]
fn a_clean_url_does_not_reveal_hidden_files() {
    let site = site(&[".well-known.html", ".hidden.html", "a/.html", "in/a.html"]);
    site.fifo("pipe.html")
        .symlink("out.html", site.outside("secret"));
    fs::write(site.outside("secret"), "secret").unwrap();
    let server = Launch::of(site.root())
        .arg("--clean-urls")
        .expecting(&["is not served"])
        .start();
    for target in [
        "/.well-known",
        "/.well-known/",
        "/.hidden",
        "/a/",
        "/a/.html",
        "/pipe",
        "/out",
        "/pipe/",
    ] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
}

#[test]
fn a_directory_is_found_even_if_a_page_with_its_name_would_have_too_long_a_name() {
    let site = Site::new();
    let names: Vec<_> = (250..=255).map(|length| "n".repeat(length)).collect();
    for name in &names {
        site.file(format!("{name}/a.txt"), "alpha");
    }
    let server = Launch::of(site.root())
        .args(["--clean-urls", "--listing"])
        .start();
    for name in &names {
        let redirect = (301, format!("/{name}/"));
        assert_eq!(outcome(&server, &format!("/{name}")), redirect);
        let (status, listing) = outcome(&server, &format!("/{name}/"));
        assert_eq!(status, 200, "{}", name.len());
        assert!(listing.contains("a.txt"));
    }
    for length in [251, 255, 256] {
        let absent = "m".repeat(length);
        assert_eq!(server.get(&format!("/{absent}")).status, 404);
        assert_eq!(server.get(&format!("/{absent}/")).status, 404);
    }
}

#[test]
fn a_directory_named_like_a_page_or_an_index_is_not_served_as_one() {
    let site = Site::new();
    site.file("alone.html/a.txt", "alpha")
        .file("both.html/a.txt", "alpha")
        .file("both/b.txt", "beta")
        .file("odd/index.html/c.txt", "gamma");
    let args = ["--clean-urls", "--listing"];
    let server = Launch::of(site.root()).args(args).start();
    let table = [
        ("/alone", (404, "")),
        ("/alone/", (404, "")),
        ("/alone.html", (301, "/alone.html/")),
        ("/alone.html/", (200, "a.txt")),
        ("/both", (301, "/both/")),
        ("/both/", (200, "b.txt")),
        ("/odd", (301, "/odd/")),
        ("/odd/", (200, "index.html")),
        ("/odd/index", (404, "")),
        ("/odd/index.html", (301, "/odd/index.html/")),
        ("/odd/index.html/", (200, "c.txt")),
    ];
    for (target, (status, what)) in table {
        let outcome = outcome(&server, target);
        assert_eq!(outcome.0, status, "{target}");
        assert!(outcome.1.contains(what), "{target}: {}", outcome.1);
    }
}

#[test]
fn a_clean_url_is_current_in_each_tick() {
    let site = site(&["about.html"]);
    let server = Launch::of(site.root()).arg("--clean-urls").start();
    let current = || outcome(&server, "/about");
    assert_eq!(current(), (200, "about.html".to_owned()));
    site.replace("about.html", "anew");
    assert_eq!(current(), (200, "anew".to_owned()));
    fs::remove_file(site.path("about.html")).unwrap();
    assert_eq!(current().0, 404);
    site.file("about.html", "again");
    assert_eq!(current(), (200, "again".to_owned()));
}

#[test]
fn preconditions_apply_to_clean_urls() {
    let site = site(&["about.html"]);
    let server = Launch::ahead(site.root()).arg("--clean-urls").start();
    let etag = server.await_strong_etag("/about");
    let response = server.request("GET", "/about", &[("If-None-Match", &etag)]);
    assert_eq!(response.status, 304);
    let moved = server.request("GET", "/about.html", &[("If-None-Match", &etag)]);
    assert_eq!((moved.status, moved.field("etag")), (301, None));
}

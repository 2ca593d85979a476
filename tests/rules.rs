//! Rules of the settings file: fields by path, redirects, and media types.

mod support;

use rustix::process::Signal;
use std::{fs, process::Command};
use support::{Launch, Server, Site, assert_all};

/// A server of the site with this file of settings.
fn start(site: &Site, settings: &str) -> Server {
    launch(site, settings).start()
}

fn launch(site: &Site, settings: &str) -> Launch {
    fs::write(site.outside("millpond.toml"), settings).expect("a file can be written");
    Launch::of(site.root())
        .arg("--config")
        .arg(site.outside("millpond.toml"))
}

/// What `--explain` prints for a target.
fn explanation(site: &Site, settings: &str, target: &str) -> String {
    fs::write(site.outside("millpond.toml"), settings).expect("a file can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg(site.root())
        .arg("--config")
        .arg(site.outside("millpond.toml"))
        .args(["--explain", target])
        .env_remove("RUST_LOG")
        .output()
        .expect("millpond runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

const IMMUTABLE: &str = "max-age=31536000, immutable";

#[test]
fn a_rule_sets_and_removes_fields_by_path() {
    let site = Site::small();
    site.file("assets/app.js", "1")
        .file("guide/index.html", "guide");
    let server = start(
        &site,
        "[[rule]]\n\
         path = '/**'\n\
         set = { Cache-Control = 'max-age=60', X-Frame-Options = 'DENY' }\n\
         [[rule]]\n\
         path = ['/**/*.html', '/none']\n\
         set = { Content-Security-Policy = \"default-src 'self'\" }\n\
         remove = 'x-content-type-options'\n\
         [[rule]]\n\
         path = '/assets/**'\n\
         remove = ['X-Frame-Options']\n\
         set = { cache-control = 'max-age=31536000, immutable' }\n",
    );
    let names = [
        "cache-control",
        "x-frame-options",
        "content-security-policy",
        "x-content-type-options",
    ];
    let csp = Some("default-src 'self'");
    let table = [
        (
            "/a.txt",
            [Some("max-age=60"), Some("DENY"), None, Some("nosniff")],
        ),
        (
            "/assets/app.js",
            [Some(IMMUTABLE), None, None, Some("nosniff")],
        ),
        // By the place of the file, though not by the address.
        ("/", [Some("max-age=60"), Some("DENY"), csp, None]),
        ("/guide/", [Some("max-age=60"), Some("DENY"), csp, None]),
    ];
    let table =
        table.map(|(target, values)| (target, values.map(|value| value.map(str::to_owned))));
    assert_all(table, |target| {
        let response = server.get(target);
        assert_eq!(response.status, 200);
        for name in names {
            let lines = response
                .fields
                .iter()
                .filter(|(other, _)| other.eq_ignore_ascii_case(name));
            assert!(lines.count() <= 1, "{name} of {target} stands once");
        }
        names.map(|name| response.field(name).map(str::to_owned))
    });
}

#[test]
fn fields_of_a_rule_reach_304_206_and_head_but_a_304_describes_no_content() {
    let site = Site::small();
    let server = start(
        &site,
        "[[rule]]\n\
         path = '/a.txt'\n\
         [rule.set]\n\
         Cache-Control = 'max-age=60'\n\
         Strict-Transport-Security = 'max-age=1'\n\
         Content-Language = 'en'\n\
         Content-Disposition = 'attachment'\n\
         Expires = '0'\n\
         Vary = 'Origin'\n",
    );
    let names = [
        "Cache-Control",
        "Strict-Transport-Security",
        "Expires",
        "Vary",
        "Content-Language",
        "Content-Disposition",
    ];
    let found = |method: &str, fields: &[(&str, &str)]| {
        let response = server.request(method, "/a.txt", fields);
        let names = names.iter().filter(|name| response.field(name).is_some());
        (response.status, names.count())
    };
    let etag = server.await_strong_etag("/a.txt");
    assert_eq!(found("GET", &[]), (200, 6));
    assert_eq!(found("HEAD", &[]), (200, 6));
    assert_eq!(found("GET", &[("Range", "bytes=1-2")]), (206, 6));
    assert_eq!(found("GET", &[("Range", "bytes=0-0,2-3")]), (206, 6));
    assert_eq!(found("GET", &[("If-None-Match", &etag)]), (304, 4));
}

#[test]
fn a_rule_is_about_successes_unless_it_says_what_about() {
    let site = Site::small();
    site.file("404.html", "not here").directory("dir");
    let rule = |on: &str| {
        format!(
            "[[rule]]\npath = '/**'\nset = {{ X-Rule = '1', Cache-Control = 'max-age=9' }}\n{on}\n"
        )
    };
    let cases = [
        // What is asked for, and whether the rule is seen with each `on`.
        ("GET", "/a.txt", ("A", "b"), 200, [true, true, false, false]),
        ("GET", "/dir", ("A", "b"), 301, [false, false, true, false]),
        ("GET", "/none", ("A", "b"), 404, [false, false, false, true]),
        (
            "GET",
            "/a.txt",
            ("If-Match", "\"other\""),
            412,
            [false, false, false, true],
        ),
        (
            "GET",
            "/a.txt",
            ("Range", "bytes=99-"),
            416,
            [false, false, false, true],
        ),
        (
            "POST",
            "/a.txt",
            ("A", "b"),
            405,
            [false, false, false, true],
        ),
        (
            "OPTIONS",
            "/a.txt",
            ("A", "b"),
            204,
            [true, true, false, false],
        ),
        // Without a path that can be read, or for the server as a whole, no rule applies.
        ("GET", "/%00", ("A", "b"), 400, [false, false, false, false]),
        (
            "OPTIONS",
            "*",
            ("A", "b"),
            204,
            [false, false, false, false],
        ),
    ];
    let on = ["", "on = 'success'", "on = 'redirect'", "on = ['error']"];
    for (index, on) in on.into_iter().enumerate() {
        let server = start(&site, &rule(on));
        for (method, target, field, status, seen) in cases {
            let response = server.request(method, target, &[field]);
            assert_eq!(response.status, status, "{method} {target}");
            let is_seen = response.field("x-rule") == Some("1");
            assert_eq!(is_seen, seen[index], "{method} {target} {field:?} {on}");
            let lines = response
                .fields
                .iter()
                .filter(|(name, _)| name == "Cache-Control");
            assert!(lines.count() <= 1);
            assert!(!is_seen || response.field("cache-control") == Some("max-age=9"));
        }
    }
}

#[test]
fn pages_of_millponds_own_keep_the_policy_that_they_are_made_for() {
    let site = Site::small();
    site.file("dir/a.txt", "alpha");
    let server = start(
        &site,
        "listing = true\n[[rule]]\npath = '/**'\non = ['success', 'redirect', 'error']\n\
         set = { Content-Security-Policy = 'upgrade-insecure-requests', X-Rule = '1' }\n",
    );
    for (target, is_theirs) in [
        ("/a.txt", true),
        ("/dir/", false),
        ("/dir", false),
        ("/b", false),
    ] {
        let response = server.get(target);
        let policy = response.field("content-security-policy");
        assert_eq!(
            policy == Some("upgrade-insecure-requests"),
            is_theirs,
            "{target} {policy:?}"
        );
        assert_eq!(response.field("x-rule"), Some("1"), "{target}");
    }
}

#[test]
fn the_start_of_an_application_has_the_fields_of_its_own_file() {
    let site = Site::small();
    let settings = format!(
        "spa = true\n\
         [[rule]]\npath = '/**'\nset = {{ Cache-Control = '{IMMUTABLE}' }}\n\
         [[rule]]\npath = '/app/**'\nset = {{ X-App = '1' }}\n\
         [[rule]]\npath = '/**/*.html'\nset = {{ Cache-Control = 'no-cache' }}\n"
    );
    let server = start(&site, &settings);
    let response = server.request("GET", "/app/deep/link", &[("Accept", "text/html")]);
    assert_eq!(response.status, 200);
    assert_eq!(response.field("cache-control"), Some("no-cache"));
    assert_eq!(response.field("x-app"), Some("1"));
    assert_eq!(response.field("vary"), Some("Accept, Sec-Fetch-Dest"));
    assert_eq!(server.get("/a.txt").field("cache-control"), Some(IMMUTABLE));
    assert_eq!(
        server.get("/app/none.js").field("cache-control"),
        Some("no-cache")
    );
}

#[test]
fn the_start_of_an_application_has_the_fields_of_its_file_where_the_address_can_name_none() {
    let site = Site::small();
    site.file("404.html", "not here");
    let settings = "spa = true\n\
                    [[rule]]\npath = '/**'\non = ['success', 'error']\nset = { X-All = '1' }\n\
                    [[rule]]\npath = '/index.html'\nset = { X-Start = '1' }\n\
                    [[rule]]\npath = '/x*/**'\nset = { X-Address = '1' }\n";
    let server = start(&site, settings);
    let rules_seen = |fields: &[(&str, &str)]| {
        let response = server.request("GET", "/x%2Fy", fields);
        let seen = ["x-all", "x-start", "x-address"].map(|name| response.field(name).is_some());
        (response.status, seen)
    };
    let page = ("Accept", "text/html");
    let etag = server.await_strong_etag("/");
    assert_eq!(rules_seen(&[page]), (200, [true, true, false]));
    let range = ("Range", "bytes=0-1");
    assert_eq!(rules_seen(&[page, range]), (206, [true, true, false]));
    let condition = ("If-None-Match", &*etag);
    assert_eq!(rules_seen(&[page, condition]), (304, [true, true, false]));
    // The page of an error stands for the address, and that is none.
    let json = ("Accept", "application/json");
    assert_eq!(rules_seen(&[json]), (404, [false; 3]));
    let text = explanation(&site, settings, "/x%2Fy");
    assert!(text.contains("\nrule      1, "), "{text}");
    assert!(text.contains("\nrule      2, "), "{text}");
    assert!(!text.contains("\nrule      3, "), "{text}");
}

#[test]
fn what_stands_in_for_others_keeps_the_media_type_of_its_own_file() {
    let site = Site::small();
    site.file("404.html", "not here");
    let server = start(
        &site,
        "spa = true\n\
         [[rule]]\n\
         path = '/**/*.html'\n\
         set = { Content-Type = 'text/html; charset=windows-1252', X-Page = '1' }\n\
         [[rule]]\n\
         path = '/data/**'\n\
         set = { Content-Type = 'application/json' }\n",
    );
    let page = ("Accept", "text/html");
    let json = ("Accept", "application/json");
    let all = [
        ("/", &[page][..], 200),
        ("/404.html", &[], 200),
        ("/deep/link", &[page], 200),
        // What is sent there is a page, whatever is meant to be there.
        ("/data/1", &[page], 200),
        ("/data%2F1", &[page], 200),
        ("/data/1", &[json], 404),
        ("/data%2F1", &[json], 404),
    ];
    for (target, fields, status) in all {
        let response = server.request("GET", target, fields);
        assert_eq!(response.status, status, "{target} {fields:?}");
        let media_type = response.field("content-type");
        assert_eq!(
            media_type,
            Some("text/html; charset=windows-1252"),
            "{target} {fields:?}"
        );
        let is_page = response.field("x-page").is_some();
        assert_eq!(is_page, status == 200, "{target} {fields:?}");
    }
    let ranges = ("Range", "bytes=0-0,2-3");
    let parts = server.request("GET", "/deep/link", &[page, ranges]);
    let head = "Content-Type: text/html; charset=windows-1252\r\n";
    assert!(parts.text().contains(head));
}

#[test]
fn a_redirect_goes_before_whatever_file_there_is_and_keeps_the_query() {
    let site = Site::small();
    site.file("old/a.txt", "old");
    let server = start(
        &site,
        "[[redirect]]\n\
         from = '/old/{*rest}'\n\
         to = '/new/{rest}'\n\
         [[redirect]]\n\
         from = '/{year}/{page}.php'\n\
         to = 'https://archive.example/{year}?page={page}#top'\n\
         status = 302\n\
         [[redirect]]\n\
         from = '/moved/'\n\
         to = '/a.txt'\n\
         status = 308\n\
         [[redirect]]\n\
         from = '/for-now'\n\
         to = '/a.txt?b'\n\
         status = 307\n",
    );
    let table = [
        ("/old/a.txt", (301, "/new/a.txt")),
        ("/old/a.txt?b=c&d=//e", (301, "/new/a.txt?b=c&d=//e")),
        ("/old/", (301, "/new/")),
        ("//old//evil.example/..", (301, "/new/")),
        ("/old/%5C%5Cevil.example", (301, "/new/%5C%5Cevil.example")),
        ("/old/%0d%0aSet-Cookie:a", (301, "/new/%0D%0ASet-Cookie:a")),
        ("/x/../old/y", (301, "/new/y")),
        (
            "/2024/a%26b.php?c",
            (302, "https://archive.example/2024?page=a%26b&c#top"),
        ),
        (
            "/2024/a&b.php",
            (302, "https://archive.example/2024?page=a%26b#top"),
        ),
        ("/moved/", (308, "/a.txt")),
        ("/for-now?c", (307, "/a.txt?b&c")),
    ];
    let table = table.map(|(target, (status, to))| (target, (status, Some(to.to_owned()))));
    assert_all(table, |target| {
        let response = server.get(target);
        (
            response.status,
            response.field("location").map(str::to_owned),
        )
    });
    for target in ["/moved", "/new/a.txt", "/old%2fa"] {
        assert_ne!(server.get(target).status / 100, 3, "{target}");
    }
    let response = server.get("/old/<b>&");
    assert_eq!(response.field("cache-control"), Some("no-cache"));
    assert!(response.text().contains("<a href=\"/new/%3Cb%3E&amp;\">"));
    assert_eq!(server.request("HEAD", "/old/x", &[]).status, 301);
    assert_eq!(server.request("POST", "/old/x", &[]).status, 405);
    assert_eq!(server.get("/a.txt").text(), "alpha\n");
}

#[test]
fn rules_that_are_read_again_change_what_is_in_memory() {
    let site = Site::small();
    let rule = |value: &str| format!("[[rule]]\npath = '/**'\nset = {{ X-Rule = '{value}' }}\n");
    let server = launch(&site, &rule("old")).expecting(&["INFO"]).start();
    // Twice, so that the second is from memory.
    for _ in 0..2 {
        assert_eq!(server.get("/a.txt").field("x-rule"), Some("old"));
    }
    fs::write(site.outside("millpond.toml"), rule("new")).unwrap();
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the news", |stderr| {
        stderr.contains("are in force").then_some(())
    });
    assert_eq!(server.get("/a.txt").field("x-rule"), Some("new"));
    fs::write(site.outside("millpond.toml"), "").unwrap();
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the news", |stderr| {
        (stderr.matches("are in force").count() == 2).then_some(())
    });
    assert_eq!(server.get("/a.txt").field("x-rule"), None);
}

#[test]
fn rules_and_redirects_are_explained() {
    let site = Site::small();
    let settings = "[[rule]]\npath = ['/**', '/b']\nset = { X-A = '1', X-B = '2' }\n\
                    [[rule]]\npath = '/*.txt'\nremove = 'X-A'\n\
                    [[rule]]\npath = '/**'\non = ['redirect', 'error']\nset = { X-C = '3' }\n\
                    [[redirect]]\nfrom = '/old/{*rest}'\nto = '/{rest}'\n";
    let text = explanation(&site, settings, "/a.txt");
    assert!(
        text.contains("\nrule      1, /** or /b: sets X-A, sets X-B\n"),
        "{text}"
    );
    assert!(
        text.contains("\nrule      2, /*.txt: removes X-A\n"),
        "{text}"
    );
    assert!(!text.contains("rule      3"), "{text}");
    assert!(
        text.contains("X-B: 2\n") && !text.contains("X-A: "),
        "{text}"
    );
    let text = explanation(&site, settings, "/old/a.txt?b");
    assert!(
        text.contains("\nredirect  1, from /old/{*rest} to /{rest}\n"),
        "{text}"
    );
    assert!(text.contains("Location: /a.txt?b\n"), "{text}");
    assert!(text.contains("\nrule      3, /**: sets X-C\n"), "{text}");
    let text = explanation(&site, settings, "/none");
    assert!(text.contains("\nrule      3, /**: sets X-C\n"), "{text}");
    let hosts = format!("hosts = ['a.example']\n{settings}");
    let text = explanation(&site, &hosts, "http://b.example/none");
    assert!(!text.contains("rule "), "{text}");
    site.file("404.html", "not here");
    let text = explanation(&site, settings, "/none");
    assert!(
        text.contains("\ninstead   the page of the error 404, 8 bytes of text/html"),
        "{text}"
    );
    let text = explanation(&site, &format!("spa = true\n{settings}"), "/none");
    assert!(
        text.contains("\ninstead   the start page of the application, "),
        "{text}"
    );
    assert!(text.contains("\nrule      1, "), "{text}");
}

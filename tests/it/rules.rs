//! Rules of the settings file: fields by path, redirects, and media types.

use crate::support::{Launch, Server, Site, assert_all};
use rustix::process::Signal;
use std::{fs, process::Command};

/// Starts a server of the site with these settings.
fn start(site: &Site, settings: &str) -> Server {
    configure(Launch::of(site.root()), site, settings).start()
}

/// Starts a server of the site with these settings, for which no file is new.
fn start_ahead(site: &Site, settings: &str) -> Server {
    configure(Launch::ahead(site.root()), site, settings).start()
}

fn configure(launch: Launch, site: &Site, settings: &str) -> Launch {
    fs::write(site.outside("millpond.toml"), settings).expect("a file can be written");
    launch.arg("--config").arg(site.outside("millpond.toml"))
}

/// Returns the output of `--explain` for a target.
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
        // By the path on disk, although not by the URL.
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
fn a_rule_can_be_for_some_hosts_and_methods() {
    let site = Site::small();
    let server = start_ahead(
        &site,
        "[[rule]]\n\
         path = '/**'\n\
         set = { X-Robots-Tag = 'all' }\n\
         [[rule]]\n\
         path = '/**'\n\
         hosts = ['preview.example', '[::1]']\n\
         on = ['success', 'error']\n\
         set = { X-Robots-Tag = 'noindex' }\n\
         [[rule]]\n\
         path = '/**'\n\
         methods = 'OPTIONS'\n\
         set = { X-Robots-Tag = 'options' }\n",
    );
    let table = [
        ("GET /a.txt example", Some("all")),
        ("GET /a.txt preview.example", Some("noindex")),
        ("HEAD /a.txt PREVIEW.example.:8080", Some("noindex")),
        ("GET /a.txt [0::1]:80", Some("noindex")),
        ("GET /none preview.example", Some("noindex")),
        ("GET /none example", None),
        ("OPTIONS /a.txt preview.example", Some("options")),
        // The file is in the cache by now, but without the header of the other host.
        ("GET /a.txt example", Some("all")),
    ];
    let table = table.map(|(request, value)| (request, value.map(str::to_owned)));
    assert_all(table, |request| {
        let mut words = request.split(' ');
        let mut word = || words.next().expect("three words");
        let (method, target, host) = (word(), word(), word());
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let response = server.response_to(method, head);
        response.field("X-Robots-Tag").map(str::to_owned)
    });
}

#[test]
fn fields_of_a_rule_apply_to_304_206_and_head_but_a_304_describes_no_content() {
    let site = Site::small();
    let server = start_ahead(
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
fn a_rule_applies_to_successes_by_default() {
    let site = Site::small();
    site.file("404.html", "not here").directory("dir");
    let rule = |on: &str| {
        format!(
            "[[rule]]\npath = '/**'\nset = {{ X-Rule = '1', Cache-Control = 'max-age=9' }}\n{on}\n"
        )
    };
    let cases = [
        // The request, and whether the rule applies with each `on`.
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
        // Without a valid path, or for the server as a whole, no rule applies.
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
fn built_in_pages_keep_their_own_content_security_policy() {
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
fn the_start_page_of_an_application_has_the_fields_of_its_own_file() {
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
fn the_start_page_has_the_fields_of_its_file_for_urls_that_can_name_no_file() {
    let site = Site::small();
    site.file("404.html", "not here");
    let settings = "spa = true\n\
                    [[rule]]\npath = '/**'\non = ['success', 'error']\nset = { X-All = '1' }\n\
                    [[rule]]\npath = '/index.html'\nset = { X-Start = '1' }\n\
                    [[rule]]\npath = '/x*/**'\nset = { X-Address = '1' }\n";
    let server = start_ahead(&site, settings);
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
    // An error page belongs to the URL. This one can name no file, so no rule applies.
    let json = ("Accept", "application/json");
    assert_eq!(rules_seen(&[json]), (404, [false; 3]));
    let text = explanation(&site, settings, "/x%2Fy");
    assert!(text.contains("\nrule      1, "), "{text}");
    assert!(text.contains("\nrule      2, "), "{text}");
    assert!(!text.contains("\nrule      3, "), "{text}");
}

#[test]
fn a_fallback_keeps_the_media_type_of_its_own_file() {
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
        // The response is a page, whatever file the URL suggests.
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
fn a_redirect_takes_precedence_over_files_and_keeps_the_query() {
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
fn reloaded_rules_apply_to_cached_files() {
    let site = Site::small();
    let rule = |value: &str| format!("[[rule]]\npath = '/**'\nset = {{ X-Rule = '{value}' }}\n");
    let launch = configure(Launch::of(site.root()), &site, &rule("old"));
    let server = launch.expecting(&["INFO"]).start();
    // Twice, so that the second response comes from memory.
    for _ in 0..2 {
        assert_eq!(server.get("/a.txt").field("x-rule"), Some("old"));
    }
    fs::write(site.outside("millpond.toml"), rule("new")).unwrap();
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the news", |stderr| {
        stderr.contains("settings reloaded").then_some(())
    });
    assert_eq!(server.get("/a.txt").field("x-rule"), Some("new"));
    fs::write(site.outside("millpond.toml"), "").unwrap();
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the news", |stderr| {
        (stderr.matches("settings reloaded").count() == 2).then_some(())
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
        text.contains("\ninstead   the page of the error 404, /404.html, 8 bytes of text/html"),
        "{text}"
    );
    let text = explanation(&site, &format!("spa = true\n{settings}"), "/none");
    assert!(
        text.contains("\ninstead   the start page of the application, /index.html, "),
        "{text}"
    );
    assert!(text.contains("\nrule      1, "), "{text}");
}

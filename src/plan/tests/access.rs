//! Access control, tested with a site that is a table.

use super::table::{Asked, Row, Someone, Table, described, field, file};
use crate::http::Limits;
use crate::http::Status;
use crate::http::address_range::{AddressRange, Client};
use crate::http::base_path::BasePath;
use crate::http::coding::Coding;
use crate::http::fields::FieldStorage;
use crate::http::host::Host;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::{
    Access, AccessRule, CanonicalForm, Fallback, Pattern, Policy, Redirect, Redirects, Scope,
    Shadowed, Unavailable, Users, Verdict, counting_rules,
};
use std::path::Path;
use std::task::Poll;

/// Returns a rule for these paths, with a password file if `users` is not empty.
fn rule(paths: &[&str], users: &str) -> AccessRule {
    let users = (!users.is_empty()).then(|| Users {
        file: Path::new(users).into(),
        realm: format!("of \"{users}\""),
    });
    AccessRule {
        paths: paths
            .iter()
            .map(|path| Pattern::parse(path).unwrap())
            .collect(),
        scope: Scope::default(),
        allow: Vec::new(),
        deny: Vec::new(),
        users,
    }
}

/// Returns a rule for these paths and client addresses.
fn by_address(path: &str, allow: &[&str], deny: &[&str]) -> AccessRule {
    let ranges = |texts: &[&str]| -> Vec<AddressRange> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    AccessRule {
        allow: ranges(allow),
        deny: ranges(deny),
        ..rule(&[path], "")
    }
}

fn access(rules: &[AccessRule]) -> Access {
    Access::new(rules.to_vec()).unwrap()
}

/// Returns a site of which a part is protected.
fn pond(access: Access) -> Table {
    let (moved, gzip) = (Unavailable::Moved(CanonicalForm::AddSlash), Coding::Gzip);
    let policy = Policy {
        access,
        spa: Some("/".into()),
        ..Policy::default()
    };
    Table::new(
        policy,
        vec![
            (Asked::Path(""), file("index.html").row()),
            (Asked::Path("a.txt"), file("a.txt").row()),
            (Asked::Path("staging/a.txt"), file("staging/a.txt").row()),
            (Asked::Path("staging"), Row::Absent(moved)),
            // Clean URLs.
            (Asked::Path("page"), file("page.html").row()),
            (
                Asked::Path("page/"),
                Row::Absent(Unavailable::Moved(CanonicalForm::DropSlash)),
            ),
            (
                Asked::Path("b.js"),
                file("b.js")
                    .with_codings(&[gzip])
                    .only_precompressed()
                    .row(),
            ),
            (Asked::Coded("b.js", gzip), file("b.js").coded(gzip).row()),
            (Asked::Path("b.js.gz"), file("b.js.gz").row()),
            (
                Asked::Fallback(Fallback::Start),
                file("index.html").used_as_fallback(Fallback::Start).row(),
            ),
            (
                Asked::Fallback(Fallback::Error(Status::NotFound)),
                file("404.html")
                    .used_as_fallback(Fallback::Error(Status::NotFound))
                    .row(),
            ),
        ],
    )
}

fn status(table: &mut Table, request: &str) -> u16 {
    match table.decide(request) {
        Poll::Ready(decision) => decision.plan.status.code(),
        Poll::Pending => 0,
    }
}

#[test]
fn a_protected_file_is_protected_under_all_its_names() {
    for (patterns, request, expected) in [
        (&["/staging/**"][..], "GET /staging/a.txt", 401),
        (&["/staging/**"], "HEAD /staging/a.txt", 401),
        (&["/staging/**"], "GET /a.txt", 200),
        (&["/staging/**"], "GET /x/../staging/a.txt", 401),
        (&["/staging/**"], "GET //staging/./a.txt", 401),
        (&["/staging/**"], "GET /st%61ging/%61.txt", 401),
        (&["/staging/**"], "GET /%2e%2e/staging/a.txt", 401),
        (&["/staging/**"], "GET /staging%2fa.txt", 401),
        (&["/staging/**"], "GET http://pond/staging/a.txt?x", 401),
        // A missing file, a directory and a start page reveal nothing.
        (&["/staging/**"], "GET /staging/none", 401),
        (
            &["/staging/**"],
            "GET /staging/none\nAccept: text/html",
            401,
        ),
        (&["/staging/**"], "GET /staging", 401),
        (&["/staging/**"], "GET /staging/", 401),
        (&["/staging/**"], "GET /staging/.git", 401),
        (&["/staging/"], "GET /staging", 401),
        (
            &["/staging/**"],
            "GET /staging/a.txt\nIf-None-Match: *",
            401,
        ),
        (
            &["/staging/**"],
            "GET /staging/a.txt\nRange: bytes=0-0",
            401,
        ),
        (&["/staging/**"], "GET /staging/a.txt\nIf-Match: \"x\"", 401),
        // Pages and index files.
        (&["/page.html"], "GET /page", 401),
        (&["/page.html"], "GET /page/", 401),
        (&["/page"], "GET /page/", 401),
        (&["/page"], "GET /page.html", 401),
        (&["/page"], "GET /page.html.br", 401),
        (&["/index.html"], "GET /", 401),
        (&["/"], "GET /index.html", 401),
        (&["/"], "GET /index.html.gz", 401),
        (&["/"], "GET /index", 401),
        (&["/staging/"], "GET /staging/index.html", 401),
        (&["/staging"], "GET /staging/index.html", 401),
        (&["/"], "GET /a.txt", 200),
        // Compressed files.
        (&["/b.js"], "GET /b.js.gz", 401),
        (&["/*.js"], "GET /b.js.br", 401),
        (&["/*.gz"], "GET /b.js\nAccept-Encoding: gzip", 401),
        (&["/*.gz"], "GET /a.txt\nAccept-Encoding: gzip", 200),
        // Fallbacks: a start page, or one of our own error pages instead of a protected one.
        (&["/index.html"], "GET /deep\nAccept: text/html", 401),
        (&["/"], "GET /deep\nAccept: text/html", 401),
        (&["/404.html"], "GET /none.png", 404),
        (&["/**"], "GET /a%2fb", 401),
        // These reveal nothing, and browsers send them without a password.
        (&["/**"], "OPTIONS /staging/a.txt", 204),
        (&["/**"], "POST /staging/a.txt", 405),
        (&["/**"], "GET /%", 400),
    ] {
        let mut table = pond(access(&[rule(patterns, "staff")]));
        assert_eq!(
            status(&mut table, request),
            expected,
            "{patterns:?} {request}"
        );
        let was_sought = table.lookups.iter().any(|it| it.contains("staging"));
        assert!(!was_sought, "{request} was looked for");
        table.visitor.users = vec!["staff"];
        let with_password = status(&mut table, request);
        let without_rule = status(&mut pond(Access::default()), request);
        assert_eq!(with_password, without_rule, "{patterns:?} {request}");
    }
}

#[test]
fn a_protected_error_page_is_replaced_by_our_own() {
    let mut table = pond(access(&[rule(&["/404.html"], "staff")]));
    assert_eq!(table.answer("GET /none.png"), "404 page");
    table.visitor.users = vec!["staff"];
    assert_eq!(table.answer("GET /none.png"), "404 404.html");
}

#[test]
fn the_next_error_page_above_is_served_to_those_who_may_not_have_the_nearest() {
    let mut table = pond(access(&[rule(&["/a/404.html"], "staff")]));
    let fallback = Fallback::Error(Status::NotFound);
    let page = file("a/404.html").used_as_fallback(fallback);
    table
        .rows
        .push((Asked::ErrorPage("a/404.html"), page.row()));
    assert_eq!(table.answer("GET /a/none.png"), "404 404.html");
    assert!(!table.lookups.iter().any(|it| it.contains("a/404.html")));
    table.visitor.users = vec!["staff"];
    assert_eq!(table.answer("GET /a/none.png"), "404 a/404.html");
}

#[test]
fn the_first_rule_that_matches_counts() {
    let rules = access(&[
        by_address("/staging/public/**", &["all"], &[]),
        rule(&["/staging/**"], "staff"),
        rule(&["/**"], "all"),
    ]);
    for (users, request, expected) in [
        (&[][..], "GET /staging/public/none.png", 404),
        (&[], "GET /staging/a.txt", 401),
        (&["all"], "GET /staging/a.txt", 401),
        (&["staff"], "GET /staging/a.txt", 200),
        (&["staff"], "GET /a.txt", 401),
        (&["all"], "GET /a.txt", 200),
        // The start page has another rule than the path that it answers.
        (&[], "GET /staging/public/x\nAccept: text/html", 401),
        (&["all"], "GET /staging/public/x\nAccept: text/html", 200),
        (&["staff"], "GET /staging/x\nAccept: text/html", 401),
        (&["staff", "all"], "GET /staging/x\nAccept: text/html", 200),
    ] {
        let mut table = pond(rules.clone());
        table.visitor.users = users.to_vec();
        assert_eq!(status(&mut table, request), expected, "{users:?} {request}");
    }
}

#[test]
fn a_rule_that_could_never_count_is_refused() {
    for (before, after, is_refused) in [
        ("/**", "/staging/**", true),
        ("/staging/**", "/staging/a", true),
        ("/a", "/a", true),
        ("/staging/**", "/**", false),
        ("/staging/*", "/staging/a/b", false),
        ("/staging/**", "/stagings/a", false),
        ("/{a,b}/**", "/a/b", false),
    ] {
        let rules = vec![rule(&[before], "x"), rule(&[after], "y")];
        let shadowed = Access::new(rules).err();
        let expected = is_refused.then_some(Shadowed { index: 1, by: 0 });
        assert_eq!(shadowed, expected, "{before} {after}");
    }
    let hosts = Scope {
        hosts: vec![Host::parse("lake").unwrap()],
        methods: Vec::new(),
    };
    let of_lake = AccessRule {
        scope: hosts,
        ..rule(&["/**"], "x")
    };
    assert!(Access::new(vec![of_lake.clone(), rule(&["/**"], "y")]).is_ok());
    assert!(Access::new(vec![rule(&["/**"], "y"), of_lake]).is_err());
}

#[test]
fn a_rule_for_hosts_counts_only_for_those() {
    let mut table = pond(access(&[AccessRule {
        scope: Scope {
            hosts: vec![Host::parse("lake").unwrap()],
            methods: Vec::new(),
        },
        ..rule(&["/**"], "staff")
    }]));
    for (request, expected) in [
        ("GET http://lake/a.txt", 401),
        ("GET http://LAKE.:80/a.txt", 401),
        ("GET http://pond/a.txt", 200),
    ] {
        assert_eq!(status(&mut table, request), expected, "{request}");
    }
}

#[test]
fn the_narrowest_network_that_contains_a_client_decides() {
    let (at, unknown) = (
        |text: &str| Client::At(text.parse().unwrap()),
        Client::Unknown,
    );
    for (allow, deny, client, expected) in [
        (&["10.0.0.0/8"][..], &[][..], at("10.1.2.3"), true),
        (&["10.0.0.0/8"], &[], at("192.0.2.1"), false),
        (&["10.0.0.0/8"], &[], at("::1"), false),
        (&["10.0.0.0/8"], &[], Client::Unix, false),
        (&["10.0.0.0/8"], &[], unknown, false),
        (&[], &["10.0.0.0/8"], at("10.1.2.3"), false),
        (&[], &["10.0.0.0/8"], at("192.0.2.1"), true),
        (&[], &["10.0.0.0/8"], Client::Unix, true),
        (&[], &["10.0.0.0/8"], unknown, false),
        (&["10.0.0.0/8"], &["10.6.6.6"], at("10.6.6.6"), false),
        (&["10.6.6.6"], &["10.0.0.0/8"], at("10.6.6.6"), true),
        (&["10.6.6.6"], &["all"], at("10.6.6.6"), true),
        (&["10.6.6.6"], &["all"], at("10.6.6.7"), false),
        (&["10.6.6.6"], &["10.6.6.6"], at("10.6.6.6"), false),
        (&["unix"], &["all"], Client::Unix, true),
        (&["unix"], &[], at("127.0.0.1"), false),
        (&["0.0.0.0/0"], &[], at("192.0.2.1"), true),
        (&["all"], &[], unknown, true),
        (&["all"], &[], Client::Unix, true),
        (&[], &["all"], at("::1"), false),
        (&["all"], &["all"], at("::1"), false),
    ] {
        let admits = by_address("/**", allow, deny).admits(client);
        assert_eq!(admits, expected, "{allow:?} {deny:?} {client:?}");
    }
}

#[test]
fn a_client_at_another_address_is_not_asked_for_a_password() {
    let rule = AccessRule {
        users: rule(&["/**"], "staff").users,
        ..by_address("/**", &["10.0.0.0/8"], &[])
    };
    for (address, users, expected) in [
        (Some("10.0.0.1"), &["staff"][..], 200),
        (Some("10.0.0.1"), &[], 401),
        (Some("192.0.2.1"), &["staff"], 403),
        (Some("192.0.2.1"), &[], 403),
        (None, &["staff"], 403),
    ] {
        let mut table = pond(access(std::slice::from_ref(&rule)));
        table.visitor = Someone {
            address: address.map(|text| text.parse().unwrap()),
            users: users.to_vec(),
            outcome: None,
        };
        assert_eq!(
            status(&mut table, "GET /a.txt"),
            expected,
            "{address:?} {users:?}"
        );
    }
}

#[test]
fn a_refusal_is_one_of_our_pages_and_is_not_cached() {
    for (outcome, expected, header) in [
        (
            Verdict::Wrong,
            401,
            (
                "WWW-Authenticate",
                "Basic realm=\"of \\\"staff\\\"\", charset=\"UTF-8\"",
            ),
        ),
        (Verdict::TooMany, 429, ("Retry-After", "1")),
        (Verdict::Busy, 503, ("Retry-After", "1")),
    ] {
        let mut table = pond(access(&[rule(&["/**"], "staff")]));
        table.visitor.outcome = Some(Poll::Ready(outcome));
        let Poll::Ready(decision) = table.decide("GET /a.txt") else {
            panic!("it is decided")
        };
        let plan = &decision.plan;
        assert_eq!(plan.status.code(), expected);
        let value = |name| field(&plan.fields, name);
        assert_eq!(value(header.0).as_deref(), Some(header.1));
        assert_eq!(value("Cache-Control").as_deref(), Some("no-store"));
        assert!(decision.file.is_none() && table.lookups.is_empty());
    }
    let mut table = pond(access(&[rule(&["/**"], "staff")]));
    table.visitor.outcome = Some(Poll::Pending);
    assert!(table.decide("GET /a.txt").is_pending());
    assert!(table.lookups.is_empty(), "nothing is looked for before");
}

#[test]
fn responses_behind_a_password_are_for_one_client_alone() {
    for (setting, request, expected) in [
        ("no-cache", "GET /a.txt", &["no-cache", "private"][..]),
        (
            "no-cache",
            "GET /a.txt\nIf-None-Match: *",
            &["no-cache", "private"],
        ),
        ("", "GET /a.txt", &["private"]),
        (
            "max-age=60",
            "GET /a.txt\nRange: bytes=0-0",
            &["max-age=60", "private"],
        ),
        (
            "max-age=60, Public, s-maxage=9",
            "GET /a.txt",
            &["private, max-age=60"],
        ),
        ("max-age=60", "GET /none.png", &["no-cache", "private"]),
        ("max-age=60", "GET /staging", &["no-cache", "private"]),
        ("max-age=60", "GET /old", &["no-cache", "private"]),
        ("public", "GET /none.png", &["no-cache", "private"]),
        (
            "public, max-age=9",
            "GET /staging",
            &["no-cache", "private"],
        ),
        ("no-store", "GET /a.txt", &["no-store"]),
    ] {
        let mut table = pond(access(&[rule(&["/**"], "staff")]));
        table.policy.cache_control = setting.to_owned();
        let redirect = Redirect {
            from: "/old".to_owned(),
            to: "/new".to_owned(),
            status: Status::Found,
        };
        table.policy.redirects = Redirects::new(vec![redirect]).unwrap();
        table.visitor.users = vec!["staff"];
        let Poll::Ready(decision) = table.decide(request) else {
            panic!("it is decided")
        };
        let fields = String::from_utf8(decision.plan.fields.as_bytes().to_vec()).unwrap();
        let lines = fields
            .lines()
            .filter_map(|line| line.strip_prefix("Cache-Control: "));
        assert_eq!(lines.collect::<Vec<_>>(), expected, "{setting} {request}");
    }
}

#[test]
fn a_pattern_matches_within_the_site_and_as_in_the_url() {
    for (pattern, request, expected) in [
        ("/a.txt", "GET /docs/a.txt", 401),
        ("/docs/**", "GET /docs/a.txt", 401),
        ("/other/**", "GET /docs/a.txt", 200),
        ("/docs/page.html", "GET /docs/page", 401),
        ("/docs/page", "GET /docs/page.html.br", 401),
        ("/docs/index.html", "GET /docs/", 401),
        ("/docs/", "GET /docs/index.html", 401),
        ("/docs/b.js", "GET /docs/b.js.gz", 401),
    ] {
        let mut table = pond(access(&[rule(&[pattern], "staff")]));
        table.policy.base = BasePath::parse("/docs/").unwrap();
        assert_eq!(status(&mut table, request), expected, "{pattern}");
    }
}

#[test]
fn the_users_of_auth_file_have_access_where_no_rule_matches() {
    let mut table = pond(access(&[by_address("/a.txt", &["all"], &[])]));
    table.policy.auth_file = Some("everybody".into());
    table.policy = table.policy.with_general_rules();
    assert_eq!(status(&mut table, "GET /a.txt"), 200);
    assert_eq!(status(&mut table, "GET /"), 401);
    table.visitor.users = vec!["everybody"];
    assert_eq!(status(&mut table, "GET /"), 200);
}

#[test]
fn an_operator_learns_which_rules_count_for_a_request_and_its_file() {
    let policy = Policy {
        access: access(&[
            rule(&["/other/**"], "others"),
            rule(&["/page.html"], "pages"),
            rule(&["/page"], "page"),
            rule(&["/**"], "all"),
        ]),
        ..Policy::default()
    };
    let numbers = |target: &str, on_disk: Option<&'static str>| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: pond\r\n\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().unwrap();
        let path = RequestPath::parse(target.as_bytes()).unwrap();
        let file = on_disk.map(|name| described(&file(name)));
        let rules = counting_rules(&request, Some(&path), &policy, file.as_ref());
        rules.iter().map(|(number, _)| *number).collect::<Vec<_>>()
    };
    assert_eq!(numbers("/other/a", None), [1]);
    assert_eq!(numbers("/page", None), [2, 3]);
    assert_eq!(numbers("/a", None), [4]);
    assert_eq!(numbers("/a", Some("other/b")), [1, 4]);
}

#[test]
fn a_rule_is_written_with_its_paths_and_conditions() {
    let users = rule(&["/a", "/b/**"], "users");
    assert_eq!(users.to_string(), "/a or /b/**: a password of users");
    let addresses = by_address("/**", &["10.0.0.0/8", "::1"], &["10.0.0.1"]);
    assert_eq!(
        addresses.to_string(),
        "/**: allow 10.0.0.0/8 ::1, deny 10.0.0.1"
    );
    assert!(addresses.asks_for_address() && !users.asks_for_address());
    let both = AccessRule {
        users: users.users,
        ..by_address("/**", &[], &["unix"])
    };
    assert_eq!(both.to_string(), "/**: deny unix, a password of users");
}

#[test]
fn rules_of_two_places_keep_their_order() {
    let (first, second) = (rule(&["/a"], "a"), rule(&["/b"], "b"));
    let both =
        access(std::slice::from_ref(&first)).followed_by(&access(std::slice::from_ref(&second)));
    assert!(both.iter().eq([&first, &second]));
    let files: Vec<_> = both.files().map(|file| file.to_str().unwrap()).collect();
    assert_eq!(files, ["a", "b"]);
    assert!(!both.is_empty() && Access::default().is_empty());
    assert!(both.has_users() && !access(&[rule(&["/a"], "")]).has_users());
}

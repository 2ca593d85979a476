//! The operator's rules for headers, on the same site.

use super::respond::{pond, pond_with_fallbacks, redirects};
use super::table::field;
use crate::http::host::Host;
use crate::http::method::Method;
use crate::http::response::Edit;
use crate::plan::{AllowedOrigin, Class, Pattern, Policy, Rule, Rules, Scope};
use std::sync::Arc;
use std::task::Poll;

#[test]
fn rules_change_headers_by_path_and_by_class() {
    let success = [Class::Success];
    let rules = [
        ("/a.txt", "success of a", &success[..]),
        ("/index.html", "success of the start", &success),
        ("/none", "success of none", &success),
        (
            "/404.html",
            "of the error page",
            &[Class::Success, Class::Error],
        ),
        ("/**/*.js", "error of a script", &[Class::Error]),
        ("/dir*", "redirect", &[Class::Redirect]),
    ];
    let rules = rules.map(|(path, value, on)| Rule {
        paths: vec![Pattern::parse(path).unwrap()],
        edits: vec![edit("X-Rule", value)],
        on: on.to_vec(),
        scope: Scope::default(),
    });
    let policy = Policy {
        hosts: Arc::from([Host::parse("pond").unwrap()]),
        redirects: redirects(),
        rules: Rules::new(rules.into()),
        ..Policy::default()
    };
    let mut table = pond_with_fallbacks(policy);
    for (request, value) in [
        ("GET /a.txt", Some("success of a")),
        ("GET /a.txt\nRange: bytes=0-1", Some("success of a")),
        ("GET /a.txt\nIf-None-Match: *", Some("success of a")),
        ("GET /a.txt\nIf-Match: \"x\"", None),
        ("OPTIONS /a.txt", Some("success of a")),
        ("POST /a.txt", None),
        // The path on disk counts too, even for a start page that was not requested.
        ("GET /", Some("success of the start")),
        ("GET /deep\nAccept: text/html", Some("success of the start")),
        ("GET /none\nAccept: text/html", Some("success of none")),
        // The path of an error page does not matter.
        ("GET /none\nAccept: image/png", None),
        ("GET /none.js", Some("error of a script")),
        ("POST /none.js", Some("error of a script")),
        ("GET /dir", Some("redirect")),
        ("GET /old/dir", None),
        ("GET http://lake/none.js", None),
        ("GET http://lake/a.txt", None),
    ] {
        let Poll::Ready(decision) = table.decide(request) else {
            panic!("{request} is pending")
        };
        let found = field(&decision.plan.fields, "X-Rule");
        assert_eq!(found.as_deref(), value, "{request}");
    }
}

#[test]
fn with_live_reload_no_setting_makes_a_cache_keep_a_file() {
    let rule = |hosts: &[&str]| Rule {
        paths: vec![Pattern::parse("/**").unwrap()],
        edits: vec![edit("cache-control", "max-age=1"), edit("X-Rule", "kept")],
        on: vec![Class::Success],
        scope: Scope {
            hosts: hosts
                .iter()
                .map(|host| Host::parse(host).unwrap())
                .collect(),
            methods: Vec::new(),
        },
    };
    let policy = |hosts: &[&str]| Policy {
        live: true,
        cache_control: "max-age=2".to_owned(),
        rules: Rules::new(vec![rule(hosts)]),
        headers: vec![edit("Cache-Control", "max-age=3")],
        ..Policy::default()
    };
    for hosts in [&[][..], &["pond"]] {
        let mut table = pond_with_fallbacks(policy(hosts));
        for request in [
            "GET http://pond/a.txt",
            "GET http://pond/a.txt\nRange: bytes=0-1",
            "GET http://pond/a.txt\nIf-None-Match: *",
            // The start page.
            "GET http://pond/deep\nAccept: text/html",
        ] {
            let Poll::Ready(decision) = table.decide(request) else {
                panic!("{request} is pending")
            };
            let fields = &decision.plan.fields;
            let found = field(fields, "Cache-Control");
            assert_eq!(found.as_deref(), Some("no-cache"), "{request}");
            assert_eq!(field(fields, "X-Rule").as_deref(), Some("kept"));
        }
    }
}

#[test]
fn a_rule_with_a_scope_changes_only_responses_to_its_requests() {
    let rule = |value: &str, hosts: &[&str], methods: &[Method]| Rule {
        paths: vec![Pattern::parse("/**").unwrap()],
        edits: vec![edit("X-Rule", value), edit("Vary", value)],
        on: vec![Class::Success, Class::Error],
        scope: Scope {
            hosts: hosts
                .iter()
                .map(|host| Host::parse(host).unwrap())
                .collect(),
            methods: methods.to_vec(),
        },
    };
    let policy = Policy {
        rules: Rules::new(vec![
            rule("any", &[], &[]),
            rule("lake", &["lake"], &[]),
            rule("options", &[], &[Method::Options]),
            rule("get of sea", &["sea", "ocean"], &[Method::Get]),
            rule("head of bay", &["bay"], &[Method::Head]),
        ]),
        ..Policy::default()
    };
    let mut table = pond(policy);
    for (request, value) in [
        ("GET http://pond/a.txt", "any"),
        ("GET http://lake/a.txt", "lake"),
        ("GET http://LAKE.:80/a.txt\nIf-None-Match: *", "lake"),
        ("GET http://lake/none", "lake"),
        ("OPTIONS http://lake/a.txt", "options"),
        ("GET http://sea/a.txt", "get of sea"),
        ("HEAD http://ocean/a.txt", "get of sea"),
        ("POST http://sea/a.txt", "any"),
        ("GET http://bay/a.txt", "any"),
        ("HEAD http://bay/a.txt", "head of bay"),
    ] {
        let Poll::Ready(decision) = table.decide(request) else {
            panic!("{request} is pending")
        };
        let found = field(&decision.plan.fields, "X-Rule");
        assert_eq!(found.as_deref(), Some(value), "{request}");
        let fields = decision.plan.fields.as_bytes();
        let fields = String::from_utf8_lossy(fields).to_lowercase();
        assert_eq!(fields.matches("x-rule: ").count(), 1, "{request}: {fields}");
    }
}

#[test]
fn general_rules_apply_to_every_response_except_to_another_host() {
    let policy = Policy {
        hosts: Arc::from([Host::parse("pond").unwrap()]),
        headers: vec![edit("X-Frame-Options", "DENY")],
        cors: Some(AllowedOrigin::Any),
        redirects: redirects(),
        ..Policy::default()
    };
    let mut table = pond_with_fallbacks(policy);
    for (request, is_ruled) in [
        ("GET /a.txt", true),
        ("GET /none.js", true),
        ("GET /closed", true),
        ("GET /dir", true),
        ("GET /old/a", true),
        ("GET /%zz", true),
        ("GET /a%2fb.js", true),
        ("POST /a.txt", true),
        ("OPTIONS *", true),
        ("GET http://lake/a.txt", false),
    ] {
        let Poll::Ready(decision) = table.decide(request) else {
            panic!("{request} is pending")
        };
        let fields = &decision.plan.fields;
        for (name, value) in [
            ("X-Frame-Options", "DENY"),
            ("Access-Control-Allow-Origin", "*"),
        ] {
            let expected = is_ruled.then_some(value);
            assert_eq!(field(fields, name).as_deref(), expected, "{request}");
        }
    }
}

#[test]
fn a_rule_for_files_is_applied_once_and_one_for_errors_even_if_there_is_a_file() {
    let policy = Policy {
        rules: Rules::new(vec![Rule {
            paths: vec![Pattern::parse("/**").unwrap()],
            edits: vec![edit("Vary", "X-Rule")],
            on: vec![Class::Success, Class::Error],
            scope: Scope::default(),
        }]),
        ..Policy::default()
    };
    let mut table = pond(policy);
    for request in [
        "GET /a.txt",
        "GET /a.txt\nRange: bytes=0-1",
        "GET /a.txt\nIf-None-Match: *",
        "GET /a.txt\nIf-Match: \"x\"",
        "GET /none",
    ] {
        let Poll::Ready(decision) = table.decide(request) else {
            panic!("{request} is pending")
        };
        let fields = String::from_utf8_lossy(decision.plan.fields.as_bytes()).into_owned();
        assert_eq!(
            fields.matches("Vary: X-Rule").count(),
            1,
            "{request}: {fields}"
        );
    }
}

fn edit(name: &str, value: &str) -> Edit {
    Edit {
        name: name.into(),
        value: Some(value.into()),
    }
}

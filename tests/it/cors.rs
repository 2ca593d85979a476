//! `--header` and `--cors`: fields of every response, without a settings file.

use crate::support::{Launch, Response, Server, Site, assert_all};
use std::process::Command;

fn start(site: &Site, arguments: &[&str]) -> Server {
    Launch::of(site.root())
        .args(arguments)
        .expecting(&["is not served", "permission"])
        .start()
}

/// Returns the values of a field, one per line.
fn lines<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let lines = response.fields.iter();
    let lines = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    lines.map(|(_, value)| value.as_str()).collect()
}

/// Returns the status and the message for a rejected command line.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .args(arguments)
        .arg("--check")
        .output()
        .expect("millpond runs");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), stderr)
}

type Fields = &'static [(&'static str, &'static str)];

/// Requests of every kind, with the statuses of their responses.
const KINDS: [(&str, &str, Fields, u16); 14] = [
    ("GET", "/a.txt", &[], 200),
    ("HEAD", "/a.txt", &[], 200),
    ("GET", "/a.txt", &[("Range", "bytes=1-2")], 206),
    ("GET", "/a.txt", &[("Range", "bytes=0-0,2-3")], 206),
    ("GET", "/a.txt", &[("Range", "bytes=99-")], 416),
    ("GET", "/a.txt", &[("If-None-Match", "*")], 304),
    ("GET", "/a.txt", &[("If-Match", "\"other\"")], 412),
    ("GET", "/dir", &[], 301),
    ("GET", "/dir/", &[], 200),
    ("GET", "/none", &[], 404),
    ("GET", "/%zz", &[], 400),
    ("POST", "/a.txt", &[], 405),
    ("BREW", "/a.txt", &[], 501),
    ("GET", "/a.txt", &[("Content-Length", "a")], 400),
];

#[test]
fn a_header_is_on_every_response_once() {
    let site = Site::small();
    site.file("dir/b", "");
    let arguments = [
        "--listing",
        "--header",
        "X-Frame-Options: DENY",
        "--header",
        "cache-control:no-store ",
        "--header",
        "Link: </a>; rel=preload",
        "--header",
        "link: </b>; rel=preload",
        "--header",
        "X-Content-Type-Options:",
    ];
    let server = start(&site, &arguments);
    for (method, target, fields, status) in KINDS {
        let response = server.request(method, target, fields);
        let what = format!("{method} {target} {fields:?}");
        assert_eq!(response.status, status, "{what}");
        assert_eq!(lines(&response, "x-frame-options"), ["DENY"], "{what}");
        // This replaces the option cache-control and the value on error pages.
        assert_eq!(lines(&response, "cache-control"), ["no-store"], "{what}");
        assert_eq!(
            lines(&response, "link"),
            ["</a>; rel=preload, </b>; rel=preload"],
            "{what}"
        );
        assert!(
            lines(&response, "x-content-type-options").is_empty(),
            "{what}"
        );
    }
    let options = server.request("OPTIONS", "*", &[]);
    assert_eq!(lines(&options, "x-frame-options"), ["DENY"]);
}

#[test]
fn fields_about_caching_or_content_apply_only_to_files() {
    let site = Site::small();
    site.file("dir/b", "").file("404.html", "not here");
    let server = start(
        &site,
        &[
            "--listing",
            "--header",
            "Cache-Control: max-age=31536000, immutable",
            "--header",
            "Content-Disposition: attachment",
            "--header",
            "Content-Type: text/x-own",
        ],
    );
    for (target, is_file, is_typed) in [
        ("/a.txt", true, true),
        ("/dir/", false, false),
        ("/dir", false, false),
        // A file, but not the requested one.
        ("/none", false, true),
    ] {
        let response = server.get(target);
        let caching = if is_file {
            "max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        assert_eq!(lines(&response, "cache-control"), [caching], "{target}");
        let is_attached = lines(&response, "content-disposition") == ["attachment"];
        assert_eq!(is_attached, is_file, "{target}");
        let has_type = lines(&response, "content-type") == ["text/x-own"];
        assert_eq!(has_type, is_typed, "{target}");
    }
}

#[test]
fn headers_come_from_a_variable_and_a_file_and_rules_by_path_override_them() {
    let site = Site::small();
    let variable = "X-A: 1, 2\nCache-Control: max-age=60, public";
    let server = Launch::of(site.root())
        .env("MILLPOND_HEADER", variable)
        .start();
    let response = server.get("/a.txt");
    assert_eq!(lines(&response, "x-a"), ["1, 2"]);
    assert_eq!(lines(&response, "cache-control"), ["max-age=60, public"]);

    let file = site.outside("m.toml");
    let settings = "header = ['X-A: 1', 'X-B: 1']\ncors = 'https://app.example'\n\
                    [[rule]]\npath = '/a.txt'\nset = { X-B = '2' }\nremove = 'X-A'\n";
    std::fs::write(&file, settings).unwrap();
    let server = start(&site, &["--config", file.to_str().unwrap()]);
    let response = server.get("/a.txt");
    assert_eq!(lines(&response, "x-a"), [""; 0]);
    assert_eq!(lines(&response, "x-b"), ["2"]);
    let origin = lines(&response, "access-control-allow-origin");
    assert_eq!(origin, ["https://app.example"]);
    assert_eq!(lines(&server.get("/"), "x-a"), ["1"]);
}

#[test]
fn an_invalid_header_is_an_error_with_the_reason() {
    for (header, said) in [
        ("X-Frame-Options DENY", "write 'Name: value'"),
        ("X Frame: DENY", "\"X Frame\" is not the name of a header"),
        (": DENY", "\"\" is not the name of a header"),
        ("X-A: a\r\nSet-Cookie: b", "is not a header value"),
        ("X-A\r\nSet-Cookie: b", "is not the name of a header"),
        ("X-A: a\u{e9}", "is not a header value"),
        (
            "Content-Length: 1",
            "Content-Length: millpond sets it itself",
        ),
        (
            "transfer-encoding: chunked",
            "transfer-encoding: it describes the connection",
        ),
        (
            "Connection: close",
            "Connection: it describes the connection",
        ),
        ("Date: now", "Date: millpond sets it itself"),
        ("ETag:", "ETag: millpond sets it itself"),
        (
            "Content-Encoding: br",
            "Content-Encoding: millpond sets it itself",
        ),
        ("Server: mine", "the setting server-header"),
        ("Content-Type:", "Content-Type: every file needs one"),
        ("Vary:", "Vary: caches need it"),
    ] {
        let (status, stderr) = refused(&["--header", header]);
        assert_eq!(status, Some(2), "{header:?}");
        assert!(stderr.contains(said), "{header:?}: {stderr}");
    }
    let (_, stderr) = refused(&["--header", "Set-Cookie: a=1", "--header", "set-cookie: b=2"]);
    assert!(stderr.contains("Set-Cookie can be set once"), "{stderr}");
}

const EXPOSED: &str =
    "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag, Last-Modified";

#[test]
fn pages_of_the_allowed_origin_can_read_every_response() {
    let site = Site::small();
    site.file("dir/b", "");
    for (argument, origin) in [
        ("--cors", "*"),
        ("--cors=*", "*"),
        ("--cors=true", "*"),
        ("--cors=https://App.example:443/", "https://app.example"),
    ] {
        let server = start(&site, &["--listing", argument]);
        for (method, target, fields, status) in KINDS {
            let fields = [fields, &[("Origin", "https://app.example")]].concat();
            let response = server.request(method, target, &fields);
            let what = format!("{argument} {method} {target} {fields:?}");
            assert_eq!(response.status, status, "{what}");
            let allowed = lines(&response, "access-control-allow-origin");
            assert_eq!(allowed, [origin], "{what}");
            let exposed = lines(&response, "access-control-expose-headers");
            assert_eq!(exposed, [EXPOSED], "{what}");
            for name in [
                "access-control-allow-headers",
                "access-control-allow-credentials",
            ] {
                assert!(lines(&response, name).is_empty(), "{what}");
            }
            // The response is the same for every client.
            assert!(
                !lines(&response, "vary").concat().contains("Origin"),
                "{what}"
            );
        }
    }
}

#[test]
fn a_preflight_response_lists_the_allowed_methods_and_headers() {
    let site = Site::small();
    let server = start(&site, &["--cors=https://app.example"]);
    let asked = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "range,x-own"),
    ];
    for target in ["/a.txt", "/none", "*"] {
        let response = server.request("OPTIONS", target, &asked);
        assert_eq!(response.status, 204, "{target}");
        for (name, value) in [
            ("access-control-allow-origin", "https://app.example"),
            ("access-control-allow-methods", "GET, HEAD"),
            ("access-control-allow-headers", "*, Authorization"),
            ("access-control-max-age", "7200"),
            ("allow", "GET, HEAD, OPTIONS"),
        ] {
            assert_eq!(lines(&response, name), [value], "{target}");
        }
        assert!(lines(&response, "access-control-expose-headers").is_empty());
    }
}

#[test]
fn a_rejected_host_reveals_nothing_to_other_origins() {
    let site = Site::small();
    let server = start(
        &site,
        &[
            "--cors",
            "--allowed-hosts",
            "b.example",
            "--header",
            "X-A: 1",
        ],
    );
    let response = server.get("/a.txt");
    assert_eq!(response.status, 421);
    assert!(lines(&response, "access-control-allow-origin").is_empty());
    assert!(lines(&response, "x-a").is_empty());
}

#[test]
fn responses_have_no_such_fields_without_the_options() {
    let site = Site::small();
    for arguments in [
        &[][..],
        &["--cors=false"],
        &[
            "--cors",
            "--header",
            "Access-Control-Allow-Origin:",
            "--header",
            "access-control-expose-headers:",
        ],
    ] {
        let server = start(&site, arguments);
        for method in ["GET", "HEAD"] {
            let response = server.request(method, "/a.txt", &[("Origin", "https://a.example")]);
            let name = |(name, _): &(String, String)| name.to_lowercase();
            let names: Vec<_> = response.fields.iter().map(name).collect();
            assert!(
                !names.iter().any(|it| it.starts_with("access-control")),
                "{names:?}"
            );
        }
    }
}

#[test]
fn an_invalid_origin_is_an_error_with_advice() {
    for (argument, said) in [
        ("--cors=app.example", "https://app.example"),
        ("--cors=null", "write * for every origin"),
        (
            "--cors=https://a.example,https://b.example",
            "more than one origin",
        ),
        ("--cors=https://a.example/path", "without a path"),
        ("--cors=", "is not an origin"),
    ] {
        let (status, stderr) = refused(&[argument]);
        assert_eq!(status, Some(2), "{argument}");
        assert!(stderr.contains(said), "{argument}: {stderr}");
    }
}

#[test]
fn explanations_name_the_setting_of_each_field() {
    let site = Site::small();
    let explain = |target: &&str| {
        let mut process = Launch::of(site.root())
            .args(["--cors", "--header", "X-A: 1", "--explain", target])
            .spawn();
        process.wait();
        process.end();
        let stdout = process.stdout();
        let rules = stdout
            .lines()
            .filter_map(|line| line.strip_prefix("rule      "));
        rules.map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = [
        "--cors, sets Access-Control-Allow-Origin, sets Access-Control-Expose-Headers",
        "--header, sets X-A",
    ];
    assert_all(
        ["/a.txt", "/none", "/%zz"].map(|target| (target, expected.map(str::to_owned).to_vec())),
        explain,
    );
}

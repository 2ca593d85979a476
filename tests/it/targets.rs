//! From request target to path (RFC 9112 §3.2, RFC 3986 §5.2.4): all forms are normalized in the
//! same way.

use crate::support::{Server, Site, assert_all};

/// Creates files in the root and one directory below, and a name that would change if it were
/// decoded again.
fn site() -> Site {
    let site = Site::small();
    site.file("dir/b.txt", "beta\n")
        .file("dir/index.html", "<title>dir</title>")
        .file("with space.txt", "space\n")
        .file("100%.txt", "percent\n")
        .file("%61.txt", "not a\n")
        .file("back\\slash.txt", "backslash\n")
        .file("a+b.txt", "plus\n")
        .file("semi;colon.txt", "semicolon\n")
        .file("hash#mark?.txt", "hash\n")
        .file("grüße.txt", "utf-8\n");
    site
}

/// Returns the status and, for a success, the content.
fn outcome(server: &Server, target: &str) -> (u16, String) {
    let response = server.get(target);
    let content = if response.status == 200 {
        response.text()
    } else {
        ""
    };
    (response.status, content.to_owned())
}

#[track_caller]
fn assert_outcomes<const N: usize>(table: [(&str, (u16, &str)); N]) {
    let site = site();
    let server = Server::start(site.root());
    let table = table.map(|(target, (status, content))| (target, (status, content.to_owned())));
    assert_all(table, |target| outcome(&server, target));
}

#[test]
fn percent_encoding_is_decoded_once() {
    assert_outcomes([
        ("/%61.txt", (200, "alpha\n")),
        ("/%61%2e%74%78%74", (200, "alpha\n")),
        ("/%61%2E%74xt", (200, "alpha\n")),
        ("/with%20space.txt", (200, "space\n")),
        ("/100%25.txt", (200, "percent\n")),
        ("/%2561.txt", (200, "not a\n")),
        ("/a+b.txt", (200, "plus\n")),
        ("/a%2bb.txt", (200, "plus\n")),
        ("/semi;colon.txt", (200, "semicolon\n")),
        ("/hash%23mark%3F.txt", (200, "hash\n")),
        ("/gr%C3%BC%c3%9fe.txt", (200, "utf-8\n")),
        ("/back%5Cslash.txt", (200, "backslash\n")),
    ]);
}

#[test]
fn a_broken_escape_or_nul_gives_400() {
    assert_outcomes(
        [
            "/%",
            "/%6",
            "/%zz",
            "/%6g",
            "/%g1",
            "/a.txt%",
            "/a.txt%2",
            "/%%61",
            "/% 1",
            "/%u0061.txt",
            "/%00",
            "/a.txt%00",
            "/a.txt%00.html",
            "/%00/../a.txt",
            "/dir/%00/../b.txt",
        ]
        .map(|target| (target, (400, ""))),
    );
}

#[test]
fn an_encoded_slash_never_separates() {
    assert_outcomes(
        [
            "/dir%2fb.txt",
            "/dir%2Fb.txt",
            "/dir/%2fb.txt",
            "/%2fa.txt",
            "/dir%2f",
            "/a.txt%2f",
            "/dir%2f..%2fa.txt",
            "/dir/..%2fa.txt",
            "/%2e%2e%2fa.txt",
            "/%2f",
            "/dir%2f/b.txt",
        ]
        .map(|target| (target, (404, ""))),
    );
}

#[test]
fn dot_segments_are_removed_before_and_after_decoding_and_never_above_the_root() {
    assert_outcomes(
        [
            "/./a.txt",
            "/dir/../a.txt",
            "/dir/./../a.txt",
            "/../a.txt",
            "/../../../a.txt",
            "/dir/../../a.txt",
            "/missing/../a.txt",
            "/%2e/a.txt",
            "/dir/%2e%2e/a.txt",
            "/dir/.%2e/a.txt",
            "/dir/%2E./a.txt",
            "/%2e%2e/%2e%2e/a.txt",
            "/a/b/c/../../../a.txt",
        ]
        .map(|target| (target, (200, "alpha\n"))),
    );
}

#[test]
fn a_dot_segment_at_the_end_names_a_directory() {
    let page = "<!doctype html><title>Start</title>";
    assert_outcomes([
        ("/.", (200, page)),
        ("/..", (200, page)),
        ("/dir/..", (200, page)),
        ("/%2e%2e", (200, page)),
        ("/dir/.", (200, "<title>dir</title>")),
        ("/dir/%2e", (200, "<title>dir</title>")),
        ("/a.txt/.", (404, "")),
    ]);
}

#[test]
fn names_that_only_resemble_dot_segments_are_names() {
    assert_outcomes(
        [
            "/.../a.txt",
            "/dir/.../b.txt",
            "/dir/..;/a.txt",
            "/dir/..%20/a.txt",
        ]
        .map(|target| (target, (404, ""))),
    );
}

#[test]
fn the_query_does_not_select_the_file() {
    assert_outcomes([
        ("/a.txt?", (200, "alpha\n")),
        ("/a.txt?a=b&c=d", (200, "alpha\n")),
        ("/a.txt?../../b", (200, "alpha\n")),
        ("/a.txt?%zz%00", (200, "alpha\n")),
        ("/a.txt?a?b", (200, "alpha\n")),
        ("/?/dir/b.txt", (200, "<!doctype html><title>Start</title>")),
        ("/missing?/a.txt", (404, "")),
    ]);
}

#[test]
fn the_absolute_form_is_served_whatever_its_host() {
    assert_outcomes([
        ("http://a.example/a.txt", (200, "alpha\n")),
        ("http://other.example:81/a.txt?q", (200, "alpha\n")),
        ("HTTP://A.EXAMPLE/a.txt", (200, "alpha\n")),
        ("http://[::1]:8080/dir/../a.txt", (200, "alpha\n")),
        ("http://a.example/%2e%2e/a.txt", (200, "alpha\n")),
        (
            "http://a.example",
            (200, "<!doctype html><title>Start</title>"),
        ),
        (
            "http://a.example?a=b",
            (200, "<!doctype html><title>Start</title>"),
        ),
    ]);
}

#[test]
fn the_host_of_the_absolute_form_wins_over_host() {
    // RFC 9112 §3.2.2: `Host` is ignored, but it must be present and valid.
    let site = site();
    let server = Server::start(site.root());
    let table = [
        (("http://a.example/a.txt", "Host: other.example\r\n"), 200),
        (("http://a.example/a.txt", "Host: \r\n"), 200),
        (("http://a.example/a.txt", ""), 400),
        (("http://a.example/a.txt", "Host: a\r\nHost: a\r\n"), 400),
        (("http://a b/a.txt", "Host: a\r\n"), 400),
        (("http://a%zz/a.txt", "Host: a\r\n"), 400),
        (("http://a:port/a.txt", "Host: a\r\n"), 400),
        (("http://[::1/a.txt", "Host: a\r\n"), 400),
        (("http:///a.txt", "Host: a\r\n"), 400),
    ];
    assert_all(table, |(target, host)| {
        server
            .response_to("GET", format!("GET {target} HTTP/1.1\r\n{host}\r\n"))
            .status
    });
}

#[test]
fn a_target_form_that_its_method_does_not_allow_gives_400() {
    let site = site();
    let server = Server::start(site.root());
    let requests = [
        ("GET", "*"),
        ("HEAD", "*"),
        ("GET", "a.txt"),
        ("GET", "a.example:80"),
        ("GET", "?a"),
        ("GET", "#a"),
        ("GET", "\\a.txt"),
        ("OPTIONS", "**"),
        ("OPTIONS", "*/"),
        ("CONNECT", "/a.txt"),
        ("CONNECT", "http://a.example/"),
        ("CONNECT", "a.example"),
    ];
    assert_all(
        requests.map(|request| (request, 400)),
        |(method, target)| server.request(method, target, &[]).status,
    );
}

#[test]
fn a_fragment_in_a_request_target_gives_400() {
    let site = site();
    let server = Server::start(site.root());
    for target in ["/a.txt#part", "/#", "/a.txt?q#part"] {
        assert_eq!(server.get(target).status, 400, "{target}");
    }
}

#[test]
fn repeated_slashes_never_lead_elsewhere() {
    let site = site();
    let server = Server::start(site.root());
    for target in [
        "//a.txt",
        "/dir//b.txt",
        "///",
        "//etc/passwd",
        "/.//a.txt",
        "//../a.txt",
    ] {
        let (status, content) = outcome(&server, target);
        let own = ["alpha\n", "beta\n", "<!doctype html><title>Start</title>"];
        let right = status == 404 || status == 200 && own.contains(&content.as_str());
        assert!(right, "{target}: {status} {content:?}");
    }
}

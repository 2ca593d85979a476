//! The request head (RFC 9112 §2 to §5, §9): its grammar, its version, and the persistence of the
//! connection. The framing of content is in `framing.rs`, targets are in `targets.rs`.

use crate::support::{Launch, Server, Site, assert_all, responses};

/// Returns the statuses for the bytes whole, byte by byte, and followed by a good request.
fn statuses(server: &Server, request: &[u8]) -> Vec<u16> {
    let trailed = [request, b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let outputs = [
        server.exchange(request),
        server.exchange_byte_by_byte(request),
        server.exchange(&trailed),
        server.exchange_byte_by_byte(&trailed),
    ];
    outputs
        .iter()
        .flat_map(|output| {
            let all = responses(output, ["GET"; 2]);
            let persists = all
                .iter()
                .any(|response| !response.closes() && response.status >= 400);
            assert!(!persists, "an error without a close: {all:?}");
            all.into_iter().map(|response| response.status)
        })
        .collect()
}

/// Asserts that each of the heads, whatever follows, gets the status and ends its connection.
#[track_caller]
fn assert_refused<Head: AsRef<[u8]>>(status: u16, heads: impl IntoIterator<Item = Head>) {
    let site = Site::small();
    let server = Server::start(site.root());
    let table = heads.into_iter().map(|head| {
        (
            head.as_ref().escape_ascii().to_string(),
            head.as_ref().to_vec(),
        )
    });
    assert_all(table.map(|case| (case, vec![status; 4])), |(_, head)| {
        statuses(&server, head)
    });
}

#[test]
fn a_malformed_request_line_gives_400() {
    let lines: [&[u8]; 16] = [
        b"GET /a.txt", // HTTP/0.9
        b"GET",
        b"GET ",
        b"GET  HTTP/1.1",
        b" GET /a.txt HTTP/1.1",
        b"GET  /a.txt HTTP/1.1",
        b"GET /a.txt  HTTP/1.1",
        b"GET /a.txt HTTP/1.1 ",
        b"GET\t/a.txt\tHTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a.txt HTTP/1.1 x",
        b"GET /a.txt http/1.1",
        b"GET /a.txt HTTP/11",
        b"GET /a.txt HTTP/1.x",
        b"GET /a\x00.txt HTTP/1.1",
        b"GET /a\x1b.txt HTTP/1.1",
    ];
    assert_refused(
        400,
        lines.map(|line| [line, b"\r\nHost: a\r\n\r\n"].concat()),
    );
}

#[test]
fn a_malformed_field_line_gives_400() {
    let lines: [&[u8]; 21] = [
        b"X-Space : before the colon",
        b"X-Tab\t: before the colon",
        b"X-Folded: one\r\n two",
        b"X-Folded: one\r\n\ttwo",
        b"X-Folded:\r\n one",
        b"X-Bare: c\rr",
        b"X-Bare: cr at the end\r\r\n",
        b"\rX-Bare: cr before",
        b"X-Nul: a\x00b",
        b": no name",
        b"no colon",
        b"X Y: space in the name",
        b"X(Y): delimiter in the name",
        b"X/Y: delimiter in the name",
        b"X\"Y: delimiter in the name",
        b"X{Y}: delimiter in the name",
        b"X[Y]: delimiter in the name",
        b"X@Y: delimiter in the name",
        b"X\x00Y: NUL in the name",
        b"X\xe9Y: no ASCII in the name",
        b"X\x7fY: DEL in the name",
    ];
    let head = |line: &[u8]| {
        [
            b"GET /a.txt HTTP/1.1\r\nHost: a\r\n".as_slice(),
            line,
            b"\r\n\r\n",
        ]
        .concat()
    };
    assert_refused(400, lines.map(head));
}

#[test]
fn white_space_before_the_first_field_gives_400() {
    // RFC 9112 §2.2: otherwise a line that one recipient ignores could hide a field from another.
    assert_refused(
        400,
        [
            "GET /a.txt HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET /a.txt HTTP/1.1\r\n\tHost: a\r\n\r\n",
            "GET /a.txt HTTP/1.1\r\n \r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn a_line_that_ends_in_a_bare_line_feed_gives_400() {
    // RFC 9112 §2.2 lets a recipient accept it, but a proxy in front may read it differently.
    assert_refused(
        400,
        [
            "GET /a.txt HTTP/1.1\nHost: a\r\n\r\n",
            "GET /a.txt HTTP/1.1\r\nHost: a\n\r\n",
            "GET /a.txt HTTP/1.1\r\nX-A: b\nHost: a\r\n\r\n",
            "GET /a.txt HTTP/1.1\r\nHost: a\r\n\n",
        ],
    );
}

#[test]
fn a_control_byte_in_a_value_gives_400() {
    // A tab is white space, and other tests cover CR and LF.
    let controls = (0..0x20)
        .chain([0x7f])
        .filter(|byte| !b"\t\r\n".contains(byte));
    let head = |byte| {
        let mut head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Control: a b\r\n\r\n".to_vec();
        let position = head.len() - 6;
        head[position] = byte;
        head
    };
    assert_refused(400, controls.map(head));
}

#[test]
fn unusual_but_valid_fields_are_accepted() {
    let site = Site::small();
    let server = Server::start(site.root());
    let lines: [&[u8]; 8] = [
        b"X-Empty:",
        b"X-No-Space:value",
        b"X-Much-Space: \t  value \t ",
        b"X-Tab: a\tb",
        b"X-Latin-1: caf\xe9",
        b"X-Utf-8: \xe2\x82\xac",
        b"!#$%&'*+-.^_`|~09: every kind of token character",
        b"X-Colons: :a:b:",
    ];
    let table = lines.map(|line| (line.escape_ascii().to_string(), line));
    assert_all(table.map(|case| (case, 200)), |(_, line)| {
        let head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n".as_slice();
        server
            .response_to("GET", [head, line, b"\r\n\r\n"].concat())
            .status
    });
}

#[test]
fn a_few_empty_lines_before_a_request_line_are_tolerated() {
    let site = Site::small();
    let server = Server::start(site.root());
    let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    for lines in ["\r\n", "\r\n\r\n"] {
        let output = server.exchange(format!("{lines}{request}{lines}{request}"));
        let statuses: Vec<_> = responses(&output, ["GET"; 2])
            .iter()
            .map(|r| r.status)
            .collect();
        assert_eq!(statuses, [200, 200], "after {lines:?}");
    }
    let many = "\r\n".repeat(1000);
    assert_eq!(
        server.response_to("GET", format!("{many}{request}")).status,
        400
    );
}

#[test]
fn a_missing_doubled_or_invalid_host_gives_400() {
    let hosts = [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: user@a\r\n",
        "Host: http://a/\r\n",
        "Host: a:port\r\n",
        "Host: a:80:80\r\n",
        "Host: a:-1\r\n",
        "Host: [::1\r\n",
        "Host: ::1\r\n",
        "Host: [::g]\r\n",
        "Host: [::1]x\r\n",
        "Host: a\\b\r\n",
        "Host: <a>\r\n",
        "Host: \"a\"\r\n",
        "Host: a%zz\r\n",
    ];
    assert_refused(
        400,
        hosts.map(|host| format!("GET /a.txt HTTP/1.1\r\n{host}\r\n")),
    );
}

#[test]
fn every_valid_host_is_accepted() {
    let site = Site::small();
    let server = Server::start(site.root());
    let hosts = [
        "a",
        "a.example",
        "A.EXAMPLE",
        "a.example.",
        "a.example:80",
        "a:",
        "127.0.0.1:8080",
        "[::1]",
        "[::1]:8080",
        "[2001:db8::192.0.2.1]",
        "under_score",
        "xn--bcher-kva.example",
        "a~b",
        "a%20b",
        "",
    ];
    assert_all(hosts.map(|host| (host, 200)), |host| {
        let head = format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
        server.response_to("GET", head).status
    });
}

#[test]
fn http_1_0_needs_no_host() {
    let site = Site::small();
    let server = Server::start(site.root());
    assert_eq!(
        server
            .response_to("GET", "GET /a.txt HTTP/1.0\r\n\r\n")
            .status,
        200
    );
}

#[test]
fn another_major_version_gives_505() {
    assert_refused(
        505,
        [
            "GET /a.txt HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET /a.txt HTTP/0.9\r\nHost: a\r\n\r\n",
            "GET /a.txt HTTP/3.0\r\nHost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ],
    );
}

#[test]
fn a_higher_minor_version_is_answered_as_http_1_1() {
    // RFC 9110 §2.5: as the highest minor version that the recipient implements.
    let site = Site::small();
    let server = Server::start(site.root());
    assert_eq!(
        server
            .response_to("GET", "GET /a.txt HTTP/1.2\r\nHost: a\r\n\r\n")
            .status,
        200
    );
}

#[test]
fn http_1_1_persists_by_default() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    for target in ["/a.txt", "/missing", "/", "/a.txt"] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!client.response_to("GET").closes(), "{target}");
    }
}

#[test]
fn errors_that_keep_the_framing_keep_the_connection() {
    let site = Site::small();
    site.directory("bare");
    let server = Launch::of(site.root())
        .expecting(&["no index file"])
        .start();
    let mut client = server.connect();
    let requests = [
        ("GET", "/missing", 404),
        ("GET", "/bare", 301),
        ("GET", "/bare/", 404),
        ("POST", "/a.txt", 405),
        ("BREW", "/a.txt", 501),
        ("OPTIONS", "*", 204),
        ("GET", "/a.txt", 200),
    ];
    for (method, target, status) in requests {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = client.response_to(method);
        assert_eq!(
            (response.status, response.closes()),
            (status, false),
            "{method} {target}"
        );
    }
}

#[test]
fn connection_close_is_found_in_any_list_in_any_case_over_repeated_fields() {
    let site = Site::small();
    let server = Server::start(site.root());
    let fields = [
        "Connection: close",
        "connection: CLOSE",
        "CONNECTION:close",
        "Connection: foo, close",
        "Connection: close,foo",
        "Connection: foo ,\tClose , bar",
        "Connection: , ,close",
        "Connection: keep-alive, close",
        "Connection: foo\r\nConnection: close",
        "Connection: close\r\nConnection: keep-alive",
    ];
    assert_all(fields.map(|field| (field, (1, true))), |field| {
        closing(&server, "1.1", field)
    });
}

#[test]
fn values_that_only_resemble_close_do_not_close() {
    let site = Site::small();
    let server = Server::start(site.root());
    let fields = [
        "Connection: closed",
        "Connection: \"close\"",
        "Connection: clo se",
        "X-Connection: close",
        "Connection: keep-alive",
        "Connection: Upgrade, HTTP2-Settings",
        "Proxy-Connection: close",
    ];
    assert_all(fields.map(|field| (field, (2, false))), |field| {
        closing(&server, "1.1", field)
    });
}

#[test]
fn http_1_0_closes_by_default_and_honours_keep_alive() {
    let site = Site::small();
    let server = Server::start(site.root());
    let table = [
        ("X-Nothing: asked", (1, true)),
        ("Connection: foo", (1, true)),
        ("Connection: keep-alive", (2, false)),
        ("Connection: Keep-Alive", (2, false)),
        ("Connection: foo, keep-alive", (2, false)),
        ("Connection: keep-alive, close", (1, true)),
    ];
    assert_all(table, |field| closing(&server, "1.0", field));
}

#[test]
fn a_response_to_http_1_0_says_that_it_keeps_the_connection() {
    let site = Site::small();
    let server = Server::start(site.root());
    let request = "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let output = server.exchange(request.repeat(2));
    let all = responses(&output, ["GET"; 2]);
    assert_eq!(all.len(), 2);
    for response in all {
        let connection = response.field("connection").map(str::to_ascii_lowercase);
        assert_eq!(connection.as_deref(), Some("keep-alive"));
    }
}

#[test]
fn ranges_work_on_http_1_0() {
    let site = Site::small();
    let server = Server::start(site.root());
    let response = server.response_to("GET", "GET /a.txt HTTP/1.0\r\nRange: bytes=1-2\r\n\r\n");
    assert_eq!((response.status, response.text()), (206, "lp"));
}

#[test]
fn an_upgrade_is_ignored_and_answered_in_http_1_1() {
    let site = Site::small();
    let server = Server::start(site.root());
    let offers = [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA",
        "Connection: upgrade\r\nUpgrade: websocket",
        "Upgrade: TLS/1.0, HTTP/2.0\r\nConnection: Upgrade",
    ];
    assert_all(offers.map(|offer| (offer, (2, false))), |offer| {
        closing(&server, "1.1", offer)
    });
}

/// Returns how many of two requests with the field are answered, and whether the first response
/// closes.
fn closing(server: &Server, version: &str, field: &str) -> (usize, bool) {
    let request = format!("GET /a.txt HTTP/{version}\r\nHost: a\r\n{field}\r\n\r\n");
    let output = server.exchange(request.repeat(2));
    let all = responses(&output, ["GET"; 2]);
    assert!(all.iter().all(|response| response.status == 200), "{all:?}");
    (all.len(), all[0].closes())
}

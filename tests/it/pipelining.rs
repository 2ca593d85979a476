//! The same bytes give the same responses, however they are split, and no request escapes the root.

use crate::support::{Launch, Response, Server, Site, noise, responses, rounds, without_dates};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, TestCaseError, TestRunner},
};
use std::{fs, iter, time::Duration};

/// Bytes, printed readably when a test fails.
#[derive(Clone)]
struct Raw(Vec<u8>);

impl std::fmt::Debug for Raw {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

fn concatenated(requests: &[Raw]) -> Vec<u8> {
    requests
        .iter()
        .flat_map(|Raw(request)| request.iter().copied())
        .collect()
}

/// Compares two outputs without their dates, and shows where they differ.
fn same(one: &[u8], other: &[u8]) -> Result<(), TestCaseError> {
    let [one, other] = [one, other].map(without_dates);
    if one == other {
        return Ok(());
    }
    let pairs = one.iter().zip(&other);
    let start = pairs
        .take_while(|(one, other)| one == other)
        .count()
        .saturating_sub(300);
    let shown = |output: &[u8]| output[start..].iter().take(600).copied().collect();
    let [one, other] = [Raw(shown(&one)), Raw(shown(&other))];
    Err(TestCaseError::fail(format!(
        "from byte {start} on\n{one:?}\nbut\n{other:?}"
    )))
}

/// Checks a property with a server that all its cases share.
fn check<T: std::fmt::Debug>(
    cases: usize,
    strategy: &impl Strategy<Value = T>,
    property: impl Fn(T) -> Result<(), TestCaseError>,
) {
    // A failing case becomes a test of its own, so no file stores it.
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        ..Config::default()
    };
    if let Err(failure) = TestRunner::new(config).run(strategy, property) {
        panic!("{failure}");
    }
}

fn served() -> (Site, Server) {
    let site = site();
    // Random bytes may begin like a TLS handshake.
    let server = Launch::ahead(site.root())
        .expecting(&["a client uses HTTPS"])
        .start();
    // The validators of a file must not change between two outputs that should be equal.
    server.await_strong_etag("/large.bin");
    (site, server)
}

fn site() -> Site {
    let site = Site::small();
    site.directory("bare")
        .file("medium.bin", noise(100_000))
        .file("large.bin", noise(700_000));
    site
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order() {
    let (_site, server) = served();
    let targets = ["/a.txt", "/", "/missing", "/medium.bin", "/bare"];
    let alone = targets.map(|target| server.get(target));
    let requests = targets.map(|target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let requests = requests.concat().repeat(100 / targets.len());
    let outputs = [
        server.exchange(&requests),
        server.exchange_byte_by_byte(&requests),
    ];
    for output in outputs {
        let all = responses(&output, iter::repeat("GET"));
        assert_eq!(all.len(), 100);
        for (response, expected) in all.iter().zip(alone.iter().cycle()) {
            assert_eq!(
                response.fields_without_date(),
                expected.fields_without_date()
            );
            assert!(response.content == expected.content);
        }
    }
}

#[test]
fn a_thousand_requests_get_the_same_responses_in_one_write_and_byte_by_byte() {
    let (_site, server) = served();
    let requests: String = (0..1000)
        .map(|n| match n % 3 {
            0 => format!("GET /a.txt?{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=1-3\r\n\r\n".to_owned(),
            _ => "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        })
        .collect();
    let whole = server.exchange(&requests);
    let statuses: Vec<_> = responses(&whole, iter::repeat("GET"))
        .iter()
        .map(|response| response.status)
        .collect();
    assert_eq!(
        statuses,
        [200, 206, 404]
            .into_iter()
            .cycle()
            .take(1000)
            .collect::<Vec<_>>()
    );
    let split = server.exchange_byte_by_byte(&requests);
    assert!(without_dates(&whole) == without_dates(&split));
}

#[test]
fn requests_are_answered_while_more_arrive() {
    let (_site, server) = served();
    let mut client = server.connect();
    for _ in 0..50 {
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /large.bin HTTP/1.1\r\nHo");
        assert_eq!(client.response_to("GET").text(), "alpha\n");
        client.send("st: a\r\n\r\n");
        assert_eq!(client.response_to("GET").content.len(), 700_000);
    }
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_for_ever() {
    let (_site, server) = served();
    let mut client = server.connect();
    let requests = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000);
    client.send_until_stalled(requests.as_bytes(), Duration::from_millis(500));
    let kibibytes = server.peak_memory_kib();
    assert!(kibibytes < 32 * 1024, "{kibibytes} KiB at the peak");
    for _ in 0..20 {
        assert_eq!(client.response_to("GET").content.len(), 700_000);
    }
}

#[test]
fn requests_split_anywhere_give_the_same_output() {
    let (_site, server) = served();
    let strategy = (vec(request(), 1..8), vec(any::<u16>(), 0..24));
    check(rounds(100, 300), &strategy, |(requests, cuts)| {
        let input = concatenated(&requests);
        let split = server.connect().exchange(pieces(&input, &cuts).into_iter());
        same(&server.exchange(&input), &split)
    });
}

#[test]
fn pipelined_requests_get_the_same_responses_as_single_ones() {
    let (_site, server) = served();
    check(
        rounds(30, 100),
        &vec(persisting_request(), 1..12),
        |requests| {
            let alone = requests
                .iter()
                .flat_map(|Raw(request)| server.exchange(request));
            same(
                &alone.collect::<Vec<_>>(),
                &server.exchange(concatenated(&requests)),
            )
        },
    );
}

#[test]
fn no_request_escapes_the_root() {
    const MARKER: &str = "must never be served";
    let site = site();
    fs::write(site.outside("secret.txt"), MARKER).unwrap();
    fs::create_dir(site.outside("root-too")).unwrap();
    fs::write(site.outside("root-too/secret.txt"), MARKER).unwrap();
    fs::write(site.outside("index.html"), MARKER).unwrap();
    site.file(".hidden/secret.txt", MARKER)
        .file(".secret.txt", MARKER)
        .file("dir/.secret.txt", MARKER)
        .symlink("out", "..")
        .symlink("dir/out", "../..")
        .symlink("absolute", site.outside("."))
        .symlink("slash", "/")
        .symlink("escaped.txt", "../secret.txt")
        .symlink("in", "dir");
    let server = Launch::of(site.root())
        .expecting(&["is not served"])
        .start();
    let outside = site.outside("").to_string_lossy().into_owned();
    check(rounds(700, 2000), &target(outside), |Raw(target)| {
        let request = [b"GET ", target.as_slice(), b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let output = server.exchange(&request);
        let response = Response::parse(&output, "GET")
            .ok()
            .flatten()
            .map(|(response, _)| response);
        let response = response.ok_or_else(|| TestCaseError::fail("no response"))?;
        let page = String::from_utf8_lossy(&response.content);
        let safe = [200, 301, 400, 403, 404, 405, 501, 505].contains(&response.status)
            && !page.contains(MARKER)
            && !page.contains("root:x:0:0")
            && response.field("location").is_none_or(stays_on_this_host);
        safe.then_some(())
            .ok_or_else(|| TestCaseError::fail(output.escape_ascii().to_string()))
    });
}

/// Returns `true` if browsers take a reference for a path on the same host.
fn stays_on_this_host(location: &str) -> bool {
    let plain = location
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // Without a slash, the text before the first colon is a scheme.
    let first = location.split(['/', '?']).next().unwrap_or_default();
    plain && !first.contains(':') && !location.starts_with("//")
}

/// Splits the bytes at these positions.
fn pieces<'bytes>(mut bytes: &'bytes [u8], cuts: &[u16]) -> Vec<&'bytes [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = bytes.split_at(usize::from(*cut) % (bytes.len() + 1));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// Generates a request after which the connection persists.
fn persisting_request() -> impl Strategy<Value = Raw> {
    let targets = select(vec![
        "/",
        "/a.txt",
        "/medium.bin",
        "/large.bin",
        "/missing",
        "/bare?q",
        "/%2e%2e/a.txt",
        "/a%2fb",
    ]);
    let fields = select(vec![
        "",
        "X-Field: value\r\n",
        "If-None-Match: *\r\n",
        "If-Match: \"other\"\r\n",
        "Range: bytes=0-9\r\n",
        "Range: bytes=2-3,-2\r\n",
        "Range: bytes=9999999-\r\n",
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3;e=x\r\nGET\r\n4\r\n /a \r\n0\r\nX-T: a\r\n\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    ]);
    // A reader needs to know the method, because a response to HEAD has no content.
    let methods = select(vec!["GET", "GET", "HEAD", "POST", "OPTIONS", "BREW"]);
    let before = select(vec!["", "", "", "\r\n"]);
    (before, methods, targets, fields).prop_map(|(before, method, target, fields)| {
        let end = if fields.contains("\r\n\r\n") {
            ""
        } else {
            "\r\n"
        };
        let request = format!("{before}{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}{end}");
        Raw(request.into_bytes())
    })
}

/// Generates a request of any kind, valid or not, or bytes that are no request.
fn request() -> impl Strategy<Value = Raw> {
    let last = [
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /medium.bin HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET /a.txt HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a.txt HTTP/1.1\nHost: a\n\n",
        "\r\n\r\n\r\n\r\n",
        "\n",
        "nonsense\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\nContent-Length: 2\r\n\r\nab",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HT",
    ];
    prop_oneof![
        6 => persisting_request(),
        3 => select(last.map(|request| Raw(request.as_bytes().to_vec())).to_vec()),
        1 => vec(any::<u8>(), 0..40).prop_map(Raw),
    ]
}

/// Generates a request target that tries to leave the root.
fn target(outside: String) -> impl Strategy<Value = Raw> {
    let segments = select(SEGMENTS);
    let joined = |separator: &'static str| move |parts: Vec<&str>| parts.join(separator);
    let soup = prop_oneof![
        3 => vec(segments.clone(), 1..10).prop_map(joined("/")),
        1 => vec(segments, 1..16).prop_map(joined("")),
    ];
    let beginnings = prop_oneof![
        8 => Just("/".to_owned()),
        1 => Just(String::new()),
        1 => Just("http://a".to_owned()),
        1 => Just("http://a/".to_owned()),
        1 => Just("file://".to_owned()),
        1 => Just(outside),
        1 => Just("//".to_owned()),
    ];
    let raw = vec(any::<u8>(), 0..4);
    (beginnings, soup, raw).prop_map(|(beginning, soup, raw)| {
        let raw = raw.into_iter().filter(|byte| !b"\r\n \t".contains(byte));
        Raw(beginning
            .into_bytes()
            .into_iter()
            .chain(soup.into_bytes())
            .chain(raw)
            .collect())
    })
}

/// Path segments of requests that try to leave the root.
const SEGMENTS: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    ".%2e",
    "%2E.",
    "%252e%252e",
    "..;",
    "...",
    "..%00",
    "..%c0%af",
    "%",
    "/",
    "//",
    "%2f",
    "%2F",
    "%252f",
    "\\",
    "%5c",
    "..\\",
    "%00",
    "?",
    "#",
    ":",
    "@",
    "~",
    "%0a",
    "\u{ff0e}\u{ff0e}",
    "%c0%ae%c0%ae",
    "%u002e",
    "secret.txt",
    "root",
    "root-too",
    "index.html",
    "out",
    "dir",
    "in",
    "absolute",
    "slash",
    "escaped.txt",
    "etc",
    "passwd",
    ".secret.txt",
    ".hidden",
    ".well-known",
    "a.txt",
    "bare",
    "proc/self/root",
    "proc/self/cwd",
];

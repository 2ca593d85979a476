//! The framing of request content (RFC 9112 §6 and §7) and `Expect` (RFC 9110 §10.1.1): ambiguous
//! framing is rejected, clear framing is read and dropped.

use crate::support::{Response, Server, Site, assert_all, responses};
use std::iter;

const NEXT: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// Returns the statuses for a request and a good one after it, which are the same whole and byte by
/// byte.
#[track_caller]
fn statuses(server: &Server, request: &str) -> Vec<u16> {
    let bytes = format!("{request}{NEXT}");
    let whole = answers(&server.exchange(&bytes));
    let split = answers(&server.exchange_byte_by_byte(&bytes));
    assert_eq!(whole, split, "the split matters to {request:?}");
    whole
}

fn answers(output: &[u8]) -> Vec<u16> {
    responses(output, iter::repeat("GET"))
        .iter()
        .map(|response| response.status)
        .collect()
}

/// Returns a `POST` with these field lines and this content.
fn post(fields: &str, content: &str) -> String {
    format!("POST /a.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{content}")
}

fn chunked(content: &str) -> String {
    post("Transfer-Encoding: chunked", content)
}

#[track_caller]
fn assert_refused(status: u16, requests: impl IntoIterator<Item = String>) {
    let site = Site::small();
    let server = Server::start(site.root());
    let table = requests.into_iter().map(|request| (request, vec![status]));
    assert_all(table, |request| statuses(&server, request));
}

#[track_caller]
fn assert_read_and_dropped(requests: impl IntoIterator<Item = String>) {
    let site = Site::small();
    let server = Server::start(site.root());
    let table = requests
        .into_iter()
        .map(|request| (request, vec![405, 200]));
    assert_all(table, |request| statuses(&server, request));
}

#[test]
fn a_bad_content_length_gives_400_and_ends_the_connection() {
    let values = [
        "+5",
        "-5",
        "-0",
        "5 5",
        "5,6",
        "5, 6",
        "5;5",
        "0x5",
        "5.0",
        "1e3",
        "five",
        "\u{665}",
        "18446744073709551616",
        "99999999999999999999999999999999999999999",
    ];
    assert_refused(
        400,
        values.map(|value| post(&format!("Content-Length: {value}"), "hello")),
    );
}

#[test]
fn an_empty_content_length_gives_400() {
    assert_refused(
        400,
        [post("Content-Length:", ""), post("Content-Length: ", "")],
    );
}

#[test]
fn repeated_content_lengths_that_differ_give_400() {
    assert_refused(
        400,
        [
            post("Content-Length: 5\r\nContent-Length: 6", "hello"),
            post("Content-Length: 5\r\ncontent-length: 0", "hello"),
            post(
                "Content-Length: 5\r\nX-Between: them\r\nContent-Length: 4",
                "hello",
            ),
        ],
    );
}

#[test]
fn content_length_with_transfer_encoding_gives_400() {
    assert_refused(
        400,
        [
            post(
                "Content-Length: 5\r\nTransfer-Encoding: chunked",
                "0\r\n\r\n",
            ),
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 5",
                "0\r\n\r\n",
            ),
            post(
                "transfer-encoding: CHUNKED\r\nCONTENT-LENGTH: 0",
                "0\r\n\r\n",
            ),
        ],
    );
}

#[test]
fn a_request_whose_last_coding_is_not_chunked_gives_400() {
    // RFC 9112 §6.3: the length cannot be determined.
    let values = [
        "gzip",
        "identity",
        "xchunked",
        "chunked, gzip",
        "chunked, identity",
        "",
    ];
    assert_refused(
        400,
        values.map(|value| post(&format!("Transfer-Encoding: {value}"), "")),
    );
}

#[test]
fn chunked_applied_twice_gives_400() {
    // RFC 9112 §6.1: a sender must not do this.
    assert_refused(
        400,
        [
            post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                "0\r\n\r\n",
            ),
        ],
    );
}

#[test]
fn transfer_encoding_in_http_1_0_gives_400() {
    let head = "POST /a.txt HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n";
    assert_refused(
        400,
        [format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")],
    );
}

#[test]
fn an_unknown_transfer_coding_below_chunked_gives_501() {
    assert_refused(
        501,
        [
            post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
            post("Transfer-Encoding: foo, chunked", "0\r\n\r\n"),
            post(
                "Transfer-Encoding: foo\r\nTransfer-Encoding: chunked",
                "0\r\n\r\n",
            ),
        ],
    );
}

#[test]
fn a_malformed_chunk_gives_400() {
    let contents = [
        "\r\n",
        "g\r\n",
        "-1\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        ";a=b\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a=\x00\r\nhello\r\n0\r\n\r\n",
        "00000000000000000000000000000000000000000000000000000000000000000000000000000g\r\n",
    ];
    assert_refused(400, contents.map(chunked));
}

#[test]
fn a_malformed_trailer_gives_400() {
    let trailers = [
        "X-A : b\r\n",
        " X-A: b\r\n",
        "X-A: b\r\n c\r\n",
        "no colon\r\n",
        ": b\r\n",
        "X-A: b\nc\r\n",
        "X-A: \x00\r\n",
        "X-A: b\rc\r\n",
    ];
    assert_refused(
        400,
        trailers.map(|trailer| chunked(&format!("0\r\n{trailer}\r\n"))),
    );
}

#[test]
fn content_of_a_known_length_is_read_and_dropped() {
    assert_read_and_dropped([
        post("Content-Length: 0", ""),
        post("Content-Length: 5", "hello"),
        post("Content-Length: 005", "hello"),
        post(&format!("Content-Length: {}", NEXT.len()), NEXT),
    ]);
}

#[test]
fn chunked_content_and_trailers_are_read_and_dropped() {
    assert_read_and_dropped([
        chunked("0\r\n\r\n"),
        chunked("5\r\nhello\r\n0\r\n\r\n"),
        chunked("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"),
        chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        chunked("0005\r\nhello\r\n000\r\n\r\n"),
        chunked("5;name=value\r\nhello\r\n0;last\r\n\r\n"),
        chunked("5 ; name = \"quoted; \\\" string\" \r\nhello\r\n0\r\n\r\n"),
        chunked("0\r\nX-Trailer: a\r\nX-Other: b\r\n\r\n"),
        chunked(&format!("{:x}\r\n{NEXT}\r\n0\r\n\r\n", NEXT.len())),
        post("Transfer-Encoding: CHUNKED", "0\r\n\r\n"),
        post("transfer-encoding:chunked", "0\r\n\r\n"),
    ]);
}

#[test]
fn content_of_a_get_is_read_and_dropped() {
    let site = Site::small();
    let server = Server::start(site.root());
    let head = "GET /a.txt HTTP/1.1\r\nHost: a\r\n";
    let requests = [
        format!("{head}Content-Length: 5\r\n\r\nhello"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: a\r\n\r\n"),
    ];
    for request in requests {
        assert_eq!(statuses(&server, &request), [200, 200], "{request:?}");
    }
}

#[test]
fn a_client_that_expects_100_gets_the_final_response_at_once() {
    let site = Site::small();
    let server = Server::start(site.root());
    let requests = [
        ("POST", "Content-Length: 5", "hello", 405),
        (
            "PUT",
            "Transfer-Encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
            405,
        ),
        ("GET", "X-No: content", "", 200),
        ("GET", "Content-Length: 0", "", 200),
    ];
    for (method, field, content, status) in requests {
        let mut client = server.connect();
        let head = format!("{method} /a.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n");
        client.send(format!("{head}{field}\r\n\r\n"));
        // No content is sent before the response arrives.
        let response = client.response_to(method);
        assert_eq!(response.status, status, "{method} {field}");
        // RFC 9110 §10.1.1: the response states whether the content will be read.
        client.try_send(format!("{content}{NEXT}"));
        let after = answers(&client.finish_sending().rest());
        let expected: &[u16] = if response.closes() { &[] } else { &[200] };
        assert_eq!(after, expected, "after {method} {field}");
    }
}

#[test]
fn the_expectation_is_found_in_any_case() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    client.send(post("EXPECT: 100-Continue\r\nContent-Length: 5", ""));
    assert_eq!(client.response_to("POST").status, 405);
}

#[test]
fn another_expectation_gives_417() {
    let site = Site::small();
    let server = Server::start(site.root());
    let values = [
        "nonsense",
        "200-ok",
        "100-continue, nonsense",
        "100-continues",
        "\"100-continue\"",
    ];
    assert_all(values.map(|value| (value, 417)), |value| {
        server.request("GET", "/a.txt", &[("Expect", value)]).status
    });
}

#[test]
fn an_expectation_in_http_1_0_is_ignored() {
    // RFC 9110 §10.1.1.
    let site = Site::small();
    let server = Server::start(site.root());
    let request = "GET /a.txt HTTP/1.0\r\nExpect: 100-continue\r\n\r\n";
    let response: Response = server.response_to("GET", request);
    assert_eq!(response.status, 200);
}

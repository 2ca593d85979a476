//! The size limits of a request: the defaults, each at its exact edge.

use crate::support::{Launch, Response, Server, Site, responses};

const TARGET_BYTES_MAX: usize = 8 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 100;
const CONTENT_BYTES_MAX: usize = 1024 * 1024;

fn served() -> (Site, Server) {
    let site = Site::small();
    let server = Server::start(site.root());
    (site, server)
}

/// Returns the response to the request, which must be the only one if the connection closes.
#[track_caller]
fn only_response(server: &Server, request: &[u8]) -> Response {
    let next = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let output = server.exchange([request, next].concat());
    let mut all = responses(&output, ["GET"; 2]);
    let first = all.remove(0);
    assert_eq!(
        all.is_empty(),
        first.closes(),
        "{first:?} and {} more",
        all.len()
    );
    first
}

fn with_target(length: usize) -> Vec<u8> {
    let query = "q".repeat(length - "/a.txt?".len());
    format!("GET /a.txt?{query} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn with_head(length: usize) -> Vec<u8> {
    let head = "GET /a.txt HTTP/1.1\r\nHost: a\r\nX-Long: \r\n\r\n";
    let value = "x".repeat(length - head.len());
    head.replace("X-Long: ", &format!("X-Long: {value}"))
        .into_bytes()
}

fn with_fields(count: usize) -> Vec<u8> {
    // `Host` is one of them.
    let more = "X-More: a\r\n".repeat(count - 1);
    format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{more}\r\n").into_bytes()
}

fn with_content(length: usize) -> Vec<u8> {
    let head = format!("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; length]].concat()
}

fn with_chunks(length: usize) -> Vec<u8> {
    let mut request =
        b"POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in vec![b'x'; length].chunks(4096) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[track_caller]
fn assert_edge(request_of: fn(usize) -> Vec<u8>, max: usize, within: u16, beyond: u16) {
    let (_site, server) = served();
    assert_eq!(
        only_response(&server, &request_of(max)).status,
        within,
        "at the limit"
    );
    for excess in [1, 2, 10_000, 1_000_000] {
        let response = only_response(&server, &request_of(max + excess));
        assert_eq!(
            (response.status, response.closes()),
            (beyond, true),
            "{excess} beyond"
        );
    }
}

#[test]
fn a_target_of_more_than_8_kib_gives_414() {
    assert_edge(with_target, TARGET_BYTES_MAX, 200, 414);
}

#[test]
fn a_head_of_more_than_16_kib_gives_431() {
    assert_edge(with_head, HEAD_BYTES_MAX, 200, 431);
}

#[test]
fn more_than_100_fields_give_431() {
    let (_site, server) = served();
    assert_eq!(only_response(&server, &with_fields(FIELDS_MAX)).status, 200);
    for count in [FIELDS_MAX + 1, FIELDS_MAX + 100, FIELDS_MAX + 1000] {
        let response = only_response(&server, &with_fields(count));
        assert_eq!(
            (response.status, response.closes()),
            (431, true),
            "{count} fields"
        );
    }
}

#[test]
fn content_of_more_than_1_mib_gives_413() {
    assert_edge(with_content, CONTENT_BYTES_MAX, 405, 413);
}

#[test]
fn chunked_content_of_more_than_1_mib_gives_413() {
    assert_edge(with_chunks, CONTENT_BYTES_MAX, 405, 413);
}

#[test]
fn the_limits_are_the_same_byte_by_byte() {
    let (_site, server) = served();
    let table = [
        (with_target(TARGET_BYTES_MAX), 200),
        (with_target(TARGET_BYTES_MAX + 1), 414),
        (with_head(HEAD_BYTES_MAX), 200),
        (with_head(HEAD_BYTES_MAX + 1), 431),
        (with_fields(FIELDS_MAX), 200),
        (with_fields(FIELDS_MAX + 1), 431),
    ];
    for (request, status) in table {
        let output = server.exchange_byte_by_byte(&request);
        assert_eq!(
            responses(&output, ["GET"])[0].status,
            status,
            "{} bytes",
            request.len()
        );
    }
}

#[test]
fn each_limit_is_an_option() {
    let site = Site::small();
    let options = [
        (
            "--url-bytes-max",
            "100",
            with_target(100),
            200,
            with_target(101),
            414,
        ),
        (
            "--header-bytes-max",
            "300",
            with_head(300),
            200,
            with_head(301),
            431,
        ),
        (
            "--headers-max",
            "10",
            with_fields(10),
            200,
            with_fields(11),
            431,
        ),
        (
            "--body-bytes-max",
            "10",
            with_content(10),
            405,
            with_content(11),
            413,
        ),
    ];
    for (option, limit, last_within, within, first_beyond, beyond) in options {
        let server = Launch::of(site.root()).args([option, limit]).start();
        let statuses = [last_within, first_beyond].map(|it| only_response(&server, &it).status);
        assert_eq!(statuses, [within, beyond], "{option}");
    }
}

#[test]
fn an_announced_length_beyond_the_limit_gives_413_before_any_content() {
    let (_site, server) = served();
    for length in [CONTENT_BYTES_MAX as u64 + 1, u64::MAX] {
        let mut client = server.connect();
        let head = format!("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let response = client.send(head).response_to("POST");
        assert_eq!(
            (response.status, response.closes()),
            (413, true),
            "{length}"
        );
    }
    // The operator sees the request.
    for record in server.records(2) {
        assert!(record.contains("\"POST /a.txt HTTP/1.1\" 413 "), "{record}");
    }
}

#[test]
fn a_chunk_size_beyond_the_limit_gives_413_before_its_data() {
    let (_site, server) = served();
    let sizes = [
        "100001",
        "ffffffff",
        "ffffffffffffffff",
        "10000000000000000",
        "fffffffffffffffff",
    ];
    for size in sizes {
        let mut client = server.connect();
        client.send("POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        let response = client.send(format!("{size}\r\n")).response_to("POST");
        assert_eq!((response.status, response.closes()), (413, true), "{size}");
    }
}

#[test]
fn chunk_extensions_and_trailers_are_limited() {
    let (_site, server) = served();
    let head = "POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = "x".repeat(2_000_000);
    let many = "X-Trailer: a\r\n".repeat(100_000);
    let many_extensions = format!("1;{}\r\nx\r\n", "x".repeat(1000)).repeat(4000);
    let contents = [
        format!("5;{long}\r\nhello\r\n0\r\n\r\n"),
        format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(2_000_000)),
        format!("{many_extensions}0\r\n\r\n"),
        format!("0\r\nX-Trailer: {long}\r\n\r\n"),
        format!("0\r\n{many}\r\n"),
    ];
    for (number, content) in contents.into_iter().enumerate() {
        let response = only_response(&server, format!("{head}{content}").as_bytes());
        assert_eq!(
            (response.status, response.closes()),
            (413, true),
            "content {number}"
        );
    }
}

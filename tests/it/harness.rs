//! The test harness itself: it detects the errors that it should detect.

use crate::support::{Launch, Response, Site, assert_all, noise, responses, without_dates};
use std::panic::{AssertUnwindSafe, catch_unwind};

const DATE: &str = "Date: Tue, 02 Jan 2024 03:04:05 GMT\r\n";

fn parse(response: &str, method: &str) -> Result<Option<(Response, usize)>, String> {
    Response::parse(response.replace("{date}", DATE).as_bytes(), method)
}

#[test]
fn a_good_response_is_understood() {
    let bytes = "HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\nX-A: b\r\n\r\nabHTTP";
    let (response, length) = parse(bytes, "GET").unwrap().unwrap();
    assert_eq!((response.status, response.text()), (200, "ab"));
    assert_eq!(response.field("x-a"), Some("b"));
    assert_eq!(length, bytes.replace("{date}", DATE).len() - "HTTP".len());
    let head = parse("HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\n\r\n", "HEAD");
    assert_eq!(head.unwrap().unwrap().0.content, b"");
}

#[test]
fn an_incomplete_response_needs_more_bytes() {
    let whole = "HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\n\r\nab".replace("{date}", DATE);
    for length in 0..whole.len() {
        assert_eq!(
            Response::parse(&whole.as_bytes()[..length], "GET"),
            Ok(None),
            "{length}"
        );
    }
}

#[test]
fn a_response_that_breaks_a_rule_is_rejected() {
    let responses = [
        "HTTP/1.0 200 OK\r\n{date}Content-Length: 0\r\n\r\n",
        "HTTP/1.1 200\r\n{date}Content-Length: 0\r\n\r\n",
        "HTTP/1.1 200 \r\n{date}Content-Length: 0\r\n\r\n",
        "HTTP/1.1 20 OK\r\n{date}Content-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n{date}Content-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate: Tuesday, 02-Jan-24 03:04:05 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: 01\r\n\r\na",
        "HTTP/1.1 200 OK\r\n{date}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\nX A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\nX-A: b\rc\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: 0\nX-A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\nX-A: b \r\n\r\n",
        "HTTP/1.1 204 No Content\r\n{date}Content-Length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n{date}Content-Length: 5\r\n\r\n",
    ];
    assert_all(responses.map(|response| (response, true)), |response| {
        parse(response, "GET").is_err()
    });
}

#[test]
fn bytes_between_or_after_responses_are_noticed() {
    let response = "HTTP/1.1 200 OK\r\n{date}Content-Length: 1\r\n\r\na".replace("{date}", DATE);
    let parsed = |output: &str| {
        let parse = || responses(output.as_bytes(), ["GET"; 2]).len();
        catch_unwind(AssertUnwindSafe(parse)).ok()
    };
    assert_eq!(parsed(&response.repeat(2)), Some(2));
    assert_eq!(
        parsed(&response.repeat(3)),
        None,
        "more responses than requests"
    );
    assert_eq!(parsed(&format!("{response}b{response}")), None);
    assert_eq!(parsed(&format!("{response}HTTP/1.1")), None);
}

#[test]
fn outputs_are_compared_without_their_dates() {
    let output = |date: &str, content: &str| {
        without_dates(
            format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nX: y\r\n\r\n{content}").as_bytes(),
        )
    };
    assert_eq!(output("today", "a"), output("tomorrow", "a"));
    assert_ne!(output("today", "a"), output("today", "b"));
}

#[test]
fn every_case_of_a_table_that_differs_is_reported() {
    let check = || assert_all([(1, 2), (2, 4), (3, 7), (4, 9)], |number| number * 2);
    let report = catch_unwind(check).expect_err("two cases differ");
    let report = report.downcast_ref::<String>().expect("a message");
    assert!(report.starts_with("2 cases differ") && report.contains('3') && report.contains('4'));
}

#[test]
fn output_of_a_server_on_standard_error_fails_its_test() {
    let site = Site::small();
    let talks = |expected| {
        let server = Launch::of(site.root())
            .args(["--access-log", "stderr"])
            .expecting(expected);
        let server = server.start();
        server.get("/a.txt");
        server
            .process
            .await_stderr("a record", |said| said.contains("/a.txt").then_some(()));
    };
    assert!(catch_unwind(|| talks(&["GET /a.txt"])).is_ok());
    assert!(catch_unwind(|| talks(&[])).is_err());
    assert!(catch_unwind(|| talks(&["something else"])).is_err());
}

#[test]
fn noise_has_no_repetition() {
    let noise = noise(1_000_000);
    let mut words: Vec<_> = noise.chunks_exact(8).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 125_000);
}

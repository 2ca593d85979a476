//! Preconditions (RFC 9110 §13), in the order of §13.2.2.

use crate::support::{LAST_MODIFIED, Launch, Server, Site, assert_all, noise};

const EARLIER: &str = "Tue, 02 Jan 2024 03:04:04 GMT";
const LATER: &str = "Tue, 02 Jan 2024 03:04:06 GMT";

type Condition<'a> = &'a [(&'a str, &'a str)];

/// Asserts the status of `GET` and `HEAD` under each of the conditions, in which `{etag}` stands
/// for the current entity tag.
#[track_caller]
fn assert_statuses(table: &[(Condition<'_>, u16)]) {
    let site = Site::small();
    site.file("large.bin", noise(4_000_000));
    let server = Launch::ahead(site.root()).start();
    // The large one first: once its tag is strong, both files have settled.
    for target in ["/large.bin", "/a.txt"] {
        let etag = server.await_strong_etag(target);
        assert_all(
            table.iter().map(|(fields, status)| (*fields, [*status; 2])),
            |fields| {
                let values: Vec<_> = fields
                    .iter()
                    .map(|(_, value)| value.replace("{etag}", &etag))
                    .collect();
                let fields: Vec<_> = fields
                    .iter()
                    .zip(&values)
                    .map(|((name, _), value)| (*name, value.as_str()))
                    .collect();
                ["GET", "HEAD"].map(|method| server.request(method, target, &fields).status)
            },
        );
    }
}

#[test]
fn if_match_compares_strongly() {
    assert_statuses(&[
        (&[("If-Match", "{etag}")], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", "\"other\", {etag}")], 200),
        (&[("If-Match", "\"a,b\",{etag}")], 200),
        (&[("If-Match", "\"other\""), ("If-Match", "{etag}")], 200),
        (&[("If-Match", "\"other\"")], 412),
        (&[("If-Match", "W/{etag}")], 412),
        (&[("If-Match", "\"one\", \"two\"")], 412),
    ]);
}

#[test]
fn if_unmodified_since_compares_to_the_second() {
    assert_statuses(&[
        (&[("If-Unmodified-Since", LAST_MODIFIED)], 200),
        (&[("If-Unmodified-Since", LATER)], 200),
        (&[("If-Unmodified-Since", EARLIER)], 412),
        (&[("If-Unmodified-Since", "no date")], 200),
    ]);
}

#[test]
fn if_match_takes_precedence_over_if_unmodified_since() {
    assert_statuses(&[
        (
            &[("If-Match", "{etag}"), ("If-Unmodified-Since", EARLIER)],
            200,
        ),
        (
            &[("If-Match", "\"other\""), ("If-Unmodified-Since", LATER)],
            412,
        ),
    ]);
}

#[test]
fn if_none_match_compares_weakly() {
    assert_statuses(&[
        (&[("If-None-Match", "{etag}")], 304),
        (&[("If-None-Match", "W/{etag}")], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "\"other\", {etag}")], 304),
        (&[("If-None-Match", "\"a,b\" ,W/{etag}")], 304),
        (&[("If-None-Match", ", ,{etag}")], 304),
        (
            &[("If-None-Match", "\"other\""), ("If-None-Match", "{etag}")],
            304,
        ),
        (&[("If-None-Match", "\"other\"")], 200),
        (&[("If-None-Match", "\"\"")], 200),
        (&[("If-None-Match", "\"{etag}\"")], 200),
    ]);
}

#[test]
fn if_modified_since_compares_to_the_second() {
    assert_statuses(&[
        (&[("If-Modified-Since", LAST_MODIFIED)], 304),
        (&[("If-Modified-Since", LATER)], 304),
        (&[("If-Modified-Since", EARLIER)], 200),
    ]);
}

#[test]
fn if_none_match_takes_precedence_over_if_modified_since() {
    assert_statuses(&[
        (
            &[("If-None-Match", "\"other\""), ("If-Modified-Since", LATER)],
            200,
        ),
        (
            &[
                ("If-Modified-Since", LAST_MODIFIED),
                ("If-None-Match", "\"other\""),
            ],
            200,
        ),
        (
            &[("If-None-Match", "{etag}"), ("If-Modified-Since", EARLIER)],
            304,
        ),
    ]);
}

#[test]
fn if_match_and_if_unmodified_since_are_evaluated_before_if_none_match() {
    assert_statuses(&[
        (
            &[("If-None-Match", "{etag}"), ("If-Match", "\"other\"")],
            412,
        ),
        (&[("If-None-Match", "{etag}"), ("If-Match", "{etag}")], 304),
        (
            &[
                ("If-None-Match", "{etag}"),
                ("If-Unmodified-Since", EARLIER),
            ],
            412,
        ),
        (
            &[("If-Modified-Since", LATER), ("If-Match", "\"other\"")],
            412,
        ),
        (
            &[("If-Modified-Since", LATER), ("If-Unmodified-Since", LATER)],
            304,
        ),
        (
            &[("If-Match", "{etag}"), ("If-None-Match", "\"other\"")],
            200,
        ),
    ]);
}

#[test]
fn all_three_formats_of_a_date_are_understood() {
    assert_statuses(&[
        (
            &[("If-Modified-Since", "Tue, 02 Jan 2024 03:04:05 GMT")],
            304,
        ),
        (
            &[("If-Modified-Since", "Tuesday, 02-Jan-24 03:04:05 GMT")],
            304,
        ),
        (&[("If-Modified-Since", "Tue Jan  2 03:04:05 2024")], 304),
        (
            &[("If-Modified-Since", "Tuesday, 02-Jan-24 03:04:04 GMT")],
            200,
        ),
        (&[("If-Modified-Since", "Tue Jan  2 03:04:04 2024")], 200),
        // RFC 9110 §5.6.7: a date more than 50 years ahead is in the past.
        (
            &[("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT")],
            200,
        ),
    ]);
}

#[test]
fn invalid_dates_are_ignored() {
    assert_statuses(&[
        (&[("If-Modified-Since", "")], 200),
        (&[("If-Modified-Since", "0")], 200),
        (&[("If-Modified-Since", "-1")], 200),
        (&[("If-Modified-Since", "no date")], 200),
        (&[("If-Modified-Since", "2034-01-02T03:04:05Z")], 200),
        (
            &[("If-Modified-Since", "Tue, 32 Jan 2034 03:04:05 GMT")],
            200,
        ),
        (
            &[("If-Modified-Since", "Tue, 02 Jan 2034 03:04:05 CET")],
            200,
        ),
    ]);
}

#[test]
fn if_range_gives_the_range_of_an_unchanged_file_and_otherwise_the_whole() {
    let range = ("Range", "bytes=1-2");
    assert_statuses(&[
        (&[range, ("If-Range", "{etag}")], 206),
        (&[range, ("If-Range", LAST_MODIFIED)], 206),
        (&[range, ("If-Range", "W/{etag}")], 200),
        (&[range, ("If-Range", "\"other\"")], 200),
        (&[range, ("If-Range", EARLIER)], 200),
        // RFC 9110 §13.1.5: dates must be equal; an older one is not enough.
        (&[range, ("If-Range", LATER)], 200),
        (&[range, ("If-Range", "neither tag nor date")], 200),
        (&[range, ("If-Range", "*")], 200),
        (&[("If-Range", "{etag}")], 200),
        (
            &[("Range", "bytes=99999999-"), ("If-Range", "\"other\"")],
            200,
        ),
        (&[("Range", "bytes=99999999-"), ("If-Range", "{etag}")], 416),
    ]);
}

#[test]
fn a_precondition_is_evaluated_before_a_range() {
    let range = ("Range", "bytes=1-2");
    assert_statuses(&[
        (&[range, ("If-None-Match", "{etag}")], 304),
        (&[range, ("If-Modified-Since", LAST_MODIFIED)], 304),
        (&[range, ("If-Match", "\"other\"")], 412),
        (&[range, ("If-Match", "{etag}")], 206),
        (
            &[("Range", "bytes=99999999-"), ("If-None-Match", "{etag}")],
            304,
        ),
        (
            &[
                range,
                ("If-Range", "\"other\""),
                ("If-None-Match", "{etag}"),
            ],
            304,
        ),
    ]);
}

#[test]
fn preconditions_are_ignored_if_the_response_is_not_a_success() {
    // RFC 9110 §13.2.1.
    let site = Site::new();
    site.directory("bare");
    let server = Server::start(site.root());
    for condition in [
        ("If-Match", "\"other\""),
        ("If-None-Match", "*"),
        ("If-Match", "*"),
    ] {
        assert_eq!(
            server.request("GET", "/missing", &[condition]).status,
            404,
            "{condition:?}"
        );
        assert_eq!(
            server.request("GET", "/bare", &[condition]).status,
            301,
            "{condition:?}"
        );
    }
}

#[test]
fn a_304_has_the_fields_for_caches_and_none_that_describe_content() {
    let site = Site::small();
    let server = Server::start(site.root());
    let whole = server.get("/a.txt");
    let etag = whole.field("etag").unwrap();
    for condition in [
        ("If-None-Match", etag),
        ("If-Modified-Since", LAST_MODIFIED),
    ] {
        let response = server.request("GET", "/a.txt", &[condition]);
        assert_eq!(response.status, 304);
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(response.field(name), whole.field(name), "{name}");
        }
        let describing = response
            .fields
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        let describing: Vec<_> = describing
            .filter(|name| name.starts_with("content-") || name == "last-modified")
            .collect();
        assert_eq!(describing, [""; 0]);
    }
}

#[test]
fn a_412_has_a_page_and_keeps_the_connection() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    for _ in 0..2 {
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-Match: \"other\"\r\n\r\n");
        let response = client.response_to("GET");
        assert_eq!((response.status, response.closes()), (412, false));
        assert!(response.text().contains("412"));
    }
}

//! Range requests (RFC 9110 §14); those for several ranges are in `multipart.rs`.

use crate::ranged::{LENGTH, Subject, assert_outcomes};
use crate::support::{Response, assert_all};

#[test]
fn one_range_gives_its_bytes() {
    assert_outcomes(&[
        ("bytes=0-0", Ok(&[(0, 0)])),
        ("bytes=0-99", Ok(&[(0, 99)])),
        ("bytes=100-199", Ok(&[(100, 199)])),
        ("bytes=0-{last}", Ok(&[(0, -1)])),
        ("bytes={last}-{last}", Ok(&[(-1, -1)])),
        ("Bytes=0-9", Ok(&[(0, 9)])),
        ("bytes=0-9 ", Ok(&[(0, 9)])),
        ("bytes=000-009", Ok(&[(0, 9)])),
    ]);
}

#[test]
fn an_open_range_goes_to_the_end() {
    assert_outcomes(&[
        ("bytes=0-", Ok(&[(0, -1)])),
        ("bytes=100-", Ok(&[(100, -1)])),
        ("bytes={last}-", Ok(&[(-1, -1)])),
    ]);
}

#[test]
fn a_suffix_counts_from_the_end() {
    assert_outcomes(&[
        ("bytes=-1", Ok(&[(-1, -1)])),
        ("bytes=-100", Ok(&[(-100, -1)])),
        ("bytes=-{length}", Ok(&[(0, -1)])),
    ]);
}

#[test]
fn a_suffix_longer_than_the_file_is_the_whole() {
    assert_outcomes(&[
        ("bytes=-99999999", Ok(&[(0, -1)])),
        ("bytes=-99999999999999999999999999", Ok(&[(0, -1)])),
    ]);
}

#[test]
fn an_end_past_the_file_is_clamped() {
    assert_outcomes(&[
        ("bytes=0-{length}", Ok(&[(0, -1)])),
        ("bytes=100-99999999", Ok(&[(100, -1)])),
        ("bytes=100-18446744073709551615", Ok(&[(100, -1)])),
        ("bytes=100-99999999999999999999999999", Ok(&[(100, -1)])),
    ]);
}

#[test]
fn a_malformed_set_is_ignored() {
    let sets = [
        "bytes=",
        "bytes",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=0-9,x",
        "bytes=0-9,5-2",
        "bytes=0-9;20-29",
        "bytes=+0-9",
        "bytes=0x0-9",
        "bytes=0-9-",
        "bytes=--9",
        "bytes 0-9",
        "bytes =0-9",
        "bytes=0 - 9",
        "bytes=0",
        "=0-9",
        "0-9",
        "bytes=,",
        "bytes=0-9,-",
    ];
    assert_outcomes(&sets.map(|set| (set, Err(200))));
}

#[test]
fn another_unit_is_ignored() {
    let sets = ["items=0-9", "seconds=1-2", "byte=0-9", "none=0-0"];
    assert_outcomes(&sets.map(|set| (set, Err(200))));
}

#[test]
fn no_satisfiable_range_gives_416_and_the_length() {
    let subject = Subject::of_length(LENGTH);
    let sets = [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=99999999999999999999999999-",
        "bytes=-0",
        "bytes=1000-,2000-3000,-0",
        "bytes=18446744073709551615-",
    ];
    assert_all(
        sets.map(|set| (set, (416, Some("bytes */1000".to_owned())))),
        |set| {
            let response = subject.get(set);
            (
                response.status,
                response.field("content-range").map(str::to_owned),
            )
        },
    );
}

#[test]
fn an_empty_file_is_sent_whole_for_a_range_from_its_start() {
    let subject = Subject::of_length(0);
    for set in [
        "bytes=0-",
        "bytes=0-0",
        "bytes=0-1048575",
        "bytes=-5",
        "bytes=9-, 0-",
    ] {
        for method in ["GET", "HEAD"] {
            let range = [("Range", set)];
            let response = subject.server.request(method, "/file.bin", &range);
            assert_eq!(response.status, 200, "{method} {set}");
            assert_eq!(response.field("content-length"), Some("0"), "{set}");
            assert_eq!(response.field("content-range"), None, "{set}");
        }
    }
    for set in ["bytes=1-", "bytes=1-2, 5-", "bytes=-0"] {
        let response = subject.get(set);
        let outcome = (response.status, response.field("content-range"));
        assert_eq!(outcome, (416, Some("bytes */0")), "{set}");
    }
}

#[test]
fn a_partial_response_has_the_metadata_of_the_whole() {
    let subject = Subject::of_length(LENGTH);
    let whole = subject.server.get("/file.bin");
    for set in ["bytes=0-9", "bytes=0-9,20-29"] {
        let part = subject.get(set);
        assert_eq!(part.status, 206);
        for name in [
            "etag",
            "last-modified",
            "cache-control",
            "vary",
            "x-content-type-options",
        ] {
            assert_eq!(part.field(name), whole.field(name), "{name} of {set}");
        }
    }
    let part = subject.get("bytes=0-9");
    assert_eq!(part.field("content-type"), whole.field("content-type"));
}

#[test]
fn head_of_a_range_has_the_fields_of_get() {
    let subject = Subject::of_length(LENGTH);
    for set in ["bytes=0-9", "bytes=0-9,20-29", "bytes=9999-", "bytes=5-2"] {
        let head = subject
            .server
            .request("HEAD", "/file.bin", &[("Range", set)]);
        let get = subject.get(set);
        assert_eq!(head.status, get.status, "{set}");
        assert_eq!(without_boundary(&head), without_boundary(&get), "{set}");
    }
}

#[test]
fn a_range_leaves_the_connection_ready_for_the_next() {
    let subject = Subject::of_length(3_000_000);
    let mut client = subject.server.connect();
    for set in [
        "bytes=0-9",
        "bytes=2000000-",
        "bytes=5-1000004,2000000-2999999",
        "bytes=9999999-",
    ] {
        client.send(format!(
            "GET /file.bin HTTP/1.1\r\nHost: a\r\nRange: {set}\r\n\r\n"
        ));
        assert!(
            [206, 416].contains(&client.response_to("GET").status),
            "{set}"
        );
    }
    client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response_to("GET").content == subject.content);
}

#[test]
fn the_ranges_of_a_file_add_up_to_it() {
    let subject = Subject::of_length(2_500_000);
    let mut joined = Vec::new();
    for start in (0..subject.content.len()).step_by(333_333) {
        joined.extend(
            subject
                .get(&format!("bytes={start}-{}", start + 333_332))
                .content,
        );
    }
    assert!(joined == subject.content);
}

/// Returns the fields without the boundary, which differs between multipart messages.
fn without_boundary(response: &Response) -> Vec<(&str, &str)> {
    let fields = response.fields_without_date().into_iter();
    fields
        .map(|(name, value)| (name, value.split("boundary=").next().unwrap_or(value)))
        .collect()
}

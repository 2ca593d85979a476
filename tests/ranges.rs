//! Range requests (RFC 9110 §14).

mod support;

use std::{fs::File, ops::RangeInclusive};
use support::{Response, Server, Site, assert_all, noise};

const LENGTH: usize = 1000;

/// What a range request gave: the first and last position of each part, or another status than 206.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Parts(Vec<(usize, usize)>),
    Status(u16),
}

/// The status that a range set gets, or its parts; below zero, positions count from the end.
type Expected = Result<&'static [(isize, isize)], u16>;

struct Subject {
    content: Vec<u8>,
    server: Server,
    _site: Site,
}

impl Subject {
    /// A file of so many bytes, served as `/file.bin`.
    fn of_length(length: usize) -> Self {
        let content = noise(length);
        let site = Site::new();
        site.file("file.bin", &content);
        let server = Server::start(site.root());
        server.await_strong_etag("/file.bin");
        Self {
            content,
            server,
            _site: site,
        }
    }

    fn get(&self, range: &str) -> Response {
        self.server.request("GET", "/file.bin", &[("Range", range)])
    }

    /// Requests the range and checks every byte of what comes.
    #[track_caller]
    fn outcome(&self, range: &str) -> Outcome {
        let response = self.get(range);
        match response.status {
            206 if response.field("content-range").is_some() => {
                let range = response.field("content-range").unwrap();
                Outcome::Parts(vec![self.check_part(range, &response.content)])
            }
            206 => Outcome::Parts(self.check_multipart(&response)),
            200 => {
                assert!(response.content == self.content, "the whole of it");
                assert_eq!(response.field("content-range"), None);
                Outcome::Status(200)
            }
            status => Outcome::Status(status),
        }
    }

    /// Compares one part with what its `Content-Range` says that it is.
    #[track_caller]
    fn check_part(&self, content_range: &str, part: &[u8]) -> (usize, usize) {
        let range = content_range_of(content_range, self.content.len());
        assert!(
            part == &self.content[range.clone()],
            "{content_range}: other bytes"
        );
        (*range.start(), *range.end())
    }

    /// Takes `multipart/byteranges` apart as RFC 2046 §5.1 builds it.
    #[track_caller]
    fn check_multipart(&self, response: &Response) -> Vec<(usize, usize)> {
        let media_type = response.field("content-type").unwrap();
        let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
        let boundary = boundary
            .unwrap_or_else(|| panic!("{media_type}"))
            .trim_matches('"');
        assert!((1..=70).contains(&boundary.len()), "{boundary}");
        let mut rest = response.content.as_slice();
        let mut parts = Vec::new();
        // The line end before a delimiter belongs to it; before the first there need be none.
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        let mut delimiter = format!("--{boundary}");
        while let Some(after) = rest.strip_prefix(format!("{delimiter}\r\n").as_bytes()) {
            let head = after
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .expect("a head");
            let fields = std::str::from_utf8(&after[..head])
                .unwrap()
                .to_ascii_lowercase();
            assert!(
                fields.contains("content-type: application/octet-stream"),
                "{fields}"
            );
            let content_range = fields
                .lines()
                .find_map(|line| line.strip_prefix("content-range: "));
            let content_range = content_range.expect("a part says what it is");
            let range = content_range_of(content_range, self.content.len());
            let (part, following) = after[head + 4..].split_at(range.clone().count());
            parts.push(self.check_part(content_range, part));
            rest = following;
            delimiter = format!("\r\n--{boundary}");
        }
        assert_eq!(
            rest.escape_ascii().to_string(),
            format!("{delimiter}--\r\n").escape_default().to_string()
        );
        parts
    }
}

#[track_caller]
fn content_range_of(value: &str, length: usize) -> RangeInclusive<usize> {
    let parsed = (|| {
        let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        assert_eq!(total.parse(), Ok(length), "{value}");
        Some(first.parse().ok()?..=last.parse().ok()?)
    })();
    parsed.unwrap_or_else(|| panic!("Content-Range: {value}"))
}

/// Asserts what each range set gets. In a set, `{length}` and `{last}` are of the file at hand.
#[track_caller]
fn assert_outcomes(table: &[(&str, Expected)]) {
    // One file that is held in memory and one that is not have the same rules.
    for length in [LENGTH, 3_000_000] {
        let subject = Subject::of_length(length);
        let position = |from: isize| {
            if from < 0 {
                length - from.unsigned_abs()
            } else {
                from.unsigned_abs()
            }
        };
        let table = table.iter().map(|(set, expected)| {
            let set = set.replace("{last}", &(length - 1).to_string());
            let outcome = match expected {
                Ok(parts) => Outcome::Parts(
                    parts
                        .iter()
                        .map(|(first, last)| (position(*first), position(*last)))
                        .collect(),
                ),
                Err(status) => Outcome::Status(*status),
            };
            (set.replace("{length}", &length.to_string()), outcome)
        });
        assert_all(table, |set| subject.outcome(set));
    }
}

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
fn several_ranges_come_in_the_asked_order() {
    assert_outcomes(&[
        ("bytes=0-9,20-29", Ok(&[(0, 9), (20, 29)])),
        ("bytes=20-29,0-9", Ok(&[(20, 29), (0, 9)])),
        ("bytes=-10,0-9", Ok(&[(-10, -1), (0, 9)])),
        (
            "bytes=300-309, 0-9 ,\t100-109",
            Ok(&[(300, 309), (0, 9), (100, 109)]),
        ),
        ("bytes=0-9,,20-29", Ok(&[(0, 9), (20, 29)])),
        ("bytes=0-9,99999999-,20-29", Ok(&[(0, 9), (20, 29)])),
    ]);
}

#[test]
fn overlapping_and_touching_ranges_are_merged() {
    assert_outcomes(&[
        ("bytes=0-9,10-19", Ok(&[(0, 19)])),
        ("bytes=10-19,0-9", Ok(&[(0, 19)])),
        ("bytes=0-9,11-19", Ok(&[(0, 9), (11, 19)])),
        ("bytes=50-59,0-9,60-69,10-19", Ok(&[(50, 69), (0, 19)])),
        ("bytes=0-9,20-29,10-19", Ok(&[(0, 29)])),
        ("bytes=-100,100-109,110-", Ok(&[(100, -1)])),
        ("bytes=0-9,5-14", Ok(&[(0, 14)])),
        ("bytes=5-14,0-9", Ok(&[(0, 14)])),
        ("bytes=0-9,0-9", Ok(&[(0, 9)])),
        ("bytes=0-99,10-19", Ok(&[(0, 99)])),
        ("bytes=100-109,0-9,105-114", Ok(&[(100, 114), (0, 9)])),
        ("bytes=0-,0-,0-,0-", Ok(&[(0, -1)])),
        ("bytes=0-9,20-29,5-24", Ok(&[(0, 29)])),
    ]);
}

#[test]
fn one_satisfiable_range_among_several_comes_alone() {
    // RFC 9110 §15.3.7.2: nothing is gained by a multipart message of one part.
    let subject = Subject::of_length(LENGTH);
    let response = subject.get("bytes=99999-,0-9");
    assert_eq!(
        (response.status, response.field("content-range")),
        (206, Some("bytes 0-9/1000"))
    );
}

#[test]
fn as_many_as_256_ranges_are_served_as_asked_and_more_give_the_whole() {
    // One file that is held in memory and one that is not, whose parts are read as they are sent.
    for length in [50_000, 1_000_000] {
        let subject = Subject::of_length(length);
        let step = length / 600;
        let set = |count: usize| {
            let ranges: Vec<_> = (0..count)
                .map(|n| format!("{}-{}", n * step, n * step + 9))
                .collect();
            format!("bytes={}", ranges.join(","))
        };
        for count in [16, 17, 60, 120, 256] {
            let parts = (0..count).map(|n| (n * step, n * step + 9)).collect();
            assert_eq!(subject.outcome(&set(count)), Outcome::Parts(parts));
        }
        for count in [257, 600] {
            assert_eq!(subject.outcome(&set(count)), Outcome::Status(200));
        }
    }
}

#[test]
fn parts_that_are_read_and_parts_that_are_not_come_in_order() {
    // Those above 8 KiB are sent from the file, those below are read first.
    let subject = Subject::of_length(3_000_000);
    let lengths = [1, 8192, 8193, 100_000, 2, 40_000, 8191];
    let (mut ranges, mut parts) = (Vec::new(), Vec::new());
    for n in 0..140 {
        let first = n * 21_000;
        let last = first + lengths[n % lengths.len()].min(20_000) - 1;
        ranges.push(format!("{first}-{last}"));
        parts.push((first, last));
    }
    let set = format!("bytes={}", ranges.join(","));
    assert_eq!(subject.outcome(&set), Outcome::Parts(parts));
    let mut backwards = ranges.clone();
    backwards.reverse();
    let Outcome::Parts(found) = subject.outcome(&format!("bytes={}", backwards.join(","))) else {
        panic!("no parts");
    };
    assert!(found.is_sorted_by(|before, after| before > after));
}

#[test]
fn what_is_sent_for_ranges_is_never_much_more_than_the_file() {
    for length in [1000_usize, 10_000, 200_000, 3_000_000] {
        let subject = Subject::of_length(length);
        let set = |range: &dyn Fn(usize) -> String| {
            let ranges: Vec<_> = (0..256).map(range).collect();
            format!("bytes={}", ranges.join(","))
        };
        let gap = (length / 256).max(2);
        for set in [
            // The same again and again, all of it with all of it but a byte, and small ones with gaps.
            set(&|_| "0-".to_owned()),
            set(&|_| format!("-{length}")),
            set(&|n| format!("{n}-")),
            set(&|n| format!("0-{}", length - n - 1)),
            set(&|n| format!("{}-{}", n * gap, n * gap)),
            set(&|n| format!("{}-{}", n * gap, n * gap + gap - 2)),
            set(&|n| format!("{}-{}", n * gap, n * gap + gap - 1)),
        ] {
            let response = subject.get(&set);
            let bytes = response.content.len();
            assert!(
                bytes <= length * 4 + 8 * 1024,
                "{bytes} bytes of {length}: {set}"
            );
            if response.status == 200 {
                assert!(response.content == subject.content);
            } else {
                subject.outcome(&set);
            }
        }
    }
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
fn a_part_comes_with_what_describes_the_whole() {
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
fn parts_of_a_range_make_up_the_file() {
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

#[test]
fn memory_stays_flat_however_the_ranges_are_shaped() {
    let site = Site::new();
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let server = Server::start(site.root());
    let wide = (0..256).map(|n| format!("{}-{}", n << 22, ((n + 1) << 22) - 2));
    // Each is so short that it is read, and all of them are 2 MiB.
    let short = (0..256).map(|n| format!("{}-{}", n << 22, (n << 22) + 8191));
    let join = |ranges: &mut dyn Iterator<Item = String>| ranges.collect::<Vec<_>>().join(",");
    let sets = [
        join(&mut wide.into_iter()),
        join(&mut short.into_iter()),
        ["0-"; 256].join(","),
    ];
    let mut clients = Vec::new();
    for set in sets {
        for _ in 0..30 {
            let mut client = server.connect();
            let head = "GET /huge.bin HTTP/1.1\r\nHost: a\r\n";
            client
                .send(format!("{head}Range: bytes={set}\r\n\r\n"))
                .await_bytes(100_000);
            clients.push(client);
        }
    }
    let kibibytes = server.peak_memory_kib();
    println!("{kibibytes} KiB at the peak");
    assert!(kibibytes < 24 * 1024, "{kibibytes} KiB at the peak");
}

/// The fields, without what tells one multipart message from another.
fn without_boundary(response: &Response) -> Vec<(&str, &str)> {
    let fields = response.fields_without_date().into_iter();
    fields
        .map(|(name, value)| (name, value.split("boundary=").next().unwrap_or(value)))
        .collect()
}

//! A file that is requested in ranges, with every byte of the response checked.

use crate::support::{Launch, Response, Server, Site, assert_all, noise};
use std::ops::RangeInclusive;

pub(crate) const LENGTH: usize = 1000;

/// The result of a range request: the first and last position of each part, or a status other than
/// 206.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Parts(Vec<(usize, usize)>),
    Status(u16),
}

/// The status for a range set, or its parts; negative positions count from the end.
pub(crate) type Expected = Result<&'static [(isize, isize)], u16>;

pub(crate) struct Subject {
    pub(crate) content: Vec<u8>,
    pub(crate) server: Server,
    _site: Site,
}

impl Subject {
    /// Serves a file of this length as `/file.bin`.
    pub(crate) fn of_length(length: usize) -> Self {
        let content = noise(length);
        let site = Site::new();
        site.file("file.bin", &content);
        let server = Launch::ahead(site.root()).start();
        server.await_strong_etag("/file.bin");
        Self {
            content,
            server,
            _site: site,
        }
    }

    pub(crate) fn get(&self, range: &str) -> Response {
        self.server.request("GET", "/file.bin", &[("Range", range)])
    }

    /// Requests the range and checks every byte of the response.
    #[track_caller]
    pub(crate) fn outcome(&self, range: &str) -> Outcome {
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

    /// Compares one part with its `Content-Range`.
    #[track_caller]
    fn check_part(&self, content_range: &str, part: &[u8]) -> (usize, usize) {
        let range = content_range_of(content_range, self.content.len());
        assert!(
            part == &self.content[range.clone()],
            "{content_range}: other bytes"
        );
        (*range.start(), *range.end())
    }

    /// Parses `multipart/byteranges` as RFC 2046 §5.1 defines it.
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
        // The line end before a delimiter belongs to it; the first delimiter may have none.
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

/// Asserts the outcome of each range set. In a set, `{length}` and `{last}` are those of the file.
#[track_caller]
pub(crate) fn assert_outcomes(table: &[(&str, Expected)]) {
    // A file that is held in memory and one that is not follow the same rules.
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

//! The content of a response with several parts.

use crate::http::response::FieldBlockWriter;
use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// The content of a response with several parts (RFC 9110 §14.6). The head of each part is made
/// when it is sent, so a waiting response uses no memory for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// The ranges, in the order of sending.
    pub ranges: Vec<Range<u64>>,
    /// The heads before the parts.
    pub heads: PartHeads,
    /// The bytes after the last part.
    pub close: Bytes,
}

/// The heads of the parts, which differ only in the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHeads {
    /// The delimiter and the fields that all parts share.
    opening: Box<[u8]>,
    /// The length of the representation.
    length: u64,
    /// The length of a head without the digits of its range.
    shared_bytes: u64,
}

impl PartHeads {
    pub(crate) fn new(content_type: &str, length: u64, boundary: &str) -> Self {
        let fields = FieldBlockWriter::default().field("Content-Type", content_type);
        // RFC 2046 §5.1.1: the line end before the delimiter belongs to it.
        let delimiter = format!("\r\n--{boundary}\r\n");
        let opening = [delimiter.as_bytes(), fields.finish().as_bytes()].concat();
        let mut heads = Self {
            opening: opening.into(),
            length,
            shared_bytes: 0,
        };
        let first_byte = 0..1;
        let head_bytes = heads.head(&first_byte).len() as u64;
        heads.shared_bytes = head_bytes.saturating_sub(digits_in(&first_byte));
        heads
    }

    /// Returns the bytes before the part with this range.
    pub fn head(&self, range: &Range<u64>) -> Bytes {
        let fields = FieldBlockWriter::default()
            .field("Content-Range", content_range(range, self.length))
            .finish();
        Bytes::from([&self.opening, fields.as_bytes(), b"\r\n"].concat())
    }

    /// Returns the length of the part with this range, including its head.
    pub(crate) fn part_bytes(&self, range: &Range<u64>) -> u64 {
        self.shared_bytes + digits_in(range) + (range.end - range.start)
    }
}

pub(crate) fn content_range(range: &Range<u64>, length: u64) -> impl fmt::Display {
    let (first, last) = positions(range);
    fmt::from_fn(move |out| write!(out, "bytes {first}-{last}/{length}"))
}

/// Returns the first and the last position, as in `Content-Range`.
fn positions(range: &Range<u64>) -> (u64, u64) {
    (range.start, range.end.saturating_sub(1))
}

fn digits_in(range: &Range<u64>) -> u64 {
    let digits = |position: u64| u64::from(position.checked_ilog10().unwrap_or_default()) + 1;
    let (first, last) = positions(range);
    digits(first) + digits(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_part_is_that_of_its_head_and_its_bytes() {
        let heads = PartHeads::new("text/plain; charset=utf-8", 12_345_678_901, "cut");
        for range in [
            0..1,
            0..10,
            0..11,
            9..10,
            9..11,
            10..11,
            99..100,
            99..101,
            1_000_000..12_345_678_901,
            u64::MAX - 1..u64::MAX,
        ] {
            let bytes = heads.head(&range).len() as u64 + (range.end - range.start);
            assert_eq!(heads.part_bytes(&range), bytes, "{range:?}");
        }
    }
}

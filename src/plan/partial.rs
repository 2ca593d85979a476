//! Partial responses (RFC 9110 §15.3.7) and 416.

use super::{Content, Plan, Representation, page, page_response, precondition};
use crate::http::Status;
use crate::http::fields::{FieldName, Fields};
use crate::http::range::{RangeSet, Satisfaction};
use crate::http::response::FieldBlockWriter;
use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// The content of a response of several parts (RFC 9110 §14.6). The heads of the parts are made one
/// by one as they are sent, so that a response that is still to be sent holds none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// The ranges, in the order in which they are sent.
    pub ranges: Vec<Range<u64>>,
    /// What goes before each of them.
    pub heads: PartHeads,
    /// The bytes after the last part.
    pub close: Bytes,
}

/// What goes before each part: all of it but the part's own range is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHeads {
    /// The delimiter and the fields that all parts share.
    opening: Box<[u8]>,
    /// The length of the representation.
    length: u64,
    /// Bytes of each head, less the digits of its range.
    shared_bytes: u64,
}

impl PartHeads {
    fn new(content_type: &str, length: u64, boundary: &str) -> Self {
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

    /// The bytes that go before the part with this range.
    pub fn head(&self, range: &Range<u64>) -> Bytes {
        let fields = FieldBlockWriter::default()
            .field("Content-Range", content_range(range, self.length))
            .finish();
        Bytes::from([&self.opening, fields.as_bytes(), b"\r\n"].concat())
    }

    /// Bytes of the head of the part with this range, and of the part.
    fn part_bytes(&self, range: &Range<u64>) -> u64 {
        self.shared_bytes + digits_in(range) + (range.end - range.start)
    }
}

/// The response to a range request, or `None` where the range is to be ignored.
///
/// HEAD is answered as GET is, so that its fields are the same (RFC 9110 §9.3.2).
pub(super) fn decide(
    fields: &Fields<'_>,
    representation: &Representation,
    boundary: &str,
) -> Option<Plan> {
    let set = RangeSet::parse(fields.single(FieldName::Range)?)?;
    if !precondition::range_applies(fields, representation) {
        return None;
    }
    let length = representation.facts().length;
    match set.satisfy(length) {
        Satisfaction::Whole => None,
        Satisfaction::Unsatisfiable => Some(unsatisfiable(length)),
        Satisfaction::One(range) => Some(one(representation, range)),
        Satisfaction::Many(ranges) => many(representation, ranges, boundary),
    }
}

fn unsatisfiable(length: u64) -> Plan {
    let status = Status::RangeNotSatisfiable;
    let fields =
        FieldBlockWriter::default().field("Content-Range", format_args!("bytes */{length}"));
    page_response(status, fields, page::render(status, None))
}

fn one(representation: &Representation, range: Range<u64>) -> Plan {
    let facts = representation.facts();
    let fields = representation
        .part(range.end - range.start, &facts.content_type)
        .field("Content-Range", content_range(&range, facts.length))
        .finish();
    Plan {
        status: Status::PartialContent,
        fields,
        content: Content::Part(range),
    }
}

/// Several parts; the whole where that is much less, as it is for many small parts of a small file
/// (RFC 9110 §14.2 leaves it to the server, and every client must be ready for it).
fn many(representation: &Representation, ranges: Vec<Range<u64>>, boundary: &str) -> Option<Plan> {
    let facts = representation.facts();
    let heads = PartHeads::new(&facts.content_type, facts.length, boundary);
    let close = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let parts_bytes: u64 = ranges.iter().map(|range| heads.part_bytes(range)).sum();
    let length = parts_bytes + close.len() as u64;
    if length > PARTS_BYTES_MAX.max(facts.length.saturating_mul(PARTS_TO_WHOLE_MAX)) {
        return None;
    }
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    let fields = representation.part(length, &content_type).finish();
    let content = Content::Parts(Box::new(Multipart {
        ranges,
        heads,
        close,
    }));
    Some(Plan {
        status: Status::PartialContent,
        fields,
        content,
    })
}

fn content_range(range: &Range<u64>, length: u64) -> impl fmt::Display {
    let (first, last) = positions(range);
    fmt::from_fn(move |out| write!(out, "bytes {first}-{last}/{length}"))
}

/// As they are written: the last byte is part of the range.
fn positions(range: &Range<u64>) -> (u64, u64) {
    (range.start, range.end.saturating_sub(1))
}

fn digits_in(range: &Range<u64>) -> u64 {
    let digits = |position: u64| u64::from(position.checked_ilog10().unwrap_or_default()) + 1;
    let (first, last) = positions(range);
    digits(first) + digits(last)
}

/// How many times as long as the whole a response of several parts may be. A part takes some 120
/// bytes besides its own.
const PARTS_TO_WHOLE_MAX: u64 = 4;

/// Bytes of several parts that are sent however short the whole is: a few packets.
const PARTS_BYTES_MAX: u64 = 8 * 1024;

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

//! Partial responses (RFC 9110 §15.3.7) and 416.

use super::{Content, Plan, Representation, page, page_response, precondition};
use crate::http::Status;
use crate::http::fields::{FieldName, Fields};
use crate::http::range::{RangeSet, Satisfaction};
use crate::http::response::FieldBlockWriter;
use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// The content of a response of several parts (RFC 9110 §14.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// For each part the bytes that go before it, and the range that it is.
    pub parts: Vec<(Bytes, Range<u64>)>,
    /// The bytes after the last part.
    pub close: Bytes,
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
        Satisfaction::Many(ranges) => Some(many(representation, ranges, boundary)),
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

fn many(representation: &Representation, ranges: Vec<Range<u64>>, boundary: &str) -> Plan {
    let facts = representation.facts();
    let close = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let mut length = close.len() as u64;
    let parts = ranges.into_iter().map(|range| {
        let head = part_head(&facts.content_type, &range, facts.length, boundary);
        length += head.len() as u64 + (range.end - range.start);
        (head, range)
    });
    let parts = parts.collect();
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    let fields = representation.part(length, &content_type).finish();
    let content = Content::Parts(Multipart { parts, close });
    Plan {
        status: Status::PartialContent,
        fields,
        content,
    }
}

fn part_head(content_type: &str, range: &Range<u64>, length: u64, boundary: &str) -> Bytes {
    let fields = FieldBlockWriter::default()
        .field("Content-Type", content_type)
        .field("Content-Range", content_range(range, length))
        .finish();
    // RFC 2046 §5.1.1: the line end before the delimiter belongs to it.
    let delimiter = format!("\r\n--{boundary}\r\n");
    Bytes::from([delimiter.as_bytes(), fields.as_bytes(), b"\r\n"].concat())
}

fn content_range(range: &Range<u64>, length: u64) -> impl fmt::Display {
    let (first, last) = (range.start, range.end.saturating_sub(1));
    fmt::from_fn(move |out| write!(out, "bytes {first}-{last}/{length}"))
}

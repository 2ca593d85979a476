//! Partial responses (RFC 9110 §15.3.7) and 416.

use super::multipart::{Multipart, PartHeads, content_range};
use super::precondition;
use super::representation::Representation;
use crate::http::Status;
use crate::http::fields::{FieldName, Fields};
use crate::http::range::{RangeSet, Satisfaction};
use crate::http::response::FieldBlockWriter;
use crate::plan::pages::page;
use crate::plan::pages::page_response::page_response;
use crate::plan::response::{Content, Plan};
use bytes::Bytes;
use std::ops::Range;

/// Returns the response to a range request, or `None` if the range must be ignored.
///
/// HEAD is answered like GET, so that its fields are the same (RFC 9110 §9.3.2).
pub(crate) fn decide(
    fields: &Fields<'_>,
    representation: &Representation,
    boundary: &str,
) -> Option<Plan> {
    let set = RangeSet::parse(fields.single(FieldName::Range)?)?;
    if !precondition::range_applies(fields, representation) {
        return None;
    }
    let length = representation.metadata().length;
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
    let metadata = representation.metadata();
    let fields = representation
        .part(range.end - range.start, &metadata.content_type)
        .field("Content-Range", content_range(&range, metadata.length))
        .finish();
    Plan {
        status: Status::PartialContent,
        fields,
        content: Content::Part(range),
    }
}

/// Returns the response with several parts, or `None` if the whole is much shorter, as with many
/// small parts of a small file. RFC 9110 §14.2 lets the server choose, so every client must support
/// both.
fn many(representation: &Representation, ranges: Vec<Range<u64>>, boundary: &str) -> Option<Plan> {
    let metadata = representation.metadata();
    let heads = PartHeads::new(&metadata.content_type, metadata.length, boundary);
    let close = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let parts_bytes: u64 = ranges.iter().map(|range| heads.part_bytes(range)).sum();
    let length = parts_bytes + close.len() as u64;
    if length > PARTS_BYTES_MAX.max(metadata.length.saturating_mul(PARTS_TO_WHOLE_MAX)) {
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

/// The largest ratio of a response with several parts to the whole. A part needs about 120 bytes in
/// addition to its own.
const PARTS_TO_WHOLE_MAX: u64 = 4;

/// A response with parts of up to this size is always sent, however short the whole is: a few
/// packets.
const PARTS_BYTES_MAX: u64 = 8 * 1024;

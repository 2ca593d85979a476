//! Preconditions (RFC 9110 §13), for the methods GET and HEAD.

use super::Representation;
use crate::http::date::HttpDate;
use crate::http::etag::{RequestedTag, TagList, list_matches};
use crate::http::fields::{FieldName, FieldNames, Fields};

/// What the preconditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Do what the method says.
    Proceed,
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client thinks it is.
    Failed,
}

/// Evaluates them in the order of RFC 9110 §13.2.2, whose steps the comments number.
pub(super) fn evaluate(fields: &Fields<'_>, representation: &Representation) -> Outcome {
    if !fields.contains_any(PRECONDITIONS) {
        return Outcome::Proceed;
    }
    let facts = representation.facts();
    let tag = facts.entity_tag.as_ref();
    if fields.contains(FieldName::IfMatch) {
        // 1. The strong comparison: a weak tag never matches.
        let list = list_matches(fields.values(FieldName::IfMatch), |listed| {
            tag.is_some_and(|tag| tag.matches_strongly(listed))
        });
        if list == TagList::NoneMatch {
            return Outcome::Failed;
        }
    } else if let Some(date) = date(fields, FieldName::IfUnmodifiedSince)
        // 2. Ignored where there is no modification date to compare with.
        && facts.last_modified.is_some_and(|modified| modified > date)
    {
        return Outcome::Failed;
    }
    if fields.contains(FieldName::IfNoneMatch) {
        // 3. The weak comparison. If-Modified-Since is ignored, whatever comes out.
        let list = list_matches(fields.values(FieldName::IfNoneMatch), |listed| {
            tag.is_some_and(|tag| tag.matches_weakly(listed))
        });
        if list != TagList::NoneMatch {
            return Outcome::NotModified;
        }
    } else if let Some(date) = date(fields, FieldName::IfModifiedSince)
        // 4. To the second, as the field is written.
        && facts.last_modified.is_some_and(|modified| modified <= date)
    {
        return Outcome::NotModified;
    }
    Outcome::Proceed
}

/// Whether the range of a request is to be applied (RFC 9110 §13.1.5): without `If-Range`, or if
/// its validator is the current one by the strong comparison. Of a coded form that was negotiated,
/// only with `If-Range`: a client that does not name it asks for a part of the file, and could not
/// decode one of this.
pub(super) fn range_applies(fields: &Fields<'_>, representation: &Representation) -> bool {
    let facts = representation.facts();
    if !fields.contains(FieldName::IfRange) {
        return !facts.is_negotiated_coding();
    }
    let Some(value) = fields.single(FieldName::IfRange) else {
        return false;
    };
    if let Some(tag) = RequestedTag::parse(value) {
        return facts
            .entity_tag
            .as_ref()
            .is_some_and(|current| current.matches_strongly(tag));
    }
    let date = HttpDate::parse(value);
    date.is_some() && date == facts.last_modified && facts.is_date_strong
}

/// The date in a field; a field that holds none is ignored (RFC 9110 §13.1.3, §13.1.4).
fn date(fields: &Fields<'_>, name: FieldName) -> Option<HttpDate> {
    HttpDate::parse(fields.single(name)?)
}

/// `If-Range` is none of them: it makes the range conditional, not the request.
const PRECONDITIONS: FieldNames = FieldNames::of(&[
    FieldName::IfMatch,
    FieldName::IfUnmodifiedSince,
    FieldName::IfNoneMatch,
    FieldName::IfModifiedSince,
]);

//! Preconditions (RFC 9110 §13), for the methods GET and HEAD.

use super::representation::Representation;
use crate::http::date::HttpDate;
use crate::http::etag::{RequestedTag, TagList, list_matches};
use crate::http::fields::{FieldName, FieldNames, Fields};

/// The result of the preconditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Continue with the method.
    Proceed,
    /// 304: the client has the representation already.
    NotModified,
    /// 412: the representation is not the one that the client expects.
    Failed,
}

/// Evaluates the preconditions in the order of RFC 9110 §13.2.2, whose steps the comments number.
pub(crate) fn evaluate(fields: &Fields<'_>, representation: &Representation) -> Outcome {
    if !fields.contains_any(PRECONDITIONS) {
        return Outcome::Proceed;
    }
    let metadata = representation.metadata();
    let tag = metadata.entity_tag.as_ref();
    if fields.contains(FieldName::IfMatch) {
        // 1. The strong comparison: a weak tag never matches.
        let list = list_matches(fields.values(FieldName::IfMatch), |listed| {
            tag.is_some_and(|tag| tag.matches_strongly(listed))
        });
        if list == TagList::NoneMatch {
            return Outcome::Failed;
        }
    } else if let Some(date) = date(fields, FieldName::IfUnmodifiedSince)
        // 2. Ignored if there is no modification date to compare with.
        && metadata.last_modified.is_some_and(|modified| modified > date)
    {
        return Outcome::Failed;
    }
    if fields.contains(FieldName::IfNoneMatch) {
        // 3. The weak comparison. If-Modified-Since is ignored, whatever the result.
        let list = list_matches(fields.values(FieldName::IfNoneMatch), |listed| {
            tag.is_some_and(|tag| tag.matches_weakly(listed))
        });
        if list != TagList::NoneMatch {
            return Outcome::NotModified;
        }
    } else if let Some(date) = date(fields, FieldName::IfModifiedSince)
        // 4. To the second, as the field is written.
        && metadata.last_modified.is_some_and(|modified| modified <= date)
    {
        return Outcome::NotModified;
    }
    Outcome::Proceed
}

/// Returns `true` if the range of a request applies (RFC 9110 §13.1.5): there is no `If-Range`, or
/// its validator equals the current one in the strong comparison. To a negotiated coding, a range
/// applies only with `If-Range`: otherwise the client wants a part of the file itself, and could
/// not decode a part of a coding.
pub(crate) fn range_applies(fields: &Fields<'_>, representation: &Representation) -> bool {
    let metadata = representation.metadata();
    if !fields.contains(FieldName::IfRange) {
        return !metadata.is_negotiated_coding();
    }
    let Some(value) = fields.single(FieldName::IfRange) else {
        return false;
    };
    if let Some(tag) = RequestedTag::parse(value) {
        return metadata
            .entity_tag
            .as_ref()
            .is_some_and(|current| current.matches_strongly(tag));
    }
    let date = HttpDate::parse(value);
    date.is_some() && date == metadata.last_modified && metadata.is_date_strong
}

/// Returns the date in a field. An invalid one is ignored (RFC 9110 §13.1.3, §13.1.4).
fn date(fields: &Fields<'_>, name: FieldName) -> Option<HttpDate> {
    HttpDate::parse(fields.single(name)?)
}

/// Without `If-Range`, which makes the range conditional, not the request.
const PRECONDITIONS: FieldNames = FieldNames::of(&[
    FieldName::IfMatch,
    FieldName::IfUnmodifiedSince,
    FieldName::IfNoneMatch,
    FieldName::IfModifiedSince,
]);

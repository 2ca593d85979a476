//! Selecting a representation of a file (RFC 9110 §12.1): the proactive negotiation of a content
//! coding, for the whole and for parts.

use crate::http::accept::Quality;
use crate::http::coding::{Acceptance, Coding, Codings};
use crate::http::etag::RequestedTag;
use crate::http::fields::{FieldName, Fields};
use crate::http::range::RangeSet;
use std::cmp::Reverse;

/// Returns the available coding that suits the request, or `None` for no coding.
///
/// A part is one of the file without a coding, although most clients say that they accept codings:
/// a client that resumes a download, or reads from the middle, could not decode a part of a coded
/// form. A client that has the beginning of a coded form, and requests the rest with its entity tag
/// in `If-Range`, gets that. If the client refuses `identity`, no part can be sent (see
/// [`respond`](crate::plan::respond())), and the coding is that of the whole.
pub fn select_coding(fields: &Fields<'_>, available: Codings) -> Option<Coding> {
    if available.is_empty() {
        return None;
    }
    if !fields.contains(FieldName::Range) || !asks_for_part(fields) {
        return select_coding_of_whole(fields, available);
    }
    let acceptance = acceptance(fields);
    // RFC 9110 §12.5.3: without the field, any coding is acceptable.
    let is_acceptable =
        |coding: Coding| acceptance.is_none_or(|accepts| accepts.quality(coding) > Quality::NONE);
    started_coding(fields)
        .filter(|begun| available.contains(*begun) && is_acceptable(*begun))
        .or_else(|| {
            acceptance?
                .refuses_identity()
                .then(|| select_coding_of_whole(fields, available))?
        })
}

/// Returns the available coding that best suits the request for a whole representation, or `None`
/// for no coding.
///
/// Of two codings with the same quality, a precompressed one is preferred, and then the one that
/// makes smaller files. If a client accepts none of them, and not `identity` either, the field is
/// disregarded (RFC 9110 §12.1), because 406 would not help.
pub(crate) fn select_coding_of_whole(fields: &Fields<'_>, available: Codings) -> Option<Coding> {
    if available.is_empty() {
        return None;
    }
    // RFC 9110 §12.5.3: without the field any coding is acceptable, but the client may decode none.
    let acceptance = acceptance(fields)?;
    let mut selected = None;
    // So a coding that the client refuses is not taken.
    let mut quality = Quality::NONE;
    for coding in available.iter() {
        if acceptance.quality(coding) > quality {
            quality = acceptance.quality(coding);
            selected = Some(coding);
        }
    }
    selected.filter(|_| quality >= acceptance.identity_quality())
}

/// Returns the codings that the request accepts; `None` without `Accept-Encoding`.
fn acceptance(fields: &Fields<'_>) -> Option<Acceptance> {
    let has_field = fields.contains(FieldName::AcceptEncoding);
    has_field.then(|| Acceptance::parse(fields.members(FieldName::AcceptEncoding)))
}

/// Returns `true` if there is a valid `Range`.
fn asks_for_part(fields: &Fields<'_>) -> bool {
    let range = fields.single(FieldName::Range).and_then(RangeSet::parse);
    range.is_some()
}

/// Returns the coding of the form that the client has the beginning of, if `If-Range` names one.
fn started_coding(fields: &Fields<'_>) -> Option<Coding> {
    RequestedTag::parse(fields.single(FieldName::IfRange)?)?.coding()
}

/// Returns the available coding that the client prefers, or `None` if it accepts none of them. This
/// is for a file that is not available without a coding.
pub(crate) fn accepted_coding(fields: &Fields<'_>, available: Codings) -> Option<Coding> {
    let acceptance = Acceptance::parse(fields.members(FieldName::AcceptEncoding));
    let mut codings: Vec<_> = available.iter().collect();
    // The sort is stable, so codings with the same quality stay in order.
    codings.sort_by_key(|coding| Reverse(acceptance.quality(*coding)));
    let first = codings.first().copied()?;
    (acceptance.quality(first) > Quality::NONE).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;
    use crate::http::request::RequestHead;

    /// Returns the coding selected from br and gzip for a request with these fields.
    fn selected(fields: &str) -> Option<Coding> {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (head, _) = parsed.unwrap().unwrap();
        let available = Codings::stored([Coding::Brotli, Coding::Gzip].into_iter().collect());
        assert_eq!(select_coding(&head.fields, Codings::EMPTY), None);
        select_coding(&head.fields, available)
    }

    #[test]
    fn a_part_is_coded_only_to_resume_a_coded_form() {
        const ACCEPT: &str = "Accept-Encoding: gzip, deflate, br, zstd\r\n";
        const RANGE: &str = "Range: bytes=5-\r\n";
        for (fields, expected) in [
            (ACCEPT, Some(Coding::Brotli)),
            ("Accept-Encoding: gzip\r\n", Some(Coding::Gzip)),
            ("", None),
            ("{accept}{range}", None),
            ("{range}", None),
            ("{accept}Range: bytes=0-1, 5-6, -1\r\n", None),
            ("{accept}{range}If-Range: \"a\"\r\n", None),
            (
                "{accept}{range}If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                None,
            ),
            (
                "{accept}{range}If-Range: \"a-gzip\"\r\n",
                Some(Coding::Gzip),
            ),
            (
                "{accept}{range}If-Range: \"a-br\"\r\n",
                Some(Coding::Brotli),
            ),
            ("{range}If-Range: \"a-gzip\"\r\n", Some(Coding::Gzip)),
            // A weak tag names no bytes, and two tags name nothing.
            ("{accept}{range}If-Range: W/\"a-gzip\"\r\n", None),
            (
                "{accept}{range}If-Range: \"a-gzip\"\r\nIf-Range: \"a-gzip\"\r\n",
                None,
            ),
            // This coding does not exist, or the client does not accept it.
            ("{accept}{range}If-Range: \"a-zstd\"\r\n", None),
            (
                "Accept-Encoding: br\r\n{range}If-Range: \"a-gzip\"\r\n",
                None,
            ),
            (
                "Accept-Encoding: identity\r\n{range}If-Range: \"a-gzip\"\r\n",
                None,
            ),
            // Preconditions do not select the representation that a part is taken from.
            ("{accept}{range}If-Match: \"a-gzip\"\r\n", None),
            ("{accept}{range}If-None-Match: \"a-gzip\"\r\n", None),
            // A range that is ignored counts as none.
            ("{accept}Range: lines=5-\r\n", Some(Coding::Brotli)),
            ("{accept}Range: bytes=5-2\r\n", Some(Coding::Brotli)),
            ("{accept}{range}{range}", Some(Coding::Brotli)),
            ("{accept}If-Range: \"a-gzip\"\r\n", Some(Coding::Brotli)),
            // No part can be sent to a client that refuses `identity`.
            (
                "Accept-Encoding: gzip, identity;q=0\r\n{range}",
                Some(Coding::Gzip),
            ),
            (
                "Accept-Encoding: gzip, *;q=0\r\n{range}",
                Some(Coding::Gzip),
            ),
            (
                "Accept-Encoding: identity;q=0, *\r\n{range}",
                Some(Coding::Brotli),
            ),
            ("Accept-Encoding: *;q=0\r\n{range}", None),
            ("Accept-Encoding: *;q=0, identity\r\n{range}", None),
        ] {
            let fields = fields.replace("{accept}", ACCEPT).replace("{range}", RANGE);
            assert_eq!(selected(&fields), expected, "{fields}");
        }
    }
}

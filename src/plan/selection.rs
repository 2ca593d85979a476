//! Which of a file's representations is selected (RFC 9110 §12.1): the proactive negotiation of a
//! content coding, for the whole and for parts.

use crate::http::accept::Quality;
use crate::http::coding::{Acceptance, Coding, CodingSet};
use crate::http::etag::RequestedTag;
use crate::http::fields::{FieldName, Fields};
use crate::http::range::RangeSet;
use std::cmp::Reverse;

/// The coding, of those that there are, in which a request is answered; `None` for none at all.
///
/// A part is one of the file as it is, without a coding: a client that goes on from what it has, or
/// takes a piece from the middle, could not decode a part of anything else, though most say that they
/// accept codings. One that has begun with a coded form and asks for the rest of just that, by its
/// entity tag in `If-Range`, gets it. Where having no coding is refused, no part can be sent (see
/// [`super::select`]), and the coding is that of the whole.
pub fn select_coding(fields: &Fields<'_>, available: CodingSet) -> Option<Coding> {
    if available.is_empty() {
        return None;
    }
    if !fields.contains(FieldName::Range) || !asks_for_part(fields) {
        return select_coding_of_whole(fields, available);
    }
    let acceptance = acceptance(fields);
    // RFC 9110 §12.5.3: without the field any coding is acceptable.
    let is_acceptable =
        |coding: Coding| acceptance.is_none_or(|accepts| accepts.quality(coding) > Quality::NONE);
    coding_begun_with(fields)
        .filter(|begun| available.contains(*begun) && is_acceptable(*begun))
        .or_else(|| {
            acceptance?
                .refuses_identity()
                .then(|| select_coding_of_whole(fields, available))?
        })
}

/// The coding, of those that there are, that suits the request best for a whole representation;
/// `None` for none at all.
///
/// Of two that are wanted as much, the one that makes the smaller files is taken. Who accepts
/// nothing that there is, not even to have no coding, gets none all the same: the field is
/// disregarded then (RFC 9110 §12.1), as 406 would help nobody.
pub fn select_coding_of_whole(fields: &Fields<'_>, available: CodingSet) -> Option<Coding> {
    if available.is_empty() {
        return None;
    }
    // RFC 9110 §12.5.3: without the field any coding is acceptable, but hardly to such a client.
    let acceptance = acceptance(fields)?;
    let mut selected = None;
    // What is not wanted at all is not taken.
    let mut quality = Quality::NONE;
    for coding in available.iter() {
        if acceptance.quality(coding) > quality {
            quality = acceptance.quality(coding);
            selected = Some(coding);
        }
    }
    selected.filter(|_| quality >= acceptance.identity_quality())
}

/// What the request accepts; `None` where it says nothing of codings.
fn acceptance(fields: &Fields<'_>) -> Option<Acceptance> {
    let is_said = fields.contains(FieldName::AcceptEncoding);
    is_said.then(|| Acceptance::parse(fields.members(FieldName::AcceptEncoding)))
}

/// Whether there is a `Range` that is not to be ignored whatever it is applied to.
fn asks_for_part(fields: &Fields<'_>) -> bool {
    let range = fields.single(FieldName::Range).and_then(RangeSet::parse);
    range.is_some()
}

/// The coding of what the client has the beginning of, where `If-Range` names that.
fn coding_begun_with(fields: &Fields<'_>) -> Option<Coding> {
    RequestedTag::parse(fields.single(FieldName::IfRange)?)?.coding()
}

/// The coding, of those that there are, that is accepted before others, where there is nothing without
/// one; `None` if none of them is acceptable.
pub fn accepted_coding(fields: &Fields<'_>, available: CodingSet) -> Option<Coding> {
    let acceptance = Acceptance::parse(fields.members(FieldName::AcceptEncoding));
    let mut codings: Vec<_> = available.iter().collect();
    // Of equals, the one that makes the smaller files stays before the others.
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

    /// The coding selected for a request with these fields, of br and gzip.
    fn selected(fields: &str) -> Option<Coding> {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (head, _) = parsed.unwrap().unwrap();
        let available = CodingSet::from_iter([Coding::Brotli, Coding::Gzip]);
        assert_eq!(select_coding(&head.fields, CodingSet::EMPTY), None);
        select_coding(&head.fields, available)
    }

    #[test]
    fn a_part_has_no_coding_but_that_of_what_the_client_has_begun_with() {
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
            // A weak tag names no bytes, and two name nothing.
            ("{accept}{range}If-Range: W/\"a-gzip\"\r\n", None),
            (
                "{accept}{range}If-Range: \"a-gzip\"\r\nIf-Range: \"a-gzip\"\r\n",
                None,
            ),
            // There is no such form, or the client would not take it.
            ("{accept}{range}If-Range: \"a-zstd\"\r\n", None),
            (
                "Accept-Encoding: br\r\n{range}If-Range: \"a-gzip\"\r\n",
                None,
            ),
            (
                "Accept-Encoding: identity\r\n{range}If-Range: \"a-gzip\"\r\n",
                None,
            ),
            // Preconditions say what is to be done, not what the part is to be of.
            ("{accept}{range}If-Match: \"a-gzip\"\r\n", None),
            ("{accept}{range}If-None-Match: \"a-gzip\"\r\n", None),
            // A range that is ignored is as good as none.
            ("{accept}Range: lines=5-\r\n", Some(Coding::Brotli)),
            ("{accept}Range: bytes=5-2\r\n", Some(Coding::Brotli)),
            ("{accept}{range}{range}", Some(Coding::Brotli)),
            ("{accept}If-Range: \"a-gzip\"\r\n", Some(Coding::Brotli)),
            // No part can be sent to who refuses to have no coding.
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

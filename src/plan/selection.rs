//! Which of a file's representations is selected (RFC 9110 §12.1): the proactive negotiation of a
//! content coding.

use crate::http::accept::Quality;
use crate::http::coding::{Acceptance, Coding, CodingSet};
use crate::http::fields::{FieldName, Fields};
use std::cmp::Reverse;

/// The coding, of those that there are, that suits the request best; `None` for none at all.
///
/// Of two that are wanted as much, the one that makes the smaller files is taken. Who accepts
/// nothing that there is, not even to have no coding, gets none all the same: the field is
/// disregarded then (RFC 9110 §12.1), as 406 would help nobody.
pub fn select_coding(fields: &Fields<'_>, available: CodingSet) -> Option<Coding> {
    // RFC 9110 §12.5.3: without the field any coding is acceptable, but hardly to such a client.
    if available.is_empty() || !fields.contains(FieldName::AcceptEncoding) {
        return None;
    }
    let acceptance = Acceptance::parse(fields.members(FieldName::AcceptEncoding));
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

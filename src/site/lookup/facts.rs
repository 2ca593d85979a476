//! The metadata of a file, derived from its content and its fingerprint.

use super::digests::is_hashed;
use crate::http::coding::Coding;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::plan::Metadata;
use crate::site::fingerprint::Fingerprint;
use std::borrow::Cow;
use std::time::SystemTime;

/// Returns the metadata of a file at the time `wall`. `hash` is that of its content, if known.
pub(crate) fn facts(
    length: u64,
    hash: Option<blake3::Hash>,
    fingerprint: &Fingerprint,
    content_type: Cow<'static, str>,
    coding: Option<Coding>,
    wall: SystemTime,
) -> Metadata {
    let entity_tag = hash.map_or_else(
        || fingerprint_tag(fingerprint, coding, wall),
        |hash| content_tag(&hash, coding),
    );
    Metadata {
        length,
        content_type,
        fallback: None,
        coding,
        vary: None,
        security_policy: None,
        edits: Vec::new(),
        entity_tag: Some(entity_tag),
        last_modified: last_modified(fingerprint, wall),
        is_date_strong: fingerprint.is_stable(wall) && fingerprint.has_clock_time(),
    }
}

/// Returns the time for `Last-Modified`, which is never later than `Date` (RFC 9110 §8.8.2.1).
fn last_modified(fingerprint: &Fingerprint, wall: SystemTime) -> Option<HttpDate> {
    let now = HttpDate::from_system_time(wall);
    fingerprint
        .modified_seconds()
        .and_then(HttpDate::from_unix_seconds)
        .filter(|modified| Some(*modified) <= now)
}

/// Returns a tag made from the content's hash, so replicas agree on it and times play no role. It
/// has 128 bits of BLAKE3: nobody finds two contents that share them. The coding is included,
/// because the same bytes mean something else in another coding.
pub(crate) fn content_tag(hash: &blake3::Hash, coding: Option<Coding>) -> EntityTag {
    let hash = hash.to_hex();
    let mut opaque = hash.get(..32).unwrap_or_default().to_owned();
    push_coding(&mut opaque, coding);
    EntityTag::strong(opaque)
}

/// Returns a tag made from the file's identity and times. Each part follows its own letter, so no
/// two fingerprints, and no hash, produce the same text. The tag is strong only if a clock has set
/// the times, long enough ago that a second change would show (RFC 9110 §8.8.1), and if no hash
/// will replace it.
fn fingerprint_tag(
    fingerprint: &Fingerprint,
    coding: Option<Coding>,
    wall: SystemTime,
) -> EntityTag {
    let mut opaque = fingerprint.to_string();
    push_coding(&mut opaque, coding);
    let is_strong = fingerprint.is_stable(wall)
        && fingerprint.has_clock_change()
        && !is_hashed(fingerprint.size);
    if is_strong {
        EntityTag::strong(opaque)
    } else {
        EntityTag::weak(opaque)
    }
}

fn push_coding(opaque: &mut String, coding: Option<Coding>) {
    if let Some(coding) = coding {
        opaque.push_str(coding.tag_suffix());
    }
}

//! What a response can say of a file, from its content and its stamp.

use super::digest::is_hashed;
use super::stamp::Stamp;
use crate::http::coding::Coding;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::plan::Facts;
use std::borrow::Cow;
use std::time::SystemTime;

/// The facts about what was read or opened, at the time `wall`. `hash` is that of its content, where
/// it is known.
pub(super) fn facts(
    length: u64,
    hash: Option<blake3::Hash>,
    stamp: &Stamp,
    content_type: Cow<'static, str>,
    coding: Option<Coding>,
    wall: SystemTime,
) -> Facts {
    let entity_tag = hash.map_or_else(
        || stamp_tag(stamp, coding, wall),
        |hash| content_tag(&hash, coding),
    );
    Facts {
        length,
        content_type,
        stand_in: None,
        coding,
        vary: None,
        security_policy: None,
        edits: Vec::new(),
        entity_tag: Some(entity_tag),
        last_modified: last_modified(stamp, wall),
        is_date_strong: stamp.is_settled(wall) && stamp.has_clock_time(),
    }
}

/// RFC 9110 §8.8.2.1: never later than Date.
fn last_modified(stamp: &Stamp, wall: SystemTime) -> Option<HttpDate> {
    let now = HttpDate::from_system_time(wall);
    stamp
        .modified_seconds()
        .and_then(HttpDate::from_unix_seconds)
        .filter(|modified| Some(*modified) <= now)
}

/// The content's own hash: replicas agree on it, and no time has a part in it. 128 bits of BLAKE3:
/// nobody finds two contents that share them. With the coding, as the same bytes mean something else
/// in another.
pub(super) fn content_tag(hash: &blake3::Hash, coding: Option<Coding>) -> EntityTag {
    let hash = hash.to_hex();
    let mut opaque = hash.get(..32).unwrap_or_default().to_owned();
    push_coding(&mut opaque, coding);
    EntityTag::strong(opaque)
}

/// The file's identity and its times, each after its own letter, so that no two stamps and no hash
/// are written alike. Strong only where a clock has stamped the file, and long enough ago that it
/// cannot hide a second change (RFC 9110 §8.8.1); and where no hash will take its place.
fn stamp_tag(stamp: &Stamp, coding: Option<Coding>, wall: SystemTime) -> EntityTag {
    let mut opaque = stamp.to_string();
    push_coding(&mut opaque, coding);
    let is_strong = stamp.is_settled(wall) && stamp.has_clock_change() && !is_hashed(stamp.size);
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

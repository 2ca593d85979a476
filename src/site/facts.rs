//! What a response can say of a file, from its content and its stamp.

use super::Source;
use super::stamp::Stamp;
use crate::http::coding::Coding;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::plan::Facts;
use std::borrow::Cow;
use std::time::SystemTime;

/// The facts about what was read or opened, at the time `wall`.
pub(super) fn facts(
    source: &Source,
    stamp: &Stamp,
    content_type: Cow<'static, str>,
    coding: Option<Coding>,
    wall: SystemTime,
) -> Facts {
    let is_settled = stamp.is_settled(wall);
    let (length, entity_tag) = match source {
        Source::Memory(content) => {
            let hash = blake3::hash(content);
            (content.len() as u64, content_tag(&hash, coding))
        }
        Source::Descriptor(_) => (stamp.size, stamp_tag(stamp, is_settled, coding)),
    };
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
        is_settled,
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

/// The content's own hash: replicas agree on it, and files without times have it, too. 128 bits
/// of BLAKE3: nobody finds two contents that share them. With the coding, as the same bytes mean
/// something else in another.
pub(super) fn content_tag(hash: &blake3::Hash, coding: Option<Coding>) -> EntityTag {
    let hash = hash.to_hex();
    let mut opaque = hash.get(..32).unwrap_or_default().to_owned();
    push_coding(&mut opaque, coding);
    EntityTag::strong(opaque)
}

/// Size and time, each after its own letter, so that no two pairs and no hash are written alike.
/// Strong only once the time cannot hide a second change.
fn stamp_tag(stamp: &Stamp, is_settled: bool, coding: Option<Coding>) -> EntityTag {
    let (seconds, nanos) = stamp.distinguishing_time();
    let mut opaque = format!("s{:x}-t{seconds:x}.{nanos:x}", stamp.size);
    push_coding(&mut opaque, coding);
    if is_settled {
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

//! A representation (RFC 9110 §8): the facts about a file, and the field blocks made from them.

use super::{Content, Plan, Policy};
use crate::http::Status;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::response::{FieldBlock, FieldBlockWriter};
use std::borrow::Cow;

/// What is known of a file, as far as a response depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its size in bytes.
    pub length: u64,
    /// The value of `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// Tells its content from any other, where that can be told.
    pub entity_tag: Option<EntityTag>,
    /// When it was last changed; `None` where that is unknown or lies in the future.
    pub last_modified: Option<HttpDate>,
    /// Whether the file has been left alone for so long that no second change can hide behind the
    /// same `Last-Modified` (RFC 9110 §8.8.2.2).
    pub is_settled: bool,
}

/// A selected representation, with the fields of its usual responses ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representation {
    facts: Facts,
    cache_control: String,
    whole: FieldBlock,
    not_modified: FieldBlock,
}

impl Representation {
    /// Makes the field blocks, once for any number of responses.
    pub fn new(facts: Facts, policy: &Policy) -> Self {
        let cache_control = policy.cache_control.clone();
        let mut representation = Self {
            facts,
            cache_control,
            whole: FieldBlock::default(),
            not_modified: FieldBlock::default(),
        };
        representation.whole = representation
            .describing_fields(
                representation.facts.length,
                &representation.facts.content_type,
            )
            .finish();
        // RFC 9110 §15.4.5: what guides the cache, and nothing that describes content.
        representation.not_modified = representation
            .validating_fields(FieldBlockWriter::default())
            .finish();
        representation
    }

    /// The facts that it was made from.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn whole(&self) -> Plan {
        Plan {
            status: Status::Ok,
            fields: self.whole.clone(),
            content: Content::Whole,
        }
    }

    pub(super) fn not_modified(&self) -> Plan {
        let fields = self.not_modified.clone();
        Plan {
            status: Status::NotModified,
            fields,
            content: Content::Empty,
        }
    }

    /// All fields of a response with content of this length and type.
    pub(super) fn describing_fields(&self, length: u64, content_type: &str) -> FieldBlockWriter {
        let fields = FieldBlockWriter::default()
            .field("Content-Type", content_type)
            .field("Content-Length", length)
            .optional_field("Last-Modified", self.facts.last_modified);
        self.validating_fields(fields)
            .field("Accept-Ranges", "bytes")
            .field("X-Content-Type-Options", "nosniff")
    }

    fn validating_fields(&self, fields: FieldBlockWriter) -> FieldBlockWriter {
        let cache_control = Some(&self.cache_control).filter(|value| !value.is_empty());
        fields
            .optional_field("ETag", self.facts.entity_tag.as_ref())
            .optional_field("Cache-Control", cache_control)
    }
}

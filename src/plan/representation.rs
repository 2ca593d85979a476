//! A representation (RFC 9110 §8): the facts about a file, and the field blocks made from them.

use super::rules::without_content;
use super::{Content, Plan, Policy, RETRY_AFTER_SECONDS, StandIn, stand_in};
use crate::http::Status;
use crate::http::coding::Coding;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::response::{Edit, FieldBlock, FieldBlockWriter};
use std::borrow::Cow;

/// What is known of a file, as far as a response depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its size in bytes.
    pub length: u64,
    /// The value of `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// What it is served in place of; `None` where it was asked for.
    pub stand_in: Option<StandIn>,
    /// The coding that its content has, if any.
    pub coding: Option<Coding>,
    /// The value of `Vary`: the fields of a request that select it, if any do.
    pub vary: Option<&'static str>,
    /// The value of `Content-Security-Policy`, on a page of our own.
    pub security_policy: Option<&'static str>,
    /// Tells its content from any other, where that can be told.
    pub entity_tag: Option<EntityTag>,
    /// When it was last changed; `None` where that is unknown or lies in the future.
    pub last_modified: Option<HttpDate>,
    /// What the operator's rules change about its fields.
    pub edits: Vec<Edit>,
    /// Whether no second change can hide behind the same `Last-Modified` (RFC 9110 §8.8.2.2): a clock
    /// has set that time, and so long ago that the file has been left alone since.
    pub is_date_strong: bool,
}

impl Facts {
    /// Whether it has a coding that other representations of the same file do not have, where a
    /// file that lies there coded under its own name has no other.
    pub(super) fn is_negotiated_coding(&self) -> bool {
        self.coding.is_some() && self.vary.is_some()
    }
}

/// A selected representation, with the fields of its usual responses ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representation {
    facts: Facts,
    /// All fields of the whole.
    whole: FieldBlock,
    /// The fields that do not depend on which part is sent.
    of_any_part: FieldBlock,
    /// RFC 9110 §15.4.5: what guides a cache, and nothing that describes content.
    not_modified: FieldBlock,
}

impl Representation {
    /// Makes the field blocks, once for any number of responses.
    pub fn new(facts: Facts, policy: &Policy) -> Self {
        match facts.stand_in {
            None => Self::with(facts, policy, None),
            Some(StandIn::Start) => Self::with(facts, policy, Some(stand_in::VARY)),
            Some(StandIn::Error(status)) => Self::of_error(status, facts, policy),
        }
    }

    fn with(facts: Facts, policy: &Policy, vary: Option<&str>) -> Self {
        let cache_control = Some(&policy.cache_control).filter(|value| !value.is_empty());
        let not_modified = FieldBlockWriter::default()
            .optional_field("ETag", facts.entity_tag.as_ref())
            .optional_field("Cache-Control", cache_control)
            .optional_field("Vary", vary)
            .optional_field("Vary", facts.vary)
            .finish();
        let of_any_part = FieldBlockWriter::default()
            .optional_field("Content-Encoding", facts.coding)
            .optional_field("Last-Modified", facts.last_modified)
            .block(&not_modified)
            .field("Accept-Ranges", "bytes")
            .optional_field("Content-Security-Policy", facts.security_policy)
            .field("X-Content-Type-Options", "nosniff")
            .finish();
        let whole = FieldBlockWriter::default()
            .field("Content-Type", &facts.content_type)
            .field("Content-Length", facts.length)
            .block(&of_any_part)
            .finish();
        let edits: Vec<_> = facts.edits.iter().collect();
        Self {
            whole: whole.edited(&edits).compact(),
            of_any_part: of_any_part.edited(&edits).compact(),
            not_modified: not_modified.edited(&without_content(&edits)).compact(),
            facts,
        }
    }

    /// Only the whole of it is ever sent, with nothing that would let a cache take it for the file:
    /// no validators, no ranges, and nothing of how long files are fresh.
    fn of_error(status: Status, facts: Facts, policy: &Policy) -> Self {
        let is_busy = status == Status::ServiceUnavailable;
        let whole = FieldBlockWriter::default()
            .field("Content-Type", &facts.content_type)
            .field("Content-Length", facts.length)
            .optional_field("Content-Encoding", facts.coding)
            .field("Cache-Control", "no-cache")
            .optional_field("Vary", stand_in::vary(status, policy))
            .optional_field("Vary", facts.vary)
            .optional_field("Retry-After", is_busy.then_some(RETRY_AFTER_SECONDS))
            .field("X-Content-Type-Options", "nosniff")
            .finish();
        let (of_any_part, not_modified) = Default::default();
        Self {
            facts,
            whole: whole.compact(),
            of_any_part,
            not_modified,
        }
    }

    /// The facts that it was made from.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How much memory it takes besides itself, so far as that has no bound: the blocks, and what the
    /// facts do not share with others.
    pub fn bytes(&self) -> usize {
        let blocks = [&self.whole, &self.of_any_part, &self.not_modified];
        let blocks: usize = blocks.iter().map(|block| block.as_bytes().len()).sum();
        let content_type = match &self.facts.content_type {
            Cow::Owned(content_type) => content_type.len(),
            Cow::Borrowed(_) => 0,
        };
        blocks + content_type + size_of_val(self.facts.edits.as_slice())
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

    /// All fields of a response with content of this length and type, made from a part or parts.
    pub(super) fn part(&self, length: u64, content_type: &str) -> FieldBlockWriter {
        FieldBlockWriter::default()
            .field("Content-Type", content_type)
            .field("Content-Length", length)
            .block(&self.of_any_part)
    }
}

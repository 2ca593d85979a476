//! A representation (RFC 9110 §8): the metadata of a file, and the field blocks made from it.

use super::metadata::Metadata;
use crate::http::Status;
use crate::http::response::{FieldBlock, FieldBlockWriter};
use crate::plan::access::private;
use crate::plan::fallback::Fallback;
use crate::plan::headers::rule::without_content;
use crate::plan::pages::page_response::RETRY_AFTER_SECONDS;
use crate::plan::policy::Policy;
use crate::plan::response::{Content, Plan};
use std::borrow::Cow;

/// A representation, with the fields of its usual responses ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Representation {
    metadata: Metadata,
    /// All fields of the whole response.
    whole: FieldBlock,
    /// The fields that are the same for the whole and for parts.
    common: FieldBlock,
    /// RFC 9110 §15.4.5: the fields for caches, without those that describe the content.
    not_modified: FieldBlock,
    /// `None` if the site requires no passwords.
    private: Option<Box<Private>>,
}

/// The fields of responses to a client that had to send a password.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Private {
    whole: FieldBlock,
    not_modified: FieldBlock,
}

impl Representation {
    /// Builds the field blocks once, for any number of responses.
    pub fn new(metadata: Metadata, policy: &Policy) -> Self {
        let mut built = match metadata.fallback {
            None | Some(Fallback::Rewrite) => Self::with(metadata, policy, None),
            Some(Fallback::Start) => Self::with(metadata, policy, Some(VARY)),
            Some(Fallback::Error(status)) => Self::of_error(status, metadata, policy),
        };
        if policy.access.has_users() {
            built.private = Some(Box::new(Private {
                whole: built.made_private(&built.whole).compact(),
                not_modified: built.made_private(&built.not_modified).compact(),
            }));
        }
        built
    }

    fn with(metadata: Metadata, policy: &Policy, vary: Option<&str>) -> Self {
        let cache_control = Some(&*policy.cache_control).filter(|value| !value.is_empty());
        let not_modified = FieldBlockWriter::default()
            .optional_field("ETag", metadata.entity_tag.as_ref())
            .optional_field("Cache-Control", cache_control)
            .optional_field("Vary", vary)
            .optional_field("Vary", metadata.vary)
            .finish();
        let common = FieldBlockWriter::default()
            .optional_field("Content-Encoding", metadata.coding)
            .optional_field("Last-Modified", metadata.last_modified)
            .block(&not_modified)
            .field("Accept-Ranges", "bytes")
            .optional_field("Content-Security-Policy", metadata.security_policy)
            .field("X-Content-Type-Options", "nosniff")
            .finish();
        let whole = FieldBlockWriter::default()
            .field("Content-Type", &metadata.content_type)
            .field("Content-Length", metadata.length)
            .block(&common)
            .finish();
        let edits: Vec<_> = metadata.edits.iter().collect();
        Self {
            whole: whole.edited(&edits).compact(),
            common: common.edited(&edits).compact(),
            not_modified: not_modified.edited(&without_content(&edits)).compact(),
            private: None,
            metadata,
        }
    }

    /// Builds the fields of an error page. It is always sent whole, and has no validators, ranges
    /// or file freshness, so no cache takes it for the file.
    fn of_error(status: Status, metadata: Metadata, policy: &Policy) -> Self {
        let is_busy = status == Status::ServiceUnavailable;
        let whole = FieldBlockWriter::default()
            .field("Content-Type", &metadata.content_type)
            .field("Content-Length", metadata.length)
            .optional_field("Content-Encoding", metadata.coding)
            .field("Cache-Control", "no-cache")
            .optional_field("Vary", vary_of_error(status, policy))
            .optional_field("Vary", metadata.vary)
            .optional_field("Retry-After", is_busy.then_some(RETRY_AFTER_SECONDS))
            .field("X-Content-Type-Options", "nosniff")
            .finish();
        let (common, not_modified) = Default::default();
        Self {
            metadata,
            whole: whole.compact(),
            common,
            not_modified,
            private: None,
        }
    }

    /// Returns the fields for one client alone, unless a rule sets `Cache-Control`.
    fn made_private(&self, fields: &FieldBlock) -> FieldBlock {
        let edits = &self.metadata.edits;
        if edits.iter().any(|edit| edit.concerns(b"Cache-Control")) {
            return fields.clone();
        }
        private(fields)
    }

    /// Returns the metadata that it was made from.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the memory that it uses without its own size, as far as that is not bounded: the
    /// blocks, and the metadata that is not shared.
    pub fn bytes(&self) -> usize {
        let private = self
            .private
            .as_ref()
            .map(|it| [&it.whole, &it.not_modified]);
        let blocks = [&self.whole, &self.common, &self.not_modified];
        let blocks = blocks.into_iter().chain(private.into_iter().flatten());
        let blocks: usize = blocks.map(|block| block.as_bytes().len()).sum();
        let content_type = match &self.metadata.content_type {
            Cow::Owned(content_type) => content_type.len(),
            Cow::Borrowed(_) => 0,
        };
        blocks + content_type + size_of_val(self.metadata.edits.as_slice())
    }

    /// Returns the response with the whole content.
    pub fn whole(&self) -> Plan {
        Plan {
            status: Status::Ok,
            fields: self.whole.clone(),
            content: Content::Whole,
        }
    }

    /// Returns the response to a client that already has the content.
    pub fn not_modified(&self) -> Plan {
        let fields = self.not_modified.clone();
        Plan {
            status: Status::NotModified,
            fields,
            content: Content::Empty,
        }
    }

    /// Returns the fields of a response with this representation to a client that had to send a
    /// password.
    pub(crate) fn private_fields(&self, plan: &Plan) -> FieldBlock {
        match (&self.private, plan.status, &plan.content) {
            (Some(private), _, Content::Whole) => private.whole.clone(),
            (Some(private), Status::NotModified, _) => private.not_modified.clone(),
            _ => self.made_private(&plan.fields),
        }
    }

    /// Returns all fields of a response whose content has this length and type: one part, or
    /// several.
    pub(crate) fn part(&self, length: u64, content_type: &str) -> FieldBlockWriter {
        FieldBlockWriter::default()
            .field("Content-Type", content_type)
            .field("Content-Length", length)
            .block(&self.common)
    }
}

/// Returns the `Vary` of an error (RFC 9110 §12.5.5): another request may get a start page.
pub(crate) fn vary_of_error(status: Status, policy: &Policy) -> Option<&'static str> {
    (policy.spa.is_some() && status == Status::NotFound).then_some(VARY)
}

/// The request fields that decide between the start page of the application and an error.
const VARY: &str = "Accept, Sec-Fetch-Dest";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::Edit;

    #[test]
    fn the_memory_of_a_representation_is_that_of_its_fields_and_its_own_metadata() {
        let of = |content_type: Cow<'static, str>, edits: Vec<Edit>| {
            let metadata = Metadata {
                length: 1,
                content_type,
                fallback: None,
                coding: None,
                vary: None,
                security_policy: None,
                entity_tag: None,
                last_modified: None,
                edits,
                is_date_strong: false,
            };
            Representation::new(metadata, &Policy::default())
        };
        let plain = of(Cow::Borrowed("a/b"), Vec::new());
        let blocks = [&plain.whole, &plain.common, &plain.not_modified];
        let blocks: usize = blocks.iter().map(|block| block.as_bytes().len()).sum();
        assert!(blocks > 0);
        assert_eq!(plain.bytes(), blocks);
        let owned = of(Cow::Owned("a/b".to_owned()), Vec::new());
        assert_eq!(owned.bytes(), blocks + "a/b".len());
        // It removes a field that there is not, so the blocks stay the same.
        let edit = Edit {
            name: "X-A".into(),
            value: None,
        };
        let edited = of(Cow::Borrowed("a/b"), vec![edit]);
        assert_eq!(edited.bytes(), blocks + size_of::<Edit>());
    }

    #[test]
    fn only_the_page_of_an_error_that_passes_says_when_to_retry() {
        for (status, expected) in [
            (Status::ServiceUnavailable, true),
            (Status::NotFound, false),
            (Status::InternalServerError, false),
        ] {
            let metadata = Metadata {
                length: 1,
                content_type: Cow::Borrowed("text/html"),
                fallback: Some(Fallback::Error(status)),
                coding: None,
                vary: None,
                security_policy: None,
                entity_tag: None,
                last_modified: None,
                edits: Vec::new(),
                is_date_strong: false,
            };
            let page = Representation::new(metadata, &Policy::default());
            let fields = String::from_utf8_lossy(page.whole.as_bytes());
            assert_eq!(fields.contains("Retry-After: "), expected, "{status:?}");
        }
    }
}

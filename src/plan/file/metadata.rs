//! The metadata of a file that responses depend on.

use crate::http::coding::Coding;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::response::Edit;
use crate::plan::fallback::Fallback;
use std::borrow::Cow;

/// The metadata of a file that responses depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The size in bytes.
    pub length: u64,
    /// The value of `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// The fallback that the file is served as; `None` if it was requested itself.
    pub fallback: Option<Fallback>,
    /// The coding of the content, if any.
    pub coding: Option<Coding>,
    /// The value of `Vary`: the request fields that selected the file, if there are any.
    pub vary: Option<&'static str>,
    /// The value of `Content-Security-Policy`, on a built-in page.
    pub security_policy: Option<&'static str>,
    /// A tag that no other content has; `None` if there is none.
    pub entity_tag: Option<EntityTag>,
    /// The time of the last change; `None` if that is unknown or in the future.
    pub last_modified: Option<HttpDate>,
    /// The changes to the fields by the operator's rules.
    pub edits: Vec<Edit>,
    /// `true` if `Last-Modified` is a strong validator (RFC 9110 §8.8.2.2): a clock has set the
    /// time, long enough ago that no second change can have the same time.
    pub is_date_strong: bool,
}

impl Metadata {
    /// Returns `true` if the file has a coding that other representations of it do not have. A file
    /// that is stored in a coding under its own name has no other representations.
    pub(crate) fn is_negotiated_coding(&self) -> bool {
        self.coding.is_some() && self.vary.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_was_negotiated_if_the_request_selected_it() {
        for (coding, vary, expected) in [
            (None, None, false),
            (Some(Coding::Gzip), None, false),
            (None, Some("Accept-Encoding"), false),
            (Some(Coding::Gzip), Some("Accept-Encoding"), true),
        ] {
            let metadata = Metadata {
                length: 0,
                content_type: Cow::Borrowed("text/plain"),
                fallback: None,
                coding,
                vary,
                security_policy: None,
                entity_tag: None,
                last_modified: None,
                edits: Vec::new(),
                is_date_strong: false,
            };
            assert_eq!(metadata.is_negotiated_coding(), expected, "{metadata:?}");
        }
    }
}

//! A finished listing, as a response can send it.

use crate::http::coding::CodingSet;
use crate::http::etag::EntityTag;
use crate::listing::{CONTENT_SECURITY_POLICY, SECURITY_POLICY_WITH_SCRIPT, View};
use crate::plan::{Metadata, Policy, Representation};
use std::borrow::Cow;

/// Returns the representation of the listing of the directory at `path`, which is available in
/// `codings`.
pub(super) fn represent(
    view: View,
    path: &[u8],
    codings: CodingSet,
    length: u64,
    entity_tag: EntityTag,
    policy: &Policy,
) -> Representation {
    let mut facts = Metadata {
        length,
        fallback: None,
        content_type: Cow::Borrowed(view.form.content_type()),
        coding: view.coding,
        vary: Some(if codings.is_empty() {
            "Accept"
        } else {
            "Accept, Accept-Encoding"
        }),
        security_policy: Some(if policy.live {
            SECURITY_POLICY_WITH_SCRIPT
        } else {
            CONTENT_SECURITY_POLICY
        }),
        entity_tag: Some(entity_tag),
        // The time of a directory does not change with its files.
        last_modified: None,
        edits: Vec::new(),
        is_date_strong: true,
    };
    policy.rules.describe(&mut facts, &[path]);
    let policy = Policy {
        // The operator's setting is meant for files whose names change with their content.
        cache_control: "no-cache".to_owned(),
        ..policy.clone()
    };
    Representation::new(facts, &policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_revalidated_and_varies() {
        let policy = Policy {
            cache_control: "max-age=31536000, immutable".to_owned(),
            ..Policy::default()
        };
        let tag = EntityTag::strong("a");
        let representation = represent(View::default(), b"", CodingSet::EMPTY, 9, tag, &policy);
        let fields = String::from_utf8(representation.whole().fields.as_bytes().to_vec()).unwrap();
        for line in [
            "Content-Type: text/html; charset=utf-8\r\n",
            "Content-Length: 9\r\n",
            "ETag: \"a\"\r\n",
            "Cache-Control: no-cache\r\n",
            "Vary: Accept\r\n",
            "X-Content-Type-Options: nosniff\r\n",
            CONTENT_SECURITY_POLICY,
        ] {
            assert!(fields.contains(line), "{line} in {fields}");
        }
        let fields = representation.not_modified().fields;
        let fields = String::from_utf8(fields.as_bytes().to_vec()).unwrap();
        assert_eq!(
            fields,
            "ETag: \"a\"\r\nCache-Control: no-cache\r\nVary: Accept\r\n"
        );
    }
}

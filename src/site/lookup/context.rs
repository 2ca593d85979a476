//! The context of a lookup, and the metadata that it derives for a file.

use super::address::Addressing;
use super::digests::{Digests, is_hashed};
use super::facts::facts;
use super::opened::Opened;
use crate::http::coding::Coding;
use crate::http::path::RequestPath;
use crate::plan::{Fallback, Metadata, Policy};
use crate::site::codings::VariantFinder;
use crate::site::file::Source;
use crate::site::root::Root;
use std::borrow::Cow;
use std::time::SystemTime;

/// Everything that a lookup depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) root: &'a Root,
    pub(crate) addressing: &'a Addressing,
    pub(crate) finder: &'a VariantFinder,
    pub(crate) policy: &'a Policy,
    pub(crate) digests: &'a Digests,
    /// `true` if precompressed forms are searched when a file is missing.
    pub(crate) seeks_precompressed: bool,
    pub(crate) wall: SystemTime,
}

impl Lookup<'_> {
    /// Returns the type of the file at this path, and the coding that it is stored in.
    pub(crate) fn stored_as(
        &self,
        place: &[u8],
        role: Role<'_>,
    ) -> (Cow<'static, str>, Option<Coding>) {
        let address = match role {
            Role::Asked(path) => path.as_bytes(),
            // A fallback has one type, whatever request it answers.
            Role::StandsIn(_) => place,
        };
        self.policy.stored_as(address, place)
    }

    /// Adds the metadata that depends on the role of the file at this path.
    pub(crate) fn apply_role(&self, facts: &mut Metadata, place: &[u8], role: Role<'_>) {
        match role {
            Role::Asked(path) => self.policy.rules.describe(facts, &[path.as_bytes(), place]),
            // All other rules depend on the request that it answers.
            Role::StandsIn(fallback) => facts.fallback = Some(fallback),
        }
    }

    /// Returns the metadata of an opened file, and `true` if it has yet to be hashed. A file that
    /// has just changed is not hashed, because it may be about to change again.
    pub(crate) fn describe(
        &self,
        opened: &Opened,
        content_type: Cow<'static, str>,
        coding: Option<Coding>,
    ) -> (Metadata, bool) {
        let Opened {
            source,
            fingerprint,
            ..
        } = opened;
        let (length, hash) = match source {
            Source::Memory(content) => (content.len() as u64, Some(blake3::hash(content))),
            _ => (fingerprint.size, self.digests.get(fingerprint)),
        };
        let lacks_hash =
            hash.is_none() && is_hashed(fingerprint.size) && fingerprint.is_stable(self.wall);
        let mut facts = facts(length, hash, fingerprint, content_type, coding, self.wall);
        if opened.is_generated {
            // Its time is that of the first access.
            facts.last_modified = None;
            facts.is_date_strong = false;
        }
        (facts, lacks_hash)
    }
}

/// The role that a file is opened in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'a> {
    /// It was requested by this path.
    Asked(&'a RequestPath<'a>),
    /// It is a fallback.
    StandsIn(Fallback),
}

//! The media types of a directory's files: those that they would be sent with.

use crate::http::path::RequestPath;
use crate::plan::Policy;
use std::borrow::Cow;

/// What decides them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Types<'a> {
    directory: &'a [u8],
    policy: &'a Policy,
    /// Whether any rule speaks of types or codings: most do not, and need not be held against every
    /// name.
    has_rules: bool,
}

impl<'a> Types<'a> {
    pub(super) fn new(directory: &'a RequestPath<'_>, policy: &'a Policy) -> Self {
        Self {
            directory: directory.as_bytes(),
            policy,
            has_rules: policy.rules.have_facts(),
        }
    }

    /// The type of the file of this name.
    pub(super) fn of(&self, name: &[u8]) -> Cow<'static, str> {
        if !self.has_rules {
            return self.policy.content_type(name);
        }
        let place = [self.directory, name].concat();
        self.policy.stored_as(&place, &place).0
    }
}

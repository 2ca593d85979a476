//! The content types that the files of a directory are served with.

use crate::plan::Policy;
use std::borrow::Cow;

/// Returns a function from the name of a file in the directory to its content type.
pub(super) fn content_types<'a>(
    directory: &'a [u8],
    policy: &'a Policy,
) -> impl Fn(&[u8]) -> Cow<'static, str> + 'a {
    // Most rules do not set types or codings, so they need not be matched with every name.
    let has_rules = policy.rules.have_metadata();
    move |name| {
        if !has_rules {
            return policy.content_type(name);
        }
        let path = [directory, name].concat();
        policy.stored_as(&path, &path).0
    }
}

//! The script of live reload. It is added to pages when they are read, so their length, their tag
//! and their compressed forms are those of the content that is sent.

use super::context::Role;
use super::opened::Opened;
use super::reading::read_whole;
use crate::plan::Fallback;
use crate::plan::live::{self, Shown};
use crate::site::file::Source;
use bytes::Bytes;

/// Adds the script to a page. Returns `false` without a change if the file is not a page, or is too
/// large.
pub(super) fn add_script(
    opened: &mut Opened,
    content_type: &str,
    place: &[u8],
    role: Role<'_>,
) -> bool {
    if !live::is_html(content_type) || opened.fingerprint.size > PAGE_BYTES_MAX {
        return false;
    }
    let content = match &opened.source {
        Source::Memory(content) => content.clone(),
        Source::Descriptor(file) => {
            let max = usize::try_from(PAGE_BYTES_MAX).unwrap_or(usize::MAX);
            match read_whole(file, opened.fingerprint.size, max) {
                Ok(content) => Bytes::from(content),
                // Sending the file will report the error.
                Err(_) => return false,
            }
        }
        Source::Coded => return false,
    };
    let shown = match role {
        Role::StandsIn(Fallback::Error(_)) => Shown::ErrorPage(place),
        Role::Asked(_) | Role::StandsIn(Fallback::Start | Fallback::Rewrite) => Shown::File(place),
    };
    let Some(page) = live::add_to_html(&content, &live::tag(shown)) else {
        return false;
    };
    opened.source = Source::Memory(page);
    true
}

/// Larger pages do not reload: they would be read completely for each request after a change.
const PAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;

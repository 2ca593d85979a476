//! A directory as a whole: its path, its view and its totals.

use super::entry::Entry;
use super::readme::Readme;
use super::view::View;
use crate::http::base_path::BasePath;
use crate::http::path::RequestPath;

/// Everything about a directory except its entries.
#[derive(Debug)]
pub(super) struct Overview {
    /// The part of the URL before the path.
    pub(super) base: BasePath,
    pub(super) path: RequestPath<'static>,
    pub(super) view: View,
    pub(super) totals: Totals,
    pub(super) readme: Option<Readme>,
    /// An additional script element at the end of the page.
    pub(super) script: Option<String>,
}

/// The totals of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) directories: usize,
    pub(super) files: usize,
    pub(super) bytes: u64,
    pub(super) name_bytes: usize,
    /// `true` if the directory has more entries than are listed.
    pub(super) is_cut: bool,
}

impl Totals {
    /// Adds an entry to the totals.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.name_bytes += entry.name.len();
        match entry.size {
            None => self.directories += 1,
            Some(size) => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(size);
            }
        }
    }

    /// Returns the number of entries.
    pub(super) fn entries(&self) -> usize {
        self.directories + self.files
    }
}

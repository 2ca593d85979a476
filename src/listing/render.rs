//! A listing: entries in order, written piece by piece.

use super::entry::{ContentTypeOf, Entry};
use super::order::Ranked;
use super::overview::{Overview, Totals};
use super::readme::Readme;
use super::view::{Form, View};
use super::{html, json};
use crate::http::base_path::BasePath;
use crate::http::path::RequestPath;
use std::collections::BinaryHeap;

/// The entries of a directory that are known and not yet written.
#[derive(Debug)]
pub struct Listing {
    overview: Overview,
    entries: BinaryHeap<Ranked>,
    part: Part,
}

impl Listing {
    /// Creates a listing of the directory at `path`, relative to the base path of its site, without
    /// entries yet.
    pub fn new(base: BasePath, path: RequestPath<'static>, view: View) -> Self {
        Self {
            overview: Overview {
                base,
                path,
                view,
                totals: Totals::default(),
                readme: None,
                script: None,
            },
            entries: BinaryHeap::new(),
            part: Part::Head,
        }
    }

    /// Adds an entry. Returns `false` if the listing is full.
    pub fn push(&mut self, entry: Entry) -> bool {
        if self.entries.len() >= ENTRIES_MAX {
            self.overview.totals.is_cut = true;
            return false;
        }
        if self.entries.len() == INITIAL_CAPACITY {
            // Reserve room for the maximum, which costs nothing until it is used. Growing later
            // would copy megabytes in one step.
            self.entries.reserve_exact(ENTRIES_MAX);
        }
        self.overview.totals.add(&entry);
        self.entries.push(Ranked {
            entry,
            order: self.overview.view.order,
        });
        true
    }

    /// Adds the README, which is shown below the entries.
    pub fn set_readme(&mut self, readme: Readme) {
        self.overview.readme = Some(readme);
    }

    /// Adds a script element at the end of the page.
    pub fn set_script(&mut self, element: String) {
        self.overview.script = Some(element);
    }

    /// Returns `true` if this view shows a README.
    pub fn wants_readme(&self) -> bool {
        self.overview.view.form == Form::Page
    }

    /// Returns an estimate of the number of bytes, once all entries are known.
    pub fn bytes_expected(&self) -> usize {
        let totals = &self.overview.totals;
        HEAD_BYTES + totals.entries() * ROW_BYTES + 2 * totals.name_bytes
    }

    /// Writes the next piece, once all entries are known. Returns `true` if more pieces follow.
    pub fn write(&mut self, content_type_of: ContentTypeOf<'_>, out: &mut String) -> bool {
        let form = self.overview.view.form;
        self.part = match self.part {
            Part::Head => {
                match form {
                    Form::Page => html::head(&self.overview, out),
                    Form::Json => json::head(&self.overview, out),
                }
                Part::Entries
            }
            Part::Entries => self.write_entries(content_type_of, out),
            Part::Tail => {
                match form {
                    Form::Page => html::tail(&self.overview, out),
                    Form::Json => json::tail(out),
                }
                Part::Nothing
            }
            Part::Nothing => Part::Nothing,
        };
        self.part != Part::Nothing
    }

    fn write_entries(&mut self, content_type_of: ContentTypeOf<'_>, out: &mut String) -> Part {
        for _ in 0..ENTRIES_A_STEP {
            let Some(Ranked { entry, order }) = self.entries.pop() else {
                return Part::Tail;
            };
            match self.overview.view.form {
                Form::Page => html::entry(&entry, content_type_of, order, out),
                Form::Json => json::entry(&entry, content_type_of, self.entries.is_empty(), out),
            }
        }
        Part::Entries
    }
}

/// The part to write next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Entries,
    Tail,
    Nothing,
}

/// The most entries in one listing: 100,000 of them make a page of some 28 MB, which a browser can
/// just handle, and use some 10 MB while they are sorted.
const ENTRIES_MAX: usize = 100_000;

/// The number of entries that most directories do not exceed.
const INITIAL_CAPACITY: usize = 4096;

/// Estimates of the bytes before and after the entries, and of a row without its name; measured,
/// and rounded up.
const HEAD_BYTES: usize = 64 * 1024;
const ROW_BYTES: usize = 288;

/// The number of rows written in one step. That takes well below a millisecond, even if all names
/// have the greatest length and differ only in their last byte.
const ENTRIES_A_STEP: usize = 32;

#[cfg(test)]
mod tests;

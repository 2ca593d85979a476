//! What a directory holds, as a page for people and as JSON for programs.
//!
//! Everything is made in steps, each a bounded piece of work, so that a directory of many thousand
//! entries holds nobody up: [`Listing::push`] takes an entry, [`Listing::write`] writes a few
//! rows. Who looks at the directory, and when a step is due, is for others to say.
//!
//! Names may be any bytes. A reference to one has the true bytes percent-encoded, and `./` before it
//! where it has a colon, so that no name becomes another reference (`javascript:`, `//host`); what is
//! shown of it is escaped and has nothing invisible in it.

mod html;
mod json;
mod kind;
mod order;
mod readme;
mod text;
mod types;
mod view;

use super::{Facts, Policy, Representation};
use crate::http::coding::CodingSet;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::path::RequestPath;
use bytes::Bytes;
use order::Ranked;
use std::borrow::Cow;
use std::collections::BinaryHeap;
use types::Types;

pub use readme::{README_BYTES_MAX, Readme, readme_rank};
pub use text::Size;
pub use view::{Form, Order, View};

/// Something in a directory that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: one segment of a path. Many of them share one piece of memory, since to free a
    /// hundred thousand takes longer than a step may.
    pub name: Bytes,
    /// Its size in bytes, if it is a file; else it is a directory.
    pub size: Option<u64>,
    /// When it was last changed, where that is known.
    pub modified: Option<HttpDate>,
}

/// A directory's entries, as far as they are known and not yet written.
#[derive(Debug)]
pub struct Listing {
    path: RequestPath<'static>,
    view: View,
    entries: BinaryHeap<Ranked>,
    totals: Totals,
    readme: Option<Readme>,
    part: Part,
}

/// What there is in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    directories: usize,
    files: usize,
    bytes: u64,
    name_bytes: usize,
    is_cut: bool,
}

impl Listing {
    /// A listing of the directory that `path` names, without entries yet.
    pub fn new(path: RequestPath<'static>, view: View) -> Self {
        Self {
            path,
            view,
            entries: BinaryHeap::new(),
            totals: Totals::default(),
            readme: None,
            part: Part::Head,
        }
    }

    /// Adds an entry: whether there was room for it.
    pub fn push(&mut self, entry: Entry) -> bool {
        if self.entries.len() >= ENTRIES_MAX {
            self.totals.is_cut = true;
            return false;
        }
        if self.entries.len() == ENTRIES_TO_BEGIN_WITH {
            // Room for all that there can be, which costs nothing before it is used. To grow later
            // would be to copy megabytes in one step.
            self.entries.reserve_exact(ENTRIES_MAX);
        }
        self.totals.name_bytes += entry.name.len();
        match entry.size {
            None => self.totals.directories += 1,
            Some(size) => {
                self.totals.files += 1;
                self.totals.bytes = self.totals.bytes.saturating_add(size);
            }
        }
        self.entries.push(Ranked {
            entry,
            order: self.view.order,
        });
        true
    }

    /// Adds what stands below the entries.
    pub fn set_readme(&mut self, readme: Readme) {
        self.readme = Some(readme);
    }

    /// Whether what stands below the entries would be shown at all.
    pub fn wants_readme(&self) -> bool {
        self.view.form == Form::Page
    }

    /// About how many bytes are to be written, once all entries are known.
    pub fn bytes_expected(&self) -> usize {
        let entries = self.totals.directories + self.totals.files;
        HEAD_BYTES + entries * ROW_BYTES + 2 * self.totals.name_bytes
    }

    /// Writes the next piece, once all entries are known: whether there is another. The policy is
    /// that which the files are served by.
    pub fn write(&mut self, policy: &Policy, out: &mut String) -> bool {
        let form = self.view.form;
        self.part = match self.part {
            Part::Head => {
                match form {
                    Form::Page => html::head(self, out),
                    Form::Json => json::head(self, out),
                }
                Part::Entries
            }
            Part::Entries => self.write_entries(policy, out),
            Part::Tail => {
                match form {
                    Form::Page => html::tail(self, out),
                    Form::Json => json::tail(out),
                }
                Part::Nothing
            }
            Part::Nothing => Part::Nothing,
        };
        self.part != Part::Nothing
    }

    fn write_entries(&mut self, policy: &Policy, out: &mut String) -> Part {
        let types = Types::new(&self.path, policy);
        for _ in 0..ENTRIES_A_STEP {
            let Some(Ranked { entry, order }) = self.entries.pop() else {
                return Part::Tail;
            };
            match self.view.form {
                Form::Page => html::entry(&entry, types, order, out),
                Form::Json => json::entry(&entry, types, self.entries.is_empty(), out),
            }
        }
        Part::Entries
    }
}

/// What is to be written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Entries,
    Tail,
    Nothing,
}

/// What can be said of a finished listing of the directory at a path, which is to be had in these
/// codings: its length in bytes, and a tag of its content.
pub fn represent(
    view: View,
    path: &[u8],
    codings: CodingSet,
    length: u64,
    entity_tag: EntityTag,
    policy: &Policy,
) -> Representation {
    let content_type = match view.form {
        Form::Page => "text/html; charset=utf-8",
        Form::Json => "application/json; charset=utf-8",
    };
    let mut facts = Facts {
        length,
        stand_in: None,
        content_type: Cow::Borrowed(content_type),
        coding: view.coding,
        vary: Some(if codings.is_empty() {
            "Accept"
        } else {
            "Accept, Accept-Encoding"
        }),
        security_policy: Some(CONTENT_SECURITY_POLICY),
        entity_tag: Some(entity_tag),
        // A directory's own time tells nothing of changes to the files in it.
        last_modified: None,
        edits: Vec::new(),
        is_date_strong: true,
    };
    policy.rules.describe(&mut facts, &[path]);
    let policy = Policy {
        // What the operator says of files whose names change with their content is not meant.
        cache_control: "no-cache".to_owned(),
        ..policy.clone()
    };
    Representation::new(facts, &policy)
}

/// Entries in one listing: 100,000 of them are a page of some 28 MB, which a browser just about
/// bears, and some 10 MB while they are put in order.
const ENTRIES_MAX: usize = 100_000;

/// Entries that most directories have no more than.
const ENTRIES_TO_BEGIN_WITH: usize = 4096;

/// About what stands above and below the entries, and what a row takes besides its name, measured
/// on the generous side.
const HEAD_BYTES: usize = 64 * 1024;
const ROW_BYTES: usize = 288;

/// Rows that are written in one step: well below a millisecond, even where all names are as long
/// as they can be and differ in their last byte alone.
const ENTRIES_A_STEP: usize = 32;

/// Nothing is loaded, no style is applied but the one whose hash this is, and the forms that lead to
/// other orders lead to this directory.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-x09iWnZtLNpebg+kkYrYHetS6BrtFRJIDwc4XZh8pwU='; base-uri 'none'; form-action 'self'";

const STYLE: &str = concat!(include_str!("../house.css"), include_str!("listing.css"));

#[cfg(test)]
mod tests;

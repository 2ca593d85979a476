//! The codings of one file: precompressed files beside it, and codings made by the server.
//!
//! A precompressed file is used as long as it is not older than the original file. The set of these
//! files is determined when the original is read, and checked again every few seconds. A
//! precompressed file that is served is compared with the disk in each tick, like any file. One
//! that cannot be opened is skipped until the next check. If only precompressed files exist, the
//! original is expanded from one of them, or is unavailable without a coding.

use super::scan::scan;
use crate::http::coding::{Coding, CodingSet, Codings};
use crate::site::fingerprint::Fingerprint;
use crate::site::root::Root;
use std::cell::Cell;
use std::ffi::{CStr, CString};

/// The codings of one file, and the path of the file itself.
#[derive(Debug)]
pub(crate) struct Variants {
    path_on_disk: CString,
    /// The fingerprint of the file itself or, if it does not exist, of the file that it is expanded
    /// from.
    fingerprint: Fingerprint,
    /// `true` if the last change was long enough ago when the file was inspected.
    is_stable: bool,
    /// The codings of the files found beside it; `None` if they are not searched.
    found: Option<CodingSet>,
    /// Those of them that are available, as far as is known: some cannot be opened.
    sidecar: Cell<CodingSet>,
    /// `true` if only precompressed files exist.
    is_alone: bool,
    /// `true` if the content can be expanded from one of them.
    is_expanded: Cell<bool>,
    /// The codings that the server can make of a file of this type and size.
    makeable: CodingSet,
    /// The codings that the server makes on request.
    made: Cell<CodingSet>,
}

impl Variants {
    /// Returns the codings of a file that exists: those found beside it, and those that the server
    /// makes.
    pub(crate) fn of_file(
        path_on_disk: &CStr,
        fingerprint: &Fingerprint,
        is_stable: bool,
        found: Option<CodingSet>,
        makeable: CodingSet,
    ) -> Self {
        Self {
            path_on_disk: path_on_disk.into(),
            fingerprint: *fingerprint,
            is_stable,
            found,
            sidecar: Cell::new(found.unwrap_or_default()),
            is_alone: false,
            is_expanded: Cell::new(false),
            makeable,
            made: Cell::default(),
        }
    }

    /// Returns the codings of a file that exists only in these codings. The fingerprint is that of
    /// the file that it is expanded from or, if it cannot be expanded, that of the first one.
    pub(crate) fn alone(
        path_on_disk: &CStr,
        fingerprint: Fingerprint,
        is_stable: bool,
        found: CodingSet,
        is_expanded: bool,
    ) -> Self {
        Self {
            path_on_disk: path_on_disk.into(),
            fingerprint,
            is_stable,
            found: Some(found),
            sidecar: Cell::new(found),
            is_alone: true,
            is_expanded: Cell::new(is_expanded),
            makeable: CodingSet::EMPTY,
            made: Cell::default(),
        }
    }

    /// Returns the path of the file itself, which may not exist.
    pub(crate) fn path_on_disk(&self) -> &CStr {
        &self.path_on_disk
    }

    /// Returns all codings that the file is available in.
    pub(crate) fn codings(&self) -> Codings {
        Codings::stored(self.sidecar.get()).or_made(self.made.get())
    }

    /// Returns the value of `Vary` on all responses with the file. It does not depend on which
    /// codings are available at the moment: one that was given up, or is not made because the file
    /// has just changed, may be available later.
    pub(crate) fn vary(&self) -> Option<&'static str> {
        let is_varied =
            !self.makeable.is_empty() || self.found.is_some_and(|found| !found.is_empty());
        is_varied.then_some(VARY)
    }

    /// Returns `true` if there is a precompressed file with this coding that can be opened.
    pub(crate) fn is_precompressed(&self, coding: Coding) -> bool {
        self.sidecar.get().contains(coding)
    }

    /// Records that the precompressed file with this coding is unavailable, until the directory is
    /// scanned again. The server may still make the coding.
    pub(crate) fn give_up_sidecar(&self, coding: Coding) {
        self.sidecar.set(self.sidecar.get().without(coding));
    }

    /// Returns `true` if the content can be expanded from a precompressed file.
    pub(crate) fn is_expanded(&self) -> bool {
        self.is_expanded.get() && self.is_precompressed(Coding::Gzip)
    }

    /// Records that the content cannot be expanded.
    pub(crate) fn give_up_expanding(&self) {
        self.is_expanded.set(false);
    }

    /// Returns `true` if the server makes this coding on request.
    pub(crate) fn is_made(&self, coding: Coding) -> bool {
        self.made.get().contains(coding)
    }

    /// Records that making this coding is not worthwhile.
    pub(crate) fn give_up_making(&self, coding: Coding) {
        self.made.set(self.made.get().without(coding));
    }

    /// Records that the file has a strong tag. The tag identifies the results, which can be cached
    /// only then.
    pub(crate) fn allow_making(&self) {
        self.made.set(self.makeable);
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(crate) fn is_stable(&self) -> bool {
        self.is_stable
    }

    /// Returns the fingerprint of the file, if the file itself exists.
    pub(crate) fn original(&self) -> Option<&Fingerprint> {
        (!self.is_alone).then_some(&self.fingerprint)
    }

    /// Returns the memory that this uses, without its own size.
    pub(crate) fn bytes(&self) -> usize {
        self.path_on_disk.count_bytes()
    }

    /// Returns `true` if the set of files beside it has not changed. From now on, unavailable ones
    /// are tried again, because the reason may be gone without a change of their fingerprints.
    pub(crate) fn are_current(&self, root: &Root) -> bool {
        self.found.is_none_or(|found| {
            self.sidecar.set(found);
            found == scan(root, &self.path_on_disk, self.original(), |_, _| {})
        })
    }
}

/// The field by which variants are selected.
pub(crate) const VARY: &str = "Accept-Encoding";

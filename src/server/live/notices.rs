//! The warnings for an author in the terminal: files that pages lack, and policies that block the
//! script. Each is shown once.

use std::collections::HashSet;

/// The warnings that were shown.
#[derive(Debug, Default)]
pub(super) struct Notices {
    shown: HashSet<(Subject, Box<[u8]>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Missing,
    Policy,
}

impl Notices {
    /// Returns `true` if this warning was not shown before.
    pub(super) fn is_new(&mut self, subject: Subject, name: &[u8]) -> bool {
        if self.shown.len() >= SHOWN_MAX {
            self.shown.clear();
        }
        self.shown.insert((subject, name.into()))
    }

    /// Forgets the warning about this file, because it has changed.
    pub(super) fn forget(&mut self, name: &[u8]) {
        self.shown.remove(&(Subject::Missing, name.into()));
    }
}

/// More than any site has, unless somebody requests made-up names.
const SHOWN_MAX: usize = 1024;

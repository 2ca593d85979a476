//! How much was done.

use std::{fmt, ops::AddAssign};

/// What was done.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) sequences: usize,
    pub(super) connections: usize,
    pub(super) requests: usize,
    pub(super) answered: usize,
    pub(super) changes: usize,
    pub(super) reloads: usize,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.sequences += other.sequences;
        self.connections += other.connections;
        self.requests += other.requests;
        self.answered += other.answered;
        self.changes += other.changes;
        self.reloads += other.reloads;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} sequences, {} connections, {} requests, {} answered, {} changes of files, {} reloads",
            self.sequences,
            self.connections,
            self.requests,
            self.answered,
            self.changes,
            self.reloads
        )
    }
}

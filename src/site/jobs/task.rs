//! Work in steps, and the parts of the site that it uses.

use crate::plan::Policy;
use crate::site::cache::Cache;
use crate::site::error::LookupError;
use crate::site::file::File;
use crate::site::lookup::Digests;
use std::fmt;
use std::rc::Rc;

/// The result of a job.
pub type Outcome = Result<Rc<File>, LookupError>;

/// Work that pauses after each step.
pub(crate) trait Task: fmt::Debug {
    /// Does a step, which takes well below a millisecond. Returns the result if it was the last.
    fn step(&mut self, context: &mut JobContext<'_>) -> Option<Outcome>;

    /// Returns `true` if the result will also be correct for a request that arrives now.
    fn is_open(&self) -> bool {
        true
    }
}

/// The parts of the site that work may use.
#[derive(Debug)]
pub(crate) struct JobContext<'a> {
    /// Where results are kept.
    pub(crate) cache: &'a mut Cache,
    pub(crate) policy: &'a Policy,
    /// The store for computed hashes.
    pub(crate) digests: &'a Digests,
}

//! The limits that all sites of one event loop share.

use super::cache::CacheBudget;
use super::jobs::{CompressionLoad, Hashing, Workload};
use super::options::Options;
use std::rc::Rc;

/// The memory of all caches together, and the hashing and compression in progress.
#[derive(Clone, Debug)]
pub struct SharedLimits {
    pub(super) caches: Rc<CacheBudget>,
    pub(super) compression: Rc<CompressionLoad>,
    pub(super) hashing: Rc<Workload>,
}

impl SharedLimits {
    /// Returns the limits for these options, with at most `descriptors_max` open files.
    pub fn new(options: &Options, descriptors_max: usize) -> Self {
        Self {
            caches: Rc::new(CacheBudget::new(options, descriptors_max)),
            compression: Rc::new(CompressionLoad::new(options.copies)),
            hashing: Rc::new(Hashing::workload()),
        }
    }

    /// Returns `true` if [`Self::new`] makes the same limits from these arguments.
    pub fn are_for(&self, options: &Options, descriptors_max: usize) -> bool {
        self.caches.has_limits(options, descriptors_max)
    }

    /// Returns `true` if the caches exceed their limits.
    pub fn are_caches_too_large(&self) -> bool {
        self.caches.is_exceeded()
    }
}

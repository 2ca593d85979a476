//! The limits of the caches of all sites together.
//!
//! Each site has its own cache, so that no site sees the entries of another one. All caches share
//! one budget. If it is exceeded, those that take more than an equal share of it drop their least
//! recently used entries.

use crate::site::options::Options;
use std::cell::Cell;

/// The limits of the caches of all sites together.
#[derive(Debug)]
pub(crate) struct CacheBudget {
    max: Usage,
    used: Cell<Usage>,
    /// The number of caches.
    caches: Cell<usize>,
}

/// The usage of one cache, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) bytes: usize,
    pub(crate) entries: usize,
    /// Open files.
    pub(crate) descriptors: usize,
}

impl CacheBudget {
    /// Returns the budget for these options, with at most `descriptors_max` open files.
    pub(crate) fn new(options: &Options, descriptors_max: usize) -> Self {
        Self {
            max: Self::limits(options, descriptors_max),
            used: Cell::default(),
            caches: Cell::new(0),
        }
    }

    /// Returns `true` if [`Self::new`] makes the same limits from these arguments.
    pub(crate) fn has_limits(&self, options: &Options, descriptors_max: usize) -> bool {
        self.max == Self::limits(options, descriptors_max)
    }

    /// Returns `true` if the caches exceed their limits.
    pub(crate) fn is_exceeded(&self) -> bool {
        let used = self.used.get();
        used.bytes > self.max.bytes
            || used.entries > self.max.entries
            || used.descriptors > self.max.descriptors
    }

    pub(super) fn max(&self) -> Usage {
        self.max
    }

    /// Returns `true` if a cache with this usage has to close an open file.
    pub(super) fn lacks_descriptors(&self, cache: Usage) -> bool {
        self.used.get().descriptors > self.max.descriptors
            && cache.descriptors > self.share(self.max.descriptors)
    }

    /// Returns `true` if a cache with this usage has to drop a file.
    pub(super) fn lacks_room(&self, cache: Usage) -> bool {
        let (used, max) = (self.used.get(), self.max);
        used.bytes > max.bytes && cache.bytes > self.share(max.bytes)
            || used.entries > max.entries && cache.entries > self.share(max.entries)
    }

    pub(super) fn add_cache(&self) {
        self.caches.set(self.caches.get() + 1);
    }

    pub(super) fn remove_cache(&self) {
        self.caches.set(self.caches.get().saturating_sub(1));
    }

    /// Records that the usage of a cache has changed.
    pub(super) fn note(&self, before: Usage, now: Usage) {
        let Usage {
            bytes,
            entries,
            descriptors,
        } = self.used.get();
        self.used.set(Usage {
            bytes: bytes + now.bytes - before.bytes,
            entries: entries + now.entries - before.entries,
            descriptors: descriptors + now.descriptors - before.descriptors,
        });
    }

    fn share(&self, max: usize) -> usize {
        max / self.caches.get().max(1)
    }

    fn limits(options: &Options, descriptors_max: usize) -> Usage {
        Usage {
            bytes: options.cache_bytes_max,
            entries: options.cache_entries_max,
            descriptors: descriptors_max.min(DESCRIPTORS_MAX / options.copies.max(1)),
        }
    }
}

/// The most descriptors held for files that nobody may be requesting, however many there may be.
const DESCRIPTORS_MAX: usize = 256;

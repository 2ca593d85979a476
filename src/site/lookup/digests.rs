//! Hashes of the content of files that are sent from their descriptors, for their tags.

use crate::site::fingerprint::Fingerprint;
use lru::LruCache;
use std::cell::RefCell;

/// The known hashes, by fingerprint.
#[derive(Debug)]
pub(crate) struct Digests {
    known: RefCell<LruCache<Fingerprint, blake3::Hash>>,
}

impl Digests {
    pub(crate) fn new() -> Self {
        Self {
            known: RefCell::new(LruCache::unbounded()),
        }
    }

    /// Returns the hash of a file's content, if it is known.
    pub(crate) fn get(&self, fingerprint: &Fingerprint) -> Option<blake3::Hash> {
        self.known.borrow_mut().get(fingerprint).copied()
    }

    pub(crate) fn clear(&self) {
        self.known.borrow_mut().clear();
    }

    pub(crate) fn note(&self, fingerprint: &Fingerprint, hash: blake3::Hash) {
        let mut known = self.known.borrow_mut();
        known.put(*fingerprint, hash);
        if known.len() > KNOWN_MAX {
            known.pop_lru();
        }
    }
}

/// Returns `true` if files of this size have a tag made from their content.
pub(crate) fn is_hashed(size: u64) -> bool {
    size <= HASHED_BYTES_MAX
}

/// Larger files are not hashed, because the first request would wait more than 10 ms for its first
/// byte, at 1.5 GB/s. Replicas have different tags for them.
const HASHED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The number of remembered hashes, of about 150 bytes each.
const KNOWN_MAX: usize = 16 * 1024;

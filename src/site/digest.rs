//! Hashes of the content of files that are sent from where they are, of which their tags are made.
//!
//! A file's hash is made when it is first asked for, in steps, and remembered by the file's stamp.
//! Files that are too large for that have a tag that is made of the stamp itself, and so have, for as
//! long as they are, those that have just changed: a weak one.

use super::facts::content_tag;
use super::jobs::{Means, Outcome, Work};
use super::load::Loaded;
use super::reading::read_at;
use super::root::stat_descriptor;
use super::stamp::Stamp;
use super::workload::{Share, Workload};
use super::{File, Source};
use crate::plan::{Facts, Representation};
use lru::LruCache;
use rustix::fd::OwnedFd;
use std::cell::RefCell;
use std::rc::Rc;

/// The hashes that are known, and how much is being hashed.
#[derive(Debug)]
pub(super) struct Digests {
    known: RefCell<LruCache<Stamp, blake3::Hash>>,
    workload: Workload,
}

impl Digests {
    pub(super) fn new() -> Self {
        Self {
            known: RefCell::new(LruCache::unbounded()),
            workload: Workload::of(LOAD_BYTES_MAX),
        }
    }

    /// The hash of a file's content, if it was made before.
    pub(super) fn get(&self, stamp: &Stamp) -> Option<blake3::Hash> {
        self.known.borrow_mut().get(stamp).copied()
    }

    pub(super) fn clear(&self) {
        self.known.borrow_mut().clear();
    }

    fn note(&self, stamp: &Stamp, hash: blake3::Hash) {
        let mut known = self.known.borrow_mut();
        known.put(*stamp, hash);
        if known.len() > KNOWN_MAX {
            known.pop_lru();
        }
    }
}

/// Whether files of this size have a tag that is made of their content.
pub(super) fn is_hashed(size: u64) -> bool {
    size <= HASHED_BYTES_MAX
}

/// A file on its way to be hashed.
#[derive(Debug)]
pub(super) struct Hashing {
    file: Option<File>,
    descriptor: Rc<OwnedFd>,
    stamp: Stamp,
    hasher: Box<blake3::Hasher>,
    /// How much of it has been hashed.
    done: u64,
    _share: Share,
}

impl Hashing {
    /// Begins; gives the file back, with the weak tag that it has, while so much is under way that it
    /// would have to wait for long.
    pub(super) fn begin(loaded: Loaded, digests: &Digests) -> Result<Self, Rc<File>> {
        let share = digests.workload.take(loaded.stamp.size);
        match (&loaded.file.source, share) {
            (Source::Descriptor(descriptor), Some(share)) => Ok(Self {
                descriptor: Rc::clone(descriptor),
                file: Some(loaded.file),
                stamp: loaded.stamp,
                hasher: Box::default(),
                done: 0,
                _share: share,
            }),
            _ => Err(Rc::new(loaded.file)),
        }
    }

    /// Whether what was hashed is all that the stamp stands for.
    fn is_of_one_piece(&self) -> bool {
        self.done == self.stamp.size
            && stat_descriptor(&self.descriptor).is_ok_and(|found| Stamp::of(&found) == self.stamp)
    }
}

impl Work for Hashing {
    fn step(&mut self, means: &mut Means<'_>) -> Option<Outcome> {
        let mut buffer = [0; STEP_BYTES];
        let is_last = match read_at(&self.descriptor, &mut buffer, self.done) {
            Ok(step) => {
                self.hasher.update(step);
                self.done += step.len() as u64;
                step.len() < STEP_BYTES || self.done >= self.stamp.size
            }
            // Sending it will say so, if it still cannot be read.
            Err(_) => true,
        };
        if !is_last {
            return None;
        }
        let file = self.file.take()?;
        Some(Ok(Rc::new(if self.is_of_one_piece() {
            let hash = self.hasher.finalize();
            means.digests.note(&self.stamp, hash);
            with_hash(file, &hash, means)
        } else {
            // The weak tag that it has claims less than that.
            file
        })))
    }
}

/// The file with the tag of its content.
fn with_hash(file: File, hash: &blake3::Hash, means: &Means<'_>) -> File {
    let facts = file.representation.facts().clone();
    let facts = Facts {
        entity_tag: Some(content_tag(hash, facts.coding)),
        ..facts
    };
    if let Some(variants) = &file.variants {
        variants.allow_making();
    }
    File {
        representation: Representation::new(facts, means.policy),
        ..file
    }
}

/// What is larger has no hash, as the first who asks would wait for its first byte for longer than
/// the 10 ms that so much takes, at 1.5 GB/s. Replicas do not agree on its tag.
const HASHED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes that are hashed in a step: it takes 0.01 ms, and no longer for all of them than larger ones.
const STEP_BYTES: usize = 16 * 1024;

/// As much as is hashed in 50 ms. Whatever comes on top of it has a weak tag until it is asked for
/// again, so that nobody waits for longer, and strangers who ask for the sizes of all files cannot
/// have all of them read.
const LOAD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Hashes that are remembered, of some 150 bytes each.
const KNOWN_MAX: usize = 16 * 1024;

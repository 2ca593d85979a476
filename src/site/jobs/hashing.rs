//! Hashing, in steps, a file whose tag is a hash of its content.
//!
//! A file is hashed when it is first requested, and the hash is remembered by the file's
//! fingerprint. Files that are too large for this have a tag made from the fingerprint itself. So
//! do files that have just changed, with a weak tag until they settle.

use super::task::{JobContext, Outcome, Task};
use super::workload::{Share, Workload};
use crate::plan::{Metadata, Representation};
use crate::site::file::{File, Source};
use crate::site::fingerprint::Fingerprint;
use crate::site::lookup::{FoundFile, content_tag, read_at};
use crate::site::root::stat_descriptor;
use rustix::fd::OwnedFd;
use std::rc::Rc;

/// A file that is being hashed.
#[derive(Debug)]
pub(crate) struct Hashing {
    file: Option<File>,
    descriptor: Rc<OwnedFd>,
    fingerprint: Fingerprint,
    hasher: Box<blake3::Hasher>,
    /// The number of bytes hashed so far.
    done: u64,
    _share: Share,
}

impl Hashing {
    /// Returns the limit of hashing work in progress.
    pub(crate) fn workload() -> Workload {
        Workload::of(LOAD_BYTES_MAX)
    }

    /// Begins to hash a file. If so much work is in progress that clients would wait too long,
    /// returns the file with its weak tag instead.
    pub(crate) fn begin(loaded: FoundFile, load: &Workload) -> Result<Self, Rc<File>> {
        let share = load.take(loaded.fingerprint.size);
        match (&loaded.file.source, share) {
            (Source::Descriptor(descriptor), Some(share)) => Ok(Self {
                descriptor: Rc::clone(descriptor),
                file: Some(loaded.file),
                fingerprint: loaded.fingerprint,
                hasher: Box::default(),
                done: 0,
                _share: share,
            }),
            _ => Err(Rc::new(loaded.file)),
        }
    }

    /// Returns `true` if the hashed bytes are the content that the fingerprint stands for.
    fn is_consistent(&self) -> bool {
        self.done == self.fingerprint.size
            && stat_descriptor(&self.descriptor)
                .is_ok_and(|found| Fingerprint::of(&found) == self.fingerprint)
    }
}

impl Task for Hashing {
    fn step(&mut self, context: &mut JobContext<'_>) -> Option<Outcome> {
        let mut buffer = [0; STEP_BYTES];
        let is_last = match read_at(&self.descriptor, &mut buffer, self.done) {
            Ok(step) => {
                self.hasher.update(step);
                self.done += step.len() as u64;
                step.len() < STEP_BYTES || self.done >= self.fingerprint.size
            }
            // If the file still cannot be read, sending it will report the error.
            Err(_) => true,
        };
        if !is_last {
            return None;
        }
        let file = self.file.take()?;
        Some(Ok(Rc::new(if self.is_consistent() {
            let hash = self.hasher.finalize();
            context.digests.note(&self.fingerprint, hash);
            with_hash(file, &hash, context)
        } else {
            // The weak tag of the file promises less, so it stays correct.
            file
        })))
    }
}

/// Returns the file with a tag made from the hash.
fn with_hash(file: File, hash: &blake3::Hash, context: &JobContext<'_>) -> File {
    let facts = file.representation.metadata().clone();
    let facts = Metadata {
        entity_tag: Some(content_tag(hash, facts.coding)),
        ..facts
    };
    if let Some(variants) = &file.variants {
        variants.allow_making();
    }
    File {
        representation: Representation::new(facts, context.policy),
        ..file
    }
}

/// The number of bytes hashed in a step, which takes 0.01 ms. Larger steps would not be faster in
/// total.
const STEP_BYTES: usize = 16 * 1024;

/// The bytes hashed in 50 ms. Files beyond this limit have a weak tag until their next request. So
/// nobody waits longer, and a client that requests the sizes of all files cannot make the server
/// read all of them.
const LOAD_BYTES_MAX: u64 = 64 * 1024 * 1024;

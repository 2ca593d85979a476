//! Compression of a file on request, in steps.
//!
//! The result depends only on the content of the file, so its tag is the same on every server and
//! at any time.

use super::task::{JobContext, Outcome, Task};
use super::workload::{Share, Workload};
use crate::http::coding::Coding;
use crate::plan::{Metadata, Representation};
use crate::site::cache::Key;
use crate::site::codings::{Effort, Encoder, Output, STEP_BYTES, VARY, Variants};
use crate::site::file::{File, Origin, Source};
use crate::site::fingerprint::Fingerprint;
use crate::site::lookup::content_tag;
use crate::site::lookup::read_at;
use crate::site::root::stat_descriptor;
use bytes::Bytes;
use std::io;
use std::rc::Rc;

/// The compression work in progress.
#[derive(Debug)]
pub(crate) struct CompressionLoad {
    /// The work in bytes: of memory, and of content that gzip would compress in the same time.
    pub(crate) all: Workload,
    /// The number of Brotli encoders.
    brotli: Workload,
}

impl CompressionLoad {
    /// Returns the limits of one of several event loops. Each has its own time, while all share
    /// the memory of the process.
    pub(crate) fn new(loops: usize) -> Self {
        let loops = loops as u64;
        Self {
            all: Workload::of(LOAD_BYTES_MAX),
            brotli: Workload::of((BROTLI_ENCODERS_MAX / loops.max(1)).max(1)),
        }
    }

    /// Takes the shares of a job. Returns `None` if there is too much work in progress.
    fn take(&self, coding: Coding, length: u64) -> Option<(Share, Option<Share>)> {
        if coding == Coding::Brotli {
            // Brotli takes twice as long.
            let share = self.all.take(length * 2 + ENCODER_BYTES)?;
            Some((share, Some(self.brotli.take(1)?)))
        } else {
            Some((self.all.take(length + ENCODER_BYTES)?, None))
        }
    }
}

/// A file that is being compressed.
#[derive(Debug)]
pub(crate) struct Compression {
    original: Rc<File>,
    /// The key of the result in the cache.
    key: Key,
    /// The number of bytes of the original compressed so far.
    done: u64,
    coding: Coding,
    encoder: Encoder,
    is_read: bool,
    _shares: (Share, Option<Share>),
}

impl Compression {
    /// Begins a compression. Returns `None` if so much work is in progress that clients would wait
    /// too long.
    pub(crate) fn begin(
        original: &Rc<File>,
        coding: Coding,
        key: Key,
        load: &CompressionLoad,
    ) -> Option<Self> {
        let length = original.representation.metadata().length;
        let shares = load.take(coding, length)?;
        Some(Self {
            original: Rc::clone(original),
            key,
            done: 0,
            coding,
            encoder: Encoder::new(coding, Effort::OnRequest, length)?,
            is_read: false,
            _shares: shares,
        })
    }

    /// Compresses the next part.
    fn compress(&mut self) -> io::Result<()> {
        if self.encoder.is_full() {
            return self.encoder.flush();
        }
        match &self.original.source {
            Source::Memory(content) => {
                let done = usize::try_from(self.done).unwrap_or(usize::MAX);
                let rest = content.get(done..).unwrap_or_default();
                let step = rest.get(..STEP_BYTES).unwrap_or(rest);
                self.encoder.write(step)?;
                self.done += step.len() as u64;
                self.is_read = step.len() == rest.len();
            }
            Source::Descriptor(descriptor) => {
                let mut buffer = [0; STEP_BYTES];
                // The result depends on the sizes of the steps, so each except the last has the
                // full size.
                let step = read_at(descriptor, &mut buffer, self.done)?;
                self.encoder.write(step)?;
                self.done += step.len() as u64;
                self.is_read = step.len() < STEP_BYTES;
            }
            Source::Coded => self.is_read = true,
        }
        Ok(())
    }

    /// Returns `true` if the bytes read are the content that the original's tag identifies.
    fn is_consistent(&self) -> bool {
        let facts = self.original.representation.metadata();
        self.done == facts.length
            && match (&self.original.source, &self.original.variants) {
                (Source::Memory(_), _) => true,
                (Source::Descriptor(descriptor), Some(variants)) => stat_descriptor(descriptor)
                    .is_ok_and(|found| Fingerprint::of(&found) == *variants.fingerprint()),
                (Source::Descriptor(_), None) | (Source::Coded, _) => false,
            }
    }

    /// Returns the original, which is sent if compression fails or is not worthwhile.
    fn give_up(&self) -> Rc<File> {
        if let Some(variants) = &self.original.variants {
            variants.give_up_making(self.coding);
        }
        Rc::clone(&self.original)
    }

    fn keep(&mut self, made: Output, context: &mut JobContext<'_>) -> Rc<File> {
        let Output { mut bytes, hasher } = made;
        bytes.shrink_to_fit();
        let original = self.original.representation.metadata();
        let facts = Metadata {
            length: bytes.len() as u64,
            content_type: original.content_type.clone(),
            fallback: original.fallback,
            coding: Some(self.coding),
            vary: Some(VARY),
            security_policy: None,
            edits: original.edits.clone(),
            entity_tag: Some(content_tag(&hasher.finalize(), Some(self.coding))),
            last_modified: original.last_modified,
            is_date_strong: original.is_date_strong,
        };
        let variants = self.original.variants.as_ref();
        let is_stable = variants.is_some_and(Variants::is_stable);
        let file = Rc::new(File {
            origin: Origin::Disk,
            representation: Representation::new(facts, context.policy),
            source: Source::Memory(Bytes::from(bytes)),
            variants: None,
            path_on_disk: self.original.path_on_disk.clone(),
        });
        if is_stable {
            context.cache.insert_made(self.key.clone(), &file);
        }
        file
    }
}

impl Task for Compression {
    fn step(&mut self, context: &mut JobContext<'_>) -> Option<Outcome> {
        let length = self.original.representation.metadata().length;
        let is_last = self.is_read;
        let made = if is_last {
            self.encoder.finish().map(Some)
        } else {
            self.compress().map(|()| None)
        };
        let outcome = match made {
            Err(error) => {
                log::info!("a file cannot be compressed and is sent as it is: {error}");
                self.give_up()
            }
            Ok(Some(made)) if (made.bytes.len() as u64) < length && self.is_consistent() => {
                self.keep(made, context)
            }
            Ok(None) if self.encoder.written() < length => return None,
            Ok(_) => self.give_up(),
        };
        Some(Ok(outcome))
    }
}

/// The bytes that gzip compresses in about a quarter of a second. Files beyond this limit are sent
/// uncompressed, so nobody waits longer.
const LOAD_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The approximate memory of an encoder of gzip.
const ENCODER_BYTES: u64 = 300 * 1024;

/// The number of Brotli encoders at once in the process, of up to 3.7 MiB each: a browser has six
/// connections. Each event loop has one at least. Files beyond this limit are compressed by gzip.
const BROTLI_ENCODERS_MAX: u64 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of Brotli encoders that one of several loops may have.
    fn encoders(loops: usize) -> usize {
        let load = CompressionLoad::new(loops);
        let shares = std::iter::repeat_with(|| load.take(Coding::Brotli, 100));
        let shares: Vec<_> = shares.map_while(|share| share).collect();
        shares.len()
    }

    #[test]
    fn event_loops_divide_the_brotli_encoders_and_each_has_one() {
        let numbers = [1, 2, 4, 8].map(encoders);
        assert_eq!(numbers, [6, 3, 1, 1]);
    }
}

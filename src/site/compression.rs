//! Compression of a file on request, in steps.
//!
//! What is made is a function of the file's content alone, so that its tag is the same wherever
//! and whenever it is made.

use super::facts::content_tag;
use super::jobs::{Means, Outcome, Work};
use super::reading::read_at;
use super::root::stat_descriptor;
use super::stamp::Stamp;
use super::variants::{VARY, Variants};
use super::workload::{Share, Workload};
use super::{File, Origin, Source};
use crate::http::coding::Coding;
use crate::plan::{Facts, Representation};
use bytes::Bytes;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};
use std::rc::Rc;

/// A file on its way to be compressed.
#[derive(Debug)]
pub(super) struct Compression {
    original: Rc<File>,
    /// What it is kept by.
    subject: Box<[u8]>,
    /// How much of the original has been compressed.
    done: u64,
    encoder: GzEncoder<Output>,
    _share: Share,
}

impl Compression {
    /// How much may be under way.
    pub(super) fn workload() -> Workload {
        Workload::of(LOAD_BYTES_MAX)
    }

    /// Begins; `None` while so much is under way that it would have to wait for long.
    pub(super) fn begin(original: &Rc<File>, subject: &[u8], load: &Workload) -> Option<Self> {
        let share = load.take(original.representation.facts().length + ENCODER_BYTES)?;
        Some(Self {
            original: Rc::clone(original),
            subject: subject.into(),
            done: 0,
            encoder: GzEncoder::new(Output::default(), flate2::Compression::new(LEVEL)),
            _share: share,
        })
    }

    /// Compresses some more: whether that was all.
    fn compress(&mut self) -> io::Result<bool> {
        match &self.original.source {
            Source::Memory(content) => {
                let done = usize::try_from(self.done).unwrap_or(usize::MAX);
                let rest = content.get(done..).unwrap_or_default();
                let step = rest.get(..STEP_BYTES).unwrap_or(rest);
                self.encoder.write_all(step)?;
                self.done += step.len() as u64;
                Ok(step.len() == rest.len())
            }
            Source::Descriptor(descriptor) => {
                let mut buffer = [0; STEP_BYTES];
                // What comes of a file depends on its steps, so each but the last is a whole one.
                let step = read_at(descriptor, &mut buffer, self.done)?;
                self.encoder.write_all(step)?;
                self.done += step.len() as u64;
                Ok(step.len() < STEP_BYTES)
            }
            Source::Coded => Ok(true),
        }
    }

    /// Whether what was read is what the original's tag stands for.
    fn is_of_one_piece(&self) -> bool {
        let facts = self.original.representation.facts();
        self.done == facts.length
            && match (&self.original.source, &self.original.variants) {
                (Source::Memory(_), _) => true,
                (Source::Descriptor(descriptor), Some(variants)) => stat_descriptor(descriptor)
                    .is_ok_and(|found| Stamp::of(&found) == *variants.stamp()),
                (Source::Descriptor(_), None) | (Source::Coded, _) => false,
            }
    }

    /// The original as it is, which is what is sent where compression fails or does not pay.
    fn give_up(&self) -> Rc<File> {
        if let Some(variants) = &self.original.variants {
            variants.give_up_making();
        }
        Rc::clone(&self.original)
    }

    fn keep(&mut self, means: &mut Means<'_>) -> Rc<File> {
        let Output { mut bytes, hasher } = std::mem::take(self.encoder.get_mut());
        bytes.shrink_to_fit();
        let original = self.original.representation.facts();
        let facts = Facts {
            length: bytes.len() as u64,
            content_type: original.content_type.clone(),
            stand_in: original.stand_in,
            coding: Some(Coding::Gzip),
            vary: Some(VARY),
            security_policy: None,
            edits: original.edits.clone(),
            entity_tag: Some(content_tag(&hasher.finalize(), Some(Coding::Gzip))),
            last_modified: original.last_modified,
            is_date_strong: original.is_date_strong,
        };
        let variants = self.original.variants.as_ref();
        let is_settled = variants.is_some_and(Variants::is_settled);
        let file = Rc::new(File {
            origin: Origin::Disk,
            representation: Representation::new(facts, means.policy),
            source: Source::Memory(Bytes::from(bytes)),
            variants: None,
            place: self.original.place.clone(),
        });
        if let Some(cache) = means.cache.as_mut().filter(|_| is_settled) {
            cache.insert_made(&self.subject, &file);
        }
        file
    }
}

impl Work for Compression {
    fn step(&mut self, means: &mut Means<'_>) -> Option<Outcome> {
        let length = self.original.representation.facts().length;
        let is_all = match self.compress() {
            Ok(is_all) => is_all,
            Err(error) => {
                log::info!("a file cannot be compressed and is sent as it is: {error}");
                return Some(Ok(self.give_up()));
            }
        };
        let is_smaller =
            |encoder: &GzEncoder<Output>| (encoder.get_ref().bytes.len() as u64) < length;
        if !is_all && is_smaller(&self.encoder) {
            return None;
        }
        let is_made = is_all
            && self.is_of_one_piece()
            && self.encoder.try_finish().is_ok()
            && is_smaller(&self.encoder);
        Some(Ok(if is_made {
            self.keep(means)
        } else {
            self.give_up()
        }))
    }
}

/// What the encoder writes to.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    pub(super) hasher: blake3::Hasher,
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The next one makes files smaller by a hundredth, and takes up to four times as long where content
/// repeats itself badly.
const LEVEL: u32 = 5;

/// Bytes that are compressed in a step: it takes 0.2 ms where content is at its worst.
const STEP_BYTES: usize = 8 * 1024;

/// About what an encoder takes up.
const ENCODER_BYTES: u64 = 300 * 1024;

/// As much as is compressed in about a quarter of a second. Whatever comes on top of it is sent as
/// it is, so that nobody waits for longer.
const LOAD_BYTES_MAX: u64 = 32 * 1024 * 1024;

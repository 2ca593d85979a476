//! Expansion of a file that is there in `gzip` alone, in steps, for clients that do not accept that.

use super::compression::Output;
use super::facts::content_tag;
use super::jobs::{Means, Outcome, Work};
use super::load::Loaded;
use super::reading::read_at;
use super::root::stat_descriptor;
use super::stamp::Stamp;
use super::workload::{Share, Workload};
use super::{File, Miss, Origin, Source};
use crate::http::coded::{TAIL_BYTES, gzip_length};
use crate::plan::{Facts, Representation};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::{self, Write as _};
use std::rc::Rc;

/// A file on its way to be expanded.
#[derive(Debug)]
pub(super) struct Expansion {
    /// What is known of the file that comes of it.
    file: Rc<File>,
    coded: Loaded,
    /// What it is kept by.
    subject: Box<[u8]>,
    /// How much of the coded file has been expanded.
    done: u64,
    decoder: MultiGzDecoder<Output>,
    share: Share,
}

impl Expansion {
    /// Begins, unless the file says itself that it is too large, or so much is under way that it would
    /// have to wait for long.
    pub(super) fn begin(
        file: &Rc<File>,
        coded: Loaded,
        subject: &[u8],
        load: &Workload,
    ) -> Result<Self, Miss> {
        let mut tail = [0; TAIL_BYTES];
        let end = coded.stamp.size.saturating_sub(TAIL_BYTES as u64);
        let tail = match &coded.file.source {
            Source::Memory(content) => content,
            Source::Descriptor(descriptor) => {
                read_at(descriptor, &mut tail, end).map_err(Miss::of)?
            }
            Source::Coded => return Err(Miss::OnlyCoded),
        };
        let length = gzip_length(tail).ok_or(Miss::Damaged)?;
        if u64::from(length) > EXPANDED_BYTES_MAX {
            return Err(Miss::OnlyCoded);
        }
        let share = load.take(u64::from(length) + DECODER_BYTES);
        Ok(Self {
            file: Rc::clone(file),
            coded,
            subject: subject.into(),
            done: 0,
            decoder: MultiGzDecoder::new(Output::default()),
            share: share.ok_or(Miss::Exhausted)?,
        })
    }

    /// Expands some more: whether that was all.
    fn expand(&mut self) -> io::Result<bool> {
        let mut buffer = [0; STEP_BYTES];
        let step = match &self.coded.file.source {
            Source::Memory(content) => {
                let done = usize::try_from(self.done).unwrap_or(usize::MAX);
                let rest = content.get(done..).unwrap_or_default();
                rest.get(..STEP_BYTES).unwrap_or(rest)
            }
            Source::Descriptor(descriptor) => read_at(descriptor, &mut buffer, self.done)?,
            Source::Coded => &[],
        };
        self.decoder.write_all(step)?;
        self.done += step.len() as u64;
        let is_last = step.len() < STEP_BYTES;
        if is_last {
            // It fails where the sum or the size that the file ends with is that of other content.
            self.decoder.try_finish()?;
        }
        Ok(is_last)
    }

    /// Whether what was read is what the key stands for.
    fn is_of_one_piece(&self) -> bool {
        match &self.coded.file.source {
            Source::Descriptor(descriptor) => {
                stat_descriptor(descriptor).is_ok_and(|found| Stamp::of(&found) == self.coded.stamp)
            }
            Source::Memory(_) | Source::Coded => true,
        }
    }

    fn finish(&mut self, means: &mut Means<'_>) -> Rc<File> {
        let Output { mut bytes, hasher } = std::mem::take(self.decoder.get_mut());
        bytes.shrink_to_fit();
        let coded = self.coded.file.representation.facts();
        let facts = Facts {
            length: bytes.len() as u64,
            entity_tag: Some(content_tag(&hasher.finalize(), None)),
            last_modified: coded.last_modified,
            is_date_strong: coded.is_date_strong,
            ..self.file.representation.facts().clone()
        };
        let file = Rc::new(File {
            origin: Origin::Expanded,
            representation: Representation::new(facts, means.policy),
            source: Source::Memory(Bytes::from(bytes)),
            variants: None,
            place: self.file.place.clone(),
        });
        let is_kept = self.coded.is_settled && self.is_of_one_piece();
        if let Some(cache) = means.cache.as_mut().filter(|_| is_kept) {
            cache.insert_made(&self.subject, &file);
        }
        file
    }

    /// What it comes to if it is more than it may be: the file as it is, which is not to be had without
    /// a coding, or nothing while so much is under way.
    fn excess(&mut self) -> Option<Outcome> {
        let length = self.decoder.get_ref().bytes.len() as u64;
        if length > EXPANDED_BYTES_MAX {
            // One of several members says the length of the last one alone.
            if let Some(variants) = &self.file.variants {
                variants.give_up_expanding();
            }
            return Some(Ok(Rc::clone(&self.file)));
        }
        let has_room = self.share.grow(length + DECODER_BYTES);
        (!has_room).then_some(Err(Miss::Exhausted))
    }
}

impl Work for Expansion {
    fn step(&mut self, means: &mut Means<'_>) -> Option<Outcome> {
        let expanded = self.expand();
        let excess = self.excess();
        if excess.is_some() {
            return excess;
        }
        match expanded {
            Ok(false) => None,
            Ok(true) => Some(Ok(self.finish(means))),
            Err(_) => Some(Err(Miss::Damaged)),
        }
    }
}

/// Bytes that are expanded in a step: at worst a thousand times as many come of them, in a millisecond.
const STEP_BYTES: usize = 1024;

/// What is larger is sent as it lies there, to who accepts that: it would take up too much memory, and
/// too long to wait for. As much as is compressed at most.
const EXPANDED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// About what a decoder takes up.
const DECODER_BYTES: u64 = 80 * 1024;

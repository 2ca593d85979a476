//! Expansion of a file that exists only in `gzip`, in steps, for clients that do not accept `gzip`.

use super::task::{JobContext, Outcome, Task};
use super::workload::{Share, Workload};
use crate::http::coded::{TAIL_BYTES, gzip_length};
use crate::plan::{Metadata, Representation};
use crate::site::cache::Key;
use crate::site::codings::Output;
use crate::site::error::LookupError;
use crate::site::file::{File, Origin, Source};
use crate::site::fingerprint::Fingerprint;
use crate::site::lookup::read_at;
use crate::site::lookup::{FoundFile, content_tag};
use crate::site::root::stat_descriptor;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::{self, Write as _};
use std::rc::Rc;

/// A file that is being expanded.
#[derive(Debug)]
pub(crate) struct Expansion {
    /// The metadata of the result.
    file: Rc<File>,
    coded: FoundFile,
    /// The key of the result in the cache.
    key: Key,
    /// The number of bytes of the precompressed file expanded so far.
    done: u64,
    decoder: MultiGzDecoder<Output>,
    share: Share,
}

impl Expansion {
    /// Begins an expansion, unless the file declares a size that is too large, or so much work is
    /// in progress that clients would wait too long.
    pub(crate) fn begin(
        file: &Rc<File>,
        coded: FoundFile,
        key: Key,
        load: &Workload,
    ) -> Result<Self, LookupError> {
        let mut tail = [0; TAIL_BYTES];
        let end = coded.fingerprint.size.saturating_sub(TAIL_BYTES as u64);
        let tail = match &coded.file.source {
            Source::Memory(content) => content,
            Source::Descriptor(descriptor) => {
                read_at(descriptor, &mut tail, end).map_err(LookupError::of)?
            }
            Source::Coded => return Err(LookupError::OnlyPrecompressed),
        };
        let length = gzip_length(tail).ok_or(LookupError::Damaged)?;
        if u64::from(length) > EXPANDED_BYTES_MAX {
            return Err(LookupError::OnlyPrecompressed);
        }
        let share = load.take(u64::from(length) + DECODER_BYTES);
        Ok(Self {
            file: Rc::clone(file),
            coded,
            key,
            done: 0,
            decoder: MultiGzDecoder::new(Output::default()),
            share: share.ok_or(LookupError::OutOfResources)?,
        })
    }

    /// Expands the next part. Returns `true` if it was the last.
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
            // This fails if the checksum or the size at the end of the file belongs to other
            // content.
            self.decoder.try_finish()?;
        }
        Ok(is_last)
    }

    /// Returns `true` if the bytes read are the content that the key stands for.
    fn is_consistent(&self) -> bool {
        match &self.coded.file.source {
            Source::Descriptor(descriptor) => stat_descriptor(descriptor)
                .is_ok_and(|found| Fingerprint::of(&found) == self.coded.fingerprint),
            Source::Memory(_) | Source::Coded => true,
        }
    }

    fn finish(&mut self, context: &mut JobContext<'_>) -> Rc<File> {
        let Output { mut bytes, hasher } = std::mem::take(self.decoder.get_mut());
        bytes.shrink_to_fit();
        let coded = self.coded.file.representation.metadata();
        let facts = Metadata {
            length: bytes.len() as u64,
            entity_tag: Some(content_tag(&hasher.finalize(), None)),
            last_modified: coded.last_modified,
            is_date_strong: coded.is_date_strong,
            ..self.file.representation.metadata().clone()
        };
        let file = Rc::new(File {
            origin: Origin::Expanded,
            representation: Representation::new(facts, context.policy),
            source: Source::Memory(Bytes::from(bytes)),
            variants: None,
            path_on_disk: self.file.path_on_disk.clone(),
        });
        let is_kept = self.coded.is_stable && self.is_consistent();
        if is_kept {
            context.cache.insert_made(self.key.clone(), &file);
        }
        file
    }

    /// Returns the result if the expansion exceeds a limit: the file itself, available only in its
    /// codings, or an error if too much work is in progress.
    fn excess(&mut self) -> Option<Outcome> {
        let length = self.decoder.get_ref().bytes.len() as u64;
        if length > EXPANDED_BYTES_MAX {
            // A file of several members declares only the size of the last one.
            if let Some(variants) = &self.file.variants {
                variants.give_up_expanding();
            }
            return Some(Ok(Rc::clone(&self.file)));
        }
        let has_room = self.share.grow(length + DECODER_BYTES);
        (!has_room).then_some(Err(LookupError::OutOfResources))
    }
}

impl Task for Expansion {
    fn step(&mut self, context: &mut JobContext<'_>) -> Option<Outcome> {
        let expanded = self.expand();
        let excess = self.excess();
        if excess.is_some() {
            return excess;
        }
        match expanded {
            Ok(false) => None,
            Ok(true) => Some(Ok(self.finish(context))),
            Err(_) => Some(Err(LookupError::Damaged)),
        }
    }
}

/// The number of bytes expanded in a step. In the worst case they become a thousand times as many,
/// in a millisecond.
const STEP_BYTES: usize = 1024;

/// The largest result, the same limit as for compression. Larger files are sent as they are stored,
/// to clients that accept the coding, since expanding them would use too much memory and time.
const EXPANDED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The approximate memory of a decoder.
const DECODER_BYTES: u64 = 80 * 1024;

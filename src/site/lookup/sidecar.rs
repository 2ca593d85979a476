//! Opening a precompressed file beside another file.

use super::context::Lookup;
use super::found_file::FoundFile;
use super::opened::{Opened, open_regular};
use super::reading::read_at;
use crate::http::coded::{self, HEAD_BYTES, TAIL_BYTES};
use crate::http::coding::Coding;
use crate::plan::Representation;
use crate::site::codings::{VARY, VariantError, Variants, sidecar};
use crate::site::error::LookupError;
use crate::site::file::{File, Origin, Source};
use std::ffi::CString;

impl Lookup<'_> {
    /// Opens a precompressed file beside another file.
    pub(crate) fn open_sidecar(
        &self,
        original: &File,
        variants: &Variants,
        coding: Coding,
    ) -> Option<FoundFile> {
        let path_on_disk =
            CString::from(sidecar(variants.path_on_disk(), coding, &mut Vec::new())?);
        let opened = match open_regular(self.root, &path_on_disk) {
            Ok(opened) => opened,
            // It existed a moment ago, and may have been removed.
            Err(LookupError::Nothing) => return None,
            Err(miss) => {
                self.finder
                    .report(&path_on_disk, VariantError::Missed(miss));
                return None;
            }
        };
        let fingerprint = opened.fingerprint;
        let is_older = |original| fingerprint.is_older_than(original);
        if variants.original().is_some_and(is_older) {
            self.finder
                .report(&path_on_disk, VariantError::Older(fingerprint));
            return None;
        }
        let original_facts = original.representation.metadata();
        let length = variants.original().map(|_| original_facts.length);
        if let Err(flaw) = check_coded(&opened, coding, length) {
            self.finder
                .report(&path_on_disk, VariantError::Unfit(fingerprint, flaw));
            return None;
        }
        let content_type = original_facts.content_type.clone();
        let (mut facts, lacks_hash) = self.describe(&opened, content_type, Some(coding));
        facts.fallback = original_facts.fallback;
        facts.vary = Some(VARY);
        facts.edits.clone_from(&original_facts.edits);
        Some(FoundFile {
            is_link: self.root.fingerprint_itself(path_on_disk.as_bytes()) != Ok(fingerprint),
            is_stable: opened.is_stable(self.wall),
            lacks_hash,
            file: File {
                origin: Origin::Disk,
                representation: Representation::new(facts, self.policy),
                source: opened.source,
                variants: None,
                path_on_disk: original.path_on_disk.clone(),
            },
            path_on_disk,
            depends_on: Vec::new(),
            fingerprint,
        })
    }
}

/// Checks that the header and the trailer of a precompressed file match the original. A file that
/// cannot be read fails later, when it is sent.
fn check_coded(opened: &Opened, coding: Coding, length: Option<u64>) -> Result<(), coded::Flaw> {
    let (mut head, mut tail) = ([0; HEAD_BYTES], [0; TAIL_BYTES]);
    match &opened.source {
        Source::Memory(content) => {
            let head = content.get(..HEAD_BYTES).unwrap_or(content);
            coded::check(coding, head, content, length)
        }
        Source::Descriptor(file) => {
            let end = opened.fingerprint.size.saturating_sub(TAIL_BYTES as u64);
            let read = (read_at(file, &mut head, 0), read_at(file, &mut tail, end));
            let (Ok(head), Ok(tail)) = read else {
                return Ok(());
            };
            coded::check(coding, head, tail, length)
        }
        Source::Coded => Ok(()),
    }
}

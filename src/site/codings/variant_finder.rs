//! Finding the variants of a file, with a log line for each precompressed file that is not served.

use super::encoder::Encoder;
use super::scan::{is_coded, scan};
use super::variants::Variants;
use crate::http::coded;
use crate::http::coding::{Coding, CodingSet};
use crate::http::etag::EntityTag;
use crate::http::media::is_compressible;
use crate::plan::Metadata;
use crate::site::error::LookupError;
use crate::site::fingerprint::Fingerprint;
use crate::site::options::Options;
use crate::site::root::Root;
use lru::LruCache;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::num::NonZeroUsize;

/// A finder of the variants of files, which logs those that are not served.
#[derive(Debug)]
pub(crate) struct VariantFinder {
    precompressed: bool,
    compression: bool,
    /// The last warning about each file, so that each is logged once.
    warned: RefCell<LruCache<CString, VariantError>>,
}

/// The reason why a precompressed file is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariantError {
    /// It is older than the file that it was made from.
    Older(Fingerprint),
    /// It cannot be opened.
    Missed(LookupError),
    /// It was made from other content, or cannot be sent.
    Unfit(Fingerprint, coded::Flaw),
}

impl VariantFinder {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            precompressed: options.precompressed,
            compression: options.compression,
            warned: RefCell::new(LruCache::new(WARNED_MAX)),
        }
    }

    /// Returns `true` if precompressed files are searched.
    pub(crate) fn precompressed(&self) -> bool {
        self.precompressed
    }

    /// Finds the variants of a file with these `facts`.
    pub(crate) fn find(
        &self,
        root: &Root,
        path_on_disk: &CStr,
        fingerprint: &Fingerprint,
        facts: &Metadata,
        is_stable: bool,
    ) -> Option<Variants> {
        if is_coded(path_on_disk) || facts.coding.is_some() {
            return None;
        }
        let found = self.precompressed.then(|| {
            let report = |path_on_disk: &CStr, fingerprint| {
                self.report(path_on_disk, VariantError::Older(fingerprint));
            };
            scan(root, path_on_disk, Some(fingerprint), report)
        });
        self.variants(path_on_disk, fingerprint, facts, is_stable, found)
    }

    /// Finds the variants of a file that is sent with content other than that on disk.
    /// Precompressed forms of the latter are ignored.
    pub(crate) fn find_made(
        &self,
        path_on_disk: &CStr,
        fingerprint: &Fingerprint,
        facts: &Metadata,
        is_stable: bool,
    ) -> Option<Variants> {
        self.variants(path_on_disk, fingerprint, facts, is_stable, None)
    }

    fn variants(
        &self,
        path_on_disk: &CStr,
        fingerprint: &Fingerprint,
        facts: &Metadata,
        is_stable: bool,
        found: Option<CodingSet>,
    ) -> Option<Variants> {
        let makeable = if self.compression {
            makeable(facts)
        } else {
            CodingSet::EMPTY
        };
        if found.is_none() && makeable.is_empty() {
            return None;
        }
        let variants = Variants::of_file(path_on_disk, fingerprint, is_stable, found, makeable);
        if facts.entity_tag.as_ref().is_some_and(EntityTag::is_strong) {
            variants.allow_making();
        }
        Some(variants)
    }

    pub(crate) fn report(&self, path_on_disk: &CStr, flaw: VariantError) {
        if self.warned.borrow_mut().put(path_on_disk.into(), flaw) == Some(flaw) {
            return;
        }
        let path_on_disk = String::from_utf8_lossy(path_on_disk.to_bytes());
        match flaw {
            VariantError::Older(_) => {
                log::warn!("{path_on_disk:?} is older than the original file, so it is not served");
            }
            VariantError::Missed(miss) => {
                log::warn!("{path_on_disk:?} cannot be served for the original file: {miss}");
            }
            VariantError::Unfit(_, flaw) => {
                log::warn!("{path_on_disk:?} is not served for the original file: {flaw}");
            }
        }
    }
}

/// Returns the codings that the server makes of a file of this type and size.
fn makeable(facts: &Metadata) -> CodingSet {
    let pays = (COMPRESSED_BYTES_MIN..=COMPRESSED_BYTES_MAX).contains(&facts.length)
        && is_compressible(&facts.content_type);
    match (pays, facts.length > BROTLI_BYTES_MAX) {
        (false, _) => CodingSet::EMPTY,
        (true, true) => Encoder::CODINGS.without(Coding::Brotli),
        (true, false) => Encoder::CODINGS,
    }
}

/// Below this size, a response is one packet either way.
const COMPRESSED_BYTES_MIN: u64 = 1024;

/// Above this size, the result would use too much of the cache, and clients would wait too long.
const COMPRESSED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Larger files are compressed with gzip, which makes less of them: see the window of the encoder. So no
/// client waits longer for Brotli than another one for gzip.
const BROTLI_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The number of files whose last warning is remembered.
const WARNED_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

//! What a file is to be had as besides: coded files beside it, and what can be compressed here.
//!
//! A coded file counts as long as it is not older than the one that it was made of. Whether there
//! is one is looked at when that is read, and every few seconds after that; one that is served is
//! compared with the disk in each turn, as any file is, and one that cannot be opened is passed over
//! until it is looked again. Where there is no file but coded ones, what they would be beside of is
//! expanded from one, and else is not to be had without a coding.

use super::load::{Loaded, Look, Opened, open_regular};
use super::reading::read_at;
use super::root::Root;
use super::stamp::Stamp;
use super::{File, Miss, Options, Origin, Source, stand_in};
use crate::http::coded::{self, HEAD_BYTES, TAIL_BYTES};
use crate::http::coding::{Coding, CodingSet};
use crate::http::etag::EntityTag;
use crate::http::media::is_compressible;
use crate::plan::{Facts, Representation};
use lru::LruCache;
use rustix::fs::FileType;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::num::NonZeroUsize;

/// The codings of one file, and where it is itself.
#[derive(Debug)]
pub(super) struct Variants {
    location: CString,
    /// Of the file itself or, where it is not there, of what it is expanded from.
    stamp: Stamp,
    /// Whether the file had been left alone for long enough when it was looked at.
    is_settled: bool,
    /// Those of the files that were found beside it; `None` where they are not looked for.
    found: Option<CodingSet>,
    /// Those of them that are to be had, as far as is known: not all that is there can be opened.
    beside: Cell<CodingSet>,
    /// Whether there is no file but those that are beside it.
    is_alone: bool,
    /// Whether what it is can be expanded from one of them.
    is_expanded: Cell<bool>,
    /// Whether it is of a type and size that are compressed here.
    is_compressed: bool,
    /// Those that are made here, on request.
    made: Cell<CodingSet>,
}

impl Variants {
    /// All codings that the file is to be had in.
    pub(super) fn codings(&self) -> CodingSet {
        self.beside.get().union(self.made.get())
    }

    /// Writes down what tells this coding of the file from anything else that is kept: a file
    /// beside it by its place, as its content may change, and what is made by what it is made of.
    /// The path does not stand for the place, as another file may come to answer it, nor the place
    /// for the path, as rules speak of both. A file that stands in for others does so for any path.
    pub(super) fn key(&self, path: &[u8], file: &File, coding: Coding, key: &mut Vec<u8>) {
        self.write_path(path, file, key);
        key.extend_from_slice(coding.extension().as_bytes());
        if !self.is_beside(coding) {
            key.push(0);
            match (&file.source, &file.representation.facts().entity_tag) {
                (Source::Memory(_), Some(tag)) => {
                    key.extend_from_slice(tag.opaque().as_bytes());
                    // It is passed on, and may change without the content.
                    self.stamp.write_modified(key);
                }
                // A tag of size and time can be that of other content, too.
                _ => self.stamp.write(key),
            }
        }
    }

    fn write_path(&self, path: &[u8], file: &File, key: &mut Vec<u8>) {
        key.clear();
        match file.stand_in() {
            None => key.extend_from_slice(path),
            Some(stand_in) => key.extend_from_slice(&stand_in::key(stand_in)),
        }
        // No path and no place has this byte.
        key.push(0);
        key.extend_from_slice(self.location.to_bytes());
    }

    /// The value of `Vary` on whatever is sent of the file, whichever of its codings are to be had
    /// just now: what is given up, or not made of a file that has not settled, may be had later.
    pub(super) fn vary(&self) -> Option<&'static str> {
        let is_varied = self.is_compressed || self.found.is_some_and(|found| !found.is_empty());
        is_varied.then_some(VARY)
    }

    /// Whether there is a file beside it that has this coding and is to be had.
    pub(super) fn is_beside(&self, coding: Coding) -> bool {
        self.beside.get().contains(coding)
    }

    /// Takes note that the file beside it that has this coding is not to be had, until it is looked
    /// again what there is. It can still be that the coding is made here.
    pub(super) fn give_up_beside(&self, coding: Coding) {
        self.beside.set(self.beside.get().without(coding));
    }

    /// Writes down what tells the content that its form in `gzip` expands to from anything else that is
    /// kept.
    pub(super) fn key_of_expanded(&self, path: &[u8], file: &File, key: &mut Vec<u8>) {
        self.write_path(path, file, key);
        // No coded form begins so, as they have an extension here.
        key.push(0);
        self.stamp.write(key);
    }

    /// Whether the content can be expanded from what is there.
    pub(super) fn is_expanded(&self) -> bool {
        self.is_expanded.get() && self.is_beside(Coding::Gzip)
    }

    /// Takes note that it cannot.
    pub(super) fn give_up_expanding(&self) {
        self.is_expanded.set(false);
    }

    /// Takes note that it is not worth while to make this coding.
    pub(super) fn give_up_making(&self) {
        self.made.set(CodingSet::EMPTY);
    }

    /// Takes note that a strong tag tells what would be made from what is made of anything else: only
    /// then can it be kept.
    pub(super) fn allow_making(&self) {
        if self.is_compressed {
            self.made.set(CodingSet::EMPTY.with(Coding::Gzip));
        }
    }

    pub(super) fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// The stamp of the file, if it is there itself.
    fn original(&self) -> Option<&Stamp> {
        (!self.is_alone).then_some(&self.stamp)
    }

    /// How much memory it takes besides itself.
    pub(super) fn bytes(&self) -> usize {
        self.location.count_bytes()
    }

    /// Whether the files beside it still are those that were found. Those that were not to be had
    /// are tried anew from now on: what kept them from being opened may be gone, and need not show
    /// in their stamps.
    pub(super) fn are_current(&self, root: &Root) -> bool {
        self.found.is_none_or(|found| {
            self.beside.set(found);
            found == survey(root, &self.location, self.original(), |_, _| {})
        })
    }
}

/// Finds variants, and tells the operator of those that it passes over.
#[derive(Debug)]
pub(super) struct Finder {
    precompressed: bool,
    compression: bool,
    /// What was told of which file, so that it is told once.
    told: RefCell<LruCache<CString, Flaw>>,
}

/// Why a coded file is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// It is older than the file that it was made of.
    Older(Stamp),
    /// It cannot be opened.
    Missed(Miss),
    /// It was made of something else, or cannot be sent.
    Unfit(Stamp, coded::Flaw),
}

impl Finder {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            precompressed: options.precompressed,
            compression: options.compression,
            told: RefCell::new(LruCache::new(TOLD_MAX)),
        }
    }

    /// Whether coded files are looked for.
    pub(super) fn precompressed(&self) -> bool {
        self.precompressed
    }

    /// Looks for variants of a file, of which `facts` are known.
    pub(super) fn find(
        &self,
        root: &Root,
        location: &CStr,
        stamp: &Stamp,
        facts: &Facts,
        is_settled: bool,
    ) -> Option<Variants> {
        if is_coded(location) || facts.coding.is_some() {
            return None;
        }
        let found = self.precompressed.then(|| {
            let tell = |location: &CStr, stamp| self.tell(location, Flaw::Older(stamp));
            survey(root, location, Some(stamp), tell)
        });
        let is_compressed = self.compression && is_worth_compressing(facts);
        if found.is_none() && !is_compressed {
            return None;
        }
        let beside = found.unwrap_or_default();
        let variants = Variants {
            location: location.into(),
            stamp: *stamp,
            is_settled,
            found,
            beside: Cell::new(beside),
            is_alone: false,
            is_expanded: Cell::new(false),
            is_compressed,
            made: Cell::default(),
        };
        if facts.entity_tag.as_ref().is_some_and(EntityTag::is_strong) {
            variants.allow_making();
        }
        Some(variants)
    }

    /// Looks for coded forms of a file that is not there: what it is expanded from, or else the first
    /// of them, and all of them.
    pub(super) fn find_alone(
        &self,
        look: &Look<'_>,
        location: &CStr,
    ) -> Option<(CString, Variants)> {
        if !self.precompressed || is_coded(location) {
            return None;
        }
        let found = survey(look.root, location, None, |_, _| {});
        let is_expanded = found.contains(Coding::Gzip);
        let first = found.iter().next()?;
        let coding = if is_expanded { Coding::Gzip } else { first };
        let coded = CString::from(beside(location, coding, &mut Vec::new())?);
        let stamp = look.root.stamp(&coded).ok()?;
        let variants = Variants {
            location: location.into(),
            stamp,
            is_settled: stamp.is_settled(look.wall),
            found: Some(found),
            beside: Cell::new(found),
            is_alone: true,
            is_expanded: Cell::new(is_expanded),
            is_compressed: false,
            made: Cell::default(),
        };
        Some((coded, variants))
    }

    /// Opens the coded file beside another.
    pub(super) fn open(
        &self,
        look: &Look<'_>,
        original: &File,
        variants: &Variants,
        coding: Coding,
    ) -> Option<Loaded> {
        let location = CString::from(beside(&variants.location, coding, &mut Vec::new())?);
        let opened = match open_regular(look.root, &location) {
            Ok(opened) => opened,
            // It was there a moment ago, and may be away for good.
            Err(Miss::Nothing) => return None,
            Err(miss) => {
                self.tell(&location, Flaw::Missed(miss));
                return None;
            }
        };
        let stamp = opened.stamp;
        let is_older = |original| stamp.is_older_than(original);
        if variants.original().is_some_and(is_older) {
            self.tell(&location, Flaw::Older(stamp));
            return None;
        }
        let original_facts = original.representation.facts();
        let length = variants.original().map(|_| original_facts.length);
        if let Err(flaw) = check_coded(&opened, coding, length) {
            self.tell(&location, Flaw::Unfit(stamp, flaw));
            return None;
        }
        let content_type = original_facts.content_type.clone();
        let (mut facts, lacks_hash) = look.describe(&opened, content_type, Some(coding));
        facts.stand_in = original_facts.stand_in;
        facts.vary = Some(VARY);
        facts.edits.clone_from(&original_facts.edits);
        Some(Loaded {
            is_link: look.root.stamp_itself(location.as_bytes()) != Ok(stamp),
            is_settled: opened.is_settled(look.wall),
            lacks_hash,
            file: File {
                origin: Origin::Disk,
                representation: Representation::new(facts, look.policy),
                source: opened.source,
                variants: None,
                place: original.place.clone(),
            },
            location,
            besides: Vec::new(),
            stamp,
        })
    }

    fn tell(&self, location: &CStr, flaw: Flaw) {
        if self.told.borrow_mut().put(location.into(), flaw) == Some(flaw) {
            return;
        }
        let location = String::from_utf8_lossy(location.to_bytes());
        match flaw {
            Flaw::Older(_) => log::warn!(
                "{location:?} is older than the file that it was made of, and is not served in its place"
            ),
            Flaw::Missed(miss) => log::warn!(
                "{location:?} cannot be served in place of the file that it was made of: {miss}"
            ),
            Flaw::Unfit(_, flaw) => log::warn!(
                "{location:?} is not served in place of the file that it was made of: {flaw}"
            ),
        }
    }
}

/// Looks whether a coded file says itself that it is not what is wanted. What cannot be read is found
/// out when it is sent.
fn check_coded(opened: &Opened, coding: Coding, length: Option<u64>) -> Result<(), coded::Flaw> {
    let (mut head, mut tail) = ([0; HEAD_BYTES], [0; TAIL_BYTES]);
    match &opened.source {
        Source::Memory(content) => {
            let head = content.get(..HEAD_BYTES).unwrap_or(content);
            coded::check(coding, head, content, length)
        }
        Source::Descriptor(file) => {
            let end = opened.stamp.size.saturating_sub(TAIL_BYTES as u64);
            let read = (read_at(file, &mut head, 0), read_at(file, &mut tail, end));
            let (Ok(head), Ok(tail)) = read else {
                return Ok(());
            };
            coded::check(coding, head, tail, length)
        }
        Source::Coded => Ok(()),
    }
}

/// Looks which codings there are files of beside `location`. What is older is told.
fn survey(
    root: &Root,
    location: &CStr,
    original: Option<&Stamp>,
    tell_older: impl Fn(&CStr, Stamp),
) -> CodingSet {
    let mut name = Vec::with_capacity(location.count_bytes() + EXTENSION_BYTES_MAX + 1);
    let is_there = |coding: &Coding| {
        let Some(location) = beside(location, *coding, &mut name) else {
            return false;
        };
        // What counts is how it is opened: held beneath the root, and looked at again.
        let Ok(found) = root.look(location) else {
            return false;
        };
        let is_file = FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile;
        let found = Stamp::of(&found);
        let is_older = original.is_some_and(|original| found.is_older_than(original));
        if is_file && is_older {
            tell_older(location, found);
        }
        is_file && !is_older
    };
    Coding::ALL.into_iter().filter(is_there).collect()
}

/// Whether this is the place of a coded file.
fn is_coded(location: &CStr) -> bool {
    let is_of = |coding: Coding| location.to_bytes().ends_with(coding.extension().as_bytes());
    Coding::ALL.into_iter().any(is_of)
}

/// Where the file beside `location` is that has this coding, put together in `name`.
fn beside<'a>(location: &CStr, coding: Coding, name: &'a mut Vec<u8>) -> Option<&'a CStr> {
    name.clear();
    name.extend_from_slice(location.to_bytes());
    name.extend_from_slice(coding.extension().as_bytes());
    name.push(0);
    CStr::from_bytes_with_nul(name).ok()
}

/// Whether a file is of a type and size that compression pays for.
fn is_worth_compressing(facts: &Facts) -> bool {
    (COMPRESSED_BYTES_MIN..=COMPRESSED_BYTES_MAX).contains(&facts.length)
        && is_compressible(&facts.content_type)
}

/// The field by which variants are selected.
pub(super) const VARY: &str = "Accept-Encoding";

/// Below this, a response is one packet either way.
const COMPRESSED_BYTES_MIN: u64 = 1024;

/// Above this, what is made would take up too much of the cache, and too long to wait for.
const COMPRESSED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Of the longest extension that stands for a coding.
const EXTENSION_BYTES_MAX: usize = 4;

/// Files of which something was told and is remembered.
const TOLD_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

//! Opening a file and looking at it.

use super::address::Addressing;
use super::digest::{Digests, is_hashed};
use super::facts::facts;
use super::reading::read_whole;
use super::root::{Root, stat_descriptor};
use super::stamp::Stamp;
use super::variants::{Finder, Variants};
use super::{File, Miss, Origin, Source};
use crate::http::coding::Coding;
use crate::http::path::RequestPath;
use crate::plan::{Facts, Move, Policy, Representation, StandIn};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Statx};
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::rc::Rc;
use std::time::SystemTime;

/// A file as it was found, with what tells whether it still is so.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: File,
    /// Where it was found, relative to the root.
    pub(super) location: CString,
    /// Whether that is a link, or was not to be told from one.
    pub(super) is_link: bool,
    /// Other places that were looked at, and whether there was something: had it been otherwise,
    /// so might be what was found.
    pub(super) besides: Vec<(CString, bool)>,
    pub(super) stamp: Stamp,
    /// Whether an equal stamp, later on, will mean equal content.
    pub(super) is_settled: bool,
    /// Whether it has yet to be hashed, of which its tag is made.
    pub(super) lacks_hash: bool,
}

/// All that a look depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) root: &'a Root,
    pub(super) addressing: &'a Addressing,
    pub(super) finder: &'a Finder,
    pub(super) policy: &'a Policy,
    pub(super) digests: &'a Digests,
    /// Whether coded forms are looked for where there is no file.
    pub(super) seeks_coded: bool,
    pub(super) wall: SystemTime,
}

impl Look<'_> {
    /// Finds the file of a path: the first that is in one of its places. What counts is what was
    /// opened, which is looked at again: nothing can be swapped in between.
    pub(super) fn load(&self, path: &RequestPath<'_>) -> Result<Loaded, Miss> {
        let (mut miss, mut besides) = (Miss::Nothing, Vec::new());
        for place in self.addressing.places(path.as_bytes()) {
            let is_asked_for = place == path.as_bytes();
            let location = CString::new(place).map_err(|_| Miss::Nothing)?;
            match look(self.root, &location) {
                Ok(()) => {
                    self.check_address(path, &location, &mut besides)?;
                    return self.open(location, besides, Role::Asked(path));
                }
                Err(Miss::Nothing) => {}
                // A directory: what has its name with an extension comes before it.
                Err(Miss::NeedsSlash) if is_asked_for => miss = Miss::NeedsSlash,
                // The name was made of the address here. What has it is no file, or can be none.
                Err(Miss::NeedsSlash | Miss::NameTooLong) if !is_asked_for => {}
                Err(miss) => return Err(miss),
            }
            besides.push((location, false));
        }
        if miss == Miss::Nothing && self.seeks_coded {
            let places = self.addressing.places(path.as_bytes());
            match self.load_coded(places, besides, Role::Asked(path)) {
                Err(Miss::Nothing) => {}
                found => return found,
            }
        }
        if miss == Miss::Nothing && path.is_directory() {
            miss = explain(self.root, path);
        }
        Err(miss)
    }

    /// Finds the file that stands in for others.
    pub(super) fn load_stand_in(&self, stand_in: StandIn) -> Result<Loaded, Miss> {
        let mut besides = Vec::new();
        for place in self.addressing.stand_ins(stand_in) {
            let location = CString::new(place).map_err(|_| Miss::Nothing)?;
            match look(self.root, &location) {
                Ok(()) => return self.open(location, besides, Role::StandsIn(stand_in)),
                Err(Miss::Nothing | Miss::NeedsSlash) => besides.push((location, false)),
                Err(miss) => return Err(miss),
            }
        }
        if !self.seeks_coded {
            return Err(Miss::Nothing);
        }
        let places = self.addressing.stand_ins(stand_in);
        self.load_coded(places, besides, Role::StandsIn(stand_in))
    }

    /// Refuses what should be asked for by another address. Under that, the same file is found: the
    /// way there cannot be a circle, nor lead to anything else.
    pub(super) fn check_address(
        &self,
        path: &RequestPath<'_>,
        location: &CStr,
        besides: &mut Vec<(CString, bool)>,
    ) -> Result<(), Miss> {
        let better = self.addressing.better(path.as_bytes(), location.to_bytes());
        let Some((way, address)) = better else {
            return Ok(());
        };
        for place in self.addressing.places(&address) {
            if place == location.to_bytes() {
                return Err(Miss::Moved(way));
            }
            let place = CString::new(place).map_err(|_| Miss::Nothing)?;
            let is_file = self.root.has_file(&place);
            besides.push((place, is_file));
            if is_file {
                // Something else has that address.
                break;
            }
        }
        if way == Move::DropSlash {
            Err(Miss::FileWithSlash)
        } else {
            Ok(())
        }
    }

    /// The place where the file of a path is or, if there is none, would be looked for first.
    pub(super) fn location(&self, path: &RequestPath<'_>) -> Vec<u8> {
        let places = || self.addressing.places(path.as_bytes());
        let is_there = |place: &Vec<u8>| {
            CString::new(place.as_slice()).is_ok_and(|at| look(self.root, &at).is_ok())
        };
        let coded = || {
            if !self.seeks_coded {
                return None;
            }
            let loaded = self
                .load_coded(places(), Vec::new(), Role::Asked(path))
                .ok()?;
            Some(loaded.location.into_bytes())
        };
        let found = places().find(is_there).or_else(coded);
        let found = found.or_else(|| places().next());
        found.unwrap_or_else(|| path.as_bytes().to_vec())
    }

    fn open(
        &self,
        location: CString,
        besides: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> Result<Loaded, Miss> {
        let opened = open_regular(self.root, &location)?;
        let stamp = opened.stamp;
        let is_link = self.root.stamp_itself(location.as_bytes()) != Ok(stamp);
        let place = location.as_bytes();
        let (content_type, coding) = self.stored_as(place, role);
        let (mut facts, lacks_hash) = self.describe(&opened, content_type, coding);
        self.apply_role(&mut facts, place, role);
        let is_settled = opened.is_settled(self.wall);
        let variants = self
            .finder
            .find(self.root, &location, &stamp, &facts, is_settled);
        facts.vary = variants.as_ref().and_then(Variants::vary);
        Ok(Loaded {
            file: File {
                origin: Origin::Disk,
                representation: Representation::new(facts, self.policy),
                source: opened.source,
                place: place.into(),
                variants,
            },
            location,
            is_link,
            besides,
            is_settled,
            // The page of an error has no tag.
            lacks_hash: lacks_hash && !matches!(role, Role::StandsIn(StandIn::Error(_))),
            stamp,
        })
    }

    /// The type of the file in this place, and the coding that it is stored in.
    pub(super) fn stored_as(
        &self,
        place: &[u8],
        role: Role<'_>,
    ) -> (Cow<'static, str>, Option<Coding>) {
        let address = match role {
            Role::Asked(path) => path.as_bytes(),
            // It is of one type, whatever it is sent for.
            Role::StandsIn(_) => place,
        };
        self.policy.stored_as(address, place)
    }

    /// Adds to the facts about the file in this place what depends on what it was opened for.
    pub(super) fn apply_role(&self, facts: &mut Facts, place: &[u8], role: Role<'_>) {
        match role {
            Role::Asked(path) => self.policy.rules.describe(facts, &[path.as_bytes(), place]),
            // What else rules say depends on what it is sent for.
            Role::StandsIn(stand_in) => facts.stand_in = Some(stand_in),
        }
    }

    /// The facts about what was opened, and whether it has yet to be hashed. What has changed just now
    /// is not: it may be about to change again.
    pub(super) fn describe(
        &self,
        opened: &Opened,
        content_type: Cow<'static, str>,
        coding: Option<Coding>,
    ) -> (Facts, bool) {
        let Opened { source, stamp, .. } = opened;
        let (length, hash) = match source {
            Source::Memory(content) => (content.len() as u64, Some(blake3::hash(content))),
            _ => (stamp.size, self.digests.get(stamp)),
        };
        let lacks_hash = hash.is_none() && is_hashed(stamp.size) && stamp.is_settled(self.wall);
        let mut facts = facts(length, hash, stamp, content_type, coding, self.wall);
        if opened.is_generated {
            // Its time is that of when somebody first looked.
            facts.last_modified = None;
            facts.is_date_strong = false;
        }
        (facts, lacks_hash)
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role<'a> {
    /// It was asked for by this path.
    Asked(&'a RequestPath<'a>),
    /// It stands in for others.
    StandsIn(StandIn),
}

/// Whether a regular file is there, without opening it.
fn look(root: &Root, location: &CStr) -> Result<(), Miss> {
    check_type(&root.look_beneath(location).map_err(Miss::of_look)?)
}

fn check_type(facts: &Statx) -> Result<(), Miss> {
    match FileType::from_raw_mode(facts.stx_mode.into()) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Miss::NeedsSlash),
        _ => Err(Miss::NotRegular),
    }
}

/// A file that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) stamp: Stamp,
    /// Whether its content is made as it is read, as that of /proc and /sys is, or changes all the time.
    /// Neither its size nor its times tell anything of it.
    is_generated: bool,
}

impl Opened {
    /// Whether an equal stamp, later on, will mean equal content.
    pub(super) fn is_settled(&self, wall: SystemTime) -> bool {
        !self.is_generated && self.stamp.is_settled(wall)
    }
}

/// Opens a regular file beneath the root.
pub(super) fn open_regular(root: &Root, location: &CStr) -> Result<Opened, Miss> {
    let descriptor = root.open_beneath(location).map_err(Miss::of_look)?;
    let opened = stat_descriptor(&descriptor).map_err(Miss::of)?;
    check_type(&opened)?;
    read(descriptor, Stamp::of(&opened))
}

/// Finds the reason why nothing is in a directory's place: only after it, and only to be told.
fn explain(root: &Root, path: &RequestPath<'_>) -> Miss {
    let directory = path.as_bytes().strip_suffix(b"/").unwrap_or(b".");
    let Ok(directory) = CString::new(directory) else {
        return Miss::Nothing;
    };
    match root.look_beneath(&directory) {
        Ok(facts) => match FileType::from_raw_mode(facts.stx_mode.into()) {
            FileType::Directory => Miss::NoIndex,
            _ => Miss::FileWithSlash,
        },
        Err(errno) => Miss::of_look(errno),
    }
}

/// Reads a small file into memory; a larger one stays where it is. A file that changes while it
/// is read is read again, so that what is served was the content at some moment. One that has more
/// or less than it says, though it does not change, is made as it is read.
fn read(descriptor: OwnedFd, mut stamp: Stamp) -> Result<Opened, Miss> {
    let mut attempts = 1..=READ_ATTEMPTS_MAX;
    while stamp.size <= MEMORY_FILE_BYTES_MAX
        && let Some(attempt) = attempts.next()
    {
        let read = read_whole(&descriptor, stamp.size, GENERATED_BYTES_MAX);
        let content = read.map_err(Miss::of)?;
        let after = Stamp::of(&stat_descriptor(&descriptor).map_err(Miss::of)?);
        let is_as_said = after == stamp && content.len() as u64 == stamp.size;
        // One that is written anew may be found short within one step of its clock.
        let has_more = after == stamp && content.len() as u64 > stamp.size;
        if has_more && content.len() > GENERATED_BYTES_MAX {
            return Err(Miss::Endless);
        }
        if is_as_said || has_more || attempt == READ_ATTEMPTS_MAX {
            return Ok(Opened {
                source: Source::Memory(Bytes::from(content)),
                stamp,
                is_generated: !is_as_said,
            });
        }
        stamp = after;
    }
    Ok(Opened {
        source: Source::Descriptor(Rc::new(descriptor)),
        stamp,
        is_generated: false,
    })
}

/// Files of up to this size have a tag that is made of their content, which must be of the bytes that
/// leave. What a copy costs against sendfile is told in docs/performance.md.
const MEMORY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// How often a file that changes under our eyes is read before it is served as it was read.
const READ_ATTEMPTS_MAX: usize = 3;

/// What says of itself that it is small, and is larger than this, is not sent: it is read at once, and
/// to do so takes some milliseconds for each megabyte.
const GENERATED_BYTES_MAX: usize = 1024 * 1024;

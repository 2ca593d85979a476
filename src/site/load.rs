//! Opening a file and looking at it.

use super::address::Addressing;
use super::facts::facts;
use super::reading::read_start;
use super::root::{Root, stat_descriptor};
use super::stamp::Stamp;
use super::variants::{Finder, Variants};
use super::{File, Miss, Origin, Source};
use crate::http::target::RequestPath;
use crate::plan::{Move, Policy, Representation, StandIn};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Statx};
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
}

/// All that a look depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) root: &'a Root,
    pub(super) addressing: &'a Addressing,
    pub(super) finder: &'a Finder,
    pub(super) policy: &'a Policy,
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
        Err(Miss::Nothing)
    }

    /// Refuses what should be asked for by another address. Under that, the same file is found: the
    /// way there cannot be a circle, nor lead to anything else.
    fn check_address(
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

    fn open(
        &self,
        location: CString,
        besides: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> Result<Loaded, Miss> {
        let (source, stamp) = open_regular(self.root, &location)?;
        let is_link = self.root.stamp_itself(location.as_bytes()) != Ok(stamp);
        let place = location.as_bytes();
        let rules = &self.policy.rules;
        let address = match role {
            Role::Asked(path) => path.as_bytes(),
            // It is of one type, whatever it is sent for.
            Role::StandsIn(_) => place,
        };
        let (content_type, coding) = self.policy.stored_as(address, place);
        let mut facts = facts(&source, &stamp, content_type, coding, self.wall);
        let is_settled = facts.is_settled;
        match role {
            Role::Asked(path) => rules.describe(&mut facts, &[path.as_bytes(), place]),
            // What else rules say depends on what it is sent for.
            Role::StandsIn(stand_in) => facts.stand_in = Some(stand_in),
        }
        let variants = self.finder.find(self.root, &location, &stamp, &facts);
        facts.vary = variants.as_ref().and_then(Variants::vary);
        Ok(Loaded {
            file: File {
                origin: Origin::Disk,
                representation: Representation::new(facts, self.policy),
                source,
                place: place.into(),
                variants,
            },
            location,
            is_link,
            besides,
            stamp,
            is_settled,
        })
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug)]
enum Role<'a> {
    /// It was asked for by this path.
    Asked(&'a RequestPath<'a>),
    /// It stands in for others.
    StandsIn(StandIn),
}

/// The place where the file of a path is or, if there is none, would be looked for first.
pub(super) fn location(root: &Root, path: &RequestPath<'_>, addressing: &Addressing) -> Vec<u8> {
    let places = || addressing.places(path.as_bytes());
    let is_there =
        |place: &Vec<u8>| CString::new(place.as_slice()).is_ok_and(|at| look(root, &at).is_ok());
    let found = places().find(is_there).or_else(|| places().next());
    found.unwrap_or_else(|| path.as_bytes().to_vec())
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

/// Opens a regular file beneath the root.
pub(super) fn open_regular(root: &Root, location: &CStr) -> Result<(Source, Stamp), Miss> {
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
/// is read is read again, so that what is served was the content at some moment.
fn read(descriptor: OwnedFd, mut stamp: Stamp) -> Result<(Source, Stamp), Miss> {
    for _ in 0..READ_ATTEMPTS_MAX {
        if stamp.size > MEMORY_FILE_BYTES_MAX {
            break;
        }
        let content = read_start(&descriptor, stamp.size).map_err(Miss::of)?;
        let after = Stamp::of(&stat_descriptor(&descriptor).map_err(Miss::of)?);
        if after == stamp && content.len() as u64 == stamp.size {
            return Ok((Source::Memory(Bytes::from(content)), stamp));
        }
        stamp = after;
    }
    Ok((Source::Descriptor(Rc::new(descriptor)), stamp))
}

/// Files of up to this size have a tag that is made of their content, which must be of the bytes that
/// leave. What a copy costs against sendfile is told in docs/performance.md.
const MEMORY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// How often a file that changes under our eyes is read before it is served as it goes.
const READ_ATTEMPTS_MAX: usize = 3;

//! Opening a file and looking at it.

use super::address::Addressing;
use super::root::{Root, stat_descriptor};
use super::stamp::Stamp;
use super::{File, Miss, Source};
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::media::content_type;
use crate::http::target::RequestPath;
use crate::plan::{Facts, Move, Policy, Representation};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::rc::Rc;
use std::time::SystemTime;

/// A file as it was found, with what tells whether it still is so.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: File,
    /// Where it was found, relative to the root.
    pub(super) location: CString,
    pub(super) stamp: Stamp,
    /// Whether an equal stamp, later on, will mean equal content.
    pub(super) is_settled: bool,
}

/// Finds the file of a path: the first that is in one of its places. What counts is what was
/// opened, which is looked at again: nothing can be swapped in between.
pub(super) fn load(
    root: &Root,
    path: &RequestPath<'_>,
    addressing: &Addressing,
    policy: &Policy,
    wall: SystemTime,
) -> Result<Loaded, Miss> {
    let mut miss = Miss::Nothing;
    for place in addressing.places(path.as_bytes()) {
        let location = CString::new(place).map_err(|_| Miss::Nothing)?;
        match look(root, &location) {
            Ok(()) => {
                check_address(root, path, &location, addressing)?;
                return open(root, location, policy, wall);
            }
            Err(Miss::Nothing) => {}
            // A directory: what has its name with an extension comes before it.
            Err(Miss::NeedsSlash) if !path.is_directory() => miss = Miss::NeedsSlash,
            Err(Miss::NeedsSlash) => miss = Miss::NotRegular,
            Err(miss) => return Err(miss),
        }
    }
    if miss == Miss::Nothing && path.is_directory() {
        miss = explain(root, path);
    }
    Err(miss)
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
    check_type(&root.look_beneath(location).map_err(Miss::of)?)
}

fn check_type(facts: &Statx) -> Result<(), Miss> {
    match FileType::from_raw_mode(facts.stx_mode.into()) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Miss::NeedsSlash),
        _ => Err(Miss::NotRegular),
    }
}

/// Refuses what should be asked for by another address. Under that, the same file is found: the
/// way there cannot be a circle, nor lead to anything else.
fn check_address(
    root: &Root,
    path: &RequestPath<'_>,
    location: &CStr,
    addressing: &Addressing,
) -> Result<(), Miss> {
    let Some((way, address)) = addressing.better(path.as_bytes(), location.to_bytes()) else {
        return Ok(());
    };
    for place in addressing.places(&address) {
        if place == location.to_bytes() {
            return Err(Miss::Moved(way));
        }
        let place = CString::new(place).map_err(|_| Miss::Nothing)?;
        match look(root, &place) {
            Err(Miss::Nothing | Miss::NeedsSlash) => {}
            // Something else has that address.
            _ => break,
        }
    }
    if way == Move::DropSlash {
        Err(Miss::FileWithSlash)
    } else {
        Ok(())
    }
}

fn open(root: &Root, location: CString, policy: &Policy, wall: SystemTime) -> Result<Loaded, Miss> {
    let descriptor = root.open_beneath(&location).map_err(Miss::of)?;
    let opened = stat_descriptor(&descriptor).map_err(Miss::of)?;
    check_type(&opened)?;
    let (source, stamp) = read(descriptor, Stamp::of(&opened))?;
    let is_settled = stamp.is_settled(wall);
    let file = describe(
        source,
        &stamp,
        is_settled,
        location.as_bytes(),
        policy,
        wall,
    );
    Ok(Loaded {
        file,
        location,
        stamp,
        is_settled,
    })
}

/// Finds the reason why nothing is in a directory's place: only after it, and only to be told.
fn explain(root: &Root, path: &RequestPath<'_>) -> Miss {
    let directory = path.as_bytes().strip_suffix(b"/").unwrap_or(b".");
    let facts = CString::new(directory)
        .ok()
        .and_then(|path| root.look_beneath(&path).ok());
    match facts.map(|facts| FileType::from_raw_mode(facts.stx_mode.into())) {
        Some(FileType::Directory) => Miss::NoIndex,
        Some(_) => Miss::FileWithSlash,
        None => Miss::Nothing,
    }
}

/// Reads a small file into memory; a larger one stays where it is. A file that changes while it
/// is read is read again, so that what is served was the content at some moment.
fn read(descriptor: OwnedFd, mut stamp: Stamp) -> Result<(Source, Stamp), Miss> {
    for _ in 0..READ_ATTEMPTS_MAX {
        if stamp.size > MEMORY_FILE_BYTES_MAX {
            break;
        }
        let content = read_all(&descriptor, stamp.size).map_err(Miss::of)?;
        let after = Stamp::of(&stat_descriptor(&descriptor).map_err(Miss::of)?);
        if after == stamp && content.len() as u64 == stamp.size {
            return Ok((Source::Memory(Bytes::from(content)), stamp));
        }
        stamp = after;
    }
    Ok((Source::Descriptor(Rc::new(descriptor)), stamp))
}

/// Reads from the start up to `size` bytes, fewer if there are fewer.
fn read_all(descriptor: &OwnedFd, size: u64) -> Result<Vec<u8>, Errno> {
    let size = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
    let mut content = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(descriptor, rest, filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    content.truncate(filled);
    Ok(content)
}

fn describe(
    source: Source,
    stamp: &Stamp,
    is_settled: bool,
    location: &[u8],
    policy: &Policy,
    wall: SystemTime,
) -> File {
    let (length, entity_tag) = match &source {
        Source::Memory(content) => (content.len() as u64, content_tag(content)),
        Source::Descriptor(_) => (stamp.size, stamp_tag(stamp, is_settled)),
    };
    let now = HttpDate::from_system_time(wall);
    let facts = Facts {
        length,
        content_type: content_type(location),
        entity_tag: Some(entity_tag),
        // RFC 9110 §8.8.2.1: never later than Date.
        last_modified: stamp
            .modified_seconds()
            .and_then(HttpDate::from_unix_seconds)
            .filter(|modified| Some(*modified) <= now),
        is_settled,
    };
    File {
        representation: Representation::new(facts, policy),
        source,
    }
}

/// The content's own hash: replicas agree on it, and files without times have it, too. 128 bits
/// of BLAKE3: nobody finds two contents that share them.
fn content_tag(content: &[u8]) -> EntityTag {
    let hash = blake3::hash(content).to_hex();
    EntityTag::strong(hash.get(..32).unwrap_or_default())
}

/// Size and time, each after its own letter, so that no two pairs and no hash are written alike.
/// Strong only once the time cannot hide a second change.
fn stamp_tag(stamp: &Stamp, is_settled: bool) -> EntityTag {
    let (seconds, nanos) = stamp.distinguishing_time();
    let opaque = format!("s{:x}-t{seconds:x}.{nanos:x}", stamp.size);
    if is_settled {
        EntityTag::strong(opaque)
    } else {
        EntityTag::weak(opaque)
    }
}

/// Up to this size a copy out of memory is cheaper than sendfile; see docs/performance.md.
const MEMORY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// How often a file that changes under our eyes is read before it is served as it goes.
const READ_ATTEMPTS_MAX: usize = 3;

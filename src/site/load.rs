//! Opening a file and looking at it.

use super::root::{Root, stat_descriptor};
use super::stamp::Stamp;
use super::{File, Miss, Source};
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::media::content_type;
use crate::http::target::RequestPath;
use crate::plan::{Facts, Policy, Representation};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use std::ffi::CString;
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

/// Opens the file that a path names, if it is one. What counts is what was opened, which is looked
/// at again: nothing can be swapped in between.
pub(super) fn load(
    root: &Root,
    path: &RequestPath<'_>,
    policy: &Policy,
    wall: SystemTime,
) -> Result<Loaded, Miss> {
    let location = CString::new(location(path)).map_err(|_| Miss::Nothing)?;
    let found = root
        .look_beneath(&location)
        .map_err(|errno| explain(root, path, errno))?;
    check_type(&found, path)?;
    let descriptor = root.open_beneath(&location).map_err(Miss::of)?;
    let opened = stat_descriptor(&descriptor).map_err(Miss::of)?;
    check_type(&opened, path)?;
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

/// Where the file of a path is looked for, relative to the root.
pub(super) fn location(path: &RequestPath<'_>) -> Vec<u8> {
    let mut location = path.as_bytes().to_vec();
    if path.is_directory() {
        location.extend_from_slice(INDEX.as_bytes());
    }
    location
}

/// Finds the reason why nothing is in a directory's place: only after it, and only to be told.
fn explain(root: &Root, path: &RequestPath<'_>, errno: Errno) -> Miss {
    let miss = Miss::of(errno);
    if miss != Miss::Nothing || !path.is_directory() {
        return miss;
    }
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

fn check_type(facts: &Statx, path: &RequestPath<'_>) -> Result<(), Miss> {
    match FileType::from_raw_mode(facts.stx_mode.into()) {
        FileType::RegularFile => Ok(()),
        FileType::Directory if !path.is_directory() => Err(Miss::NeedsSlash),
        _ => Err(Miss::NotRegular),
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

/// What a directory is represented by.
const INDEX: &str = "index.html";

/// Up to this size a copy out of memory is cheaper than sendfile; see docs/performance.md.
const MEMORY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// How often a file that changes under our eyes is read before it is served as it goes.
const READ_ATTEMPTS_MAX: usize = 3;

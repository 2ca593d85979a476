//! Opening a regular file beneath the root, and reading it if it is small.

use super::reading::read_whole;
use crate::site::error::LookupError;
use crate::site::file::Source;
use crate::site::fingerprint::Fingerprint;
use crate::site::root::{Root, stat_descriptor};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Statx};
use std::ffi::CStr;
use std::rc::Rc;
use std::time::SystemTime;

/// An opened file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) fingerprint: Fingerprint,
    /// `true` if the content is generated while it is read, like that of /proc and /sys, or changes
    /// all the time. Its size and its times mean nothing.
    pub(crate) is_generated: bool,
}

impl Opened {
    /// Returns `true` if an equal fingerprint, later on, will mean equal content.
    pub(crate) fn is_stable(&self, wall: SystemTime) -> bool {
        !self.is_generated && self.fingerprint.is_stable(wall)
    }
}

/// Opens a regular file beneath the root.
pub(crate) fn open_regular(root: &Root, path_on_disk: &CStr) -> Result<Opened, LookupError> {
    let descriptor = root
        .open_beneath(path_on_disk)
        .map_err(LookupError::of_look)?;
    let opened = stat_descriptor(&descriptor).map_err(LookupError::of)?;
    check_type(&opened)?;
    read(descriptor, Fingerprint::of(&opened))
}

/// Checks that a regular file exists, without opening it.
pub(crate) fn look(root: &Root, path_on_disk: &CStr) -> Result<(), LookupError> {
    check_type(
        &root
            .look_beneath(path_on_disk)
            .map_err(LookupError::of_look)?,
    )
}

fn check_type(facts: &Statx) -> Result<(), LookupError> {
    match FileType::from_raw_mode(facts.stx_mode.into()) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(LookupError::NeedsSlash),
        _ => Err(LookupError::NotRegular),
    }
}

/// Reads a small file into memory; a larger one is only opened. A file that changes while it is
/// read is read again, so the result was its content at some moment. A file whose length differs
/// from its size, although it does not change, is generated while it is read.
fn read(descriptor: OwnedFd, mut fingerprint: Fingerprint) -> Result<Opened, LookupError> {
    let mut attempts = 1..=READ_ATTEMPTS_MAX;
    while fingerprint.size <= MEMORY_FILE_BYTES_MAX
        && let Some(attempt) = attempts.next()
    {
        let read = read_whole(&descriptor, fingerprint.size, GENERATED_BYTES_MAX);
        let content = read.map_err(LookupError::of)?;
        let after = Fingerprint::of(&stat_descriptor(&descriptor).map_err(LookupError::of)?);
        let is_as_said = after == fingerprint && content.len() as u64 == fingerprint.size;
        // A file that is rewritten may be seen too short within one step of its clock.
        let has_more = after == fingerprint && content.len() as u64 > fingerprint.size;
        if has_more && content.len() > GENERATED_BYTES_MAX {
            return Err(LookupError::Endless);
        }
        if is_as_said || has_more || attempt == READ_ATTEMPTS_MAX {
            return Ok(Opened {
                source: Source::Memory(Bytes::from(content)),
                fingerprint,
                is_generated: !is_as_said,
            });
        }
        fingerprint = after;
    }
    Ok(Opened {
        source: Source::Descriptor(Rc::new(descriptor)),
        fingerprint,
        is_generated: false,
    })
}

/// The largest file that is read into memory. Its tag is made from its content, which must be
/// exactly the bytes sent. docs/measurements.md compares copying with sendfile.
const MEMORY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The number of attempts to read a file that keeps changing, before it is served as it was read.
const READ_ATTEMPTS_MAX: usize = 3;

/// The limit for files that claim to be small. Larger content is not sent, because it is read at
/// once, which takes some milliseconds per megabyte.
const GENERATED_BYTES_MAX: usize = 1024 * 1024;

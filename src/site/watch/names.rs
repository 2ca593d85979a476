//! The names in a directory.

use crate::site::root::Root;
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, FileType};
use rustix::io::{Errno, Result};
use std::ffi::CString;

/// Returns `true` if files with this name are not served, such as those of editors and version
/// control. Those in `/.well-known/` are.
pub(super) fn is_left_out(name: &[u8]) -> bool {
    name.starts_with(b".") && name != b".well-known"
}

/// Returns `true` if a path leads to nothing beneath the root, rather than that it cannot be looked
/// at now.
pub(super) fn is_absent(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV
    )
}

/// Opens a directory. Its path ends in a slash or is empty.
pub(super) fn open(root: &Root, path: &[u8]) -> Result<OwnedFd> {
    let path = path.strip_suffix(b"/").unwrap_or(b".");
    let path = CString::new(path).map_err(|_| Errno::NOENT)?;
    root.open_directory_beneath(&path)
}

/// The name of a file, with its type.
pub(super) type Name = (Box<[u8]>, FileType);

/// Adds the names in a directory. After an error, those that were read are there.
pub(super) fn read(directory: OwnedFd, names: &mut Vec<Name>) -> Result<()> {
    let mut directory = Dir::new(directory)?;
    while let Some(entry) = directory.read() {
        let entry = entry?;
        if !is_left_out(entry.file_name().to_bytes()) {
            names.push((entry.file_name().to_bytes().into(), entry.file_type()));
        }
    }
    Ok(())
}

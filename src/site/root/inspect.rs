//! An inspection of the root, for warnings to its operator.

use crate::http::path::has_hidden_segment;
use crate::plan::{Dotfiles, PRIVATE_NAMES};
use rustix::fs::Mode;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path};
use std::{fs, io};

/// The result of an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Names of repositories and files with secrets.
    pub private: Vec<&'static str>,
    /// `true` if any user of the machine may create files in the root.
    pub is_writable_by_all: bool,
    /// `true` if it has no file that could be served.
    pub is_empty: bool,
}

/// Inspects a root. Looks for a few names, as a directory may have very many.
pub fn inspect(root: &Path) -> io::Result<Inspection> {
    let mode = fs::metadata(root)?.mode();
    let private = PRIVATE_NAMES.iter().copied();
    Ok(Inspection {
        private: private
            .filter(|name| root.join(name).symlink_metadata().is_ok())
            .collect(),
        is_writable_by_all: Mode::from_raw_mode(mode).contains(Mode::WOTH),
        is_empty: is_empty(root),
    })
}

/// Returns `true` if all names are hidden. Returns `false` for a directory that we cannot list.
fn is_empty(root: &Path) -> bool {
    let is_visible = |name: &OsString| !name.as_bytes().starts_with(b".");
    let has_visible = |entries: fs::ReadDir| {
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.any(|name| is_visible(&name))
    };
    let is_empty = fs::read_dir(root).is_ok_and(|entries| !has_visible(entries));
    is_empty && !root.join(".well-known").is_dir()
}

/// Returns `true` if a file at this path, which need not exist yet, would be served.
pub fn is_served(root: &Path, dotfiles: &Dotfiles, path: &Path) -> bool {
    let place = || {
        let path = path::absolute(path).ok()?;
        // By any links that lead to its directory.
        let directory = path.parent()?.canonicalize().ok()?;
        let beneath = directory.strip_prefix(root.canonicalize().ok()?).ok()?;
        Some(beneath.join(path.file_name()?))
    };
    place().is_some_and(|place| {
        let place = place.as_os_str().as_bytes();
        !has_hidden_segment(place) || dotfiles.check_hidden(place).is_ok()
    })
}

/// Returns `true` if something exists beneath the root.
pub fn exists(root: &Path, path: &str) -> bool {
    root.join(path.trim_start_matches('/'))
        .symlink_metadata()
        .is_ok()
}

/// Returns `true` if the directory exists beneath the root.
pub fn has_directory(root: &Path, path: &str) -> bool {
    root.join(path.trim_start_matches('/')).is_dir()
}

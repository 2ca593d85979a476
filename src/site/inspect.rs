//! A look at the root for what its operator may not know to be there.

use crate::http::path::has_hidden_segment;
use rustix::fs::Mode;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{self, Path};
use std::{fs, io};

/// What there is to know of a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Names that hold what is not for the public, and are not served.
    pub private: Vec<&'static str>,
    /// Whether any user of the machine may put files there.
    pub is_writable_by_all: bool,
    /// Whether nothing is in it that could be served.
    pub is_empty: bool,
}

/// Looks for a few names rather than at all that there are, which may be very many.
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

/// Not of a directory that can be entered and not read. The first name that is not hidden ends the look.
fn is_empty(root: &Path) -> bool {
    let is_visible = |name: &OsString| !name.as_bytes().starts_with(b".");
    let has_visible = |entries: fs::ReadDir| {
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.any(|name| is_visible(&name))
    };
    let is_empty = fs::read_dir(root).is_ok_and(|entries| !has_visible(entries));
    is_empty && !root.join(".well-known").is_dir()
}

/// Whether a file at this path, which need not be there yet, would be served.
pub fn is_served(root: &Path, path: &Path) -> bool {
    let place = || {
        let path = path::absolute(path).ok()?;
        // Whatever links lead to its directory.
        let directory = path.parent()?.canonicalize().ok()?;
        let beneath = directory.strip_prefix(root.canonicalize().ok()?).ok()?;
        Some(beneath.join(path.file_name()?))
    };
    place().is_some_and(|place| !has_hidden_segment(place.as_os_str().as_bytes()))
}

/// Whether there is a directory beneath the root.
pub fn has_directory(root: &Path, path: &str) -> bool {
    root.join(path.trim_start_matches('/')).is_dir()
}

/// Repositories, with all that was ever deleted from them, and files that hold secrets.
const PRIVATE_NAMES: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".env",
    ".aws",
    ".ssh",
    ".htpasswd",
    ".netrc",
    ".npmrc",
    ".pgpass",
];

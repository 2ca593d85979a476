//! The PID file: written once the server listens, removed when it ends.
//!
//! A running server holds a lock on its file. So a file that a killed server has left behind does
//! not prevent a start.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, process};

#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
}

/// The reason why the PID file cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum PidFileError {
    /// Another server holds the file. Carries the content of the file.
    Taken(String),
    /// The path is a symbolic link, a device or another special file.
    NoFile,
    /// The file cannot be written.
    Unwritable(io::Error),
}

/// The treatment of a running server that holds the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predecessor {
    /// The running server prevents a start.
    Respected,
    /// This server takes over from the running one, and replaces its file.
    Replaced,
}

/// Checks that the path is free or holds a regular file.
pub(crate) fn check(path: &Path) -> Result<(), PidFileError> {
    match fs::symlink_metadata(path) {
        Ok(facts) if !facts.is_file() => Err(PidFileError::NoFile),
        // A file that cannot be inspected cannot be written either, and that error has the reason.
        _ => Ok(()),
    }
}

impl PidFile {
    /// Writes the file.
    pub(crate) fn write(path: &Path, predecessor: Predecessor) -> Result<Self, PidFileError> {
        check(path)?;
        match predecessor {
            Predecessor::Respected => Self::claim(path),
            Predecessor::Replaced => Self::replace(path),
        }
    }

    /// Writes the file, unless another server holds it.
    fn claim(path: &Path) -> Result<Self, PidFileError> {
        // Without following a symbolic link that somebody else may have put there.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        for _ in 0..ATTEMPTS_MAX {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(MODE)
                .custom_flags(flags)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut content = String::new();
                    // Any part of its content is better than nothing.
                    let _ = file.read_to_string(&mut content);
                    return Err(PidFileError::Taken(content.trim().to_owned()));
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let claimed = Self {
                path: std::path::absolute(path)?,
                file,
            };
            // Another server may have removed the file after we opened it and before we locked it.
            if claimed.is_at_its_path() {
                claimed.file.set_len(0)?;
                claimed.write_id()?;
                return Ok(claimed);
            }
        }
        Err(io::Error::from(io::ErrorKind::ResourceBusy).into())
    }

    /// Replaces the file of the server that we take over from.
    fn replace(path: &Path) -> Result<Self, PidFileError> {
        let path = std::path::absolute(path)?;
        let mut fresh = path.clone().into_os_string();
        fresh.push(format!(".{}", process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&fresh)?;
        let claimed = Self { path, file };
        let written = claimed
            .file
            .try_lock()
            .map_err(io::Error::from)
            .and_then(|()| claimed.write_id())
            .and_then(|()| fs::rename(&fresh, &claimed.path));
        if let Err(error) = written {
            // If the leftover cannot be removed, nothing more can be done.
            let _ = fs::remove_file(&fresh);
            return Err(error.into());
        }
        Ok(claimed)
    }

    fn write_id(&self) -> io::Result<()> {
        writeln!(&self.file, "{}", process::id())
    }

    /// Returns `true` if the file at the path is still ours, and not that of a server that took
    /// over.
    fn is_at_its_path(&self) -> bool {
        let identity = |facts: fs::Metadata| (facts.dev(), facts.ino());
        let ours = self.file.metadata().map(identity);
        let theirs = fs::symlink_metadata(&self.path).map(identity);
        matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours == theirs)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if !self.is_at_its_path() {
            return;
        }
        // Without root's privileges, or in the sandbox, the file may have to stay, but it is
        // emptied.
        let removed = fs::remove_file(&self.path).or_else(|_| self.file.set_len(0));
        if let Err(error) = removed {
            log::warn!("{} could not be removed: {error}", self.path.display());
        }
    }
}

impl From<io::Error> for PidFileError {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl fmt::Display for PidFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(pid) => write!(f, "it belongs to process {pid}, which is running"),
            Self::NoFile => f.write_str("the path is not a regular file"),
            Self::Unwritable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PidFileError {}

/// Anyone who could write to the file could make a service manager signal any process. The umask
/// may remove more.
const MODE: u32 = 0o644;

/// The number of attempts when another server interferes. Even once is rare.
const ATTEMPTS_MAX: usize = 3;

//! The file that tells the server's process id: written once it listens, removed when it ends.
//!
//! Whoever has the file locked is alive, so that a number that a killed server has left behind is
//! no obstacle.

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

/// Why there is no such file.
#[derive(Debug)]
#[non_exhaustive]
pub enum PidFileError {
    /// Another server has it; what it says of it.
    Taken(String),
    /// What is there is a link, a device or the like.
    NoFile,
    /// It cannot be written.
    Unwritable(io::Error),
}

/// Whether the file may be one of a server that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Predecessor {
    /// A server that has the file is an obstacle.
    Respected,
    /// A server that takes over from another takes the place of its file as well.
    Replaced,
}

/// Whether what is at the path may be written to and removed, if there is anything.
pub(crate) fn look_at(path: &Path) -> Result<(), PidFileError> {
    match fs::symlink_metadata(path) {
        Ok(facts) if !facts.is_file() => Err(PidFileError::NoFile),
        // What cannot be looked at cannot be written either, which says why.
        _ => Ok(()),
    }
}

impl PidFile {
    /// Writes the file.
    pub(crate) fn write(path: &Path, predecessor: Predecessor) -> Result<Self, PidFileError> {
        look_at(path)?;
        match predecessor {
            Predecessor::Respected => Self::claim(path),
            Predecessor::Replaced => Self::replace(path),
        }
    }

    /// Writes the file, unless it is another server's.
    fn claim(path: &Path) -> Result<Self, PidFileError> {
        // Without following a link that somebody else may have put there.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        for _ in 0..ATTEMPTS_MAX {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .custom_flags(flags)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut said = String::new();
                    // Whatever it says is better than nothing.
                    let _ = file.read_to_string(&mut said);
                    return Err(PidFileError::Taken(said.trim().to_owned()));
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let claimed = Self {
                path: std::path::absolute(path)?,
                file,
            };
            // The one who has just removed it may have had it locked when we opened it.
            if claimed.is_at_its_path() {
                claimed.file.set_len(0)?;
                claimed.write_id()?;
                return Ok(claimed);
            }
        }
        Err(io::Error::from(io::ErrorKind::ResourceBusy).into())
    }

    /// Puts a file in the place of the one of the server that we take over from.
    fn replace(path: &Path) -> Result<Self, PidFileError> {
        let path = std::path::absolute(path)?;
        let mut fresh = path.clone().into_os_string();
        fresh.push(format!(".{}", process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&fresh)?;
        let claimed = Self { path, file };
        let written = claimed
            .file
            .try_lock()
            .map_err(io::Error::from)
            .and_then(|()| claimed.write_id())
            .and_then(|()| fs::rename(&fresh, &claimed.path));
        if let Err(error) = written {
            // There is nothing more to be done about what is left.
            let _ = fs::remove_file(&fresh);
            return Err(error.into());
        }
        Ok(claimed)
    }

    fn write_id(&self) -> io::Result<()> {
        writeln!(&self.file, "{}", process::id())
    }

    /// Whether the file at the path is still ours, and not that of a server that took over.
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
        // Without root's powers, or within the sandbox, it may have to stay; but it says nothing.
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
            Self::Taken(pid) => write!(f, "it is that of process {pid}, which runs"),
            Self::NoFile => f.write_str("what is there is no regular file, and is left alone"),
            Self::Unwritable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PidFileError {}

/// How often somebody may get in between. Once is rare.
const ATTEMPTS_MAX: usize = 3;

//! A password file, which is read at the start, and again after a change.
//!
//! The file is checked for changes when a password arrives, at most once a second. An unusable file
//! changes nothing: it is reported, and the previous users stay.

use super::remembered::Remembered;
use crate::passwords::{LineError, PasswordFile};
use crate::process::file_stamp::{FileStamp, LOOK_INTERVAL};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The users in a file, and the known results of their passwords.
#[derive(Debug)]
pub(super) struct UserFile {
    pub(super) path: Arc<Path>,
    /// The key, which is different for each reading.
    pub(super) key: [u8; 32],
    pub(super) users: Arc<PasswordFile>,
    pub(super) remembered: Remembered,
    stamp: Option<FileStamp>,
    looked: Instant,
    /// `true` if the settings do not name it any more.
    pub(super) is_retired: bool,
    /// `true` if the file cannot be read since the server has dropped its privileges.
    is_out_of_reach: bool,
}

/// The reason why a file cannot be used.
#[derive(Debug)]
pub(super) enum FileError {
    Read(io::Error),
    NoFile,
    TooLarge,
    Random(io::Error),
    Lines(Vec<LineError>),
}

impl UserFile {
    /// Reads a file. The error is for the operator.
    pub(super) fn load(path: &Arc<Path>, now: Instant) -> Result<Self, String> {
        // This comes before reading, so that a change in between causes another reading.
        let stamp = FileStamp::of(path);
        let explain = |error: FileError| error.explain(path);
        let users = read(path).map_err(explain)?;
        warn_of_weak_hashes(path, &users);
        Ok(Self {
            path: Arc::clone(path),
            key: random().map_err(explain)?,
            users: Arc::new(users),
            remembered: Remembered::new(),
            stamp,
            looked: now,
            is_retired: false,
            is_out_of_reach: false,
        })
    }

    /// Reads the file again if it has changed, unless it was checked within the last second.
    pub(super) fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.looked) < LOOK_INTERVAL || self.is_out_of_reach {
            return;
        }
        self.looked = now;
        let stamp = FileStamp::of(&self.path);
        if stamp != self.stamp {
            self.read_again();
        }
    }

    /// Reads the file again, and reports errors.
    pub(super) fn read_again(&mut self) {
        self.stamp = FileStamp::of(&self.path);
        let path = self.path.display();
        let reading = read(&self.path).and_then(|users| Ok((users, random()?)));
        match reading {
            Ok((users, _)) if users == *self.users => {}
            Ok((users, key)) => {
                log::info!("reloaded the users of {path}: there are {}", users.len());
                warn_of_weak_hashes(&self.path, &users);
                self.users = Arc::new(users);
                self.key = key;
                self.remembered = Remembered::new();
            }
            Err(error) => {
                for line in error.explain(&self.path).lines() {
                    log::error!("{line}");
                }
                log::error!("keeping the previous users of {path}");
            }
        }
    }

    /// Checks whether the file can still be read after the server has dropped its privileges.
    pub(super) fn check_reach(&mut self) {
        if let Err(error) = File::open(&self.path) {
            self.is_out_of_reach = true;
            log::warn!(
                "{} was read at the start, and cannot be read again: {error}. So changes to it \
                 need a restart. To load them without one, let the server's user read the file \
                 and enter its directories, for example through a group",
                self.path.display()
            );
        }
    }
}

impl FileError {
    /// Returns the error and the remedy, in lines.
    fn explain(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Read(error) if error.kind() == io::ErrorKind::NotFound => format!(
                "cannot read the users of {path}: {error}\nmake the file with `htpasswd -c -B {path} \
                 USER` or `millpond --hash-password USER > {path}`"
            ),
            Self::Read(error) => format!("cannot read the users of {path}: {error}"),
            Self::NoFile => format!("cannot read the users of {path}: it is not a regular file"),
            Self::TooLarge => {
                format!("cannot read the users of {path}: it is larger than {BYTES_MAX} bytes")
            }
            Self::Random(error) => {
                format!("cannot read the users of {path}: no random key: {error}")
            }
            Self::Lines(errors) => {
                let shown = errors.iter().take(LINES_SHOWN_MAX);
                let mut text: Vec<_> = shown.map(|error| format!("{path}, {error}")).collect();
                let hidden = errors.len().saturating_sub(LINES_SHOWN_MAX);
                if hidden > 0 {
                    text.push(format!("{path}: there are {hidden} more such lines"));
                }
                text.push(format!(
                    "make each line with `htpasswd -B {path} USER` or `millpond --hash-password \
                     USER`"
                ));
                text.join("\n")
            }
        }
    }
}

fn read(path: &Path) -> Result<PasswordFile, FileError> {
    // A pipe would block the loop, and could not be read a second time.
    if !path.metadata().map_err(FileError::Read)?.is_file() {
        return Err(FileError::NoFile);
    }
    let file = File::open(path).map_err(FileError::Read)?;
    let mut text = Vec::new();
    let mut limited = file.take(BYTES_MAX + 1);
    limited.read_to_end(&mut text).map_err(FileError::Read)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(FileError::TooLarge);
    }
    PasswordFile::parse(&text).map_err(FileError::Lines)
}

fn random() -> Result<[u8; 32], FileError> {
    let mut key = [0; 32];
    // So few bytes are returned at once, or not at all (getrandom(2)).
    let filled = getrandom(&mut key, GetRandomFlags::empty());
    filled.map_err(|errno| FileError::Random(errno.into()))?;
    Ok(key)
}

fn warn_of_weak_hashes(path: &Path, users: &PasswordFile) {
    let lines = users.weak_lines();
    if let Some(first) = lines.first() {
        log::warn!(
            "{}: $apr1$ hashes, on line {first}{}, are cracked fast if somebody gets hold of the \
             file; make new ones with `htpasswd -B`",
            path.display(),
            if lines.len() > 1 { " and others" } else { "" }
        );
    }
}

/// Returns `true` if two paths are the same. Relative paths start from the working directory.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    one.as_os_str() == other.as_os_str()
}

/// Some ten thousand users. The loop reads the file in one go.
const BYTES_MAX: u64 = 1024 * 1024;

const LINES_SHOWN_MAX: usize = 5;

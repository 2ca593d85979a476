//! The passwords as seen by a loop, and the thread that verifies them.

use super::shared::Shared;
use super::user_file::{UserFile, is_same};
use mio::Waker;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Instant;
use std::{io, thread};

/// The passwords as seen by one loop.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    pub(super) shared: Arc<Shared>,
    /// The waker of this loop.
    pub(super) waker: Arc<Waker>,
}

/// The password files, and the thread that verifies passwords. All loops share it.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    shared: Arc<Shared>,
}

/// Files that were read, but are not in use yet.
#[derive(Debug)]
pub(crate) struct LoadedFiles(Vec<UserFile>);

impl Passwords {
    /// Returns the same passwords for another loop, with its waker.
    pub(crate) fn woken_by(&self, waker: Arc<Waker>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            waker,
        }
    }
}

impl LoadedFiles {
    /// Returns no files.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads password files, with the privileges that this may require. The error is for the
    /// operator.
    pub(crate) fn load(
        paths: impl Iterator<Item = Arc<Path>>,
        now: Instant,
    ) -> Result<Self, String> {
        let mut files: Vec<UserFile> = Vec::new();
        for path in paths {
            if !files.iter().any(|file| is_same(&file.path, &path)) {
                files.push(UserFile::load(&path, now)?);
            }
        }
        Ok(Self(files))
    }
}

impl Verifier {
    /// Returns a verifier with these files, or `None` if there are none.
    pub(crate) fn of(files: LoadedFiles) -> Option<Self> {
        if files.0.is_empty() {
            return None;
        }
        Some(Self {
            shared: Shared::new(files.0),
        })
    }

    /// Starts the thread, which has a lower priority than the loops.
    pub(crate) fn start(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let (started, starts) = mpsc::channel();
        let thread = thread::Builder::new().name(NAME.to_owned());
        thread.spawn(move || {
            // Serving files has priority. If this is refused, all threads have the same priority.
            let _ = rustix::process::nice(NICENESS);
            // A running server cannot make the calls with which a thread begins.
            let _ = started.send(());
            shared.verify_all()
        })?;
        starts.recv().map_err(io::Error::other)
    }

    /// Returns the passwords for a loop, with its waker.
    pub(crate) fn passwords(&self, waker: Arc<Waker>) -> Passwords {
        Passwords {
            shared: Arc::clone(&self.shared),
            waker,
        }
    }

    /// Checks whether the files can still be read after the server has dropped its privileges.
    pub(crate) fn check_reach(&self) {
        for file in &mut self.shared.lock().files {
            file.check_reach();
        }
    }

    /// Reads the files that have not been read before.
    pub(crate) fn load_others(
        &self,
        paths: impl Iterator<Item = Arc<Path>>,
        now: Instant,
    ) -> Result<LoadedFiles, String> {
        let state = self.shared.lock();
        let is_other = |path: &Arc<Path>| !state.files.iter().any(|it| is_same(&it.path, path));
        LoadedFiles::load(paths.filter(is_other), now)
    }

    /// Adopts these files, and keeps the previous ones at these paths. Their errors do not prevent
    /// changes of other settings. Files at other paths are dropped by the next call, since requests
    /// that wait were accepted with them.
    pub(crate) fn replace(&self, others: LoadedFiles, paths: impl Iterator<Item = Arc<Path>>) {
        let paths: Vec<_> = paths.collect();
        let mut state = self.shared.lock();
        let is_named = |file: &UserFile| paths.iter().any(|path| is_same(&file.path, path));
        state
            .files
            .retain(|file| !file.is_retired || is_named(file));
        for file in &mut state.files {
            file.is_retired = !is_named(file);
            if !file.is_retired {
                file.read_again();
            }
        }
        state.files.extend(others.0);
    }
}

/// The difference in priority to the loops.
const NICENESS: i32 = 10;

/// The name of the thread in `ps -L`.
const NAME: &str = "passwords";

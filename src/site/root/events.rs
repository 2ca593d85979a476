//! Events on the path of the root: a directory on it was moved, or a symbolic link was swapped
//! (`inotify(7)`).
//!
//! Only the directories and the links themselves are watched, not their content, so nothing else
//! wakes the server. The path is also compared from time to time, because network file systems do
//! not report changes made by other machines, and the kernel may refuse to watch.

use super::symlink_trace;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(Debug)]
pub(crate) struct RootEvents {
    inotify: OwnedFd,
    watches: BTreeSet<i32>,
}

impl RootEvents {
    /// Returns `None` if this user has too many of them.
    pub(crate) fn open() -> Option<Self> {
        #[cfg(test)]
        if ROOT_EVENTS_ARE_REFUSED.get() {
            return None;
        }
        let opened = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        match opened {
            Ok(inotify) => Some(Self {
                inotify,
                watches: BTreeSet::new(),
            }),
            Err(errno) => {
                log::debug!("changes of the root's path are not reported: {errno}");
                None
            }
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watches all steps of an absolute path, and nothing else from now on. Look only afterwards at
    /// where the path leads.
    pub(crate) fn watch(&mut self, path: &Path) {
        let mut trail = symlink_trace::follow(path);
        let mut watches = BTreeSet::new();
        for _ in 0..ATTEMPTS_MAX {
            let links = trail.links.iter().map(|(link, _)| link.as_path());
            let steps = links.chain([trail.end.as_path()]).flat_map(Path::ancestors);
            let fresh = steps
                .filter(|step| step.parent().is_some())
                .take(WATCHES_MAX)
                // A step that may not be watched is compared from time to time.
                .filter_map(|step| inotify::add_watch(&self.inotify, step, WATCHED).ok());
            watches.extend(fresh);
            // A link that was swapped before it was watched leads to another directory now.
            let again = symlink_trace::follow(path);
            if again == trail {
                break;
            }
            trail = again;
        }
        for watch in self.watches.difference(&watches) {
            // A watch whose directory is gone is gone, too.
            let _ = inotify::remove_watch(&self.inotify, *watch);
        }
        self.watches = watches;
    }

    /// Reads all events. Returns `true` if there were any. They only mean that the path has to be
    /// compared.
    pub(crate) fn discard(&mut self) -> bool {
        let (mut events, mut is_any) = ([0; EVENTS_BYTES], false);
        while rustix::io::read(&self.inotify, &mut events).is_ok_and(|count| count > 0) {
            is_any = true;
        }
        is_any
    }
}

#[cfg(test)]
thread_local! {
    /// `true` if the roots that this thread opens get no events, as if there were too many. The
    /// kernel takes 9 ms to close a watch, which is too long for a test that opens thousands.
    pub(crate) static ROOT_EVENTS_ARE_REFUSED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Moves, removals, and changes of the link count, as when a symbolic link is replaced. For a link,
/// these are its own events and not those of its target.
const WATCHED: WatchFlags = WatchFlags::MOVE_SELF
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DONT_FOLLOW);

/// The number of times that the path is followed again because it has changed in the meantime.
/// After that, the next comparison finds the change.
const ATTEMPTS_MAX: usize = 3;

/// No path that people type is deeper, and each watch takes a kilobyte of kernel memory.
const WATCHES_MAX: usize = 256;

/// An event without a name takes 16 bytes.
const EVENTS_BYTES: usize = 1024;

//! What the kernel reports of the way to the root: that a directory on it was moved, or that a
//! symbolic link was swapped (`inotify(7)`).
//!
//! Watched are the directories and the links themselves and not what is in them, so that nothing but
//! such a change wakes the server. It is an addition: network file systems report nothing of what
//! other machines do, and the kernel may refuse to watch.

use super::trail;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(Debug)]
pub(super) struct RootEvents {
    inotify: OwnedFd,
    watches: BTreeSet<i32>,
}

impl RootEvents {
    /// `None` where the system has no more of them for this user.
    pub(super) fn open() -> Option<Self> {
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

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watches the way that an absolute path takes, and nothing else from now on. Where it leads is to
    /// be looked at after that.
    pub(super) fn watch(&mut self, path: &Path) {
        let mut trail = trail::follow(path);
        let mut watches = BTreeSet::new();
        for _ in 0..ATTEMPTS_MAX {
            let links = trail.links.iter().map(|(link, _)| link.as_path());
            let steps = links.chain([trail.end.as_path()]).flat_map(Path::ancestors);
            let fresh = steps
                .filter(|step| step.parent().is_some())
                .take(WATCHES_MAX)
                // What may not be watched is compared from time to time.
                .filter_map(|step| inotify::add_watch(&self.inotify, step, WATCHED).ok());
            watches.extend(fresh);
            // A link that was swapped before it was watched leads elsewhere now.
            let again = trail::follow(path);
            if again == trail {
                break;
            }
            trail = again;
        }
        for watch in self.watches.difference(&watches) {
            // One whose directory is gone is gone with it.
            let _ = inotify::remove_watch(&self.inotify, *watch);
        }
        self.watches = watches;
    }

    /// Takes what was reported. It says no more than that the path is to be compared.
    pub(super) fn discard(&mut self) {
        let mut events = [0; EVENTS_BYTES];
        while rustix::io::read(&self.inotify, &mut events).is_ok_and(|count| count > 0) {}
    }
}

/// Moving, removing, and the number of names, which changes when a link is replaced; of a link and
/// not of what it leads to.
const WATCHED: WatchFlags = WatchFlags::MOVE_SELF
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DONT_FOLLOW);

/// How often the way is followed again because it has changed meanwhile; then the next comparison
/// finds out.
const ATTEMPTS_MAX: usize = 3;

/// No path that people type is deeper, and each watch takes a kilobyte of the kernel's memory.
const WATCHES_MAX: usize = 256;

/// An event takes 16 bytes where no name is in it.
const EVENTS_BYTES: usize = 1024;

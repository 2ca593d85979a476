//! All changes beneath the root, including those when its path leads to another directory.

use super::change::Change;
use super::patrol::Patrol;
use super::tree::Tree;
use crate::site::lookup_time::LookupTime;
use crate::site::open::Site;
use crate::site::root::FileId;
use rustix::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// A watcher of a site.
#[derive(Debug, Default)]
pub struct Watcher {
    tree: Tree,
    patrol: Patrol,
    /// The identity of the watched root.
    root: Option<FileId>,
    has_begun: bool,
    /// `true` if there may be events to read.
    has_events: bool,
    /// The time of the next comparison of the root's path. The kernel does not report the removal
    /// of a directory that we hold open.
    comparison_due: Option<Instant>,
    /// The end of the time in which this happens more often.
    restless_until: Option<Instant>,
}

impl Watcher {
    /// Returns the descriptor that becomes readable when something has changed. Call
    /// [`Watcher::note_events`] then. There is another descriptor after [`Watcher::look`] has
    /// returned `true`.
    pub fn events(&self) -> Option<BorrowedFd<'_>> {
        self.tree.descriptor()
    }

    /// Records that there are events to read.
    pub fn note_events(&mut self) {
        self.has_events = true;
    }

    /// Returns the time of the next call of [`Watcher::look`] without an event.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        if self.has_events || self.tree.has_pending() || !self.has_begun {
            return Some(now);
        }
        [self.patrol.due(), self.comparison_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// Looks for changes. Returns `true` if another directory is watched from now on.
    pub fn look(
        &mut self,
        site: &mut Site,
        moment: &LookupTime,
        changes: &mut Vec<Change>,
    ) -> bool {
        let has_events = self.has_events;
        let is_due = self.comparison_due.is_none_or(|due| due <= moment.now);
        if has_events || is_due {
            site.look_at_root(moment);
        }
        let root = site.root.root().cloned();
        let found = root.as_ref().map(|root| root.file_id());
        let is_another = found != self.root || !self.has_begun;
        if is_another {
            self.patrol.clear();
            if self.has_begun {
                changes.push(match found {
                    Some(_) => Change::Everything,
                    None => Change::RootLost,
                });
            }
            match found {
                Some(_) => self.tree.restart(),
                None => self.tree.stop(),
            }
            self.root = found;
            self.has_begun = true;
        }
        if has_events || is_another || root.is_none() {
            self.restless_until = Some(moment.now + COMPARED_EVERY);
        }
        if has_events || is_due || is_another {
            let is_restless = self.restless_until.is_some_and(|until| moment.now < until);
            let pause = if is_restless {
                COMPARED_OFTEN
            } else {
                COMPARED_EVERY
            };
            self.comparison_due = Some(moment.now + pause);
        }
        let Some(root) = root else {
            return is_another;
        };
        if std::mem::take(&mut self.has_events) {
            self.has_events = self.tree.read_events(&root, changes);
        }
        let mut found = Vec::new();
        self.patrol.step(&*root, moment.now, changes, &mut found);
        for path in found {
            self.tree.push(path);
        }
        self.tree
            .advance(&root, &mut self.patrol, moment.now, changes);
        is_another
    }
}

/// The interval at which requests compare it, too.
const COMPARED_EVERY: Duration = Duration::from_millis(500);

/// A program that removes the root removes its files first, and usually creates it again soon.
const COMPARED_OFTEN: Duration = Duration::from_millis(50);

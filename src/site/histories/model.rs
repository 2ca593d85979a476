//! The model: what may be served for a name, now.
//!
//! The rule is: **what a name leads to now**, as it is in this tick. There are two exceptions, which
//! the documentation names. Content that changed without a trace (the same inode, size and times)
//! may be served as it was before, for less than four seconds, if it was already trusted: its last
//! change was two seconds ago when it was looked up. And a change within a tick may be seen in the
//! next one.

use crate::site::fingerprint::Timestamp;
use std::time::Duration;

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A file with this content.
    File(Vec<u8>),
    /// Nothing that may be served.
    Nothing,
}

/// A state, and how it looks from outside.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) state: State,
    /// Everything that `stat` shows: inode, size and times, the last time of which counts.
    pub(super) look: Option<Look>,
    /// The time since the beginning at which it came about.
    pub(super) since: Duration,
    /// `true` if it was looked up when its last change was long enough ago.
    pub(super) was_trusted: bool,
}

/// What `stat` shows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Duration,
    pub(super) changed: Timestamp,
}

/// The versions of what a name leads to, the present one last.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions(Vec<Version>);

impl Versions {
    /// Records a change, after which the name leads to this.
    pub(super) fn push(&mut self, state: State, look: Option<Look>, now: Duration) {
        self.0.push(Version {
            state,
            look,
            since: now,
            was_trusted: false,
        });
    }

    /// Returns what may be served at this time, in a tick that began after the last change.
    pub(super) fn allowed(&self, now: Duration) -> Vec<&State> {
        let Some((present, before)) = self.0.split_last() else {
            return vec![&State::Nothing];
        };
        let mut allowed = vec![&present.state];
        let successors = self.0.iter().skip(1);
        for (version, successor) in before.iter().zip(successors) {
            let is_alike = version.look.is_some() && version.look == present.look;
            if is_alike && version.was_trusted && now < successor.since + UNSEEN_MAX {
                allowed.push(&version.state);
            }
        }
        allowed
    }

    /// Records that the present version is looked up at this time of the wall clock.
    pub(super) fn note_lookup(&mut self, wall: Duration) {
        if let Some(version) = self.0.last_mut()
            && let Some(look) = version.look
        {
            let (seconds, nanos) = look.changed;
            let changed = Duration::new(seconds.unsigned_abs(), nanos);
            let last = look.modified.max(changed);
            version.was_trusted |= last + SETTLING_TIME <= wall;
        }
    }

    /// Returns `true` if this is the present version.
    pub(super) fn is_present(&self, state: &State, look: Option<Look>) -> bool {
        let present = self.0.last();
        present.is_some_and(|present| present.state == *state && present.look == look)
    }

    /// Returns `true` if two versions, of the same name or of different ones, cannot be told apart
    /// from outside. A file may get the inode of one that was removed just before.
    pub(super) fn are_ambiguous<'a>(all: impl Iterator<Item = &'a Self>) -> bool {
        let versions: Vec<_> = all.flat_map(|it| &it.0).collect();
        versions.iter().enumerate().any(|(at, one)| {
            let mut others = versions.iter().skip(at + 1);
            one.look.is_some()
                && others.any(|other| one.look == other.look && one.state != other.state)
        })
    }
}

/// The longest time for which a change without a trace is not seen.
const UNSEEN_MAX: Duration = Duration::from_secs(4);

/// A file is trusted if its last change was this long ago.
const SETTLING_TIME: Duration = Duration::from_secs(2);

//! What tells one state of a file from another without reading it.

use rustix::fs::{Statx, StatxTimestamp};
use std::time::{Duration, SystemTime};

/// A file's identity and times: as long as these stay the same, so does its content. For a file
/// that was changed within the last [`SETTLING_TIME`] that is not certain: two changes can fall
/// into one step of the clock that stamps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: (u32, u32),
    inode: u64,
    pub(super) size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
}

impl Stamp {
    pub(super) fn of(facts: &Statx) -> Self {
        let time = |time: &StatxTimestamp| (time.tv_sec, time.tv_nsec);
        Self {
            device: (facts.stx_dev_major, facts.stx_dev_minor),
            inode: facts.stx_ino,
            size: facts.stx_size,
            modified: time(&facts.stx_mtime),
            changed: time(&facts.stx_ctime),
        }
    }

    /// Writes the time of the content's last change.
    pub(super) fn write_modified(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.modified.0.to_ne_bytes());
        out.extend_from_slice(&self.modified.1.to_ne_bytes());
    }

    /// Writes all of it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (major, minor) = self.device;
        let (seconds, nanos) = self.changed;
        for number in [major, minor, nanos] {
            out.extend_from_slice(&number.to_ne_bytes());
        }
        for number in [self.inode, self.size, seconds.cast_unsigned()] {
            out.extend_from_slice(&number.to_ne_bytes());
        }
        self.write_modified(out);
    }

    /// Whether no change lies within the settling time before `wall`, or after it.
    pub(super) fn is_settled(&self, wall: SystemTime) -> bool {
        [self.modified, self.changed].into_iter().all(|time| {
            wall.checked_sub(SETTLING_TIME)
                .and_then(|latest| latest.duration_since(SystemTime::UNIX_EPOCH).ok())
                .is_some_and(|latest| time <= seconds_and_nanos(latest))
        })
    }

    /// Whether the content was last changed before that of `other`. Tools that carry a time over
    /// from one file to another may cut it to the second, so what has no fraction is compared
    /// without.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        if self.modified.1 == 0 {
            self.modified.0 < other.modified.0
        } else {
            self.modified < other.modified
        }
    }

    /// When the content was last changed, in seconds; `None` where nobody knows: images that are
    /// built to be reproducible stamp all files with second 0 or 1.
    pub(super) fn modified_seconds(&self) -> Option<i64> {
        (self.modified.0 > 1).then_some(self.modified.0)
    }

    /// The time that can tell two contents of the same size apart, in its two parts: of the
    /// content's last change or, where nobody knows that, of the inode's.
    pub(super) fn distinguishing_time(&self) -> (i64, u32) {
        if self.modified_seconds().is_some() {
            self.modified
        } else {
            self.changed
        }
    }
}

fn seconds_and_nanos(since_epoch: Duration) -> (i64, u32) {
    (
        i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        since_epoch.subsec_nanos(),
    )
}

/// The coarsest clock that files are stamped with (FAT) has steps of two seconds.
const SETTLING_TIME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(modified: i64, changed: i64) -> Stamp {
        let (device, inode, size) = ((0, 0), 0, 0);
        Stamp {
            device,
            inode,
            size,
            modified: (modified, 5),
            changed: (changed, 5),
        }
    }

    #[test]
    fn a_file_settles_two_seconds_after_its_last_change() {
        let wall = SystemTime::UNIX_EPOCH + Duration::new(1000, 5);
        for (modified, changed, settled) in [
            (998, 998, true),
            (999, 998, false),
            (998, 999, false),
            (5000, 998, false),
            (-5, 0, true),
        ] {
            assert_eq!(
                stamp(modified, changed).is_settled(wall),
                settled,
                "{modified} {changed}"
            );
        }
    }

    #[test]
    fn a_time_without_a_fraction_is_compared_without() {
        let at = |seconds, nanos| Stamp {
            modified: (seconds, nanos),
            ..stamp(0, 0)
        };
        for (own, other, older) in [
            ((7, 5), (7, 5), false),
            ((7, 4), (7, 5), true),
            ((7, 0), (7, 5), false),
            ((7, 0), (8, 0), true),
            ((8, 0), (7, 5), false),
            ((6, 9), (7, 5), true),
        ] {
            let is_older = at(own.0, own.1).is_older_than(&at(other.0, other.1));
            assert_eq!(is_older, older, "{own:?} {other:?}");
        }
    }

    #[test]
    fn a_time_of_0_or_1_is_no_time() {
        for (modified, known) in [(-1, None), (0, None), (1, None), (2, Some(2))] {
            assert_eq!(stamp(modified, 900).modified_seconds(), known);
        }
        assert_eq!(stamp(1, 900).distinguishing_time(), (900, 5));
        assert_eq!(stamp(800, 900).distinguishing_time(), (800, 5));
    }
}

//! What tells one state of a file from another without reading it.

use rustix::fs::{Statx, StatxTimestamp};
use std::fmt;
use std::time::{Duration, SystemTime};

/// A file's identity and times: as long as these stay the same, so does its content. For a file
/// that was changed within the last [`SETTLING_TIME`] that is not certain: two changes can fall
/// into one step of the clock that stamps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// Whether the content was last changed before that of `other`, as far as times tell: they are
    /// cut to two seconds by archives (ZIP) and some file systems, and copied files get theirs in the
    /// order in which they are copied.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let (seconds, nanos) = self.modified;
        (seconds.saturating_add(OLDER_SECONDS), nanos) <= other.modified
    }

    /// When the content was last changed, in seconds; `None` where nobody knows: tools that build the
    /// same archive or image each time stamp every file with a fixed time.
    pub(super) fn modified_seconds(&self) -> Option<i64> {
        let seconds = self.modified.0;
        (seconds >= FIRST_TIME && !FIXED_TIMES.contains(&seconds)).then_some(seconds)
    }

    /// Whether a clock has set the time of the content's last change. Tools that carry a time over
    /// from elsewhere mostly have it in whole seconds; a clock hits one by chance alone.
    pub(super) fn has_clock_time(&self) -> bool {
        self.modified.1 != 0
    }

    /// Whether a clock has set the time of the last change to the file, of whatever kind. No tool
    /// can set it, but images of file systems (`SquashFS`, ISO 9660) carry it over in whole seconds.
    pub(super) fn has_clock_change(&self) -> bool {
        self.changed.1 != 0
    }
}

/// All of it but the device, whose number may be another after a restart of the machine.
impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, inode) = (self.size, self.inode);
        let ((modified, modified_nanos), (changed, changed_nanos)) = (self.modified, self.changed);
        write!(
            out,
            "s{size:x}-m{modified:x}.{modified_nanos:x}-c{changed:x}.{changed_nanos:x}-i{inode:x}"
        )
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

/// Below this difference, times do not tell which of two files is older.
const OLDER_SECONDS: i64 = 2;

/// 1 March 1980. Times before it are fixed ones: second 0 or 1 in images, and the first days of the
/// calendar that ZIP has, or just before them, in archives.
const FIRST_TIME: i64 = 320_716_800;

/// Later fixed times: npm has 26 October 1985, 08:15, in its packages, and Bazel the start of 2000.
const FIXED_TIMES: [i64; 2] = [499_162_500, 946_684_800];

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
    fn a_file_is_older_by_two_seconds_at_least() {
        let at = |seconds, nanos| Stamp {
            modified: (seconds, nanos),
            ..stamp(0, 0)
        };
        for (own, other, older) in [
            ((7, 5), (7, 5), false),
            ((7, 4), (7, 5), false),
            ((7, 0), (8, 999_999_999), false),
            ((7, 5), (9, 4), false),
            ((7, 5), (9, 5), true),
            ((7, 0), (9, 0), true),
            ((8, 0), (7, 5), false),
            ((i64::MAX, 0), (7, 5), false),
            ((-9, 0), (7, 5), true),
        ] {
            let is_older = at(own.0, own.1).is_older_than(&at(other.0, other.1));
            assert_eq!(is_older, older, "{own:?} {other:?}");
        }
    }

    #[test]
    fn a_fixed_time_is_no_time() {
        for (modified, is_known) in [
            (-1, false),
            (0, false),
            (1, false),
            // 1980-01-01 and 1980-02-01, as ZIP and Gradle have it, in any time zone.
            (315_532_800 - 14 * 3600, false),
            (315_532_800, false),
            (318_211_200 + 12 * 3600, false),
            (499_162_500, false),
            (946_684_800, false),
            (499_162_501, true),
            (1_700_000_000, true),
        ] {
            let known = stamp(modified, 900).modified_seconds();
            assert_eq!(known, is_known.then_some(modified), "{modified}");
        }
    }

    #[test]
    fn a_clock_sets_a_fraction_of_a_second() {
        let carried = Stamp {
            modified: (800, 0),
            ..stamp(800, 900)
        };
        assert!(!carried.has_clock_time() && carried.has_clock_change());
        let image = Stamp {
            changed: (800, 0),
            ..carried
        };
        assert!(!image.has_clock_change());
        assert!(stamp(800, 900).has_clock_time());
    }

    #[test]
    fn files_that_differ_in_any_part_are_written_differently() {
        let base = stamp(800, 900);
        let others = [
            Stamp { size: 1, ..base },
            Stamp { inode: 1, ..base },
            stamp(801, 900),
            stamp(800, 901),
        ];
        assert_eq!(base.to_string(), "s0-m320.5-c384.5-i0");
        for other in others {
            assert_ne!(other.to_string(), base.to_string());
        }
    }
}

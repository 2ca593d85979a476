//! Fingerprints: they identify the state of a file without reading it.

use rustix::fs::{Statx, StatxTimestamp};
#[cfg(test)]
use std::cell::RefCell;
#[cfg(test)]
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The identity and the times of a file. While these stay the same, so does its content. This is
/// not certain for a file that was changed within the last [`SETTLING_TIME`]: two changes may fall
/// into one step of the clock that sets the times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    device: (u32, u32),
    inode: u64,
    pub(crate) size: u64,
    modified: Timestamp,
    changed: Timestamp,
}

/// Seconds since the start of 1970, and nanoseconds.
pub(crate) type Timestamp = (i64, u32);

impl Fingerprint {
    pub(crate) fn of(facts: &Statx) -> Self {
        let time = |time: &StatxTimestamp| (time.tv_sec, time.tv_nsec);
        let changed = time(&facts.stx_ctime);
        #[cfg(test)]
        let changed = change_time(facts.stx_ino).unwrap_or(changed);
        Self {
            device: (facts.stx_dev_major, facts.stx_dev_minor),
            inode: facts.stx_ino,
            size: facts.stx_size,
            modified: time(&facts.stx_mtime),
            changed,
        }
    }

    /// Returns the time of the last change of the content.
    pub(crate) fn modified(&self) -> Timestamp {
        self.modified
    }

    /// Returns `true` if the last change is longer ago than the settling time before `wall`.
    pub(crate) fn is_stable(&self, wall: SystemTime) -> bool {
        [self.modified, self.changed].into_iter().all(|time| {
            wall.checked_sub(SETTLING_TIME)
                .and_then(|latest| latest.duration_since(SystemTime::UNIX_EPOCH).ok())
                .is_some_and(|latest| time <= seconds_and_nanos(latest))
        })
    }

    /// Returns `true` if the content was changed earlier than that of `other`, with some tolerance:
    /// archives (ZIP) and some file systems store times in steps of two seconds, and copied files
    /// get times in the order in which they are copied.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        let (seconds, nanos) = self.modified;
        (seconds.saturating_add(OLDER_SECONDS), nanos) <= other.modified
    }

    /// Returns the time of the last change of the content in seconds; `None` if it is not a real
    /// time, since tools for reproducible archives and images give every file a fixed time.
    pub(crate) fn modified_seconds(&self) -> Option<i64> {
        let seconds = self.modified.0;
        (seconds >= FIRST_TIME && !FIXED_TIMES.contains(&seconds)).then_some(seconds)
    }

    /// Returns `true` if a clock has set the time of the last change of the content. Tools that
    /// copy a time from elsewhere mostly use whole seconds; a clock rarely hits one.
    pub(crate) fn has_clock_time(&self) -> bool {
        self.modified.1 != 0
    }

    /// Returns `true` if a clock has set the time of the last change of the file or its metadata.
    /// No tool can set this time, but file system images (`SquashFS`, ISO 9660) store it in whole
    /// seconds.
    pub(crate) fn has_clock_change(&self) -> bool {
        self.changed.1 != 0
    }
}

/// Writes everything except the device, whose number may differ after the machine restarts.
impl fmt::Display for Fingerprint {
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

/// The coarsest clock for file times (FAT) has steps of two seconds.
const SETTLING_TIME: Duration = Duration::from_secs(2);

/// With a smaller difference, the times do not show which of two files is older.
const OLDER_SECONDS: i64 = 2;

/// 1 March 1980. Earlier times are fixed ones: second 0 or 1 in images, and the first days of the
/// calendar of ZIP, or times just before it, in archives.
const FIRST_TIME: i64 = 320_716_800;

/// Later fixed times: npm uses 26 October 1985, 08:15, in its packages, and Bazel the start of
/// 2000.
const FIXED_TIMES: [i64; 2] = [499_162_500, 946_684_800];

#[cfg(test)]
thread_local! {
    /// The made-up times of change of some inodes, as no program can set the real ones. `None` if
    /// the thread makes none up.
    pub(crate) static CHANGE_TIMES: RefCell<Option<BTreeMap<u64, Timestamp>>> =
        const { RefCell::new(None) };
}

#[cfg(test)]
fn change_time(inode: u64) -> Option<Timestamp> {
    CHANGE_TIMES.with_borrow(|times| times.as_ref()?.get(&inode).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(modified: i64, changed: i64) -> Fingerprint {
        let (device, inode, size) = ((0, 0), 0, 0);
        Fingerprint {
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
                fingerprint(modified, changed).is_stable(wall),
                settled,
                "{modified} {changed}"
            );
        }
    }

    #[test]
    fn a_file_is_older_only_with_a_difference_of_two_seconds() {
        let at = |seconds, nanos| Fingerprint {
            modified: (seconds, nanos),
            ..fingerprint(0, 0)
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
    fn a_fixed_time_is_not_a_real_time() {
        for (modified, is_known) in [
            (-1, false),
            (0, false),
            (1, false),
            // 1980-01-01 and 1980-02-01, which ZIP and Gradle use, in any time zone.
            (315_532_800 - 14 * 3600, false),
            (315_532_800, false),
            (318_211_200 + 12 * 3600, false),
            (499_162_500, false),
            (946_684_800, false),
            (499_162_501, true),
            (1_700_000_000, true),
        ] {
            let known = fingerprint(modified, 900).modified_seconds();
            assert_eq!(known, is_known.then_some(modified), "{modified}");
        }
    }

    #[test]
    fn a_clock_sets_a_fraction_of_a_second() {
        let carried = Fingerprint {
            modified: (800, 0),
            ..fingerprint(800, 900)
        };
        assert!(!carried.has_clock_time() && carried.has_clock_change());
        let image = Fingerprint {
            changed: (800, 0),
            ..carried
        };
        assert!(!image.has_clock_change());
        assert!(fingerprint(800, 900).has_clock_time());
    }

    #[test]
    fn fingerprints_that_differ_in_any_part_have_different_texts() {
        let base = fingerprint(800, 900);
        let others = [
            Fingerprint { size: 1, ..base },
            Fingerprint { inode: 1, ..base },
            fingerprint(801, 900),
            fingerprint(800, 901),
        ];
        assert_eq!(base.to_string(), "s0-m320.5-c384.5-i0");
        for other in others {
            assert_ne!(other.to_string(), base.to_string());
        }
    }
}

//! Access records that are yet to be written: those of this tick, and those that there was no room
//! for. What is lost of them is lost as whole records, and told.

use crate::process::output::{Written, is_stderr_ready};
use memchr::memchr;
use rustix::io::Errno;
use std::fmt;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Records, a line each.
    bytes: Vec<u8>,
    /// How many of these bytes are written already.
    written: usize,
    /// Whether what was written last was a part of a record.
    is_within: bool,
    /// What was lost and not told yet.
    lost: Option<Loss>,
    /// Records that were lost in all.
    lost_in_all: u64,
    /// When a loss was told last.
    told: Option<Instant>,
    /// When there is something to be done again.
    due: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Loss {
    records: usize,
    /// Of the last of them.
    reason: Reason,
}

#[derive(Clone, Copy, Debug)]
enum Reason {
    Behind,
    Failed(Errno),
}

impl Backlog {
    /// Where the next record is to be put, a line.
    pub(crate) fn next(&mut self) -> &mut Vec<u8> {
        // The rest of a record that was begun is gone: it must not be glued to this one.
        if self.is_within && self.is_empty() {
            self.bytes.push(b'\n');
        }
        &mut self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    /// How many records were lost since the start.
    pub(crate) fn lost_in_all(&self) -> u64 {
        self.lost_in_all
    }

    fn left(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// When it is to be written on, if nothing else happens before.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Lets `write` have all, and keeps what it leaves, as much as is kept. If it fails, it would fail
    /// again: all is lost then.
    pub(crate) fn write(&mut self, now: Instant, write: impl FnOnce(&[u8]) -> Written) {
        if !self.is_empty() {
            let Written { bytes, failure } = write(self.left());
            if let Some(last) = self.left().get(..bytes).and_then(<[u8]>::last) {
                self.is_within = *last != b'\n';
                self.written += bytes;
            }
            // Not each time: a reader that is slow would have all that is left moved again and again.
            if self.written > self.bytes.len() / 2 {
                self.forget_written();
            }
            match failure {
                Some(error) => self.lose_from(0, Reason::Failed(error)),
                None => self.lose_from(self.kept(), Reason::Behind),
            }
        }
        if self.lost.is_some() && self.may_tell(now) {
            self.tell(now);
        }
        let soon = now + AGAIN_AFTER;
        self.due = if !self.is_empty() {
            Some(soon)
        } else if self.lost.is_some() {
            self.told
                .map(|told| soon.max(told + TOLD_EVERY))
                .or(Some(soon))
        } else {
            None
        };
    }

    /// Takes note that what is to come is written elsewhere: the rest of a record that was begun is
    /// of no use there.
    pub(crate) fn turn_elsewhere(&mut self) {
        if std::mem::take(&mut self.is_within) {
            self.forget_written();
            let end = memchr(b'\n', &self.bytes).map_or(0, |at| at + 1);
            let rest = self.bytes.split_off(end);
            self.lose_from(0, Reason::Behind);
            self.bytes = rest;
        }
    }

    /// Loses all that is left, and tells what was lost, for there will be no other time.
    pub(crate) fn give_up(&mut self, now: Instant) {
        self.lose_from(0, Reason::Behind);
        if self.lost.is_some() && is_stderr_ready() {
            self.tell(now);
        }
    }

    fn forget_written(&mut self) {
        self.bytes.drain(..self.written);
        self.written = 0;
    }

    /// How many bytes that are left are kept: so many, and the rest of the record that lies across.
    fn kept(&self) -> usize {
        let left = self.left();
        let beyond = left.get(BYTES_MAX..).unwrap_or_default();
        memchr(b'\n', beyond).map_or(left.len(), |at| BYTES_MAX + at + 1)
    }

    /// Loses what is left, from there on.
    fn lose_from(&mut self, at: usize, reason: Reason) {
        let gone = self.left().get(at..).unwrap_or_default();
        let lines = gone.split_inclusive(|byte| *byte == b'\n');
        let records = lines.filter(|line| *line != b"\n").count();
        self.bytes.truncate(self.written + at);
        if records > 0 {
            self.lost_in_all += records as u64;
            let before = self.lost.map_or(0, |loss| loss.records);
            let records = before + records;
            self.lost = Some(Loss { records, reason });
        }
    }

    /// Where nobody reads the log, nobody may read standard error either, and the number would be lost.
    fn may_tell(&self, now: Instant) -> bool {
        let is_time = |told| now.saturating_duration_since(told) >= TOLD_EVERY;
        self.told.is_none_or(is_time) && is_stderr_ready()
    }

    fn tell(&mut self, now: Instant) {
        if let Some(Loss { records, reason }) = self.lost.take() {
            log::warn!("access records were lost ({records}): {reason}");
            self.told = Some(now);
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind => f.write_str("what reads the log does not keep up"),
            Self::Failed(error) => std::io::Error::from(*error).fmt(f),
        }
    }
}

/// What is kept for a reader that has stopped: some 10,000 records.
const BYTES_MAX: usize = 1024 * 1024;

/// A pipe holds 64 KiB, so that this lets more than 1 MiB a second through, however little else
/// happens.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A flood of requests is not to become a flood of warnings.
const TOLD_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at the most, and fails then, or has no more room.
    fn taking(bytes: usize, failure: Option<Errno>) -> impl Fn(&[u8]) -> Written {
        move |records| Written {
            bytes: bytes.min(records.len()),
            failure,
        }
    }

    /// What there is to be written.
    fn left(backlog: &mut Backlog) -> String {
        let mut left = Vec::new();
        backlog.write(Instant::now(), |records| {
            left = records.to_vec();
            Written::all_of(records)
        });
        String::from_utf8(left).unwrap()
    }

    fn of(records: &str) -> Backlog {
        let mut backlog = Backlog::default();
        backlog.next().extend_from_slice(records.as_bytes());
        backlog
    }

    fn records_lost(backlog: &Backlog) -> usize {
        backlog.lost.map_or(0, |loss| loss.records)
    }

    /// As if a loss had been told just now, so that none is told.
    fn quiet(records: &str, now: Instant) -> Backlog {
        let told = Some(now);
        Backlog {
            told,
            ..of(records)
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_written_on_where_it_was_left() {
        let mut backlog = of("one\ntwo\n");
        let now = Instant::now();
        backlog.write(now, taking(5, None));
        assert_eq!(backlog.due(), Some(now + AGAIN_AFTER));
        backlog.next().extend_from_slice(b"three\n");
        assert_eq!(left(&mut backlog), "wo\nthree\n");
        assert_eq!((backlog.due(), records_lost(&backlog)), (None, 0));
    }

    #[test]
    fn after_a_failure_the_next_record_begins_a_line() {
        let now = Instant::now();
        for (taken, lost, next) in [
            (0, 2, "three\n"),
            (2, 2, "\nthree\n"),
            (4, 1, "three\n"),
            (6, 1, "\nthree\n"),
            // Nothing of it is lost but its end, which is made up for.
            (7, 0, "\nthree\n"),
        ] {
            let mut backlog = quiet("one\ntwo\n", now);
            backlog.write(now, taking(taken, Some(Errno::NOSPC)));
            assert_eq!(records_lost(&backlog), lost, "{taken}");
            // It fails again, with nothing written.
            backlog.next().extend_from_slice(b"lost\n");
            backlog.write(now, taking(0, Some(Errno::NOSPC)));
            assert_eq!(records_lost(&backlog), lost + 1, "{taken}");
            backlog.next().extend_from_slice(b"three\n");
            assert_eq!(left(&mut backlog), next, "{taken}");
        }
    }

    #[test]
    fn the_rest_of_a_record_does_not_go_elsewhere() {
        let now = Instant::now();
        for (taken, lost, rest) in [(0, 0, "one\ntwo\n"), (2, 1, "two\n"), (4, 0, "two\n")] {
            let mut backlog = quiet("one\ntwo\n", now);
            backlog.write(now, taking(taken, None));
            backlog.turn_elsewhere();
            assert_eq!(records_lost(&backlog), lost, "{taken}");
            assert_eq!(left(&mut backlog), rest, "{taken}");
        }
    }

    #[test]
    fn a_loss_is_told_once_a_minute_though_nothing_else_happens() {
        let now = Instant::now();
        let mut backlog = quiet("one\n", now);
        backlog.write(now, taking(0, Some(Errno::PIPE)));
        assert_eq!(backlog.due(), Some(now + TOLD_EVERY));
        backlog.write(now + TOLD_EVERY, taking(0, None));
        assert_eq!((backlog.due(), records_lost(&backlog)), (None, 0));
    }

    #[test]
    fn what_is_kept_ends_with_a_record() {
        let now = Instant::now();
        let record = format!("{}\n", "x".repeat(999));
        let mut backlog = quiet(&record.repeat(2000), now);
        backlog.write(now, taking(0, None));
        let kept = left(&mut backlog);
        assert_eq!(kept.len(), BYTES_MAX.next_multiple_of(1000));
        assert_eq!(records_lost(&backlog), 2000 - kept.len() / 1000);
    }
}

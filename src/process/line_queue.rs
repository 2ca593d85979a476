//! A queue of lines for an output that is full, so that the loop does not have to wait.
//!
//! Lines that do not fit are kept, up to a limit. Beyond it the newest lines are lost, always as
//! whole lines, and counted. The owner writes again when the output may have room, and reports the
//! loss.

use super::output::Written;
use memchr::memchr;
use rustix::io::Errno;
use std::fmt;

/// Lines that are not yet written.
#[derive(Debug)]
pub(crate) struct LineQueue {
    bytes: Vec<u8>,
    /// The number of these bytes that are already written.
    written: usize,
    /// `true` if the last write ended within a line.
    is_within: bool,
    /// The number of bytes to keep for a reader that has stopped.
    bytes_max: usize,
    /// The loss that is not reported yet.
    loss: Option<Loss>,
    /// The number of lines lost since the start.
    lost_in_all: u64,
}

/// A number of lost lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) lines: usize,
    /// The reason why the last of them was lost.
    pub(crate) reason: LossReason,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum LossReason {
    Behind,
    Failed(Errno),
}

impl LineQueue {
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            written: 0,
            is_within: false,
            bytes_max,
            loss: None,
            lost_in_all: 0,
        }
    }

    /// Returns the buffer to append the next line to. The line has to end in a line feed.
    pub(crate) fn next(&mut self) -> &mut Vec<u8> {
        // The rest of an unfinished line is lost, so the next line must not continue it.
        if self.is_within && self.is_empty() {
            self.bytes.push(b'\n');
        }
        &mut self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    /// Returns `true` if the next line would be lost.
    pub(crate) fn is_full(&self) -> bool {
        self.left().len() >= self.bytes_max
    }

    /// Returns the number of lines lost since the start.
    pub(crate) fn lost_in_all(&self) -> u64 {
        self.lost_in_all
    }

    pub(crate) fn has_loss(&self) -> bool {
        self.loss.is_some()
    }

    /// Returns the loss that is not reported yet, and clears it.
    pub(crate) fn take_loss(&mut self) -> Option<Loss> {
        self.loss.take()
    }

    fn left(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Passes all lines to `write` and keeps what it does not write, up to the limit. After a
    /// failure everything is lost, since the next attempt would fail too.
    pub(crate) fn write(&mut self, write: impl FnOnce(&[u8]) -> Written) {
        if self.is_empty() {
            return;
        }
        let Written { bytes, failure } = write(self.left());
        if let Some(last) = self.left().get(..bytes).and_then(<[u8]>::last) {
            self.is_within = *last != b'\n';
            self.written += bytes;
        }
        // Only once half of it is written: otherwise a slow reader would make us move the rest
        // again and again.
        if self.written > self.bytes.len() / 2 {
            self.forget_written();
        }
        match failure {
            Some(error) => self.lose_from(0, LossReason::Failed(error)),
            None => self.lose_from(self.kept(), LossReason::Behind),
        }
    }

    /// Prepares for another output. The rest of an unfinished line makes no sense there, so it is
    /// lost.
    pub(crate) fn switch_output(&mut self) {
        if std::mem::take(&mut self.is_within) {
            self.forget_written();
            let end = memchr(b'\n', &self.bytes).map_or(0, |at| at + 1);
            let rest = self.bytes.split_off(end);
            self.lose_from(0, LossReason::Behind);
            self.bytes = rest;
        }
    }

    /// Loses all lines that are left.
    pub(crate) fn give_up(&mut self) {
        self.lose_from(0, LossReason::Behind);
    }

    /// Counts a line that the owner did not add because the queue is full.
    pub(crate) fn lose_one(&mut self) {
        self.count_lost(1, LossReason::Behind);
    }

    fn forget_written(&mut self) {
        self.bytes.drain(..self.written);
        self.written = 0;
    }

    /// Returns the number of unwritten bytes to keep: up to the limit, and the rest of the line
    /// that crosses it.
    fn kept(&self) -> usize {
        let left = self.left();
        let beyond = left.get(self.bytes_max..).unwrap_or_default();
        memchr(b'\n', beyond).map_or(left.len(), |at| self.bytes_max + at + 1)
    }

    /// Loses everything from this position on.
    fn lose_from(&mut self, at: usize, reason: LossReason) {
        let gone = self.left().get(at..).unwrap_or_default();
        let lines = gone.split_inclusive(|byte| *byte == b'\n');
        let lines = lines.filter(|line| *line != b"\n").count();
        self.bytes.truncate(self.written + at);
        if lines > 0 {
            self.count_lost(lines, reason);
        }
    }

    fn count_lost(&mut self, lines: usize, reason: LossReason) {
        self.lost_in_all += lines as u64;
        let lines = lines + self.loss.map_or(0, |loss| loss.lines);
        self.loss = Some(Loss { lines, reason });
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind => f.write_str("the program that reads them is too slow"),
            Self::Failed(error) => std::io::Error::from(*error).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: usize = 10_000;

    /// Accepts at most this many bytes, then fails, or reports that there is no more room.
    fn taking(bytes: usize, failure: Option<Errno>) -> impl Fn(&[u8]) -> Written {
        move |lines| Written {
            bytes: bytes.min(lines.len()),
            failure,
        }
    }

    /// Returns the bytes that are left to write.
    fn left(queue: &mut LineQueue) -> String {
        let mut left = Vec::new();
        queue.write(|lines| {
            left = lines.to_vec();
            Written::all_of(lines)
        });
        String::from_utf8(left).unwrap()
    }

    fn of(lines: &str) -> LineQueue {
        let mut queue = LineQueue::new(BYTES_MAX);
        queue.next().extend_from_slice(lines.as_bytes());
        queue
    }

    fn lost(queue: &LineQueue) -> usize {
        queue.loss.map_or(0, |loss| loss.lines)
    }

    #[test]
    fn a_partly_written_line_continues_where_it_stopped() {
        let mut queue = of("one\ntwo\n");
        queue.write(taking(5, None));
        assert!(!queue.is_empty());
        queue.next().extend_from_slice(b"three\n");
        assert_eq!(left(&mut queue), "wo\nthree\n");
        assert_eq!((queue.is_empty(), lost(&queue)), (true, 0));
    }

    #[test]
    fn the_next_line_starts_on_a_new_line_after_a_failure() {
        for (taken, lines_lost, next) in [
            (0, 2, "three\n"),
            (2, 2, "\nthree\n"),
            (4, 1, "three\n"),
            (6, 1, "\nthree\n"),
            // Only the line feed is lost, and it is replaced.
            (7, 0, "\nthree\n"),
        ] {
            let mut queue = of("one\ntwo\n");
            queue.write(taking(taken, Some(Errno::NOSPC)));
            assert_eq!(lost(&queue), lines_lost, "{taken}");
            // The next write fails too, without writing anything.
            queue.next().extend_from_slice(b"lost\n");
            queue.write(taking(0, Some(Errno::NOSPC)));
            assert_eq!(lost(&queue), lines_lost + 1, "{taken}");
            queue.next().extend_from_slice(b"three\n");
            assert_eq!(left(&mut queue), next, "{taken}");
        }
    }

    #[test]
    fn the_rest_of_a_line_is_not_written_to_another_output() {
        for (taken, lines_lost, rest) in [(0, 0, "one\ntwo\n"), (2, 1, "two\n"), (4, 0, "two\n")] {
            let mut queue = of("one\ntwo\n");
            queue.write(taking(taken, None));
            queue.switch_output();
            assert_eq!(lost(&queue), lines_lost, "{taken}");
            assert_eq!(left(&mut queue), rest, "{taken}");
        }
    }

    #[test]
    fn the_kept_lines_are_whole() {
        let line = format!("{}\n", "x".repeat(998));
        let mut queue = of(&line.repeat(200));
        queue.write(taking(0, None));
        assert!(queue.is_full());
        let kept = left(&mut queue);
        assert_eq!(kept.len(), BYTES_MAX.next_multiple_of(line.len()));
        assert_eq!(lost(&queue), 200 - kept.len() / line.len());
        assert_eq!(queue.lost_in_all(), lost(&queue) as u64);
    }
}

//! Log lines that are not yet written: those of this tick, and those that did not fit before.
//! Determines when to write again, and when to report lost lines.

use crate::process::line_queue::{LineQueue, Loss};
use crate::process::output::Written;
use crate::process::stderr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Backlog {
    queue: LineQueue,
    /// The time of the last report about lost lines.
    reported: Option<Instant>,
    /// The time of the next attempt or report.
    due: Option<Instant>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            queue: LineQueue::new(BYTES_MAX),
            reported: None,
            due: None,
        }
    }
}

impl Backlog {
    /// Returns the buffer to append the next log line to.
    pub(crate) fn next(&mut self) -> &mut Vec<u8> {
        self.queue.next()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns `true` if there is nothing to write or to report.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_empty() && !self.queue.has_loss()
    }

    /// Returns the number of log lines lost since the start.
    pub(crate) fn lost_in_all(&self) -> u64 {
        self.queue.lost_in_all()
    }

    /// Returns the time of the next write, if nothing else happens before.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Passes all lines to `write`, and keeps what it does not write.
    pub(crate) fn write(&mut self, now: Instant, write: impl FnOnce(&[u8]) -> Written) {
        self.queue.write(write);
        if self.queue.has_loss() && self.may_report(now) {
            self.report(now);
        }
        let soon = now + stderr::RETRY_INTERVAL;
        self.due = if !self.is_empty() {
            Some(soon)
        } else if self.queue.has_loss() {
            self.reported
                .map(|reported| soon.max(reported + REPORTED_EVERY))
                .or(Some(soon))
        } else {
            None
        };
    }

    /// Prepares for another output.
    pub(crate) fn switch_output(&mut self) {
        self.queue.switch_output();
    }

    /// Loses all remaining lines and reports the loss, because there is no later opportunity.
    pub(crate) fn give_up(&mut self, now: Instant) {
        self.queue.give_up();
        self.report(now);
    }

    /// Returns `true` if a loss may be reported. If nobody reads the log, standard error may be
    /// full too, and the report would be lost.
    fn may_report(&self, now: Instant) -> bool {
        let is_time = |reported| now.saturating_duration_since(reported) >= REPORTED_EVERY;
        self.reported.is_none_or(is_time) && stderr::has_room()
    }

    fn report(&mut self, now: Instant) {
        if let Some(Loss { lines, reason }) = self.queue.take_loss() {
            log::warn!("access log lines lost ({lines}): {reason}");
            self.reported = Some(now);
        }
    }
}

/// The number of bytes kept for a reader that has stopped: some 10,000 log lines.
const BYTES_MAX: usize = 1024 * 1024;

/// The interval of warnings. A flood of requests must not cause a flood of warnings.
const REPORTED_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn a_loss_is_reported_once_a_minute_even_if_nothing_else_happens() {
        let now = Instant::now();
        let mut backlog = Backlog {
            reported: Some(now),
            ..Backlog::default()
        };
        let failing = |_: &[u8]| Written {
            bytes: 0,
            failure: Some(Errno::PIPE),
        };
        backlog.next().extend_from_slice(b"one\n");
        backlog.write(now, failing);
        assert_eq!(backlog.due(), Some(now + REPORTED_EVERY));
        backlog.write(now + REPORTED_EVERY, failing);
        assert_eq!((backlog.due(), backlog.queue.has_loss()), (None, false));
    }

    #[test]
    fn lines_that_do_not_fit_are_retried_soon() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        backlog.next().extend_from_slice(b"one\n");
        let full = |_: &[u8]| Written {
            bytes: 0,
            failure: None,
        };
        backlog.write(now, full);
        assert_eq!(backlog.due(), Some(now + stderr::RETRY_INTERVAL));
    }
}

//! One access log for several workers, each of which passes the complete lines of its ticks.
//!
//! A pipe or a terminal may accept a part of a line, and the lines of the next worker must come
//! after the rest of it. So unwritten lines of all workers are kept here, under a lock that is
//! taken once per tick and never while a request is handled.

use super::backlog::Backlog;
use crate::process::output::{Output, Written};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// An access log that several workers share.
#[derive(Clone, Debug)]
pub(crate) struct SharedLog {
    writer: Arc<Mutex<Writer>>,
}

#[derive(Debug)]
struct Writer {
    /// `None` if the log is off.
    output: Option<Output>,
    backlog: Backlog,
}

impl SharedLog {
    /// Creates a log that writes to this output. `None` means that the log is off.
    pub(super) fn new(output: Option<Output>) -> Self {
        let backlog = Backlog::default();
        Self {
            writer: Arc::new(Mutex::new(Writer { output, backlog })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a function with the output.
    pub(super) fn with_output<T>(&self, look: impl FnOnce(Option<&Output>) -> T) -> T {
        look(self.lock().output.as_ref())
    }

    /// Writes these lines after the remaining ones. Returns the time of the next attempt if nothing
    /// else happens before.
    pub(super) fn write(&self, lines: &[u8], now: Instant) -> Option<Instant> {
        let writer = &mut *self.lock();
        if !lines.is_empty() {
            writer.backlog.next().extend_from_slice(lines);
        }
        writer.flush(now);
        writer.backlog.due()
    }

    /// Writes the remaining lines to the old output, and later ones to another output.
    pub(super) fn redirect(&self, output: Option<Output>, now: Instant) {
        let writer = &mut *self.lock();
        writer.flush(now);
        writer.backlog.switch_output();
        writer.output = output;
        writer.flush(now);
    }

    /// Returns the number of lines that were lost since the start.
    pub(super) fn lines_lost(&self) -> u64 {
        self.lock().backlog.lost_in_all()
    }

    /// Writes the remaining lines, as far as their reader accepts them until the deadline.
    pub(super) fn close(&self, deadline: Instant) {
        let writer = &mut *self.lock();
        writer.close(deadline);
    }
}

impl Writer {
    fn flush(&mut self, now: Instant) {
        flush(&mut self.backlog, self.output.as_ref(), now);
    }

    fn close(&mut self, deadline: Instant) {
        close(&mut self.backlog, self.output.as_ref(), deadline);
    }
}

/// Writes as many lines as possible without waiting for a reader.
pub(super) fn flush(backlog: &mut Backlog, output: Option<&Output>, now: Instant) {
    backlog.write(now, |lines| match output {
        Some(output) => output.write(lines),
        // The log was turned off, so the remaining lines are dropped.
        None => Written::all_of(lines),
    });
}

/// Writes the remaining lines, as far as their reader accepts them until the deadline.
pub(super) fn close(backlog: &mut Backlog, output: Option<&Output>, deadline: Instant) {
    loop {
        let now = Instant::now();
        flush(backlog, output, now);
        let left = deadline.saturating_duration_since(now);
        match output {
            Some(output) if !backlog.is_empty() && !left.is_zero() => output.await_room(left),
            _ => return backlog.give_up(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread;

    #[test]
    fn lines_of_several_threads_are_never_mixed() {
        let path = std::env::temp_dir().join(format!("millpond-log-{}", std::process::id()));
        let log = SharedLog::new(Some(Output::open(&path).unwrap()));
        thread::scope(|scope| {
            for worker in 0..4 {
                let log = log.clone();
                scope.spawn(move || {
                    for turn in 0..200 {
                        let lines = format!("{worker} {turn} {}\n", "x".repeat(turn * 50));
                        assert_eq!(log.write(lines.as_bytes(), Instant::now()), None);
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut turns = [0; 4];
        for line in text.lines() {
            let (worker, rest) = line.split_once(' ').unwrap();
            let (turn, content) = rest.split_once(' ').unwrap();
            let next = &mut turns[worker.parse::<usize>().unwrap()];
            assert_eq!(turn, next.to_string(), "in order");
            assert_eq!(content.len(), *next * 50);
            *next += 1;
        }
        assert_eq!(turns, [200; 4]);
    }
}

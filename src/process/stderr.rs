//! Standard error, written without ever waiting for a reader: lines that do not fit are kept, and
//! beyond a limit they are lost and counted.

use super::line_queue::LineQueue;
use super::output::{Output, Written};
use log::Level;
use rustix::fs::fstat;
use std::env;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A writer to standard error, for whole lines.
#[derive(Clone, Copy, Debug)]
pub struct Stderr;

/// The path of lines to standard error. There is one, because there is one standard error, and
/// `log` offers no access to the writer of its logger.
#[derive(Debug)]
struct Channel {
    /// `None` until the first line, which opens standard error as it is then.
    output: Option<Output>,
    queue: LineQueue,
}

static CHANNEL: Mutex<Channel> = Mutex::new(Channel {
    output: None,
    queue: LineQueue::new(BYTES_MAX),
});

/// The number of lines lost since the start.
static LOST_IN_ALL: AtomicU64 = AtomicU64::new(0);

impl Channel {
    /// Writes as many of the remaining lines as fit.
    fn flush(&mut self) {
        let output = self.output.get_or_insert_with(Output::stderr);
        self.queue.write(|lines| output.write(lines));
        LOST_IN_ALL.store(self.queue.lost_in_all(), Ordering::Relaxed);
    }

    fn push(&mut self, line: &[u8]) {
        self.flush();
        if self.queue.is_full() {
            self.queue.lose_one();
        } else {
            if let Some(loss) = self.queue.take_loss() {
                let priority = journal_priority(Level::Warn);
                let lines = loss.lines;
                let notice = format!("{priority}{lines} lines before this one were lost\n");
                self.queue.next().extend_from_slice(notice.as_bytes());
            }
            self.queue.next().extend_from_slice(line);
        }
        self.flush();
    }

    /// Writes the remaining lines, and waits for a reader up to the given time.
    fn finish(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            self.flush();
            let left = deadline.saturating_duration_since(Instant::now());
            match &self.output {
                Some(output) if !self.queue.is_empty() && !left.is_zero() => {
                    output.await_room(left);
                }
                _ => return,
            }
        }
    }
}

impl Write for Stderr {
    /// Accepts everything, whatever happens to it: nobody could act on a failure.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        with(|channel| channel.push(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn with<T>(act: impl FnOnce(&mut Channel) -> T) -> T {
    act(&mut CHANNEL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Opens standard error for this process alone, if possible, so that a write can never block. Call
/// this while the process still runs as the user who owns the stream.
pub fn open_own() {
    with(|channel| channel.output = Some(Output::stderr().reopen_nonblocking()));
}

/// Continues with the present standard error, after it was redirected.
pub(super) fn reopen() {
    with(|channel| {
        channel.queue.switch_output();
        channel.output = Some(Output::stderr());
    });
}

/// Writes the remaining lines, as far as a reader accepts them within a moment. Nothing is written
/// later.
pub(super) fn finish() {
    with(|channel| channel.finish(FINISH_TIMEOUT));
}

/// Writes as many of the remaining lines as fit. Returns `true` if some are left.
pub(super) fn flush() -> bool {
    with(|channel| {
        channel.flush();
        !channel.queue.is_empty()
    })
}

/// Returns `true` if the next line would be written at once, with none waiting before it.
pub(crate) fn has_room() -> bool {
    !flush()
}

/// Returns the prefix of a line on standard error if that leads to systemd's journal
/// (sd-daemon(3)). The prefix lets the journal show errors separately, and keeps them if many log
/// lines arrive.
pub fn journal_priority(level: Level) -> &'static str {
    match level {
        _ if !leads_to_journal() => "",
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// Returns `true` if standard error is still the stream that systemd has connected to the journal
/// (systemd.exec(5)).
fn leads_to_journal() -> bool {
    let Ok(connected) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    let stderr = rustix::stdio::stderr();
    fstat(stderr).is_ok_and(|facts| connected == format!("{}:{}", facts.st_dev, facts.st_ino))
}

/// Writes to standard output at startup, and fails if nobody reads it.
pub fn print_at_once(text: &str) -> io::Result<()> {
    let output = Output::stdout();
    output.await_room(PRINT_TIMEOUT);
    let Written { bytes, failure } = output.write(text.as_bytes());
    match failure {
        Some(error) => Err(error.into()),
        None if bytes < text.len() => Err(io::Error::other("nobody reads standard output")),
        None => Ok(()),
    }
}

/// Returns the number of lines lost since the start.
pub(crate) fn lines_lost() -> u64 {
    LOST_IN_ALL.load(Ordering::Relaxed)
}

/// The number of bytes kept for a reader that has stopped: about 500 lines.
const BYTES_MAX: usize = 64 * 1024;

/// The time until the next attempt after the output was full. A pipe holds 64 KiB, so this allows
/// more than 1 MiB a second even if nothing else wakes the loop.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// The time that a terminal may take to make room for the lines at startup.
const PRINT_TIMEOUT: Duration = Duration::from_millis(100);

/// The time that the end of the process waits for a reader.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

//! Diagnostics: the messages that the program writes to standard error.
//!
//! While the server runs, clients cause most of these lines. So from level info up, one line a
//! second is written for each reason. Messages at startup and during a reload are always written in
//! full, because an operator waits for them. Lines of the levels debug and trace are never limited,
//! because an operator sets `RUST_LOG` to see all of them.

use super::repetition::{Line, Repetitions};
use super::stderr;
use env_logger::Logger;
use log::{Level, Log, Metadata, Record, SetLoggerError};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// The logger that `log` passes its records to.
#[derive(Debug)]
struct Diagnostics {
    /// The logger that formats and writes records.
    logger: Logger,
}

static DIAGNOSTICS: OnceLock<Diagnostics> = OnceLock::new();

static REPETITIONS: Mutex<Repetitions> = Mutex::new(Repetitions::new());

/// `true` if repeated lines are left out.
static IS_LIMITED: AtomicBool = AtomicBool::new(false);

/// `true` if there may be lines to write later. The loop checks this in each turn, so it must cost
/// nothing.
static IS_PENDING: AtomicBool = AtomicBool::new(false);

/// Passes all records to a logger that writes to [`stderr::Stderr`].
pub fn start(logger: Logger) -> Result<(), SetLoggerError> {
    let max = logger.filter();
    log::set_logger(DIAGNOSTICS.get_or_init(|| Diagnostics { logger }))?;
    log::set_max_level(max);
    Ok(())
}

/// Writes everything that is left, as far as a reader accepts it within a moment. Call this before
/// the process ends.
pub fn finish() {
    if let Some(diagnostics) = DIAGNOSTICS.get() {
        let left_out = with_repetitions(Repetitions::take_all);
        for line in &left_out {
            diagnostics.write(line);
        }
    }
    stderr::finish();
}

/// Leaves out repeated lines from now on.
pub(crate) fn limit() {
    IS_LIMITED.store(true, Ordering::Relaxed);
}

/// A guard that disables the limit until it is dropped. Then repeated lines are left out again.
#[derive(Debug)]
pub(crate) struct Unlimited(());

impl Unlimited {
    pub(crate) fn begin() -> Self {
        IS_LIMITED.store(false, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Unlimited {
    fn drop(&mut self) {
        limit();
    }
}

thread_local! {
    /// `true` if this thread repeats messages that another one has reported.
    static IS_MUTED: Cell<bool> = const { Cell::new(false) };
}

/// Drops the lines of the calling thread until this guard is dropped, because another thread has
/// reported the same.
#[derive(Debug)]
pub(crate) struct Muted(());

impl Muted {
    pub(crate) fn begin() -> Self {
        IS_MUTED.set(true);
        Self(())
    }
}

impl Drop for Muted {
    fn drop(&mut self) {
        IS_MUTED.set(false);
    }
}

/// Writes lines that were left out or that the output had no room for, as far as they are due.
pub(crate) fn tick(now: Instant) {
    if !IS_PENDING.load(Ordering::Relaxed) {
        return;
    }
    IS_PENDING.store(false, Ordering::Relaxed);
    if let Some(diagnostics) = DIAGNOSTICS.get() {
        let due = with_repetitions(|repetitions| repetitions.take_due(now));
        for line in &due {
            diagnostics.write(line);
        }
    }
    if stderr::flush() || with_repetitions(|it| it.due().is_some()) {
        IS_PENDING.store(true, Ordering::Relaxed);
    }
}

/// Returns the time at which to call [`tick`], if nothing else happens before.
pub(crate) fn due(now: Instant) -> Option<Instant> {
    if !IS_PENDING.load(Ordering::Relaxed) {
        return None;
    }
    let again = now + stderr::RETRY_INTERVAL;
    if stderr::has_room() {
        return with_repetitions(|it| it.due());
    }
    Some(again)
}

impl Diagnostics {
    fn write(&self, line: &Line) {
        let record = &mut Record::builder();
        let record = record.level(line.level).target(&line.target);
        self.logger
            .log(&record.args(format_args!("{}", line.text)).build());
    }

    /// Returns a record as a line if it may be written now, or `None` if it is left out.
    fn admit(record: &Record<'_>) -> Option<Line> {
        let line = Line {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
        };
        with_repetitions(|it| it.admit(line, Instant::now()))
    }
}

impl Log for Diagnostics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.logger.matches(record) || IS_MUTED.get() {
            return;
        }
        if record.level() > Level::Info || !IS_LIMITED.load(Ordering::Relaxed) {
            self.logger.log(record);
        } else if let Some(line) = Self::admit(record) {
            self.write(&line);
        }
        // This comes afterwards, because another thread may be writing the lines left out, and does
        // not see this one.
        IS_PENDING.store(true, Ordering::Relaxed);
    }

    fn flush(&self) {}
}

fn with_repetitions<T>(act: impl FnOnce(&mut Repetitions) -> T) -> T {
    act(&mut REPETITIONS.lock().unwrap_or_else(PoisonError::into_inner))
}

//! The time of a simulation: two clocks that the test moves.
//!
//! A clock of the loop is a function, so the time is that of the thread.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// The beginning of all histories. Only differences count.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The wall clock at the beginning, in seconds since 1970.
pub(crate) const FIRST_SECOND: u64 = 1_700_000_000;

thread_local! {
    static ELAPSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// The time that each reading of the clock takes, so that work takes time.
    static READING: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// The seconds that the wall clock was set ahead, or back.
    static AHEAD: Cell<i64> = const { Cell::new(0) };
}

/// Begins a history, in which each reading of the clock takes this long.
pub(crate) fn begin(reading: Duration) {
    ELAPSED.set(Duration::ZERO);
    READING.set(reading);
    AHEAD.set(0);
}

/// Returns the time without moving it.
pub(crate) fn now() -> Instant {
    *BEGINNING + ELAPSED.get()
}

/// Returns the time since the beginning of the history.
pub(crate) fn elapsed() -> Duration {
    ELAPSED.get()
}

/// Lets time pass.
pub(crate) fn pass(time: Duration) {
    ELAPSED.set(ELAPSED.get() + time);
}

/// Lets time pass until a moment, unless it is over.
pub(crate) fn pass_until(then: Instant) {
    pass(then.saturating_duration_since(now()));
}

/// Sets the wall clock ahead by so many seconds, or back.
pub(crate) fn set_ahead(seconds: i64) {
    AHEAD.set(AHEAD.get() + seconds);
}

/// Reads the clock of deadlines.
pub(crate) fn monotonic() -> Instant {
    pass(READING.get());
    now()
}

/// Reads the wall clock.
pub(crate) fn time_of_day() -> SystemTime {
    let first = FIRST_SECOND.saturating_add_signed(AHEAD.get());
    SystemTime::UNIX_EPOCH + Duration::from_secs(first) + ELAPSED.get()
}

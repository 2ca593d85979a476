//! One reading of the clock in each tick, and the text that is rendered from it once a second.

use crate::http::date::HttpDate;
use crate::site::LookupTime;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

/// The time of the present tick.
#[derive(Debug)]
pub(crate) struct Clock {
    tick: u64,
    now: Instant,
    /// The clock of deadlines. A test hands in its own, as with the next one.
    monotonic: fn() -> Instant,
    time_of_day: fn() -> SystemTime,
    /// The last reading of the wall clock, with the time of both clocks.
    compared: (Instant, SystemTime),
    /// The end of the rendered second.
    next_second: Instant,
    server_field: bool,
    common_fields: Vec<u8>,
    date: String,
    /// The same second in RFC 3339 format.
    second: String,
}

/// The time of an event in log lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogTime<'a> {
    /// The second, as in `Date`; empty if the clock cannot be right.
    pub(crate) date: &'a str,
    /// The same second in RFC 3339 format: `1994-11-06T08:49:37Z`. Empty if the clock cannot be
    /// right.
    pub(crate) second: &'a str,
    /// The milliseconds of the second.
    pub(crate) milliseconds: u32,
}

impl Clock {
    pub(crate) fn new(server_field: bool) -> Self {
        Self::reading(Instant::now, SystemTime::now, server_field)
    }

    /// Creates a clock that reads these two.
    pub(crate) fn reading(
        monotonic: fn() -> Instant,
        time_of_day: fn() -> SystemTime,
        server_field: bool,
    ) -> Self {
        let now = monotonic();
        let mut clock = Self {
            tick: 0,
            now,
            monotonic,
            time_of_day,
            compared: (now, time_of_day()),
            next_second: now,
            server_field,
            common_fields: Vec::new(),
            date: String::new(),
            second: String::new(),
        };
        clock.tick();
        clock
    }

    /// Uses another clock than the system's for the time of day.
    pub(crate) fn set_time_of_day(&mut self, time_of_day: fn() -> SystemTime) {
        self.time_of_day = time_of_day;
        self.next_second = self.now;
        self.tick();
    }

    /// Begins a tick. The wall clock is read once a second; in between, its time is computed from
    /// the monotonic clock.
    pub(crate) fn tick(&mut self) {
        self.tick += 1;
        self.now = self.read();
        if self.now >= self.next_second {
            let wall = (self.time_of_day)();
            self.compared = (self.now, wall);
            let since_epoch = wall
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            let rest = Duration::from_nanos((1_000_000_000 - since_epoch.subsec_nanos()).into());
            self.next_second = self.now + rest;
            self.render(wall);
        }
    }

    fn render(&mut self, wall: SystemTime) {
        self.date.clear();
        self.second.clear();
        self.common_fields.clear();
        if self.server_field {
            self.common_fields
                .extend_from_slice(b"Server: millpond\r\n");
        }
        // RFC 9110 §6.6.1: no Date if the clock cannot be right.
        if let Some(date) = HttpDate::from_system_time(wall) {
            self.date = date.to_string();
            self.second = date.to_rfc3339();
            // Writing to a vector cannot fail.
            let _ = write!(self.common_fields, "Date: {date}\r\n");
        }
    }

    /// Sets whether responses name the server's software.
    pub(crate) fn show_server(&mut self, is_shown: bool) {
        self.server_field = is_shown;
        self.render(self.wall());
    }

    /// Returns the number of this tick.
    pub(crate) fn count(&self) -> u64 {
        self.tick
    }

    /// Returns the time that deadlines are compared with.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Reads the clock within a tick, to measure how long something takes.
    pub(crate) fn read(&self) -> Instant {
        (self.monotonic)()
    }

    /// Returns the time since a moment, of this tick or an earlier one.
    pub(crate) fn since(&self, earlier: Instant) -> Duration {
        self.read().saturating_duration_since(earlier)
    }

    /// Returns the present time for a lookup in the site.
    pub(crate) fn moment(&self) -> LookupTime {
        LookupTime {
            tick: self.tick,
            now: self.now,
            anchor: self.compared,
        }
    }

    /// Returns the time on the clock of file times.
    pub(crate) fn wall(&self) -> SystemTime {
        self.moment().wall()
    }

    /// Returns the `Server` and `Date` lines of every response in this tick.
    pub(crate) fn common_fields(&self) -> &[u8] {
        &self.common_fields
    }

    /// Returns the present time for the access log.
    pub(crate) fn log_time(&self) -> LogTime<'_> {
        let since_epoch = self.wall().duration_since(SystemTime::UNIX_EPOCH);
        LogTime {
            date: &self.date,
            second: &self.second,
            milliseconds: since_epoch.unwrap_or_default().subsec_millis(),
        }
    }
}

/// Returns a time in UTC for diagnostics: `1994-11-06T08:49:37Z`, or `-` if the clock cannot be
/// right.
pub fn timestamp(time: SystemTime) -> String {
    let date = HttpDate::from_system_time(time);
    date.map_or_else(|| "-".to_owned(), HttpDate::to_rfc3339)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_sortable_and_absent_if_the_clock_cannot_be_right() {
        let epoch = SystemTime::UNIX_EPOCH;
        let time = epoch + Duration::from_secs(784_111_777);
        assert_eq!(timestamp(time), "1994-11-06T08:49:37Z");
        assert_eq!(timestamp(epoch - Duration::from_secs(1)), "-");
    }
}

//! One reading of the clock a tick, and what is rendered from it once a second.

use crate::http::date::HttpDate;
use crate::site::Moment;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

/// The time of the present tick.
#[derive(Debug)]
pub(crate) struct Clock {
    tick: u64,
    now: Instant,
    /// The moment of the last look at the wall clock, by both clocks.
    compared: (Instant, SystemTime),
    /// From when on the rendered second is over.
    next_second: Instant,
    server_field: bool,
    origin: Vec<u8>,
    date: String,
    /// The same second as RFC 3339 writes it.
    second: String,
}

/// When something happened, as log lines have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogTime<'a> {
    /// The second, as in `Date`. Empty from a clock that cannot be right.
    pub(crate) date: &'a str,
    /// The same second as RFC 3339 writes it: `1994-11-06T08:49:37Z`. Empty likewise.
    pub(crate) second: &'a str,
    /// What is gone of the second.
    pub(crate) milliseconds: u32,
}

impl Clock {
    pub(crate) fn new(server_field: bool) -> Self {
        let now = Instant::now();
        let mut clock = Self {
            tick: 0,
            now,
            compared: (now, SystemTime::now()),
            next_second: now,
            server_field,
            origin: Vec::new(),
            date: String::new(),
            second: String::new(),
        };
        clock.tick();
        clock
    }

    /// Begins a tick. The wall clock is looked at once a second: in between it is reckoned from
    /// the steady one.
    pub(crate) fn tick(&mut self) {
        self.tick += 1;
        self.now = Instant::now();
        if self.now >= self.next_second {
            let wall = SystemTime::now();
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
        self.origin.clear();
        if self.server_field {
            self.origin.extend_from_slice(b"Server: millpond\r\n");
        }
        // RFC 9110 §6.6.1: no Date from a clock that cannot be right.
        if let Some(date) = HttpDate::from_system_time(wall) {
            self.date = date.to_string();
            self.second = date.to_rfc3339();
            // Writing to a vector cannot fail.
            let _ = write!(self.origin, "Date: {date}\r\n");
        }
    }

    /// Whether responses name the server's software from now on.
    pub(crate) fn show_server(&mut self, is_shown: bool) {
        self.server_field = is_shown;
        self.render(self.wall());
    }

    /// Which tick this is.
    pub(crate) fn count(&self) -> u64 {
        self.tick
    }

    /// The time by which deadlines are reckoned.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// The present moment, for a look at the site.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            tick: self.tick,
            now: self.now,
            reference: self.compared,
        }
    }

    /// The time that files are stamped with.
    pub(crate) fn wall(&self) -> SystemTime {
        self.moment().wall()
    }

    /// The `Server` and `Date` lines of every response in this tick.
    pub(crate) fn origin(&self) -> &[u8] {
        &self.origin
    }

    /// The present moment, for the access log.
    pub(crate) fn log_time(&self) -> LogTime<'_> {
        let since_epoch = self.wall().duration_since(SystemTime::UNIX_EPOCH);
        LogTime {
            date: &self.date,
            second: &self.second,
            milliseconds: since_epoch.unwrap_or_default().subsec_millis(),
        }
    }
}

/// A time in UTC for the log of what happens: `1994-11-06T08:49:37Z`, or `-` from a clock that
/// cannot be right.
pub fn timestamp(time: SystemTime) -> String {
    let date = HttpDate::from_system_time(time);
    date.map_or_else(|| "-".to_owned(), HttpDate::to_rfc3339)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_sortable_and_none_of_a_clock_that_cannot_be_right() {
        let epoch = SystemTime::UNIX_EPOCH;
        let time = epoch + Duration::from_secs(784_111_777);
        assert_eq!(timestamp(time), "1994-11-06T08:49:37Z");
        assert_eq!(timestamp(epoch - Duration::from_secs(1)), "-");
    }
}

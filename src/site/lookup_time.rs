//! The time of a lookup.

use std::time::{Instant, SystemTime};

/// The time of a lookup.
#[derive(Clone, Copy, Debug)]
pub struct LookupTime {
    /// The number of the event loop's tick. A check is not repeated in the same tick.
    pub tick: u64,
    /// The time that intervals are measured with.
    pub now: Instant,
    /// A recent moment, on the monotonic clock and on the clock of file times.
    pub anchor: (Instant, SystemTime),
}

impl LookupTime {
    /// Returns the time on the clock of file times. Few lookups need it, so it is computed on
    /// demand.
    pub fn wall(&self) -> SystemTime {
        let (instant, wall) = self.anchor;
        wall + self.now.duration_since(instant)
    }
}

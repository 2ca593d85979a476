//! The pace at which a client receives a response that exceeds the kernel's buffer.
//!
//! It is measured only while connections are short: then the slowest of these clients is closed for
//! another one. A receiver acknowledges in batches (see [`progress`](super::progress)): over
//! loopback, one that reads 64 KiB a second acknowledges 93 KiB every 1.5 to 2 s. So the bytes
//! received are measured over the last 2.5 to 5 s. A client that has received nothing for a second
//! may be between two batches. Its total since it connected distinguishes it from one that reads
//! almost nothing.

use super::progress::Delivery;
use std::time::{Duration, Instant};

/// The bytes that a client has received, at three moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    connected: Instant,
    /// The beginning of the measured time.
    older: Look,
    /// The next beginning of the measured time.
    newer: Look,
    last: Look,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    acknowledged: u64,
}

/// A pace so slow that the client can be closed for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlowPace {
    pub(crate) bytes_a_second: u64,
    /// The time since which this is certain.
    pub(crate) sure: Instant,
}

impl Pace {
    /// Begins to measure a client. Returns `None` if the kernel does not report its
    /// acknowledgements.
    pub(crate) fn begin(delivery: Delivery, connected: Instant, now: Instant) -> Option<Self> {
        let look = Look::of(delivery, now)?;
        Some(Self {
            connected,
            older: look,
            newer: look,
            last: look,
        })
    }

    /// Records the bytes that the client has acknowledged so far.
    pub(crate) fn look(&mut self, delivery: Delivery, now: Instant) {
        let Some(look) = Look::of(delivery, now) else {
            return;
        };
        if now.saturating_duration_since(self.newer.at) >= MEASURED_MIN {
            self.older = self.newer;
            self.newer = look;
        }
        self.last = look;
    }

    /// Returns the pace, if it is certain that it is too slow. What has been received since the last
    /// look is unknown, so only a look makes that certain, and not the time that passes after it.
    pub(crate) fn slow(&self) -> Option<SlowPace> {
        let measured = self.last.at.saturating_duration_since(self.older.at);
        let taken = self.last.acknowledged - self.older.acknowledged;
        let (pace, wait) = if taken == 0 && measured < MEASURED_MIN {
            // Measured only briefly. The total since it connected says more, without the buffer
            // that accepts the beginning of any response.
            let age = self.last.at.saturating_duration_since(self.connected);
            let read = self.last.acknowledged.saturating_sub(BUFFER_BYTES);
            (bytes_a_second(read, age), NOTHING_MIN)
        } else {
            (bytes_a_second(taken, measured), MEASURED_MIN)
        };
        (measured >= wait && pace < FAIR_BYTES_A_SECOND).then_some(SlowPace {
            bytes_a_second: pace,
            sure: self.older.at + wait,
        })
    }
}

impl Look {
    fn of(delivery: Delivery, at: Instant) -> Option<Self> {
        match delivery {
            Delivery::Tcp { acknowledged, .. } => Some(Self { at, acknowledged }),
            // The peer of a local socket is a proxy, which knows its clients.
            Delivery::Unix { .. } | Delivery::Unknown => None,
        }
    }
}

fn bytes_a_second(bytes: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / millis
}

/// A client at this pace is never closed for another one.
const FAIR_BYTES_A_SECOND: u64 = 16 * 1024;

/// The bytes that a client's kernel accepts although nobody reads them: 125 KiB over loopback.
const BUFFER_BYTES: u64 = 128 * 1024;

/// The shortest measurement of a pace.
const MEASURED_MIN: Duration = Duration::from_millis(2500);

/// The time without progress after which a client can be closed.
const NOTHING_MIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(acknowledged: u64) -> Delivery {
        Delivery::Tcp {
            acknowledged,
            in_flight: false,
        }
    }

    /// Returns the result after these measurements, given by milliseconds since the client
    /// connected. The last one is the present.
    fn slow_after(looks: &[(u64, u64)]) -> Option<(u64, u64)> {
        let connected = Instant::now();
        let at = |millis| connected + Duration::from_millis(millis);
        let (first, later) = looks.split_first().unwrap();
        let mut pace = Pace::begin(tcp(first.1), connected, at(first.0)).unwrap();
        for (millis, acknowledged) in later {
            pace.look(tcp(*acknowledged), at(*millis));
        }
        let slow = pace.slow()?;
        let sure = slow.sure.duration_since(connected).as_millis();
        Some((slow.bytes_a_second, u64::try_from(sure).unwrap()))
    }

    #[test]
    fn a_client_without_progress_for_a_second_is_judged_by_its_total() {
        let looks = [(1000, 128_000), (1900, 128_000), (2000, 128_000)];
        assert_eq!(slow_after(&looks[..2]), None);
        assert_eq!(slow_after(&looks), Some((0, 2000)));
        let looks = [(9000, 141_072), (10_000, 141_072)];
        assert_eq!(slow_after(&looks), Some((1000, 10_000)));
        // It has read 64 KiB a second so far, and may be between two batches.
        let looks = [(1000, 195_000), (2000, 195_000)];
        assert_eq!(slow_after(&looks), None);
    }

    #[test]
    fn a_slow_client_can_be_closed_once_its_pace_is_certain() {
        let looks = [(1000, 128_000), (2000, 129_000), (3500, 130_500)];
        assert_eq!(slow_after(&looks[..2]), None);
        assert_eq!(slow_after(&looks), Some((1000, 3500)));
    }

    #[test]
    fn a_client_at_a_fair_pace_cannot_be_closed_between_two_looks() {
        let looks: Vec<_> = (0..20)
            .map(|look| (1000 + look * 250, 200_000 + look * 16 * 1024))
            .collect();
        for known in 1..looks.len() {
            assert_eq!(slow_after(&looks[..known]), None, "{known}");
        }
    }

    #[test]
    fn a_steady_reader_of_64_kib_a_second_is_never_closed_once_it_is_measured() {
        // Batches of 93 KiB every 1.46 s, measured at various moments in between.
        for offset in (0..1460).step_by(73) {
            for step in [100, 250, 1000, 1900] {
                let acknowledged = |millis: u64| 125_000 + (millis + offset) / 1460 * 93 * 1024;
                let looks: Vec<_> = (1000..60_000)
                    .step_by(step)
                    .map(|millis| (millis, acknowledged(millis)))
                    .collect();
                for known in 2..looks.len() {
                    if looks[known - 1].0 - looks[0].0 >= 2500 {
                        assert_eq!(slow_after(&looks[..known]), None, "{offset} {step} {known}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_client_that_stops_can_be_closed_however_much_it_has_received() {
        let mut looks: Vec<_> = (1..=10)
            .map(|second| (second * 1000, second << 20))
            .collect();
        assert_eq!(slow_after(&looks), None);
        looks.extend((11..=16).map(|second| (second * 1000, 10 << 20)));
        assert!(slow_after(&looks).is_some_and(|(pace, _)| pace == 0));
    }

    #[test]
    fn sockets_without_kernel_statistics_are_not_measured() {
        let now = Instant::now();
        assert!(Pace::begin(Delivery::Unknown, now, now).is_none());
        assert!(Pace::begin(Delivery::Unix { queued: 1 }, now, now).is_none());
    }
}

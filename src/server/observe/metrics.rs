//! The counters of the public side, as plain numbers, which suffice because each loop is one thread.
//! The admin port reports them.

use crate::conn::Phase;
use crate::http::Status;
use std::ops::AddAssign;
use std::time::{Duration, SystemTime};

/// The state of the public connections at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionGauges {
    /// The number of connections, in the order of [`Phase::ALL`].
    pub(crate) phases: [usize; Phase::ALL.len()],
    pub(crate) connections_max: usize,
    pub(crate) counters: ConnectionCounters,
}

impl ConnectionGauges {
    /// Adds the gauges and counts of another worker. The limit applies to all workers together.
    pub(crate) fn add(&mut self, other: &Self) {
        add_each(&mut self.phases, &other.phases);
        self.counters.accepted += other.counters.accepted;
        self.counters.evicted += other.counters.evicted;
        self.counters.refused += other.counters.refused;
        self.counters.pauses += other.counters.pauses;
    }
}

/// The counters of connections since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionCounters {
    /// Connections that were admitted.
    pub(crate) accepted: u64,
    /// Connections that were closed for others.
    pub(crate) evicted: u64,
    /// Connections that were closed at once because their client had too many.
    pub(crate) refused: u64,
    /// The number of pauses in accepting.
    pub(crate) pauses: u64,
}

/// The results of reading the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastReload {
    /// `true` if the last read settings are in force.
    pub(crate) is_successful: bool,
    /// The time at which the settings in force were read.
    pub(crate) succeeded: SystemTime,
}

/// Counts since the start.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// The bytes received, heads and content.
    pub(crate) received_bytes: u64,
    /// The bytes accepted by the kernel, heads and content.
    pub(crate) sent_bytes: u64,
    /// The number of responses by status code.
    responses: [u64; CODES],
    /// The number of connections whose deadline has passed, by phase.
    timeouts: [u64; Phase::ALL.len()],
    pub(crate) durations: Durations,
}

/// The durations of responses that were not handed over in the tick that read their request. Faster
/// ones are not recorded: they are all the others, so they cost nothing.
#[derive(Clone, Debug)]
pub(crate) struct Durations {
    /// The counts by the first bound that is not smaller.
    counts: [u64; BOUNDS.len()],
    /// The number of responses beyond the last bound.
    longer: u64,
    sum: Duration,
}

impl Metrics {
    pub(crate) const fn new() -> Self {
        Self {
            received_bytes: 0,
            sent_bytes: 0,
            responses: [0; CODES],
            timeouts: [0; Phase::ALL.len()],
            durations: Durations {
                counts: [0; BOUNDS.len()],
                longer: 0,
                sum: Duration::ZERO,
            },
        }
    }

    /// Adds the counts of another worker.
    pub(crate) fn add(&mut self, other: &Self) {
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        add_each(&mut self.responses, &other.responses);
        add_each(&mut self.timeouts, &other.timeouts);
        let (own, other) = (&mut self.durations, &other.durations);
        add_each(&mut own.counts, &other.counts);
        own.longer += other.longer;
        own.sum = own.sum.saturating_add(other.sum);
    }

    pub(crate) fn note_response(&mut self, status: Status) {
        if let Some(count) = self.responses.get_mut(usize::from(status.code())) {
            *count += 1;
        }
    }

    /// Returns the number of responses with this status.
    pub(crate) fn responses(&self, status: Status) -> u64 {
        let count = self.responses.get(usize::from(status.code()));
        count.copied().unwrap_or_default()
    }

    pub(crate) fn note_timeout(&mut self, phase: Phase) {
        if let Some(count) = self.timeouts.get_mut(phase as usize) {
            *count += 1;
        }
    }

    /// Returns the number of connections whose deadline passed in this phase.
    pub(crate) fn timeouts(&self, phase: Phase) -> u64 {
        self.timeouts
            .get(phase as usize)
            .copied()
            .unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Durations {
    pub(crate) fn note(&mut self, elapsed: Duration) {
        let at = BOUNDS.iter().position(|bound| elapsed <= *bound);
        match at.and_then(|at| self.counts.get_mut(at)) {
            Some(count) => *count += 1,
            None => self.longer += 1,
        }
        self.sum = self.sum.saturating_add(elapsed);
    }

    pub(crate) fn sum(&self) -> Duration {
        self.sum
    }

    /// Returns each bound with the number of the `total` responses that took no longer.
    pub(crate) fn cumulative(&self, total: u64) -> impl Iterator<Item = (Duration, u64)> {
        let noted = self.counts.iter().sum::<u64>() + self.longer;
        let at_once = total.saturating_sub(noted);
        let counts = BOUNDS.into_iter().zip(self.counts);
        counts.scan(at_once, |below, (bound, count)| {
            *below += count;
            Some((bound, *below))
        })
    }
}

/// Adds each number to its counterpart.
fn add_each<T: Copy + AddAssign>(numbers: &mut [T], others: &[T]) {
    for (number, other) in numbers.iter_mut().zip(others) {
        *number += *other;
    }
}

/// One more than the highest possible status code (RFC 9110 §15).
const CODES: usize = 600;

/// From the duration of one turn of the loop to that of a large download.
const BOUNDS: [Duration; 14] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_phase_has_its_own_count() {
        let mut metrics = Metrics::new();
        for (status, count) in Status::ALL.iter().zip(1..) {
            (0..count).for_each(|_| metrics.note_response(*status));
        }
        for (status, count) in Status::ALL.iter().zip(1..) {
            assert_eq!(metrics.responses(*status), count, "{status:?}");
        }
        for (phase, count) in Phase::ALL.into_iter().zip(1..) {
            (0..count).for_each(|_| metrics.note_timeout(phase));
        }
        for (phase, count) in Phase::ALL.into_iter().zip(1..) {
            assert_eq!(metrics.timeouts(phase), count, "{phase:?}");
        }
    }

    #[test]
    fn what_workers_count_is_added_up() {
        let mut sum = Metrics::new();
        let mut other = Metrics::new();
        for metrics in [&mut sum, &mut other] {
            metrics.sent_bytes = 10;
            metrics.note_response(Status::Ok);
            metrics.note_timeout(Phase::ALL[0]);
            metrics.durations.note(Duration::from_millis(3));
            metrics.durations.note(Duration::from_hours(1));
        }
        other.note_response(Status::NotFound);
        sum.add(&other);
        assert_eq!((sum.sent_bytes, sum.received_bytes), (20, 0));
        assert_eq!(sum.responses(Status::Ok), 2);
        assert_eq!(sum.responses(Status::NotFound), 1);
        assert_eq!(sum.timeouts(Phase::ALL[0]), 2);
        assert_eq!(sum.durations.longer, 2);
        assert_eq!(sum.durations.sum(), Duration::from_millis(7_200_006));
    }

    #[test]
    fn a_duration_counts_below_every_bound_that_it_does_not_exceed() {
        let mut durations = Metrics::new().durations;
        for millis in [0, 1, 2, 3, 700, 3_600_000] {
            durations.note(Duration::from_millis(millis));
        }
        let counts: Vec<_> = durations.cumulative(10).collect();
        let below = |bound| counts.iter().find(|(it, _)| *it == bound).unwrap().1;
        assert_eq!(below(Duration::from_millis(1)), 4 + 2, "those at once too");
        assert_eq!(below(Duration::from_millis(2)), 4 + 3);
        assert_eq!(below(Duration::from_millis(500)), 4 + 4);
        assert_eq!(below(Duration::from_secs(1)), 4 + 5);
        assert_eq!(below(Duration::from_mins(10)), 4 + 5, "one took longer");
        assert_eq!(durations.sum(), Duration::from_millis(3_600_706));
        assert!(BOUNDS.is_sorted());
    }
}

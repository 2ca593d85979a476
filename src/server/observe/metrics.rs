//! What is counted of the public side, as plain numbers: the loop is one thread, so that nothing
//! more is needed. The admin port reports them.

use crate::conn::Phase;
use crate::http::Status;
use std::time::{Duration, SystemTime};

/// How the connections of the public side stand at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionGauges {
    pub(crate) is_draining: bool,
    /// Connections, in the order of [`Phase::ALL`].
    pub(crate) phases: [usize; Phase::ALL.len()],
    pub(crate) connections_max: usize,
    pub(crate) counters: ConnectionCounters,
}

/// What came of those who came, since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionCounters {
    /// Connections that were let in.
    pub(crate) accepted: u64,
    /// Connections that were closed to make room.
    pub(crate) evicted: u64,
    /// Connections that were closed at once, because their client has too many.
    pub(crate) refused: u64,
    /// Times that accepting has paused.
    pub(crate) pauses: u64,
}

/// What came of reading the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastReload {
    /// Whether they are in force that were read last.
    pub(crate) is_successful: bool,
    /// When those in force were read.
    pub(crate) succeeded: SystemTime,
}

/// Counts since the start.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Bytes that came, heads and content.
    pub(crate) received_bytes: u64,
    /// Bytes that the kernel took, heads and content.
    pub(crate) sent_bytes: u64,
    /// Responses by status code.
    responses: [u64; CODES],
    /// Connections whose deadline has passed, by what it was for.
    timeouts: [u64; Phase::ALL.len()],
    pub(crate) durations: Durations,
}

/// How long responses took that were not handed over in the tick that read their request. Those
/// that were are not noted here: they are all the others, so that they cost nothing.
#[derive(Debug)]
pub(crate) struct Durations {
    /// By the first bound that is not below them.
    counts: [u64; BOUNDS.len()],
    /// Those beyond the last bound.
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

    pub(crate) fn note_response(&mut self, status: Status) {
        if let Some(count) = self.responses.get_mut(usize::from(status.code())) {
            *count += 1;
        }
    }

    /// Responses with this status.
    pub(crate) fn responses(&self, status: Status) -> u64 {
        let count = self.responses.get(usize::from(status.code()));
        count.copied().unwrap_or_default()
    }

    pub(crate) fn note_timeout(&mut self, phase: Phase) {
        if let Some(count) = self.timeouts.get_mut(phase as usize) {
            *count += 1;
        }
    }

    /// Connections whose deadline passed in this phase.
    pub(crate) fn timeouts(&self, phase: Phase) -> u64 {
        self.timeouts
            .get(phase as usize)
            .copied()
            .unwrap_or_default()
    }
}

impl Durations {
    pub(crate) fn note(&mut self, taken: Duration) {
        let at = BOUNDS.iter().position(|bound| taken <= *bound);
        match at.and_then(|at| self.counts.get_mut(at)) {
            Some(count) => *count += 1,
            None => self.longer += 1,
        }
        self.sum = self.sum.saturating_add(taken);
    }

    pub(crate) fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bound with how many of `total` responses took no longer.
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

/// One more than the highest status code that there can be (RFC 9110 §15).
const CODES: usize = 600;

/// From what a turn of the loop may take to what a large download does.
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
    fn every_status_and_phase_has_a_count_of_its_own() {
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

//! The amount of data in one TLS record.
//!
//! A record can be read only once it has arrived completely. While the congestion window of a
//! connection is small, a large record would make the client wait for another round trip. Later,
//! large records cost less on both sides. So records begin with the size of a packet, grow with the
//! amount sent, and are small again after a pause, in which the window has shrunk.

use std::time::{Duration, Instant};

/// The amount that a connection has sent in its present run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    sent_bytes: usize,
    last: Option<Instant>,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self {
            sent_bytes: 0,
            last: None,
        }
    }

    /// Begins to send at this moment.
    pub(super) fn begin(&mut self, now: Instant) {
        let is_pause = |last: Instant| now.saturating_duration_since(last) >= PAUSE;
        if self.last.is_some_and(is_pause) {
            self.sent_bytes = 0;
        }
        self.last = Some(now);
    }

    /// Returns the most bytes in the next record: half of the amount sent before it.
    pub(super) fn record_bytes(self) -> usize {
        (self.sent_bytes / 2).clamp(PACKET_BYTES, RECORD_BYTES_MAX)
    }

    /// Counts the content of a record.
    pub(super) fn note(&mut self, bytes: usize) {
        self.sent_bytes = self.sent_bytes.saturating_add(bytes).min(RUN_BYTES_MAX);
    }
}

/// The content that fits into one packet: 1500 bytes of Ethernet, minus 60 of IPv6 and TCP with
/// options, minus 29 of the record's overhead.
const PACKET_BYTES: usize = 1400;

/// RFC 8446 §5.1: a record contains up to 2^14 bytes.
pub(super) const RECORD_BYTES_MAX: usize = 16 * 1024;

/// After this amount, records have their full size.
const RUN_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;

/// RFC 9293 and related RFCs: roughly the time after which a congestion window is no longer
/// trusted.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(pace: &mut Pace, count: usize) -> Vec<usize> {
        let mut size = || {
            let bytes = pace.record_bytes();
            pace.note(bytes);
            bytes
        };
        (0..count).map(|_| size()).collect()
    }

    #[test]
    fn records_grow_from_a_packet_to_16_kib_and_begin_again_after_a_pause() {
        let start = Instant::now();
        let mut pace = Pace::new();
        pace.begin(start);
        let first = sizes(&mut pace, 12);
        assert_eq!(first[..4], [1400, 1400, 1400, 2100]);
        assert!(first.is_sorted());
        assert_eq!(first.last(), Some(&RECORD_BYTES_MAX));
        pace.begin(start + Duration::from_millis(900));
        assert_eq!(pace.record_bytes(), RECORD_BYTES_MAX);
        pace.begin(start + Duration::from_millis(1900));
        assert_eq!(pace.record_bytes(), PACKET_BYTES);
    }
}

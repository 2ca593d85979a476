//! The counters of TLS.

use super::failure::Failure;

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TlsCounters {
    handshakes: [u64; Handshake::ALL.len()],
    failures: [u64; Failure::ALL.len()],
}

/// A completed handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    Tls12Full,
    Tls12Resumed,
    Tls13Full,
    Tls13Resumed,
}

impl Handshake {
    pub(crate) const ALL: [Self; 4] = [
        Self::Tls12Full,
        Self::Tls12Resumed,
        Self::Tls13Full,
        Self::Tls13Resumed,
    ];

    pub(super) const fn new(is_tls13: bool, is_resumed: bool) -> Self {
        match (is_tls13, is_resumed) {
            (false, false) => Self::Tls12Full,
            (false, true) => Self::Tls12Resumed,
            (true, false) => Self::Tls13Full,
            (true, true) => Self::Tls13Resumed,
        }
    }

    /// Returns the values of the labels: the version and the kind.
    pub(crate) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Tls12Full => ("1.2", "full"),
            Self::Tls12Resumed => ("1.2", "resumed"),
            Self::Tls13Full => ("1.3", "full"),
            Self::Tls13Resumed => ("1.3", "resumed"),
        }
    }
}

impl TlsCounters {
    /// Adds the counts of another worker.
    pub(crate) fn add(&mut self, other: &Self) {
        let handshakes = self.handshakes.iter_mut().zip(other.handshakes);
        let failures = self.failures.iter_mut().zip(other.failures);
        handshakes
            .chain(failures)
            .for_each(|(sum, count)| *sum += count);
    }

    pub(super) fn note_handshake(&mut self, handshake: Handshake) {
        if let Some(count) = self.handshakes.get_mut(handshake as usize) {
            *count += 1;
        }
    }

    pub(super) fn note_failure(&mut self, failure: Failure) {
        if let Some(count) = self.failures.get_mut(failure as usize) {
            *count += 1;
        }
    }

    pub(crate) fn handshakes(&self, handshake: Handshake) -> u64 {
        let count = self.handshakes.get(handshake as usize);
        count.copied().unwrap_or_default()
    }

    pub(crate) fn failures(&self, failure: Failure) -> u64 {
        let count = self.failures.get(failure as usize);
        count.copied().unwrap_or_default()
    }
}

//! From running to stopped, and the signals that lead there.

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::time::Instant;
use std::{fmt, io};

#[derive(Clone, Copy, Debug)]
pub(super) enum Lifecycle {
    Running,
    /// No connection is accepted any more; what is under way may go on until the deadline.
    Draining {
        deadline: Instant,
    },
    Stopped,
}

/// The signals that the loop answers.
pub(super) struct Signals(signal_hook_mio::v1_0::Signals);

impl Signals {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut signals = signal_hook_mio::v1_0::Signals::new([SIGTERM, SIGINT])?;
        registry.register(&mut signals, token, Interest::READABLE)?;
        Ok(Self(signals))
    }

    /// How many signals to stop have come since the last call.
    pub(super) fn count_stops(&mut self) -> usize {
        self.0.pending().count()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals")
    }
}

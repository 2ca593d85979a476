//! Which connection goes when there are too many: each gives its rank, and admission chooses.

use std::time::{Duration, Instant};

/// Why a session can make room for another: first those that cost nobody anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spare {
    /// All has been said since then, and it could have closed.
    Lingering(Instant),
    /// Nothing has been under way since then.
    Idle(Instant),
    /// A request has been coming in since then.
    Arriving(Instant),
}

impl Spare {
    /// From when on it can make room.
    pub(crate) fn due(self) -> Instant {
        match self {
            Self::Lingering(since) => since + LINGER_GRACE,
            Self::Idle(since) => since + IDLE_GRACE,
            Self::Arriving(since) => since + ARRIVAL_GRACE,
        }
    }
}

/// How long the last response may be on its way: closing before it is read would destroy it.
const LINGER_GRACE: Duration = Duration::from_millis(500);

/// How long a connection may be idle before it can make room: its first request, or its next, may be
/// on its way just now. Without it, newcomers would drive out one another before any is answered.
pub(super) const IDLE_GRACE: Duration = Duration::from_millis(10);

/// How long a request may be under way before its connection can make room: many round trips. Who
/// takes longer is most likely one of many that hold connections to lock others out.
const ARRIVAL_GRACE: Duration = Duration::from_secs(2);

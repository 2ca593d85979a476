//! The choice of connections to close at the limit: each has a rank, and admission chooses.

use crate::server::net::pace::SlowPace;
use std::time::{Duration, Instant};

/// The reason why a session can be closed for another one, starting with those that cost nobody
/// anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvictionRank {
    /// Everything has been sent since this time, and the peer could have closed.
    Lingering(Instant),
    /// Nothing has been in progress since this time.
    Idle(Instant),
    /// A request has been arriving since this time.
    Arriving(Instant),
    /// The client receives a response at this pace.
    Sending(SlowPace),
}

impl EvictionRank {
    /// Returns `true` if closing the session costs nobody anything.
    pub(crate) fn is_free(self) -> bool {
        matches!(self, Self::Lingering(_) | Self::Idle(_))
    }

    /// Returns the time from which the session can be closed.
    pub(crate) fn due(self) -> Instant {
        match self {
            Self::Lingering(since) => since + LINGER_GRACE,
            Self::Idle(since) => since + IDLE_GRACE,
            Self::Arriving(since) => since + ARRIVAL_GRACE,
            Self::Sending(pace) => pace.sure,
        }
    }
}

/// The time that the last response may need to arrive. Closing before it is read would destroy it.
const LINGER_GRACE: Duration = Duration::from_millis(500);

/// The time that a connection has to be idle before it can be closed, because a request may be on
/// its way. Without it, new connections would be closed for one another before any is answered.
pub(super) const IDLE_GRACE: Duration = Duration::from_millis(10);

/// The time that a request may take to arrive before its connection can be closed: many round
/// trips. A slower client is most likely one of many that hold connections to block others.
const ARRIVAL_GRACE: Duration = Duration::from_secs(2);

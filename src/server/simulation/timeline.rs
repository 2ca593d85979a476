//! When things happened on a connection, and what must therefore happen next, as far as its client
//! can know.

use super::time;
use crate::conn::Timeouts;
use std::fmt;
use std::time::{Duration, Instant};

/// The times of the last ticks in which something happened on a connection.
#[derive(Clone, Copy)]
pub(super) struct Timeline {
    pub(super) accepted: Instant,
    /// The server received something.
    pub(super) received: Instant,
    /// The server received the first byte of the request that is arriving.
    pub(super) begun: Instant,
    /// The server received the rest of its head.
    pub(super) head: Instant,
    /// The kernel accepted something from the server.
    pub(super) sent: Instant,
    /// The client read something.
    pub(super) read: Instant,
    /// The server met a full buffer for the first time.
    pub(super) first_full: Option<Instant>,
    /// The server shut its side.
    pub(super) shut: Option<Instant>,
    /// The server began to drain.
    pub(super) drained: Option<Instant>,
}

/// What a connection is doing, as far as its client can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No request has arrived.
    Fresh,
    Idle,
    /// A head is arriving.
    Head,
    /// Content is arriving.
    Content,
    /// A response is under way.
    Answering,
    /// The last response is complete.
    Answered,
    /// The server has shut its side.
    Lingering,
    Closed,
}

impl Phase {
    /// Returns `true` if a request has begun and is not complete.
    pub(super) fn is_arriving(self) -> bool {
        matches!(self, Self::Head | Self::Content)
    }
}

/// The time at which the server must give a client up, between these two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    /// Not before.
    pub(super) earliest: Instant,
    /// No later, if nothing happens.
    pub(super) latest: Instant,
}

impl fmt::Debug for Timeline {
    /// Shows how long ago each time was.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago = |then: Instant| time::now().saturating_duration_since(then);
        out.debug_struct("Timeline")
            .field("accepted", &ago(self.accepted))
            .field("received", &ago(self.received))
            .field("begun", &ago(self.begun))
            .field("head", &ago(self.head))
            .field("sent", &ago(self.sent))
            .field("read", &ago(self.read))
            .field("first_full", &self.first_full.map(ago))
            .field("shut", &self.shut.map(ago))
            .field("drained", &self.drained.map(ago))
            .finish()
    }
}

impl Timeline {
    pub(super) fn new(accepted: Instant) -> Self {
        Self {
            accepted,
            received: accepted,
            begun: accepted,
            head: accepted,
            sent: accepted,
            read: accepted,
            first_full: None,
            shut: None,
            drained: None,
        }
    }

    /// Returns the deadline in a phase; `None` if there is none.
    pub(super) fn deadline(&self, phase: Phase, timeouts: &Timeouts) -> Option<Deadline> {
        let at = |earliest, latest| Some(Deadline { earliest, latest });
        let exactly = |then| at(then, then);
        match phase {
            Phase::Fresh | Phase::Idle if self.drained.is_some() => {
                exactly(self.idle_since() + DRAIN_GRACE)
            }
            Phase::Fresh => exactly(self.accepted + timeouts.head),
            Phase::Idle => exactly(self.sent + timeouts.idle),
            // A request that arrives while another is answered is not late before it can be read.
            Phase::Head => at(
                self.begun + timeouts.head,
                self.begun.max(self.sent) + timeouts.head,
            ),
            Phase::Content => {
                let stall = timeouts.content_stall;
                at(
                    (self.received + stall).min(self.head + stall * CONTENT_STALLS),
                    (self.received.max(self.sent) + stall)
                        .min(self.head.max(self.sent) + stall * CONTENT_STALLS),
                )
            }
            Phase::Answering => at(
                self.first_full? + timeouts.send_stall,
                self.read.max(self.sent) + timeouts.send_stall * SEND_STALLS,
            ),
            Phase::Lingering => exactly(self.shut? + timeouts.linger),
            Phase::Answered | Phase::Closed => None,
        }
    }

    /// Returns the time from which a connection may be closed for another one.
    pub(super) fn may_be_evicted(&self, phase: Phase) -> Option<Instant> {
        match phase {
            Phase::Fresh | Phase::Idle => Some(self.idle_since() + IDLE_GRACE),
            Phase::Head | Phase::Content => Some(self.begun + ARRIVAL_GRACE),
            Phase::Answering => Some(self.first_full? + SENDING_GRACE),
            Phase::Lingering => Some(self.shut? + LINGER_GRACE),
            Phase::Answered | Phase::Closed => None,
        }
    }

    fn idle_since(&self) -> Instant {
        self.sent.max(self.drained.unwrap_or(self.accepted))
    }
}

/// The grace periods, as the documentation has them: a change there is to be a change here.
const DRAIN_GRACE: Duration = Duration::from_millis(300);
const IDLE_GRACE: Duration = Duration::from_millis(10);
const ARRIVAL_GRACE: Duration = Duration::from_secs(2);
const LINGER_GRACE: Duration = Duration::from_millis(500);

/// A client that reads nothing is measured for this long before it is taken for slow.
const SENDING_GRACE: Duration = Duration::from_secs(1);

const CONTENT_STALLS: u32 = 10;

/// A client may be so much ahead of the slowest pace that it is held for eleven timeouts. It is
/// looked at a few times in each.
pub(super) const SEND_STALLS: u32 = 12;

//! The deadlines of a peer and what happens when they pass, derived from the state and the timeouts
//! in force.

use super::{Connection, Linger, Persistence, State};
use crate::conn::event::{Event, Rejection};
use crate::conn::now::Now;
use crate::conn::options::Timeouts;
use std::time::{Duration, Instant};

impl<F> Connection<F> {
    /// Returns the time at which to call [`Connection::handle_timeout`], unless something happens
    /// before; `None` while the peer waits for us.
    pub fn poll_timeout(&self, timeouts: &Timeouts) -> Option<Instant> {
        let timeout = match &self.state {
            // Nothing is received before everything is sent.
            _ if !self.outbox.is_empty() => timeouts.send_stall,
            State::Idle { .. } => match self.persistence {
                Persistence::Persist if self.is_fresh => timeouts.head,
                Persistence::Persist => timeouts.idle,
                Persistence::Draining | Persistence::Close(_) => DRAIN_GRACE,
            },
            State::ReceivingHead { .. } => timeouts.head,
            State::Awaiting { .. } => return None,
            // There is nothing to send at the moment.
            State::Sending if self.outbox.is_open() => return None,
            State::ReceivingContent { begun, .. } => {
                let whole = timeouts.content_stall * CONTENT_STALLS_MAX;
                return Some((self.since + timeouts.content_stall).min(*begun + whole));
            }
            State::Sending | State::Closing { .. } => timeouts.send_stall,
            State::Lingering | State::Closed { .. } => timeouts.linger,
        };
        Some(self.since + timeout)
    }

    /// Acts on a deadline that has passed; otherwise does nothing.
    pub fn handle_timeout(&mut self, now: &Now<'_>) -> Option<Event<'static>> {
        let deadline = self.poll_timeout(&now.options.timeouts);
        if deadline.is_none_or(|deadline| now.instant < deadline) {
            return None;
        }
        if !self.outbox.is_empty() {
            self.abort();
            return None;
        }
        match self.state {
            State::ReceivingHead { .. } | State::ReceivingContent { .. } => {
                return Some(self.reject(Rejection::Timeout));
            }
            // A request may be on its way, and must not be answered with a reset.
            State::Idle { .. } => match self.persistence {
                Persistence::Persist => self.close(Linger::Yes),
                // The grace period for such a request is over.
                Persistence::Draining | Persistence::Close(_) => self.close(Linger::No),
            },
            State::Awaiting { .. }
            | State::Sending
            | State::Closing { .. }
            | State::Lingering
            | State::Closed { .. } => self.state = State::Closed { reset: false },
        }
        None
    }
}

/// Content that never quite stalls is due within this many stall timeouts. Nothing here needs it,
/// so it is not worth holding a connection for longer.
const CONTENT_STALLS_MAX: u32 = 10;

/// The grace period for a request that may be on its way when an idle connection is drained. It is
/// longer than most round trips around the world.
const DRAIN_GRACE: Duration = Duration::from_millis(300);

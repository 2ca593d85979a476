//! When a peer is late, and what comes of that: read off the state, by the timeouts that hold now.

use super::{Connection, Linger, Persistence, State};
use crate::conn::event::{Event, Refusal};
use crate::conn::options::Timeouts;
use crate::conn::tick::Tick;
use std::time::{Duration, Instant};

impl<F> Connection<F> {
    /// When [`Connection::handle_timeout`] is to be called, unless something happens before; `None`
    /// while the peer waits for us.
    pub fn poll_timeout(&self, timeouts: &Timeouts) -> Option<Instant> {
        let timeout = match &self.state {
            // Nothing is received before all is sent.
            _ if !self.outbox.is_empty() => timeouts.send_stall,
            State::Idle { .. } => match self.persistence {
                Persistence::Persist if self.is_fresh => timeouts.head,
                Persistence::Persist => timeouts.idle,
                Persistence::Draining | Persistence::Close(_) => DRAIN_GRACE,
            },
            State::ReceivingHead { .. } => timeouts.head,
            State::Awaiting { .. } => return None,
            State::ReceivingContent { begun, .. } => {
                let whole = timeouts.content_stall * CONTENT_STALLS_MAX;
                return Some((self.since + timeouts.content_stall).min(*begun + whole));
            }
            State::Sending | State::Closing { .. } => timeouts.send_stall,
            State::Lingering | State::Closed { .. } => timeouts.linger,
        };
        Some(self.since + timeout)
    }

    /// Acts on a deadline that has passed; does nothing before.
    pub fn handle_timeout(&mut self, tick: &Tick<'_>) -> Option<Event<'static>> {
        let deadline = self.poll_timeout(&tick.options.timeouts);
        if deadline.is_none_or(|deadline| tick.now < deadline) {
            return None;
        }
        if !self.outbox.is_empty() {
            self.abort();
            return None;
        }
        match self.state {
            State::ReceivingHead { .. } | State::ReceivingContent { .. } => {
                return Some(self.refuse(Refusal::Timeout));
            }
            // A request may be on its way just now; it shall not be answered with a reset.
            State::Idle { .. } => match self.persistence {
                Persistence::Persist => self.close(Linger::Yes),
                // It has been waited for.
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

/// Content that never quite stalls is due within so many times the stall's timeout: nothing here
/// waits for it, and a connection is more than it is worth.
const CONTENT_STALLS_MAX: u32 = 10;

/// How long a request may be on its way to a connection that is idle when it is to be drained:
/// longer than most ways around the world.
const DRAIN_GRACE: Duration = Duration::from_millis(300);

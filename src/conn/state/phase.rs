//! What a connection is about, and since when: read off its state, for whoever looks at all of them.

use super::{Connection, State};
use crate::conn::phase::Phase;
use std::time::Instant;

impl<F> Connection<F> {
    /// What it is about.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Lingering | State::Closed { .. } => Phase::Linger,
            // As [`Connection::handle_timeout`] has it: what is to be sent comes first.
            _ if !self.outbox.is_empty() => Phase::Send,
            State::Idle { .. } if self.is_fresh => Phase::New,
            State::Idle { .. } => Phase::Idle,
            State::ReceivingHead { .. } => Phase::Head,
            State::ReceivingContent { .. } => Phase::Content,
            State::Awaiting { .. } | State::Sending => Phase::Send,
            State::Closing { .. } => Phase::Linger,
        }
    }

    /// Whether nothing is under way, so that closing now costs the peer nothing.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle { .. }) && self.outbox.is_empty()
    }

    /// Since when nothing has been under way, if nothing is.
    pub fn idle_since(&self) -> Option<Instant> {
        self.is_idle().then_some(self.since)
    }

    /// Since when all has been said and the peer has yet to close, if that is so.
    pub fn lingering_since(&self) -> Option<Instant> {
        matches!(self.state, State::Lingering).then_some(self.since)
    }

    /// Since when a request has been coming in, head or content, if one is.
    pub fn arriving_since(&self) -> Option<Instant> {
        match &self.state {
            _ if !self.outbox.is_empty() => None,
            State::ReceivingHead { .. } => Some(self.since),
            State::ReceivingContent { begun, .. } => Some(*begun),
            _ => None,
        }
    }
}

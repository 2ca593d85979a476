//! The phase of a connection and its start, derived from the state, for code that looks at all
//! connections.

use super::{Connection, State};
use crate::conn::phase::Phase;
use std::time::Instant;

impl<F> Connection<F> {
    /// Returns the present phase.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Lingering | State::Closed { .. } => Phase::Linger,
            // In the same order as [`Connection::handle_timeout`]: unsent bytes come first.
            _ if !self.outbox.is_empty() => Phase::Send,
            State::Sending if self.outbox.is_open() => Phase::Stream,
            State::Idle { .. } if self.is_fresh => Phase::New,
            State::Idle { .. } => Phase::Idle,
            State::ReceivingHead { .. } => Phase::Head,
            State::ReceivingContent { .. } => Phase::Content,
            State::Awaiting { .. } | State::Sending => Phase::Send,
            State::Closing { .. } => Phase::Linger,
        }
    }

    /// Returns `true` if no request or response is in progress, so closing now costs the peer
    /// nothing.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle { .. }) && self.outbox.is_empty()
    }

    /// Returns the time since which the connection has been idle, if it is.
    pub fn idle_since(&self) -> Option<Instant> {
        self.is_idle().then_some(self.since)
    }

    /// Returns the time since which everything has been sent and the peer has yet to close, if so.
    pub fn lingering_since(&self) -> Option<Instant> {
        matches!(self.state, State::Lingering).then_some(self.since)
    }

    /// Returns the time since which a request, head or content, has been arriving, if one is.
    pub fn arriving_since(&self) -> Option<Instant> {
        match &self.state {
            _ if !self.outbox.is_empty() => None,
            State::ReceivingHead { .. } => Some(self.since),
            State::ReceivingContent { begun, .. } => Some(*begun),
            _ => None,
        }
    }

    /// Returns `true` if a response without an end is in progress.
    pub fn is_streaming(&self) -> bool {
        matches!(self.state, State::Sending) && self.outbox.is_open()
    }

    /// Returns the time since which everything so far of a response without an end has been sent,
    /// if there is one.
    pub fn streaming_since(&self) -> Option<Instant> {
        (self.phase() == Phase::Stream).then_some(self.since)
    }

    /// Returns `true` if no request has arrived yet.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Returns `true` if a request has no response yet, or its response is not handed over yet.
    pub fn is_exchanging(&self) -> bool {
        matches!(
            self.state,
            State::Awaiting { .. } | State::ReceivingContent { .. } | State::Sending
        )
    }

    /// Returns `true` if the response is held until the end of the request's content.
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::ReceivingContent { .. })
    }

    /// Returns `true` if the connection closes once the remaining bytes are sent.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// Returns the number of content bytes handed over, of the response in progress or, if there is
    /// none, of the last one.
    pub fn content_bytes(&self) -> u64 {
        match self.state {
            State::Awaiting { .. } | State::ReceivingContent { .. } => 0,
            _ => self.outbox.content_bytes(),
        }
    }
}

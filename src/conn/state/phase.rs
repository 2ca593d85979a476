//! What a connection is about, and since when: read off its state, for whoever looks at all of them.

use super::{Connection, State};
use std::time::Instant;

/// What a connection is about at a moment, which is also what its deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its first request has not begun to come.
    New,
    /// It is between two requests.
    Idle,
    /// The head of a request is coming in.
    Head,
    /// The content of a request is coming in.
    Content,
    /// A response is on its way.
    Send,
    /// All has been said, and the peer has yet to close.
    Linger,
}

impl Phase {
    /// All phases, in the order in which a connection goes through them.
    pub const ALL: [Self; 6] = [
        Self::New,
        Self::Idle,
        Self::Head,
        Self::Content,
        Self::Send,
        Self::Linger,
    ];

    /// The first word of the timeout that holds for it; a new connection has the head's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Content => "content",
            Self::Send => "send",
            Self::Linger => "linger",
        }
    }
}

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

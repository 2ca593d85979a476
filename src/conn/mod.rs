//! The protocol machine of one connection (RFC 9112), pure: bytes in, events out; responses in,
//! bytes to send out. It is handed the time and does no I/O.
//!
//! ```text
//!         first byte                head complete            response
//!   Idle ────────────▶ ReceivingHead ────────────▶ Awaiting ──────────▶ Sending ──┐
//!    ▲ │                     │                      ▲    │                ▲  │    │ handed over,
//!    │ │                     │ error, deadline      │    │ response, but  │  │    │ connection
//!    │ │ EOF, deadline       └──────────────────────┤    │ content first  │  │    │ persists
//!    │ │                            error, deadline │    ▼                │  │    │
//!    │ │                                            └─ ReceivingContent ──┘  │    │
//!    │ │                                                 end of content      │    │
//!    │ └──────────────────▶ Closing ◀────────────────────────────────────────┘    │
//!    │                         │ all is sent          handed over, close          │
//!    │                         ├─▶ Closed       nothing can be on its way to us   │
//!    │                         └─▶ Lingering    our side is shut; discard until   │
//!    │                                └─▶ Closed                 EOF or deadline  │
//!    └────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The owner of the socket asks [`Connection::wants`] and does that, again and again. The next
//! head is not read before the response before it is complete, so pipelined requests are answered
//! in order, and a peer that does not read its responses is not read from.

mod event;
mod outbox;
mod scan;
mod state;

use crate::http::Limits;
use std::time::{Duration, Instant};

pub use event::{Event, Received, Refusal, Wants};
pub use outbox::{Content, Response, Segment, Transmit};
pub use state::{Connection, Phase};

/// What every connection is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How much of a request is accepted.
    pub limits: Limits,
    /// How long a peer may take.
    pub timeouts: Timeouts,
}

/// How long a peer may take over each part of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a head to its last; trickled bytes do not extend it. Then 408.
    pub head: Duration,
    /// Between two requests on a connection that persists.
    pub idle: Duration,
    /// Without a byte of the request's content; all of it is due within ten times that.
    pub content_stall: Duration,
    /// Without progress of a response; then the connection is reset.
    pub send_stall: Duration,
    /// How long a closing connection waits for its peer to close first (RFC 9112 §9.6).
    pub linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            content_stall: Duration::from_secs(30),
            send_stall: Duration::from_mins(1),
            linger: Duration::from_secs(2),
        }
    }
}

/// The present moment, as far as a connection may know of it.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// The time by which deadlines are reckoned.
    pub now: Instant,
    /// The field lines that name the origin and the time of a response: `Server` and `Date`.
    pub origin: &'a [u8],
    /// What connections are held to at this moment.
    pub options: &'a Options,
}

#[cfg(test)]
mod tests;

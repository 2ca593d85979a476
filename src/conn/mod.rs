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
mod options;
mod outbox;
mod phase;
mod scan;
mod state;
mod tick;

pub use event::{Event, Received, Refusal, Wants};
pub use options::{Options, Timeouts};
pub use outbox::{Content, Response, Segment, Transmit};
pub use phase::Phase;
pub use state::Connection;
pub use tick::Tick;

#[cfg(test)]
mod tests;

//! The protocol machine of one connection (RFC 9112).
//!
//! # What it is
//!
//! A [`Connection`] knows what may happen next on one HTTP/1.1 connection, and nothing else. It
//! owns no socket, reads no clock, opens no file and chooses no status for a request. Bytes go in
//! and requests come out; responses go in and bytes to send come out. The owner of the socket does
//! what the machine [wants](Wants) and reports the result. So the whole machine is tested without a
//! network, against a clock that the test moves (`tests.rs`).
//!
//! # One state, not two
//!
//! Other implementations keep one state for what the client sends and another for what the server
//! sends, since HTTP lets both happen at once. Most pairs of such states cannot occur here, because
//! this machine never reads ahead: it reads the next head only after it has handed over the
//! response to the last one. That one rule gives three properties. Pipelined requests are answered
//! in order. A client that does not read its responses is not read from, so it cannot make the
//! server store anything. And one state describes everything that is in progress:
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
//! All transitions are in `state.rs`, except those caused by a deadline, which are in
//! `state/deadline.rs`.
//!
//! # A request and its content
//!
//! A file server has no use for the content of a request, but it has to find its end to find the
//! next request. So the response is made as soon as the head is complete, and held while the
//! content is read and dropped (`ReceivingContent`). Content that turns out to be malformed, too
//! large or too slow replaces the held response. No interim response is ever sent: a client that
//! expects `100-continue` gets its final response at once, and the connection closes after it if
//! content was still to come (RFC 9110 §10.1.1).
//!
//! A malformed head is an event too, [`Event::Rejected`]. Its answer is the last one, because
//! nobody can know where the next request would begin.
//!
//! # The end
//!
//! Closing a socket while bytes are on their way to it makes the kernel send a reset, and a reset
//! can destroy a response that the client has not read yet (RFC 9112 §9.6). So after the last
//! response the machine shuts its own side, and discards what arrives until the client closes too
//! or a deadline passes (`Lingering`). If the client asked to close and sends nothing more, the
//! connection closes at once.
//!
//! A server that stops *drains* its connections: the next response announces that it is the last. A
//! connection that is idle at that moment waits briefly for a request that may be on its way.
//!
//! # Time
//!
//! Each call receives the present [`Now`]. Deadlines are not stored. They follow from the state,
//! from the time of its last progress, and from the timeouts in force. So a reload that shortens a
//! timeout applies to existing connections, and a request costs no timer.
//!
//! # What is sent
//!
//! The [outbox](Transmit) holds encoded bytes that are ready, then segments of content that are not
//! copied: memory that the cache shares, or runs of a file for `sendfile`. Small responses to
//! pipelined requests gather in one buffer and leave in one call. The owner lends the buffer and
//! gets it back when it is empty, so an idle connection owns no memory but its own struct. The
//! content of a response to HEAD is dropped in one place, [`Connection::respond`] (RFC 9110
//! §9.3.2).
//!
//! Content without an end is fed piece by piece ([`Connection::feed`]). The state stays `Sending`
//! until the owner ends the stream, and then the connection closes.

mod event;
mod now;
mod options;
mod outbox;
mod phase;
mod scan;
mod state;

pub use event::{Event, Received, Rejection, Wants};
pub use now::Now;
pub use options::{Options, Timeouts};
pub use outbox::{Content, Response, Segment, Transmit};
pub use phase::Phase;
pub use state::Connection;

#[cfg(test)]
mod tests;

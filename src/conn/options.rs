//! What every connection is held to.

use crate::http::Limits;
use std::time::Duration;

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

//! The limits and timeouts of every connection.

use crate::http::Limits;
use std::time::Duration;

/// The limits and timeouts of every connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The size limits of a request.
    pub limits: Limits,
    /// The time limits for the peer.
    pub timeouts: Timeouts,
}

/// The time that a peer may take for each part of a request and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a head to its last. Trickled bytes do not extend it. Answered with
    /// 408.
    pub head: Duration,
    /// Between two requests on a persistent connection.
    pub idle: Duration,
    /// Without a byte of the request's content. The whole content is due within ten times this.
    pub content_stall: Duration,
    /// Without progress while sending a response. Then the connection is reset.
    pub send_stall: Duration,
    /// From the shutdown of our side until the peer closes its own (RFC 9112 §9.6).
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

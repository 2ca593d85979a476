//! The types that a session and its stream exchange.

use super::socket::Socket;
use rustix::io::Result;
use std::time::Instant;

/// The result of one receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The number of bytes at the start of the buffer.
    pub(crate) bytes: usize,
    /// The cost in a turn.
    pub(crate) work_bytes: usize,
    /// `true` if the peer sends no more. Then there are no bytes.
    pub(crate) is_end: bool,
    /// `true` if more may be available that no event will report.
    pub(crate) has_more: bool,
}

impl Received {
    /// Returns the result for a plain socket.
    pub(crate) fn from_socket(socket: &Socket, room: &mut [u8]) -> Result<Self> {
        let bytes = socket.receive(room)?;
        Ok(Self {
            bytes,
            work_bytes: bytes,
            is_end: bytes == 0,
            // epoll(7): a short receive has emptied the socket, and later data causes an event.
            has_more: bytes == room.len(),
        })
    }
}

/// The amount to encrypt at once, and the present time.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "only encrypted bytes are sent in batches")
)]
pub(crate) struct Batch {
    pub(crate) bytes_max: usize,
    pub(crate) now: Instant,
}

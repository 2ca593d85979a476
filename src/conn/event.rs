//! The events that a connection reports to its owner, and the actions that it asks for.

use crate::http::Status;
use crate::http::content::ContentError;
use crate::http::request::{HeadError, RequestHead};
use std::fmt;

/// The result of offering bytes to a connection.
#[derive(Debug)]
pub struct Received<'h> {
    /// The number of bytes used. The owner keeps the rest and offers it again.
    pub used: usize,
    /// The event to answer next, with [`respond`](super::Connection::respond).
    pub event: Option<Event<'h>>,
}

impl Received<'_> {
    /// Uses this many bytes and reports no event.
    pub(super) const fn consumed(used: usize) -> Self {
        Self { used, event: None }
    }
}

/// Something that the owner has to answer.
#[derive(Debug)]
pub enum Event<'h> {
    /// A request.
    Request(RequestHead<'h>),
    /// A malformed or incomplete request. The connection closes after the answer.
    Rejected {
        /// The reason for the rejection.
        rejection: Rejection,
        /// The head of the request, if it is valid.
        request: Option<RequestHead<'h>>,
    },
}

/// The reason why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The head is malformed or over a limit.
    Head(HeadError),
    /// The content is malformed or too large.
    Content(ContentError),
    /// The peer closed the connection before the end of its content.
    ContentIncomplete,
    /// The head or the content took too long to arrive.
    Timeout,
}

impl Rejection {
    /// Returns the status of the error response.
    pub const fn status(self) -> Status {
        match self {
            Self::Head(error) => error.status(),
            Self::Content(ContentError::Malformed) | Self::ContentIncomplete => Status::BadRequest,
            Self::Content(ContentError::TooLarge) => Status::ContentTooLarge,
            Self::Timeout => Status::RequestTimeout,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Head(error) => return error.fmt(out),
            Self::Content(ContentError::Malformed) => "the request body is malformed",
            Self::Content(ContentError::TooLarge) => {
                "the request body is larger than body-bytes-max"
            }
            Self::ContentIncomplete => {
                "the client closed the connection before the end of the request body"
            }
            Self::Timeout => "the request took too long to arrive",
        })
    }
}

/// The next action for the owner of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Answer the reported event, now or later.
    Respond,
    /// Send what [`poll_transmit`](super::Connection::poll_transmit) returns.
    Transmit,
    /// Receive bytes, or wait until the socket is readable.
    Receive,
    /// Shut the sending side of the socket, then call [`shut_down`](super::Connection::shut_down).
    Shutdown,
    /// Offer the bytes that have arrived since; if there are none, close the socket.
    FinalRead,
    /// Close the socket.
    Close,
    /// Reset the socket, so that the peer notices that something is missing.
    Reset,
}

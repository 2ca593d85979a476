//! What a connection tells its owner.

use crate::http::Status;
use crate::http::content::ContentError;
use crate::http::request::{HeadError, RequestHead};
use std::fmt;

/// What came of some bytes.
#[derive(Debug)]
pub struct Received<'h> {
    /// How many of them are done with. The others are to be offered again.
    pub used: usize,
    /// What is to be answered next, with [`respond`](super::Connection::respond).
    pub event: Option<Event<'h>>,
}

impl Received<'_> {
    /// So many bytes are done with, and nothing is to be answered.
    pub(super) const fn quietly(used: usize) -> Self {
        Self { used, event: None }
    }
}

/// What is to be answered.
#[derive(Debug)]
pub enum Event<'h> {
    /// A request.
    Request(RequestHead<'h>),
    /// Something that is no request, or not a whole one. The connection closes after the answer.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The head that came with it, where that is sound.
        request: Option<RequestHead<'h>>,
    },
}

/// Why there is no request to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The head is wrong.
    Head(HeadError),
    /// The content is wrong.
    Content(ContentError),
    /// The peer closed before the end of its content.
    ContentIncomplete,
    /// The head or the content took too long.
    Timeout,
}

impl Refusal {
    /// The status that answers it.
    pub const fn status(self) -> Status {
        match self {
            Self::Head(error) => error.status(),
            Self::Content(ContentError::Malformed) | Self::ContentIncomplete => Status::BadRequest,
            Self::Content(ContentError::TooLarge) => Status::ContentTooLarge,
            Self::Timeout => Status::RequestTimeout,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Head(error) => return error.fmt(out),
            Self::Content(ContentError::Malformed) => "the content breaks the grammar",
            Self::Content(ContentError::TooLarge) => "the content is larger than content-bytes-max",
            Self::ContentIncomplete => "the peer closed before the end of the content",
            Self::Timeout => "the request took too long to arrive",
        })
    }
}

/// What the owner of the socket is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Answer the event that was handed out, now or when that can be done.
    Respond,
    /// Send what [`poll_transmit`](super::Connection::poll_transmit) gives.
    Transmit,
    /// Receive, or wait until that can be done.
    Receive,
    /// Shut the sending side, and tell [`shut_down`](super::Connection::shut_down).
    Shutdown,
    /// Offer what has come since; if there is nothing, close the socket.
    LastLook,
    /// Close the socket.
    Close,
    /// Close the socket so that the peer learns that something is missing.
    Reset,
}

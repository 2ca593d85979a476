//! What a connection has to send: encoded bytes that are ready, then content that is not copied.

use super::tick::Tick;
use crate::http::Status;
use crate::http::response::FieldBlock;
use bytes::{Buf, Bytes};
use std::fmt;

/// A response, decided on but not yet encoded. `F` stands for an open file; to send from it is the
/// business of whoever owns the socket.
#[derive(Debug)]
pub struct Response<F> {
    /// The status line.
    pub status: Status,
    /// All fields but `Server`, `Date` and `Connection`.
    pub fields: FieldBlock,
    /// What follows the head.
    pub content: Content<F>,
}

/// Content as a sequence of segments.
pub struct Content<F> {
    current: Option<Segment<F>>,
    /// Makes those after the current one; `None` where there are none.
    later: Option<Box<dyn Iterator<Item = Segment<F>>>>,
}

/// A run of content.
#[derive(Debug)]
pub enum Segment<F> {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of a file, never none.
    File {
        /// The file to send from.
        file: F,
        /// Where the run starts.
        offset: u64,
        /// How long it is.
        length: u64,
    },
}

/// What to send next; how much of it was taken is told to `Connection::transmitted`.
#[derive(Debug)]
pub enum Transmit<'a, F> {
    /// Bytes, and more bytes right after them.
    Bytes(&'a [u8], &'a [u8]),
    /// Bytes, and then a run of a file, never none.
    File {
        /// What goes before the run; often nothing.
        before: &'a [u8],
        /// The file to send from.
        file: &'a F,
        /// Where the run starts.
        offset: u64,
        /// How long it is.
        length: u64,
    },
}

impl<F> Content<F> {
    /// No content.
    pub const fn empty() -> Self {
        Self {
            current: None,
            later: None,
        }
    }

    /// Content of one segment.
    pub fn one(segment: Segment<F>) -> Self {
        Self {
            current: Some(segment),
            later: None,
        }
    }

    /// Content of several segments, in order. Each is asked for when those before it have been sent
    /// or copied to be sent, so that many of them take up no more memory than a few.
    pub fn sequence(segments: impl Iterator<Item = Segment<F>> + 'static) -> Self {
        let mut content = Self {
            current: None,
            later: Some(Box::new(segments)),
        };
        content.next_segment();
        content
    }

    fn next_segment(&mut self) {
        self.current = self.later.as_mut().and_then(Iterator::next);
        if self.current.is_none() {
            self.later = None;
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for Content<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Content")
            .field("current", &self.current)
            .field("has_later", &self.later.is_some())
            .finish()
    }
}

/// How a response's head speaks of the connection (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionField {
    /// HTTP/1.1 persists without a word.
    Absent,
    /// HTTP/1.0 persists only when told so.
    KeepAlive,
    Close,
}

/// Everything that is to be sent and has not been.
#[derive(Debug)]
pub(super) struct Outbox<F> {
    ready: Vec<u8>,
    /// How many of the ready bytes have been sent.
    sent: usize,
    content: Content<F>,
    /// Bytes of the present response's content that were handed over.
    content_bytes: u64,
}

impl<F> Outbox<F> {
    pub(super) const fn new() -> Self {
        Self {
            ready: Vec::new(),
            sent: 0,
            content: Content::empty(),
            content_bytes: 0,
        }
    }

    /// Encodes a response. Content that is small is joined to its head, so that both leave in one
    /// call; other content stays where it is.
    pub(super) fn enqueue(
        &mut self,
        response: Response<F>,
        connection: ConnectionField,
        tick: &Tick<'_>,
    ) {
        self.ready
            .extend_from_slice(response.status.line().as_bytes());
        self.ready.extend_from_slice(tick.origin);
        self.ready.extend_from_slice(response.fields.as_bytes());
        self.ready.extend_from_slice(match connection {
            ConnectionField::Absent => b"\r\n",
            ConnectionField::KeepAlive => b"Connection: keep-alive\r\n\r\n",
            ConnectionField::Close => b"Connection: close\r\n\r\n",
        });
        self.content = response.content;
        self.content_bytes = 0;
        self.join_small_content();
    }

    fn join_small_content(&mut self) {
        while let Some(Segment::Bytes(bytes)) = &self.content.current {
            if bytes.len() > JOINED_BYTES_MAX || self.ready.len() > READY_BYTES_MAX {
                break;
            }
            self.ready.extend_from_slice(bytes);
            self.content_bytes += bytes.len() as u64;
            self.content.next_segment();
        }
    }

    /// Whether there is nothing left to send.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.is_encoded()
    }

    /// Whether the present response has been handed over: sent, or joined to the ready bytes.
    pub(super) fn is_encoded(&self) -> bool {
        self.content.current.is_none()
    }

    /// Whether so much is ready that the next response has to wait.
    pub(super) fn is_full(&self) -> bool {
        self.ready.len() > READY_BYTES_MAX
    }

    pub(super) fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    pub(super) fn poll_transmit(&self) -> Option<Transmit<'_, F>> {
        let ready = self.ready.get(self.sent..).unwrap_or_default();
        match &self.content.current {
            None if ready.is_empty() => None,
            None => Some(Transmit::Bytes(ready, &[])),
            Some(Segment::Bytes(bytes)) => Some(Transmit::Bytes(ready, bytes)),
            Some(Segment::File {
                file,
                offset,
                length,
            }) => Some(Transmit::File {
                before: ready,
                file,
                offset: *offset,
                length: *length,
            }),
        }
    }

    /// Takes note that this many bytes of the last [`Transmit`] have been sent.
    pub(super) fn transmitted(&mut self, bytes: u64) {
        let unsent = (self.ready.len() - self.sent) as u64;
        let Some(of_content) = bytes.checked_sub(unsent) else {
            // Fewer than are ready, so the number fits.
            self.sent += usize::try_from(bytes).unwrap_or_default();
            return;
        };
        self.ready.clear();
        self.sent = 0;
        self.content_bytes += of_content;
        let is_done = match &mut self.content.current {
            None => return,
            Some(Segment::Bytes(rest)) => {
                rest.advance(
                    usize::try_from(of_content)
                        .unwrap_or(usize::MAX)
                        .min(rest.len()),
                );
                rest.is_empty()
            }
            Some(Segment::File { offset, length, .. }) => {
                *offset += of_content;
                *length = length.saturating_sub(of_content);
                *length == 0
            }
        };
        if is_done {
            self.content.next_segment();
            self.join_small_content();
        }
    }

    /// Lends a buffer, if this outbox has none of its own.
    pub(super) fn lend(&mut self, spare: &mut Vec<u8>) {
        if self.ready.capacity() == 0 {
            std::mem::swap(&mut self.ready, spare);
        }
    }

    /// Gives the buffer back as soon as nothing is in it, so that an idle connection owns none.
    pub(super) fn reclaim(&mut self, spare: &mut Vec<u8>) {
        if self.ready.is_empty() {
            let buffer = std::mem::take(&mut self.ready);
            if buffer.capacity() > spare.capacity() {
                *spare = buffer;
            }
        }
    }
}

/// The most content that is copied behind its head rather than sent from where it is.
const JOINED_BYTES_MAX: usize = 8 * 1024;

/// So much ready to be sent, and it is sent before the next response is made: enough for some dozens
/// of small ones, and little for a peer that does not read them.
const READY_BYTES_MAX: usize = 32 * 1024;

//! The data that a connection has to send: encoded bytes that are ready, then content that is not
//! copied.

use super::now::Now;
use crate::http::Status;
use crate::http::response::FieldBlock;
use bytes::{Buf, Bytes};
use std::fmt;

/// A response that is decided but not yet encoded. `F` stands for an open file; the owner of the
/// socket sends from it.
#[derive(Debug)]
pub struct Response<F> {
    /// The status line.
    pub status: Status,
    /// All fields except `Server`, `Date` and `Connection`.
    pub fields: FieldBlock,
    /// The bytes that follow the head.
    pub content: Content<F>,
}

/// Content, as a sequence of segments.
pub struct Content<F> {
    current: Option<Segment<F>>,
    /// Produces the segments after the current one; `None` once there are no more.
    later: Option<Box<dyn Iterator<Item = Segment<F>>>>,
    /// `true` if more content will be fed later.
    is_open: bool,
}

/// A run of content: bytes in memory, or a part of a file.
#[derive(Debug)]
pub enum Segment<F> {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A part of a file, never empty.
    File {
        /// The file to send from.
        file: F,
        /// The offset of the first byte.
        offset: u64,
        /// The number of bytes.
        length: u64,
    },
}

/// The data to send next. The owner reports the number of bytes sent to `Connection::transmitted`.
#[derive(Debug)]
pub enum Transmit<'a, F> {
    /// Two runs of bytes, one right after the other.
    Bytes(&'a [u8], &'a [u8]),
    /// Bytes, then a part of a file, which is never empty.
    File {
        /// The bytes before the file; often none.
        before: &'a [u8],
        /// The file to send from.
        file: &'a F,
        /// The offset of the first byte.
        offset: u64,
        /// The number of bytes.
        length: u64,
    },
}

impl<F> Content<F> {
    /// Returns content without a byte.
    pub const fn empty() -> Self {
        Self {
            current: None,
            later: None,
            is_open: false,
        }
    }

    /// Returns content of one segment.
    pub fn one(segment: Segment<F>) -> Self {
        Self {
            current: Some(segment),
            later: None,
            is_open: false,
        }
    }

    /// Content without an end: it starts with these bytes, and [`Connection::feed`] adds more. Its
    /// length is unknown, so the end of the connection is the end of the content (RFC 9112 §6.3).
    ///
    /// [`Connection::feed`]: super::Connection::feed
    pub fn open(start: Bytes) -> Self {
        Self {
            current: Some(Segment::Bytes(start)),
            later: None,
            is_open: true,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns content of several segments, in order. Each is produced once those before it have
    /// been sent or copied, so many segments use no more memory than a few.
    pub fn sequence(segments: impl Iterator<Item = Segment<F>> + 'static) -> Self {
        let mut content = Self {
            current: None,
            later: Some(Box::new(segments)),
            is_open: false,
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
            .field("is_open", &self.is_open)
            .finish()
    }
}

/// The `Connection` field of a response (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionField {
    /// No field: HTTP/1.1 connections persist by default.
    Absent,
    /// `keep-alive`: HTTP/1.0 connections persist only with this field.
    KeepAlive,
    Close,
}

/// Everything that a connection has yet to send.
#[derive(Debug)]
pub(super) struct Outbox<F> {
    ready: Vec<u8>,
    /// The number of ready bytes that have been sent.
    sent: usize,
    content: Content<F>,
    /// The number of content bytes of the present response that have been handed over.
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

    /// Encodes a response. Small content is appended to its head, so that both leave in one call;
    /// other content is not copied.
    pub(super) fn enqueue(
        &mut self,
        response: Response<F>,
        connection: ConnectionField,
        now: &Now<'_>,
    ) {
        self.ready
            .extend_from_slice(response.status.line().as_bytes());
        self.ready.extend_from_slice(now.common_fields);
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

    /// Returns `true` if nothing is left to send.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.content.current.is_none()
    }

    /// Returns `true` if the present response is handed over: sent, or appended to the ready bytes.
    pub(super) fn is_encoded(&self) -> bool {
        self.content.current.is_none() && !self.content.is_open
    }

    /// Returns `true` if the present response has no end yet.
    pub(super) fn is_open(&self) -> bool {
        self.content.is_open
    }

    /// Adds to content that has no end yet. Returns `false` if so much of it is unsent that the
    /// peer cannot be reading.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        self.content_bytes += bytes.len() as u64;
        self.ready.extend_from_slice(bytes);
        self.ready.len() - self.sent <= FED_BYTES_MAX
    }

    /// Ends the content after the bytes that were fed.
    pub(super) fn end(&mut self) {
        self.content.is_open = false;
    }

    /// Returns `true` if so many bytes are ready that the next response has to wait.
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

    /// Records that this many bytes of the last [`Transmit`] have been sent.
    pub(super) fn transmitted(&mut self, bytes: u64) {
        let unsent = (self.ready.len() - self.sent) as u64;
        let Some(of_content) = bytes.checked_sub(unsent) else {
            // Fewer bytes than are ready, so the number fits a `usize`.
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

    /// Lends a buffer to this outbox, unless it has one.
    pub(super) fn lend(&mut self, spare: &mut Vec<u8>) {
        if self.ready.capacity() == 0 {
            std::mem::swap(&mut self.ready, spare);
        }
    }

    /// Takes the buffer back if it is empty, so that an idle connection owns none.
    pub(super) fn reclaim(&mut self, spare: &mut Vec<u8>) {
        if self.ready.is_empty() {
            let buffer = std::mem::take(&mut self.ready);
            if buffer.capacity() > spare.capacity() {
                *spare = buffer;
            }
        }
    }
}

/// The largest content that is copied behind its head rather than sent from where it is.
const JOINED_BYTES_MAX: usize = 8 * 1024;

/// Once this many bytes are ready, they are sent before the next response is made. That is enough
/// for dozens of small responses, and little for a peer that does not read them.
const READY_BYTES_MAX: usize = 32 * 1024;

/// The most bytes of content without an end that wait for the peer, besides those in the kernel. A
/// peer that is so far behind does not read.
const FED_BYTES_MAX: usize = 256 * 1024;

//! The states of a connection and the transitions between them. Those caused by a deadline are in
//! [`deadline`].

mod deadline;
mod phase;

use super::event::{Event, Received, Rejection, Wants};
use super::now::Now;
use super::outbox::{ConnectionField, Content, Outbox, Response, Transmit};
use super::scan::{is_worth_parsing, skip_empty_line};
use crate::http::content::{ContentDecoder, ContentError, Progress};
use crate::http::fields::FieldStorage;
use crate::http::method::Method;
use crate::http::request::{Expectation, RequestHead};
use crate::http::version::Version;
use std::time::Instant;

/// One connection. `F` is an open file, which is only passed through.
///
/// Its methods, in the order in which the owner of the socket calls them:
///
/// 1. [`new`](Self::new) when a socket has been accepted.
/// 2. [`wants`](Self::wants), again and again, each time followed by what it returns:
///    - [`receive`](Self::receive) with bytes that arrived, [`receive_eof`](Self::receive_eof) at
///      their end;
///    - [`respond`](Self::respond) to an event that they caused, at once or later;
///    - [`poll_transmit`](Self::poll_transmit) for the bytes to send, then
///      [`transmitted`](Self::transmitted); between them, [`lend`](Self::lend) and
///      [`reclaim`](Self::reclaim) a buffer to encode into;
///    - [`feed`](Self::feed) and [`end_stream`](Self::end_stream) for a response without an end;
///    - [`shut_down`](Self::shut_down) after shutting the sending side of the socket.
/// 3. [`poll_timeout`](Self::poll_timeout) for the time to call
///    [`handle_timeout`](Self::handle_timeout).
///    The owner calls it later if it sees progress that the machine cannot see.
/// 4. [`drain`](Self::drain) when the server stops, [`abort`](Self::abort) when a response cannot
///    be completed.
///
/// For limits and metrics: [`phase`](Self::phase), [`is_idle`](Self::is_idle) and the like.
#[derive(Debug)]
pub struct Connection<F> {
    state: State<F>,
    outbox: Outbox<F>,
    /// The time that the timeout of the state counts from: its last progress or, if it makes none,
    /// its beginning. See [`Connection::poll_timeout`].
    since: Instant,
    persistence: Persistence,
    /// `true` if the current response answers HEAD.
    is_head: bool,
    /// The version of the last request.
    version: Version,
    /// `true` until the first request has arrived.
    is_fresh: bool,
}

#[derive(Debug)]
enum State<F> {
    /// Between requests; the keep-alive deadline runs.
    Idle {
        /// The number of empty lines skipped before the request line.
        empty_lines: u8,
    },
    /// At least one byte has arrived; the head deadline runs.
    ReceivingHead {
        /// The number of bytes that were parsed without finding a whole head.
        parsed: usize,
    },
    /// A request has arrived and the owner has yet to respond, which may take a while. Nothing more
    /// is read until then.
    Awaiting {
        /// The content to read first, if there is any.
        content: Option<ContentDecoder>,
    },
    /// Content is read and dropped. The response waits for its end, since the content may turn out
    /// to be malformed.
    ReceivingContent {
        decoder: ContentDecoder,
        begun: Instant,
        response: Response<F>,
    },
    /// The response is in the outbox.
    Sending,
    /// The last response is in the outbox.
    Closing { linger: Linger },
    /// Our side is shut; bytes are discarded until the peer shuts its own side or the deadline
    /// passes.
    Lingering,
    /// Only closing the socket is left to do.
    Closed { reset: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    Persist,
    /// The next response to be encoded is the last.
    Draining,
    Close(Linger),
}

/// Whether bytes may still be on their way to us. A plain close would answer them with a reset,
/// which can destroy the response before it is read (RFC 9112 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linger {
    Yes,
    No,
}

impl<F> Connection<F> {
    /// Starts with a connection that was just accepted. Its first request is due within the head
    /// timeout.
    pub fn new(now: &Now<'_>) -> Self {
        Self {
            state: State::Idle { empty_lines: 0 },
            outbox: Outbox::new(),
            since: now.instant,
            persistence: Persistence::Persist,
            is_head: false,
            version: Version::Http11,
            is_fresh: true,
        }
    }

    /// Returns the next action. It is derived from the state, so it is never out of date.
    pub fn wants(&self) -> Wants {
        match &self.state {
            State::Closed { reset: true } => Wants::Reset,
            State::Closed { reset: false } => Wants::Close,
            _ if !self.outbox.is_empty() => Wants::Transmit,
            State::Closing {
                linger: Linger::Yes,
            } => Wants::Shutdown,
            State::Closing { linger: Linger::No } => Wants::FinalRead,
            State::Awaiting { .. } => Wants::Respond,
            State::Idle { .. }
            | State::ReceivingHead { .. }
            | State::ReceivingContent { .. }
            | State::Sending
            | State::Lingering => Wants::Receive,
        }
    }

    /// Offers received bytes, starting with the first that is not used yet. The owner offers the
    /// rest again until nothing more is used and no event is reported.
    pub fn receive<'h, 'b: 'h>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
        now: &Now<'_>,
    ) -> Received<'h> {
        match &mut self.state {
            State::Idle { .. } if self.outbox.is_full() => Received::consumed(0),
            State::Idle { empty_lines } => {
                let used = skip_empty_line(input, empty_lines);
                if used == 0 && !matches!(input, [] | [b'\r']) {
                    self.state = State::ReceivingHead { parsed: 0 };
                    self.since = now.instant;
                    return self.receive(input, storage, now);
                }
                Received::consumed(used)
            }
            State::ReceivingHead { parsed } => {
                // Whatever the result, a response to HEAD has no content.
                self.is_head = input.starts_with(b"HEAD ");
                if !is_worth_parsing(input, *parsed, now.options.limits.head_bytes_max) {
                    return Received::consumed(0);
                }
                *parsed = input.len();
                self.receive_head(input, storage, now)
            }
            State::ReceivingContent { decoder, .. } => {
                let progress = decoder.decode(input);
                self.receive_content(progress, input.len(), now)
            }
            // The connection closes with the stream, so later requests are not answered.
            State::Sending if self.outbox.is_open() => Received::consumed(input.len()),
            State::Awaiting { .. } | State::Sending => Received::consumed(0),
            State::Closing { linger } => {
                if !input.is_empty() {
                    *linger = Linger::Yes;
                }
                Received::consumed(input.len())
            }
            State::Lingering | State::Closed { .. } => Received::consumed(input.len()),
        }
    }

    /// Records that the peer has finished sending. `unused` holds the bytes that are not used yet.
    pub fn receive_eof<'h, 'b: 'h>(
        &mut self,
        unused: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
        now: &Now<'_>,
    ) -> Option<Event<'h>> {
        match &self.state {
            State::ReceivingHead { .. } => {
                // A malformed head is answered; one that is merely incomplete is not.
                if let Err(error) = RequestHead::parse(unused, storage, &now.options.limits) {
                    return Some(self.reject(Rejection::Head(error)));
                }
                self.close(Linger::No);
            }
            State::ReceivingContent { .. } => {
                return Some(self.reject(Rejection::ContentIncomplete));
            }
            State::Idle { .. } => self.close(Linger::No),
            State::Lingering => self.state = State::Closed { reset: false },
            State::Sending if self.outbox.is_open() => self.end_stream(),
            // A peer that closed only its own side still gets its response.
            State::Awaiting { .. }
            | State::Sending
            | State::Closing { .. }
            | State::Closed { .. } => {}
        }
        None
    }

    fn receive_head<'h, 'b: 'h>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
        now: &Now<'_>,
    ) -> Received<'h> {
        let limits = &now.options.limits;
        let (head, used) = match RequestHead::parse(input, storage, limits) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Received::consumed(0),
            Err(error) => {
                let event = self.reject(Rejection::Head(error));
                return Received {
                    used: input.len(),
                    event: Some(event),
                };
            }
        };
        self.is_head = head.method == Method::Head;
        self.version = head.version;
        self.is_fresh = false;
        let decoder = match ContentDecoder::new(head.framing, limits.content_bytes_max) {
            Ok(decoder) => decoder,
            Err(error) => {
                let rejection = Rejection::Content(error);
                self.reject(rejection);
                let request = Some(head);
                return Received {
                    used,
                    event: Some(Event::Rejected { rejection, request }),
                };
            }
        };
        // RFC 9110 §10.1.1: no interim response is sent, since nothing waits for the content. The
        // client decides whether to send it after the final response.
        let is_abandoned = decoder.is_some() && head.expectation != Expectation::None;
        if is_abandoned {
            self.persistence = Persistence::Close(Linger::Yes);
        } else if !head.wants_persistence {
            self.persistence = Persistence::Close(Linger::No);
        }
        self.state = State::Awaiting {
            content: decoder.filter(|_| !is_abandoned),
        };
        Received {
            used,
            event: Some(Event::Request(head)),
        }
    }

    fn receive_content<'h>(
        &mut self,
        progress: Result<Progress, ContentError>,
        offered: usize,
        now: &Now<'_>,
    ) -> Received<'h> {
        match progress {
            Ok(Progress::More) => {
                if offered > 0 {
                    self.since = now.instant;
                }
                Received::consumed(offered)
            }
            Ok(Progress::Done(used)) => {
                self.content_received(now);
                Received::consumed(used)
            }
            Err(error) => {
                let event = self.reject(Rejection::Content(error));
                Received {
                    used: offered,
                    event: Some(event),
                }
            }
        }
    }

    /// Sends the response that waited for the end of the content.
    fn content_received(&mut self, now: &Now<'_>) {
        match std::mem::replace(&mut self.state, State::Sending) {
            State::ReceivingContent { response, .. } => self.send(response, now),
            _ => debug_assert!(false, "content was offered before the request was answered"),
        }
    }

    fn reject<'h>(&mut self, rejection: Rejection) -> Event<'h> {
        self.is_fresh = false;
        self.persistence = Persistence::Close(Linger::Yes);
        // The content will not be read, so the connection cannot persist.
        self.state = State::Awaiting { content: None };
        Event::Rejected {
            rejection,
            request: None,
        }
    }

    /// Answers the reported event.
    pub fn respond(&mut self, mut response: Response<F>, now: &Now<'_>) {
        let State::Awaiting { content } = &mut self.state else {
            debug_assert!(false, "there is nothing to answer");
            return;
        };
        if self.is_head {
            // RFC 9110 §9.3.2: the fields of GET, and no content. This is the only place that drops
            // it.
            response.content = Content::empty();
        }
        if let Some(decoder) = content.take() {
            self.state = State::ReceivingContent {
                decoder,
                begun: now.instant,
                response,
            };
            self.since = now.instant;
        } else {
            self.state = State::Sending;
            self.send(response, now);
        }
    }

    fn send(&mut self, response: Response<F>, now: &Now<'_>) {
        if self.persistence == Persistence::Draining {
            // The client did not ask to close, so it may have sent more.
            self.persistence = Persistence::Close(Linger::Yes);
        }
        if response.content.is_open() {
            // It has no length. A client that reads it to the end is slow to close, and is not
            // waited for.
            self.persistence = Persistence::Close(Linger::No);
        }
        let connection = match (self.persistence, self.version) {
            (Persistence::Close(_), _) => ConnectionField::Close,
            (_, Version::Http10) => ConnectionField::KeepAlive,
            (_, Version::Http11) => ConnectionField::Absent,
        };
        self.outbox.enqueue(response, connection, now);
        self.since = now.instant;
        self.advance_when_handed_over();
    }

    /// Adds bytes to a response without an end. Disconnects a peer that does not read them.
    pub fn feed(&mut self, bytes: &[u8], now: &Now<'_>) {
        if !self.is_streaming() {
            return;
        }
        if self.outbox.is_empty() {
            self.since = now.instant;
        }
        if !self.outbox.feed(bytes) {
            self.abort();
        }
    }

    /// Ends a response without an end, if there is one, and its connection.
    pub fn end_stream(&mut self) {
        if self.is_streaming() {
            self.outbox.end();
            self.advance_when_handed_over();
        }
    }

    /// Lends a buffer to encode responses into; see [`Connection::reclaim`].
    pub fn lend(&mut self, spare: &mut Vec<u8>) {
        self.outbox.lend(spare);
    }

    /// Takes the buffer back, unless it holds bytes that could not be sent.
    pub fn reclaim(&mut self, spare: &mut Vec<u8>) {
        self.outbox.reclaim(spare);
    }

    /// Returns the data to send next, if there is any.
    pub fn poll_transmit(&self) -> Option<Transmit<'_, F>> {
        self.outbox.poll_transmit()
    }

    /// Records that this many bytes, at least one, have been sent.
    pub fn transmitted(&mut self, bytes: u64, now: &Now<'_>) {
        self.outbox.transmitted(bytes);
        self.advance_when_handed_over();
        self.since = now.instant;
        if let State::ReceivingContent { begun, .. } = &mut self.state {
            // Nothing is received before everything is sent, so the content could not be late until
            // now.
            *begun = now.instant;
        }
    }

    /// Moves to the next state once the response has been handed over, except for the ready bytes.
    fn advance_when_handed_over(&mut self) {
        if matches!(self.state, State::Sending) && self.outbox.is_encoded() {
            match self.persistence {
                // A head may have left without `Connection: close`, so one more request is awaited.
                Persistence::Persist | Persistence::Draining => {
                    self.state = State::Idle { empty_lines: 0 };
                }
                Persistence::Close(linger) => self.close(linger),
            }
        }
    }

    /// Records that the sending side is shut.
    pub fn shut_down(&mut self, now: &Now<'_>) {
        self.state = State::Lingering;
        self.since = now.instant;
    }

    /// Closes the connection as soon as the current request is answered.
    ///
    /// Even if there is no current request, one may be on its way and would cross the close. That
    /// is almost certain with a client that sends one request after another. So the connection
    /// waits for it, briefly, and announces in the response that it is the last. The same applies
    /// if the head of a response has already left without `Connection: close`.
    ///
    /// A response without an end is ended.
    pub fn drain(&mut self, now: &Now<'_>) {
        self.end_stream();
        if self.persistence != Persistence::Persist {
            return;
        }
        self.persistence = Persistence::Draining;
        if self.is_idle() {
            self.since = now.instant;
        }
    }

    /// Resets the connection, so that the peer does not mistake what it has for the whole response.
    pub fn abort(&mut self) {
        self.state = State::Closed { reset: true };
    }

    fn close(&mut self, linger: Linger) {
        self.state = State::Closing { linger };
    }
}

//! The states of a connection, and the transitions between them; those for which a deadline is the
//! reason are in [`deadline`].

mod deadline;
mod phase;

use super::event::{Event, Received, Refusal, Wants};
use super::outbox::{ConnectionField, Content, Outbox, Response, Transmit};
use super::scan::{is_worth_parsing, skip_empty_line};
use super::tick::Tick;
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
/// 2. [`wants`](Self::wants), again and again, and then what it says:
///    - [`receive`](Self::receive) with bytes that came, [`receive_eof`](Self::receive_eof) at their end;
///    - [`respond`](Self::respond) to the event that came of them, at once or later;
///    - [`poll_transmit`](Self::poll_transmit) for what to send, then [`transmitted`](Self::transmitted);
///      between them, [`lend`](Self::lend) and [`reclaim`](Self::reclaim) a buffer to encode into;
///    - [`shut_down`](Self::shut_down) after shutting the sending side of the socket.
/// 3. [`poll_timeout`](Self::poll_timeout) for when to call [`handle_timeout`](Self::handle_timeout).
///    The owner calls it later where it sees progress that the machine cannot see.
/// 4. [`drain`](Self::drain) when the server stops, [`abort`](Self::abort) when a response cannot be
///    completed.
///
/// For limits and metrics: [`phase`](Self::phase), [`is_idle`](Self::is_idle) and the like.
#[derive(Debug)]
pub struct Connection<F> {
    state: State<F>,
    outbox: Outbox<F>,
    /// From when on the timeout runs that the state has: the last progress or, where there is none
    /// to be made, the beginning. See [`Connection::poll_timeout`].
    since: Instant,
    persistence: Persistence,
    /// Whether the response under way answers HEAD.
    is_head: bool,
    /// The version of the last request.
    version: Version,
    /// Whether no request has come yet.
    is_fresh: bool,
}

#[derive(Debug)]
enum State<F> {
    /// Between requests: the keep-alive deadline runs.
    Idle {
        /// Empty lines before a request line that have been passed over.
        empty_lines: u8,
    },
    /// At least one byte came: the head deadline runs.
    ReceivingHead {
        /// How many bytes have been parsed in vain.
        parsed: usize,
    },
    /// A request has come, and its owner has yet to respond, and may take their time. Nothing more
    /// is read until then.
    Awaiting {
        /// The content that is to be read first, if any is.
        content: Option<ContentDecoder>,
    },
    /// Content is read and dropped. The response waits for its end, as it may yet turn out to be
    /// malformed.
    ReceivingContent {
        decoder: ContentDecoder,
        begun: Instant,
        response: Response<F>,
    },
    /// The response is in the outbox.
    Sending,
    /// All has been said and is being sent.
    Closing { linger: Linger },
    /// Our side is shut: discard until the peer shuts its own, or the deadline.
    Lingering,
    /// Nothing more is to be done but to close the socket.
    Closed { reset: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    Persist,
    /// The next response to be encoded is the last.
    Draining,
    Close(Linger),
}

/// Whether bytes may still be on their way to us, which a plain close would answer with a reset
/// that can destroy the response before it is read (RFC 9112 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linger {
    Yes,
    No,
}

impl<F> Connection<F> {
    /// A connection that was just accepted. Its first request is due within the head's deadline.
    pub fn new(tick: &Tick<'_>) -> Self {
        Self {
            state: State::Idle { empty_lines: 0 },
            outbox: Outbox::new(),
            since: tick.now,
            persistence: Persistence::Persist,
            is_head: false,
            version: Version::Http11,
            is_fresh: true,
        }
    }

    /// What is to be done next; derived from the state, so it is never out of date.
    pub fn wants(&self) -> Wants {
        match &self.state {
            State::Closed { reset: true } => Wants::Reset,
            State::Closed { reset: false } => Wants::Close,
            _ if !self.outbox.is_empty() => Wants::Transmit,
            State::Closing {
                linger: Linger::Yes,
            } => Wants::Shutdown,
            State::Closing { linger: Linger::No } => Wants::LastLook,
            State::Awaiting { .. } => Wants::Respond,
            State::Idle { .. }
            | State::ReceivingHead { .. }
            | State::ReceivingContent { .. }
            | State::Sending
            | State::Lingering => Wants::Receive,
        }
    }

    /// Whether no request has come yet.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Whether the last response that was given has not been handed over yet.
    pub fn is_exchanging(&self) -> bool {
        matches!(
            self.state,
            State::Awaiting { .. } | State::ReceivingContent { .. } | State::Sending
        )
    }

    /// Whether the response that was given waits for the end of the request's content.
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::ReceivingContent { .. })
    }

    /// Whether the end follows at once what is left to send.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// Bytes of content that have been handed over, of the response under way or, if none is, of
    /// the last one.
    pub fn content_bytes(&self) -> u64 {
        match self.state {
            State::Awaiting { .. } | State::ReceivingContent { .. } => 0,
            _ => self.outbox.content_bytes(),
        }
    }

    /// Offers bytes that were received, from the first that is not done with. Offer the rest again
    /// until nothing is used and nothing is to be answered.
    pub fn receive<'h, 'b: 'h>(
        &mut self,
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
        tick: &Tick<'_>,
    ) -> Received<'h> {
        match &mut self.state {
            State::Idle { .. } if self.outbox.is_full() => Received::quietly(0),
            State::Idle { empty_lines } => {
                let used = skip_empty_line(input, empty_lines);
                if used == 0 && !matches!(input, [] | [b'\r']) {
                    self.state = State::ReceivingHead { parsed: 0 };
                    self.since = tick.now;
                    return self.receive(input, storage, tick);
                }
                Received::quietly(used)
            }
            State::ReceivingHead { parsed } => {
                // Whatever comes of it, a request for HEAD gets no content.
                self.is_head = input.starts_with(b"HEAD ");
                if !is_worth_parsing(input, *parsed, tick.options.limits.head_bytes_max) {
                    return Received::quietly(0);
                }
                *parsed = input.len();
                self.receive_head(input, storage, tick)
            }
            State::ReceivingContent { decoder, .. } => {
                let progress = decoder.decode(input);
                self.receive_content(progress, input.len(), tick)
            }
            State::Awaiting { .. } | State::Sending => Received::quietly(0),
            State::Closing { linger } => {
                if !input.is_empty() {
                    *linger = Linger::Yes;
                }
                Received::quietly(input.len())
            }
            State::Lingering | State::Closed { .. } => Received::quietly(input.len()),
        }
    }

    /// Takes note that the peer sends no more. `unused` are the bytes not done with.
    pub fn receive_eof<'h, 'b: 'h>(
        &mut self,
        unused: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
        tick: &Tick<'_>,
    ) -> Option<Event<'h>> {
        match &self.state {
            State::ReceivingHead { .. } => {
                // What is wrong already is answered; what is merely incomplete is not.
                if let Err(error) = RequestHead::parse(unused, storage, &tick.options.limits) {
                    return Some(self.refuse(Refusal::Head(error)));
                }
                self.close(Linger::No);
            }
            State::ReceivingContent { .. } => {
                return Some(self.refuse(Refusal::ContentIncomplete));
            }
            State::Idle { .. } => self.close(Linger::No),
            State::Lingering => self.state = State::Closed { reset: false },
            // What was asked for is still sent to a peer that closed its own side only.
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
        tick: &Tick<'_>,
    ) -> Received<'h> {
        let limits = &tick.options.limits;
        let (head, used) = match RequestHead::parse(input, storage, limits) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Received::quietly(0),
            Err(error) => {
                let event = self.refuse(Refusal::Head(error));
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
                let refusal = Refusal::Content(error);
                self.refuse(refusal);
                let request = Some(head);
                return Received {
                    used,
                    event: Some(Event::Refused { refusal, request }),
                };
            }
        };
        // RFC 9110 §10.1.1: no interim response is sent, since nothing waits for the content, and
        // whether the client sends it after the final one is up to the client.
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
        tick: &Tick<'_>,
    ) -> Received<'h> {
        match progress {
            Ok(Progress::More) => {
                if offered > 0 {
                    self.since = tick.now;
                }
                Received::quietly(offered)
            }
            Ok(Progress::Done(used)) => {
                self.content_received(tick);
                Received::quietly(used)
            }
            Err(error) => {
                let event = self.refuse(Refusal::Content(error));
                Received {
                    used: offered,
                    event: Some(event),
                }
            }
        }
    }

    /// The content has come to its end, so the response that waited for it may go.
    fn content_received(&mut self, tick: &Tick<'_>) {
        match std::mem::replace(&mut self.state, State::Sending) {
            State::ReceivingContent { response, .. } => self.send(response, tick),
            _ => debug_assert!(false, "content was offered before the request was answered"),
        }
    }

    fn refuse<'h>(&mut self, refusal: Refusal) -> Event<'h> {
        self.is_fresh = false;
        self.persistence = Persistence::Close(Linger::Yes);
        // No content is going to be read, so the connection cannot go on.
        self.state = State::Awaiting { content: None };
        Event::Refused {
            refusal,
            request: None,
        }
    }

    /// Answers the event that was handed out.
    pub fn respond(&mut self, mut response: Response<F>, tick: &Tick<'_>) {
        let State::Awaiting { content } = &mut self.state else {
            debug_assert!(false, "there is nothing to answer");
            return;
        };
        if self.is_head {
            // RFC 9110 §9.3.2: the fields of GET, and no content. It is dropped here alone.
            response.content = Content::empty();
        }
        if let Some(decoder) = content.take() {
            self.state = State::ReceivingContent {
                decoder,
                begun: tick.now,
                response,
            };
            self.since = tick.now;
        } else {
            self.state = State::Sending;
            self.send(response, tick);
        }
    }

    fn send(&mut self, response: Response<F>, tick: &Tick<'_>) {
        if self.persistence == Persistence::Draining {
            // Who did not ask for the end may have sent more.
            self.persistence = Persistence::Close(Linger::Yes);
        }
        let connection = match (self.persistence, self.version) {
            (Persistence::Close(_), _) => ConnectionField::Close,
            (_, Version::Http10) => ConnectionField::KeepAlive,
            (_, Version::Http11) => ConnectionField::Absent,
        };
        self.outbox.enqueue(response, connection, tick);
        self.since = tick.now;
        self.advance_when_handed_over();
    }

    /// What to send next, if anything.
    pub fn poll_transmit(&self) -> Option<Transmit<'_, F>> {
        self.outbox.poll_transmit()
    }

    /// Takes note that this many bytes, at least one, have been sent.
    pub fn transmitted(&mut self, bytes: u64, tick: &Tick<'_>) {
        self.outbox.transmitted(bytes);
        self.advance_when_handed_over();
        self.since = tick.now;
        if let State::ReceivingContent { begun, .. } = &mut self.state {
            // Nothing is received before all is sent, so nothing was late until now.
            *begun = tick.now;
        }
    }

    /// Ends the exchange as soon as its response is out of our hands but for the ready bytes.
    fn advance_when_handed_over(&mut self) {
        if matches!(self.state, State::Sending) && self.outbox.is_encoded() {
            match self.persistence {
                // Where a head has left without a word of the end, one more request is waited for.
                Persistence::Persist | Persistence::Draining => {
                    self.state = State::Idle { empty_lines: 0 };
                }
                Persistence::Close(linger) => self.close(linger),
            }
        }
    }

    /// Takes note that the sending side is shut.
    pub fn shut_down(&mut self, tick: &Tick<'_>) {
        self.state = State::Lingering;
        self.since = tick.now;
    }

    /// Ends the connection as soon as what is under way is done.
    ///
    /// If nothing is, a request may be on its way nevertheless, and would cross the close: from a
    /// client that asks for one thing after the other, it is all but certain. So it is waited for,
    /// if not for long, and its response says that it is the last. The same holds where the head of
    /// a response has left already without a word of the end.
    pub fn drain(&mut self, tick: &Tick<'_>) {
        if self.persistence != Persistence::Persist {
            return;
        }
        self.persistence = Persistence::Draining;
        if self.is_idle() {
            self.since = tick.now;
        }
    }

    /// Ends the connection in such a way that the peer does not take what it has for the whole.
    pub fn abort(&mut self) {
        self.state = State::Closed { reset: true };
    }

    fn close(&mut self, linger: Linger) {
        self.state = State::Closing { linger };
    }

    /// Lends a buffer to encode responses into; see [`Connection::reclaim`].
    pub fn lend(&mut self, spare: &mut Vec<u8>) {
        self.outbox.lend(spare);
    }

    /// Takes the buffer back, unless there is something in it that could not be sent.
    pub fn reclaim(&mut self, spare: &mut Vec<u8>) {
        self.outbox.reclaim(spare);
    }
}

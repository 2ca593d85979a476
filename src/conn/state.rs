//! The states of a connection, and all transitions between them.

mod phase;

use super::event::{Event, Received, Refusal, Wants};
use super::outbox::{ConnectionField, Outbox, Response, Transmit};
use super::scan::{is_worth_parsing, skip_empty_line};
use super::{Content, Tick};
use crate::http::fields::FieldStorage;
use crate::http::framing::{ContentDecoder, ContentError, Progress};
use crate::http::request::{Expectation, HeadError, Method, RequestHead, Version};
use std::time::{Duration, Instant};

pub use phase::Phase;

/// One connection.
#[derive(Debug)]
pub struct Connection<F> {
    state: State<F>,
    outbox: Outbox<F>,
    /// When [`Connection::handle_timeout`] is due.
    deadline: Instant,
    persistence: Persistence,
    /// Whether the response under way answers HEAD.
    is_head: bool,
    version: Version,
    /// Whether a request has come yet.
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
    /// A request has come, and its response is not complete.
    Exchanging {
        receiving: Receiving,
        sending: Sending<F>,
    },
    /// All has been said and is being sent.
    Closing { linger: Linger },
    /// Our side is shut: discard until the peer shuts its own, or the deadline.
    Lingering,
    /// Nothing more is to be done but to close the socket.
    Closed { reset: bool },
}

#[derive(Debug)]
enum Receiving {
    /// Content is read and dropped; all of it is due by then.
    Content(ContentDecoder, Instant),
    Complete,
    /// It is not going to be read, so the connection cannot go on.
    Abandoned,
}

#[derive(Debug)]
enum Sending<F> {
    /// The owner has yet to respond, and may take its time. Nothing more is read until then.
    Awaiting,
    /// The response waits for the end of the content, which may yet turn out to be malformed.
    Held(Response<F>),
    /// The response is in the outbox.
    Final,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    Persist,
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
            deadline: tick.now + tick.options.timeouts.head,
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
            State::Exchanging {
                sending: Sending::Awaiting,
                ..
            } => Wants::Respond,
            State::Exchanging { .. }
            | State::Idle { .. }
            | State::ReceivingHead { .. }
            | State::Lingering => Wants::Receive,
        }
    }

    /// Whether no request has come yet.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Whether the last response that was given has not been handed over yet.
    pub fn is_exchanging(&self) -> bool {
        matches!(self.state, State::Exchanging { .. })
    }

    /// Whether the end follows at once what is left to send.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// Bytes of content that have been handed over, of the response under way or, if none is, of
    /// the last one.
    pub fn content_bytes(&self) -> u64 {
        match self.state {
            State::Exchanging {
                sending: Sending::Awaiting | Sending::Held(_),
                ..
            } => 0,
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
                    (self.is_head, self.version) = (false, Version::Http11);
                    self.deadline = tick.now + tick.options.timeouts.head;
                    return self.receive(input, storage, tick);
                }
                Received::quietly(used)
            }
            State::ReceivingHead { parsed } => {
                if !is_worth_parsing(input, *parsed, tick.options.limits.head_bytes_max) {
                    return Received::quietly(0);
                }
                *parsed = input.len();
                self.receive_head(input, storage, tick)
            }
            State::Exchanging {
                receiving: Receiving::Content(decoder, until),
                sending: Sending::Held(_),
            } => {
                let progress = decoder.decode(input);
                let due = (*until).min(tick.now + tick.options.timeouts.content_stall);
                self.receive_content(progress, input.len(), due, tick)
            }
            State::Exchanging { .. } => Received::quietly(0),
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
                    return Some(self.refuse_head(unused, error));
                }
                self.close(Linger::No);
            }
            State::Exchanging {
                receiving: Receiving::Content(..),
                sending: Sending::Held(_),
            } => {
                return Some(self.refuse(Refusal::ContentIncomplete));
            }
            State::Idle { .. } => self.close(Linger::No),
            State::Lingering => self.state = State::Closed { reset: false },
            // What was asked for is still sent to a peer that closed its own side only.
            State::Exchanging { .. } | State::Closing { .. } | State::Closed { .. } => {}
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
                let event = self.refuse_head(input, error);
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
                let event = self.refuse(Refusal::Content(error));
                return Received {
                    used,
                    event: Some(event),
                };
            }
        };
        let receiving = match decoder {
            None => Receiving::Complete,
            // RFC 9110 §10.1.1: no interim response is sent, since nothing waits for the content,
            // and whether the client sends it after the final one is up to the client.
            Some(_) if head.expectation != Expectation::None => Receiving::Abandoned,
            Some(decoder) => {
                let whole = tick.options.timeouts.content_stall * CONTENT_STALLS_MAX;
                Receiving::Content(decoder, tick.now + whole)
            }
        };
        if matches!(receiving, Receiving::Abandoned) {
            self.persistence = Persistence::Close(Linger::Yes);
        } else if !head.wants_persistence && self.persistence == Persistence::Persist {
            self.persistence = Persistence::Close(Linger::No);
        }
        self.state = State::Exchanging {
            receiving,
            sending: Sending::Awaiting,
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
        due: Instant,
        tick: &Tick<'_>,
    ) -> Received<'h> {
        match progress {
            Ok(Progress::More) => {
                self.deadline = due;
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
        let State::Exchanging { receiving, sending } = &mut self.state else {
            return;
        };
        *receiving = Receiving::Complete;
        if let Sending::Held(response) = std::mem::replace(sending, Sending::Final) {
            self.send(response, tick);
        } else {
            debug_assert!(false, "content was offered before the request was answered");
        }
    }

    fn refuse_head<'h>(&mut self, input: &[u8], error: HeadError) -> Event<'h> {
        // Whatever is wrong with it, a request for HEAD gets no content.
        self.is_head = input.starts_with(b"HEAD ");
        self.refuse(Refusal::Head(error))
    }

    fn refuse<'h>(&mut self, refusal: Refusal) -> Event<'h> {
        self.is_fresh = false;
        self.persistence = Persistence::Close(Linger::Yes);
        self.state = State::Exchanging {
            receiving: Receiving::Abandoned,
            sending: Sending::Awaiting,
        };
        Event::Refused(refusal)
    }

    /// Answers the event that was handed out.
    pub fn respond(&mut self, mut response: Response<F>, tick: &Tick<'_>) {
        let State::Exchanging {
            receiving,
            sending: sending @ Sending::Awaiting,
        } = &mut self.state
        else {
            debug_assert!(false, "there is nothing to answer");
            return;
        };
        if self.is_head {
            // RFC 9110 §9.3.2: the fields of GET, and no content. It is dropped here alone.
            response.content = Content::empty();
        }
        if let Receiving::Content(..) = receiving {
            *sending = Sending::Held(response);
            self.deadline = tick.now + tick.options.timeouts.content_stall;
        } else {
            *sending = Sending::Final;
            self.send(response, tick);
        }
    }

    fn send(&mut self, response: Response<F>, tick: &Tick<'_>) {
        let connection = match (self.persistence, self.version) {
            (Persistence::Close(_), _) => ConnectionField::Close,
            (Persistence::Persist, Version::Http10) => ConnectionField::KeepAlive,
            (Persistence::Persist, Version::Http11) => ConnectionField::Absent,
        };
        self.outbox.enqueue(response, connection, tick);
        self.deadline = tick.now + tick.options.timeouts.send_stall;
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
        let timeouts = &tick.options.timeouts;
        let timeout = match &self.state {
            State::Idle { .. } if self.outbox.is_empty() => timeouts.idle,
            // What is received in the meantime has a deadline of its own.
            State::ReceivingHead { .. }
            | State::Exchanging {
                receiving: Receiving::Content(..),
                ..
            } => return,
            _ => timeouts.send_stall,
        };
        self.deadline = tick.now + timeout;
    }

    /// Ends the exchange as soon as its response is out of our hands but for the ready bytes.
    fn advance_when_handed_over(&mut self) {
        if let State::Exchanging {
            sending: Sending::Final,
            ..
        } = self.state
            && self.outbox.is_encoded()
        {
            match self.persistence {
                Persistence::Persist => self.state = State::Idle { empty_lines: 0 },
                Persistence::Close(linger) => self.close(linger),
            }
        }
    }

    /// When [`Connection::handle_timeout`] is to be called, unless something happens before.
    pub fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// Acts on a deadline that has passed; does nothing before.
    pub fn handle_timeout(&mut self, tick: &Tick<'_>) -> Option<Event<'static>> {
        if tick.now < self.deadline {
            return None;
        }
        if !self.outbox.is_empty() {
            self.abort();
            return None;
        }
        match self.state {
            // The peer waits for us, and not we for the peer.
            State::Exchanging {
                sending: Sending::Awaiting,
                ..
            } => self.deadline = tick.now + tick.options.timeouts.send_stall,
            State::ReceivingHead { .. }
            | State::Exchanging {
                receiving: Receiving::Content(..),
                ..
            } => return Some(self.refuse(Refusal::Timeout)),
            // A request may be on its way just now; it shall not be answered with a reset.
            State::Idle { .. } => match self.persistence {
                Persistence::Persist => self.close(Linger::Yes),
                // It has been waited for.
                Persistence::Close(linger) => self.close(linger),
            },
            State::Exchanging { .. }
            | State::Closing { .. }
            | State::Lingering
            | State::Closed { .. } => self.state = State::Closed { reset: false },
        }
        None
    }

    /// Takes note that the sending side is shut.
    pub fn shut_down(&mut self, tick: &Tick<'_>) {
        self.state = State::Lingering;
        self.deadline = tick.now + tick.options.timeouts.linger;
    }

    /// Ends the connection as soon as what is under way is done.
    ///
    /// If nothing is, a request may be on its way nevertheless, and would cross the close: from a
    /// client that asks for one thing after the other, it is all but certain. So it is waited for,
    /// if not for long, and its response says that it is the last.
    pub fn drain(&mut self, tick: &Tick<'_>) {
        if let State::Idle { .. } = self.state {
            self.deadline = self.deadline.min(tick.now + DRAIN_GRACE);
        }
        if self.persistence == Persistence::Persist {
            self.persistence = Persistence::Close(Linger::No);
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

/// Content that never quite stalls is due within so many times the stall's timeout: nothing here
/// waits for it, and a connection is more than it is worth.
const CONTENT_STALLS_MAX: u32 = 10;

/// How long a request may be on its way to a connection that is idle when it is to be drained:
/// longer than most ways around the world.
const DRAIN_GRACE: Duration = Duration::from_millis(300);

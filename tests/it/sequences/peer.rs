//! A client with one connection: requests that are on their way, and what has come back.

use super::{
    ask::Ask,
    model::{Model, Moment},
};
use crate::support::Response;
use rustix::event::PollFlags;
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

pub(super) struct Peer {
    pub(super) stream: TcpStream,
    outgoing: VecDeque<u8>,
    /// The number of bytes that were sent, and that were ever queued.
    sent: usize,
    queued: usize,
    asks: VecDeque<Queued>,
    received: Vec<u8>,
    state: State,
    is_half_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last response has arrived: nothing more may follow.
    Answered,
    Ended,
}

/// A request, and where its head ends in the stream.
struct Queued {
    ask: Ask,
    head_end: usize,
    /// The time when its head was sent; when it begins, if it is answered before it ends.
    sent: Option<Moment>,
}

impl Peer {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream
            .set_nonblocking(true)
            .expect("it can be non-blocking");
        Self {
            stream,
            outgoing: VecDeque::new(),
            sent: 0,
            queued: 0,
            asks: VecDeque::new(),
            received: Vec::new(),
            state: State::Open,
            is_half_closed: false,
        }
    }

    /// Returns `true` if a request can still be sent that will be answered.
    pub(super) fn is_usable(&self) -> bool {
        let ends = self.asks.back().is_some_and(|queued| queued.ask.ends());
        self.state == State::Open && !self.is_half_closed && !ends
    }

    /// Returns `true` if nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.asks.is_empty() && self.outgoing.is_empty() || self.state != State::Open
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// Returns the requests that are not answered.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &Ask> {
        self.asks.iter().map(|queued| &queued.ask)
    }

    /// Returns the events that the connection waits for.
    pub(super) fn interest(&self) -> PollFlags {
        if self.outgoing.is_empty() || self.state != State::Open {
            PollFlags::IN
        } else {
            PollFlags::IN | PollFlags::OUT
        }
    }

    pub(super) fn queue(&mut self, ask: Ask, (head, content): (String, String)) {
        let begin = self.queued;
        // A malformed head may be answered before it ends.
        let head_end = if ask.is_malformed {
            begin + 1
        } else {
            begin + head.len()
        };
        self.queued += head.len() + content.len();
        self.outgoing.extend(head.into_bytes());
        self.outgoing.extend(content.into_bytes());
        self.asks.push_back(Queued {
            ask,
            head_end,
            sent: None,
        });
    }

    /// Sends some of the bytes that are queued, as many as the kernel takes.
    pub(super) fn push(&mut self, bytes: usize, now: Moment) {
        let bytes = bytes.min(self.outgoing.len());
        if bytes == 0 || self.state == State::Ended {
            return;
        }
        let count = match self.stream.write(&self.outgoing.make_contiguous()[..bytes]) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // Nobody reads it any more, for a reason that is still to arrive.
            Err(_) => bytes,
        };
        self.outgoing.drain(..count);
        self.sent += count;
        for queued in &mut self.asks {
            if queued.sent.is_none() && queued.head_end <= self.sent {
                queued.sent = Some(now);
            }
        }
        if self.is_half_closed && self.outgoing.is_empty() {
            self.shut_down();
        }
    }

    /// Ends sending, once everything is sent.
    pub(super) fn finish_sending(&mut self) {
        self.is_half_closed = true;
        if self.outgoing.is_empty() {
            self.shut_down();
        }
    }

    fn shut_down(&self) {
        // The server may have closed both sides.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Receives up to this many bytes, and checks the responses that are complete. Returns the
    /// requests that were answered, each with the status.
    pub(super) fn receive(
        &mut self,
        bytes_max: usize,
        model: &mut Model,
    ) -> Result<Vec<(Ask, u16)>, String> {
        let mut buffer = vec![0; bytes_max];
        let mut answered = Vec::new();
        match self.stream.read(&mut buffer) {
            Ok(0) => self.end("the end")?,
            Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(answered),
            Err(error) => self.end(&error.to_string())?,
        }
        while !self.received.is_empty() {
            let Some(queued) = self.asks.front() else {
                return Err(format!("nothing was asked, but \"{}\"", self.shown()));
            };
            let Some((response, length)) = Response::parse(&self.received, queued.ask.method)?
            else {
                break;
            };
            let context = |problem| format!("{problem} for {:?}", queued.ask);
            let sent = queued.sent.ok_or_else(|| context("too early".to_owned()))?;
            model
                .judge(&queued.ask, &response, sent)
                .map_err(|problem| context(format!("{problem} in {}", summary(&response))))?;
            if response.closes() != queued.ask.ends() && !self.is_half_closed {
                return Err(context(format!("closes: {}", response.closes())));
            }
            if response.closes() {
                self.state = State::Answered;
            }
            self.received.drain(..length);
            let queued = self.asks.pop_front().expect("it is the first");
            answered.push((queued.ask, response.status));
            if self.state == State::Answered && !self.received.is_empty() {
                return Err(format!("after the last response, \"{}\"", self.shown()));
            }
        }
        Ok(answered)
    }

    fn end(&mut self, how: &str) -> Result<(), String> {
        let is_whole = self.received.is_empty() && self.asks.is_empty();
        if self.state == State::Answered || self.is_half_closed && is_whole {
            self.state = State::Ended;
            return Ok(());
        }
        let asks: Vec<_> = self.unanswered().map(|ask| ask.id).collect();
        Err(format!(
            "{how}, with {asks:?} unanswered, after \"{}\"",
            self.shown()
        ))
    }

    fn shown(&self) -> String {
        let end = self.received.len().min(300);
        self.received[..end].escape_ascii().to_string()
    }
}

/// Returns the head of a response in short.
fn summary(response: &Response) -> String {
    format!("{} {:?}", response.status, response.fields)
}

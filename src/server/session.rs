//! One connection with its socket: the shell around the protocol machine.

mod telling;

use super::BYTES_A_TURN;
use super::admin;
use super::decision::OpenFile;
use super::exchange::{Answer, Service};
use super::promptness::FirstLook;
use super::room::Spare;
use super::socket::{Next, Socket, is_not_ready, is_of_the_peer};
use super::unsent::{Lack, note_room};
use crate::conn::{Connection, Event, Phase, Timeouts, Transmit, Wants};
use crate::http::fields::FieldStorage;
use crate::site::{self, Pending};
use mio::Interest;
use rustix::io::Errno;
use std::net::IpAddr;
use std::time::Instant;
use telling::Exchange;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) socket: Socket,
    connection: Connection<OpenFile>,
    peer: Option<IpAddr>,
    side: Side,
    /// What was received and is not used up: the start of a head, or requests that wait.
    rest: Vec<u8>,
    /// Whether receiving may give anything. Edge-triggered: set by an event, and cleared only by a
    /// receive that came back short.
    may_receive: bool,
    input: Input,
    /// The request whose answer is pending.
    parked: Option<Parked>,
    /// An exchange that outlasts the call that began it.
    exchange: Option<Exchange>,
    pub(super) is_runnable: bool,
    /// What the poll tells of, once the session has had to wait.
    pub(super) registered: Option<Interest>,
}

/// A request whose answer waits for work to be done.
#[derive(Debug)]
struct Parked {
    /// Its head as it was received, to be read again when there is an answer.
    head: Box<[u8]>,
    pending: Pending,
}

/// Whom a session is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Public,
    /// The operator, on a listener of their own.
    Admin,
}

/// What is known of the end of what the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The end has come, behind bytes that are yet to be received.
    EndInSight,
    Ended,
}

/// How a session stands after it was pumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It waits for the peer, for work to be done, or for its deadline.
    Waiting,
    /// It could go on, but others come first.
    Unfinished,
    /// It is to be closed.
    Done,
}

impl Session {
    pub(super) fn new(socket: Socket, peer: Option<IpAddr>, side: Side, service: &Service) -> Self {
        Self {
            socket,
            connection: Connection::new(&service.tick()),
            peer,
            side,
            rest: Vec::new(),
            may_receive: true,
            input: Input::Open,
            parked: None,
            exchange: None,
            is_runnable: false,
            registered: None,
        }
    }

    pub(super) fn note_readable(&mut self) {
        self.may_receive = true;
    }

    pub(super) fn note_end_in_sight(&mut self) {
        self.may_receive = true;
        if self.input == Input::Open {
            self.input = Input::EndInSight;
        }
    }

    /// The connection is broken in both directions, so that nobody waits for an answer.
    pub(super) fn note_broken(&mut self) {
        self.parked = None;
    }

    /// Whether there is something to send, so that the session goes on as soon as there is room.
    pub(super) fn has_to_send(&self) -> bool {
        self.connection.wants() == Wants::Transmit
    }

    /// Whether the session waits for work to be done.
    pub(super) fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// Whether the session waits for work that is done.
    pub(super) fn is_answerable(&self) -> bool {
        self.parked
            .as_ref()
            .is_some_and(|parked| parked.pending.is_done())
    }

    /// What the first look for a request has shown, if there was one.
    pub(super) fn first_look(&self) -> Option<FirstLook> {
        match (self.connection.is_fresh(), self.may_receive) {
            (false, _) => Some(FirstLook::Found),
            (true, false) => Some(FirstLook::InVain),
            (true, true) => None,
        }
    }

    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    pub(super) fn phase(&self) -> Phase {
        self.connection.phase()
    }

    /// When the peer is late, or is to be looked at; `None` while it waits for us.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        self.socket
            .next_look(timeouts.send_stall)
            .or_else(|| self.connection.poll_timeout(timeouts))
    }

    /// Why it can make room for another, if it can.
    pub(super) fn spare(&self) -> Option<Spare> {
        // Half of an empty line is nothing under way.
        let has_begun = !matches!(*self.rest, [] | [b'\r']);
        let idle = self.connection.idle_since().filter(|_| !has_begun);
        let arriving = || self.connection.arriving_since().map(Spare::Arriving);
        let lingering = || self.connection.lingering_since().map(Spare::Lingering);
        idle.map(Spare::Idle).or_else(arriving).or_else(lingering)
    }

    pub(super) fn drain(&mut self, service: &Service) {
        self.connection.drain(&service.tick());
    }

    pub(super) fn handle_timeout(&mut self, service: &mut Service) {
        let deadline = self.deadline(&service.options.timeouts);
        if deadline.is_none_or(|deadline| service.clock.now() < deadline) {
            return;
        }
        let (now, timeout) = (service.clock.now(), service.options.timeouts.send_stall);
        // Where there is room, it is not the peer who is late.
        if self.phase() == Phase::Send
            && (self.is_runnable || !self.socket.is_stalled(now, timeout))
        {
            return;
        }
        if self.side == Side::Public {
            service.metrics.note_timeout(self.phase());
        }
        if let Some(event) = self.connection.handle_timeout(&service.tick()) {
            self.answer(&event, &[], service);
        }
    }

    /// Does what the connection wants until the peer has to do something, or others are to have
    /// their turn.
    pub(super) fn pump(&mut self, service: &mut Service) -> Outcome {
        self.connection.lend(&mut service.output);
        let outcome = self.pump_while_ready(service).unwrap_or_else(|errno| {
            // A peer that vanishes is no error of ours.
            log::debug!("a connection broke off: {errno}");
            Outcome::Done
        });
        self.connection.reclaim(&mut service.output);
        outcome
    }

    fn pump_while_ready(&mut self, service: &mut Service) -> Result<Outcome, Errno> {
        let begun = service.work;
        let mut offered = false;
        loop {
            let wants = self.connection.wants();
            let could_go_on = match wants {
                Wants::Transmit => true,
                Wants::Receive => self.may_receive || !self.rest.is_empty(),
                _ => false,
            };
            let is_turn_over = service.work - begun >= BYTES_A_TURN as u64;
            if could_go_on && (is_turn_over || service.is_share_done() && self.sends_much()) {
                return Ok(Outcome::Unfinished);
            }
            match wants {
                Wants::Transmit => {
                    offered = false;
                    if !self.transmit(service)? {
                        return Ok(Outcome::Waiting);
                    }
                }
                Wants::Receive if !offered && !self.rest.is_empty() => {
                    offered = true;
                    self.offer_rest(service);
                }
                // The end was told already, and still there is something to wait for.
                Wants::Receive if self.input == Input::Ended => return Ok(Outcome::Done),
                Wants::Receive if self.may_receive => {
                    self.receive(service)?;
                    offered = true;
                }
                Wants::Receive => return Ok(Outcome::Waiting),
                Wants::Shutdown => {
                    self.socket.shut_down_sending()?;
                    self.connection.shut_down(&service.tick());
                }
                Wants::LastLook if !self.rest.is_empty() => self.offer_rest(service),
                Wants::LastLook if self.may_receive && self.input != Input::Ended => {
                    self.receive(service)?;
                }
                Wants::LastLook | Wants::Close => {
                    self.socket.let_go()?;
                    return Ok(Outcome::Done);
                }
                Wants::Reset => {
                    self.socket.reset_on_close();
                    return Ok(Outcome::Done);
                }
                Wants::Respond => {
                    // None: the connection is broken, and nobody is left to be answered.
                    let Some(parked) = self.parked.take() else {
                        return Ok(Outcome::Done);
                    };
                    let Some(outcome) = parked.pending.outcome() else {
                        self.parked = Some(parked);
                        return Ok(Outcome::Waiting);
                    };
                    self.answer_at_last(parked.head, outcome, service);
                }
            }
        }
    }

    /// Whether what is to be sent next is so much that others come first, if they are many who ask
    /// for so much at once.
    fn sends_much(&self) -> bool {
        match self.connection.poll_transmit() {
            Some(Transmit::Bytes(_, content)) => content.len() > SMALL_BYTES_MAX,
            Some(Transmit::File { length, .. }) => length > SMALL_BYTES_MAX as u64,
            None => false,
        }
    }

    /// Sends once: whether that may be done again, or the socket takes no more.
    fn transmit(&mut self, service: &mut Service) -> Result<bool, Errno> {
        let sent = match self.connection.poll_transmit() {
            None => return Ok(true),
            Some(Transmit::Bytes(first, second)) => {
                let next = if self.connection.is_closing() {
                    Next::AtOnce
                } else {
                    Next::Unknown
                };
                self.socket.send(first, second, next)
            }
            Some(Transmit::File { before, .. }) if !before.is_empty() => {
                self.socket.send(before, &[], Next::AtOnce)
            }
            Some(Transmit::File {
                file,
                offset,
                length,
                ..
            }) => {
                let now = service.clock.now();
                service.large_sends.adjust(&mut self.socket, now, length);
                // Not less for what the turn has moved before: whole pages, and often the whole file.
                let length = usize::try_from(length).map_or(BYTES_A_TURN, |l| l.min(BYTES_A_TURN));
                match self.socket.send_file(&**file, offset, length) {
                    Err(errno) if !is_not_ready(errno) && !is_of_the_peer(errno) => {
                        log::error!("a file cannot be read on, and its connection ends: {errno}");
                        self.connection.abort();
                        return Ok(true);
                    }
                    sent => sent,
                }
            }
        };
        match sent {
            Ok(0) => {
                log::info!("a file was shortened while it was sent; its connection ends");
                self.connection.abort();
                Ok(true)
            }
            Ok(sent) => {
                service.work += sent as u64;
                note_room(&mut self.socket, service.clock.now());
                if self.side == Side::Public {
                    service.metrics.sent_bytes += sent as u64;
                }
                self.connection.transmitted(sent as u64, &service.tick());
                if !self.connection.is_exchanging() {
                    self.finish_exchange(service);
                }
                Ok(true)
            }
            Err(errno) if is_not_ready(errno) => {
                self.socket.lack = Lack::Now;
                let now = service.clock.now();
                self.socket.lacked_since.get_or_insert(now);
                Ok(false)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Receives once, behind the rest of what came before.
    fn receive(&mut self, service: &mut Service) -> Result<(), Errno> {
        let mut input = std::mem::take(&mut service.input);
        let kept = self.rest.len();
        input.resize(input.len().max(kept + RECEIVED_AT_ONCE), 0);
        let (before, room) = input.split_at_mut(kept);
        before.copy_from_slice(&self.rest);
        let received = self.socket.receive(room);
        let room = room.len();
        let result = match received {
            Ok(count) => {
                service.work += count as u64;
                if self.side == Side::Public {
                    service.metrics.received_bytes += count as u64;
                }
                // epoll(7): a short receive has emptied the socket; what comes later is an event.
                // An end that is there already, behind what was received, is not.
                self.may_receive = count == room || self.input == Input::EndInSight;
                let filled = input.get(..kept + count).unwrap_or_default();
                let used = self.offer(filled, service);
                let unused = filled.get(used..).unwrap_or_default();
                if count == 0 {
                    self.end(unused, service);
                }
                self.keep(unused);
                Ok(())
            }
            Err(errno) if is_not_ready(errno) => {
                self.may_receive = false;
                Ok(())
            }
            Err(errno) => Err(errno),
        };
        service.input = input;
        result
    }

    fn offer_rest(&mut self, service: &mut Service) {
        let rest = std::mem::take(&mut self.rest);
        let used = self.offer(&rest, service);
        if used == 0 {
            self.rest = rest;
        } else {
            self.keep(rest.get(used..).unwrap_or_default());
        }
    }

    /// Keeps what is not used up. An idle connection keeps nothing, so it owns no memory for it.
    fn keep(&mut self, unused: &[u8]) {
        if unused.is_empty() {
            self.rest = Vec::new();
        } else {
            self.rest.clear();
            self.rest.extend_from_slice(unused);
        }
    }

    /// Lets the connection take some requests from the input, if it will: how many bytes.
    fn offer(&mut self, input: &[u8], service: &mut Service) -> usize {
        let (mut used, mut requests) = (0, 0);
        while used < input.len() && requests < REQUESTS_AT_ONCE {
            let mut storage = FieldStorage::default();
            let rest = input.get(used..).unwrap_or_default();
            let received = self.connection.receive(rest, &mut storage, &service.tick());
            used += received.used;
            if !self.connection.is_exchanging() {
                // A response that was held up by the request's content is on its way now.
                self.finish_exchange(service);
            }
            if let Some(event) = received.event {
                let head = rest.get(..received.used).unwrap_or_default();
                self.answer(&event, head, service);
                requests += 1;
            } else if received.used == 0 {
                break;
            }
        }
        used
    }

    fn end(&mut self, unused: &[u8], service: &mut Service) {
        self.input = Input::Ended;
        let mut storage = FieldStorage::default();
        if let Some(event) = self
            .connection
            .receive_eof(unused, &mut storage, &service.tick())
        {
            self.answer(&event, &[], service);
        }
    }

    /// Answers an event, or sees to it that it is answered later. `head` is what was received of
    /// it, if it is a request.
    fn answer(&mut self, event: &Event<'_>, head: &[u8], service: &mut Service) {
        service.work += REQUEST_BYTES;
        if self.side == Side::Admin {
            let response = admin::respond(event, service);
            return self.connection.respond(response, &service.tick());
        }
        match service.answer(event) {
            Answer::Ready(response) => {
                let status = response.status;
                self.connection.respond(response, &service.tick());
                self.begin_exchange(event, Some(status), service);
            }
            Answer::Pending(pending) => {
                let head = head.into();
                self.parked = Some(Parked { head, pending });
                self.begin_exchange(event, None, service);
            }
        }
    }

    /// Answers a request that was parked, by the outcome that it waited for.
    fn answer_at_last(&mut self, head: Box<[u8]>, outcome: site::Outcome, service: &mut Service) {
        let response = match service.answer_at_last(&head, outcome) {
            Answer::Ready(response) => response,
            Answer::Pending(pending) => {
                self.parked = Some(Parked { head, pending });
                return;
            }
        };
        if let Some(exchange) = &mut self.exchange {
            exchange.status = Some(response.status);
        }
        self.connection.respond(response, &service.tick());
        if !self.connection.is_exchanging() {
            self.finish_exchange(service);
        }
    }
}

/// Requests that are answered before what there is to send is sent, and the turn may end.
const REQUESTS_AT_ONCE: usize = 32;

/// What a request weighs in a turn besides its bytes: a small one may have a file opened and read.
const REQUEST_BYTES: u64 = 16 * 1024;

/// Content up to this size is sent at once, however many ask for it: as much as is kept in memory of
/// a file. To come back for it costs more than to be done with it.
const SMALL_BYTES_MAX: usize = 64 * 1024;

/// The least room that is offered to one receive.
const RECEIVED_AT_ONCE: usize = 32 * 1024;

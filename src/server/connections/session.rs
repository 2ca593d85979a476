//! A connection with its socket: the shell around the protocol machine. The parts for a response
//! without an end are in [`stream`].

mod stream;

use super::eviction::EvictionRank;
use super::in_flight::InFlight;
use super::turn::Turn;
use crate::conn::{Connection, Event, Phase, Timeouts, Transmit, Wants};
use crate::http::Status;
use crate::http::fields::FieldStorage;
use crate::server::answer::answered::Answer;
use crate::server::answer::response::OpenFile;
use crate::server::answer::suspended::Suspended;
use crate::server::context::Context;
use crate::server::net::send_window::SendWindow;
use crate::server::net::socket::{Next, Socket, is_peer_error, would_block};
use crate::server::net::stream::{Scheme, Stream};
use crate::server::options::ListenerRole;
use crate::server::turn_budget::{BYTES_A_TURN, SMALL_BYTES_MAX};
use mio::Interest;
use rustix::io::Errno;
use std::net::IpAddr;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Session {
    stream: Stream,
    window: SendWindow,
    connection: Connection<OpenFile>,
    peer: Option<IpAddr>,
    role: ListenerRole,
    connected: Instant,
    /// The bytes received and not used yet: the start of a head, or waiting requests.
    rest: Vec<u8>,
    /// `true` if receiving may return something. Events are edge-triggered, so an event sets it,
    /// and only a short receive clears it.
    may_receive: bool,
    input: Input,
    /// The request whose response is pending.
    suspended: Option<Box<Suspended>>,
    /// A request that is not finished in the call that read it.
    in_flight: Option<InFlight>,
    pub(crate) is_ready: bool,
    /// The owner of the response without an end that it sends, if it does: the hash of the client
    /// and its user agent.
    stream_owner: u32,
    /// The interest registered with the poll, once the session has had to wait.
    pub(crate) registered: Option<Interest>,
}

/// The state of the peer's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The end has arrived, after bytes that are not yet received.
    EndInSight,
    Ended,
}

/// The state of a session after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It waits for the peer, for a job, or for its deadline.
    Waiting,
    /// It could continue, but others come first.
    Unfinished,
    /// It should be closed.
    Done,
}

impl Session {
    pub(crate) fn new(
        stream: Stream,
        peer: Option<IpAddr>,
        role: ListenerRole,
        context: &Context,
    ) -> Self {
        Self {
            stream,
            window: SendWindow::new(),
            connection: Connection::new(&context.now()),
            peer,
            role,
            connected: context.clock.now(),
            rest: Vec::new(),
            may_receive: true,
            input: Input::Open,
            suspended: None,
            in_flight: None,
            is_ready: false,
            stream_owner: 0,
            registered: None,
        }
    }

    pub(crate) fn note_readable(&mut self) {
        self.may_receive = true;
    }

    pub(crate) fn note_end_in_sight(&mut self) {
        self.may_receive = true;
        if self.input == Input::Open {
            self.input = Input::EndInSight;
        }
    }

    /// Records that the connection is broken in both directions, so nobody waits for a response.
    pub(crate) fn note_broken(&mut self) {
        self.suspended = None;
    }

    /// Returns `true` if there is something to send, so the session can continue as soon as the
    /// socket is writable.
    pub(crate) fn has_to_send(&self) -> bool {
        self.connection.wants() == Wants::Transmit
    }

    /// Returns `true` if a TLS handshake comes next, which takes much more work than a request.
    pub(crate) fn has_to_shake_hands(&self) -> bool {
        self.stream.has_to_shake_hands()
    }

    /// Returns `true` if the session waits for a job.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// Returns `true` if the job that the session waits for is done.
    pub(crate) fn is_answerable(&self) -> bool {
        self.suspended
            .as_ref()
            .is_some_and(|suspended| suspended.is_answerable())
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.stream.socket()
    }

    /// Returns the interest that the poll needs for its socket.
    pub(crate) fn interest(&self) -> Interest {
        if self.stream.has_unsent() {
            return Interest::READABLE | Interest::WRITABLE;
        }
        self.window.interest()
    }

    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    pub(crate) fn role(&self) -> ListenerRole {
        self.role
    }

    pub(crate) fn phase(&self) -> Phase {
        self.connection.phase()
    }

    /// Returns the time at which the peer is late or must be checked; `None` while it waits for us.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        self.window
            .next_look(timeouts.send_stall)
            .or_else(|| self.connection.poll_timeout(timeouts))
    }

    /// Returns the reason why it can be closed for another one, if it can.
    pub(crate) fn rank(&self) -> Option<EvictionRank> {
        // Half of an empty line does not count as a request.
        let has_begun = !matches!(*self.rest, [] | [b'\r']);
        let idle = self.connection.idle_since().filter(|_| !has_begun);
        let idle_rank = |since| {
            if self.stream.has_begun() {
                EvictionRank::Arriving(since)
            } else {
                EvictionRank::Idle(since)
            }
        };
        let arriving = || self.connection.arriving_since().map(EvictionRank::Arriving);
        let lingering = || {
            self.connection
                .lingering_since()
                .map(EvictionRank::Lingering)
        };
        // The client of a stream asks again, and then receives everything since.
        let streaming = || self.connection.streaming_since().map(EvictionRank::Idle);
        let sending = || self.window.slow_pace().map(EvictionRank::Sending);
        idle.map(idle_rank)
            .or_else(arriving)
            .or_else(lingering)
            .or_else(streaming)
            .or_else(sending)
    }

    /// Measures how fast the client receives a response. Needed only if connections are short.
    pub(crate) fn measure(&mut self, now: Instant) {
        self.window
            .measure(self.stream.socket(), self.connected, now);
    }

    /// Prepares the close of a session that makes room for another. A client must not mistake a
    /// partial response for the whole, and the kernel must not send the rest. An idle client over
    /// TLS is sent the end (RFC 8446 §6.1).
    pub(crate) fn give_way(&mut self) {
        if self.has_to_send() {
            self.stream.socket().reset_on_close();
        } else if let Err(errno) = self.stream.finish() {
            log::debug!("an evicted client was not sent the end: {errno}");
        }
    }

    pub(crate) fn drain(&mut self, context: &Context) {
        self.connection.drain(&context.now());
    }

    pub(crate) fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let deadline = self.deadline(&turn.context.options.timeouts);
        if deadline.is_none_or(|deadline| turn.context.clock.now() < deadline) {
            return;
        }
        let now = turn.context.clock.now();
        let timeout = turn.context.options.timeouts.send_stall;
        // If the client has room, the peer is not the late one.
        if self.phase() == Phase::Send
            && (self.is_ready || !self.window.is_stalled(self.stream.socket(), now, timeout))
        {
            return;
        }
        if self.role == ListenerRole::Public {
            turn.context.metrics.note_timeout(self.phase());
        }
        if let Some(event) = self.connection.handle_timeout(&turn.context.now()) {
            self.answer(&event, &[], turn);
        }
    }

    /// Does what the connection wants until the peer has to act, or others should have their turn.
    pub(crate) fn pump(&mut self, turn: &mut Turn<'_>) -> Outcome {
        self.connection.lend(&mut turn.context.output);
        let outcome = self.pump_while_ready(turn).unwrap_or_else(|errno| {
            // A vanished peer is not an error of ours.
            log::debug!("a connection broke off: {errno}");
            Outcome::Done
        });
        self.connection.reclaim(&mut turn.context.output);
        outcome
    }

    fn pump_while_ready(&mut self, turn: &mut Turn<'_>) -> Result<Outcome, Errno> {
        let start = turn.context.budget.begin_turn();
        let mut offered = false;
        loop {
            let wants = self.connection.wants();
            let could_go_on = match wants {
                Wants::Transmit => true,
                Wants::Receive => self.may_receive || !self.rest.is_empty(),
                _ => false,
            };
            let budget = &turn.context.budget;
            let is_turn_over = budget.is_turn_over(start);
            if could_go_on && (is_turn_over || budget.is_share_spent() && self.sends_much()) {
                return Ok(Outcome::Unfinished);
            }
            match wants {
                Wants::Transmit => {
                    offered = false;
                    if !self.transmit(turn.context)? {
                        return Ok(Outcome::Waiting);
                    }
                }
                Wants::Receive if self.stream.has_unsent() => {
                    if !self.flush()? {
                        return Ok(Outcome::Waiting);
                    }
                }
                Wants::Receive if !offered && !self.rest.is_empty() => {
                    offered = true;
                    self.offer_rest(turn);
                }
                // The end was reported already, and still the connection wants input.
                Wants::Receive if self.input == Input::Ended => return Ok(Outcome::Done),
                Wants::Receive if self.may_receive => {
                    self.receive(turn)?;
                    offered = true;
                }
                Wants::Receive => return Ok(Outcome::Waiting),
                Wants::Shutdown => {
                    if !self.shut_down(turn.context)? {
                        return Ok(Outcome::Waiting);
                    }
                }
                Wants::FinalRead if !self.rest.is_empty() => self.offer_rest(turn),
                Wants::FinalRead if self.may_receive && self.input != Input::Ended => {
                    self.receive(turn)?;
                }
                Wants::FinalRead | Wants::Close => {
                    self.stream.finish()?;
                    return Ok(Outcome::Done);
                }
                Wants::Reset => {
                    self.stream.socket().reset_on_close();
                    return Ok(Outcome::Done);
                }
                Wants::Respond => {
                    // None: the connection is broken, and nobody waits for a response.
                    let Some(suspended) = self.suspended.take() else {
                        return Ok(Outcome::Done);
                    };
                    if !suspended.is_answerable() {
                        self.suspended = Some(suspended);
                        self.flush()?;
                        return Ok(Outcome::Waiting);
                    }
                    self.resume(*suspended, turn);
                }
            }
        }
    }

    /// Returns `true` if the next data to send is so large that others come first, if many clients
    /// request as much at once.
    fn sends_much(&self) -> bool {
        match self.connection.poll_transmit() {
            Some(Transmit::Bytes(_, content)) => content.len() > SMALL_BYTES_MAX,
            Some(Transmit::File { length, .. }) => length > SMALL_BYTES_MAX as u64,
            None => false,
        }
    }

    /// Sends data that belongs to no response. Returns `true` if all of it is on its way.
    fn flush(&mut self) -> Result<bool, Errno> {
        match self.stream.flush() {
            Ok(()) => Ok(true),
            Err(errno) if would_block(errno) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Announces the end of sending to the peer. Returns `false` if the socket is full.
    fn shut_down(&mut self, context: &Context) -> Result<bool, Errno> {
        match self.stream.shut_down_sending() {
            Ok(()) => {
                self.connection.shut_down(&context.now());
                Ok(true)
            }
            Err(errno) if would_block(errno) => {
                self.window.note_full(context.clock.now());
                Ok(false)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Sends once. Returns `false` if the socket is full.
    fn transmit(&mut self, context: &mut Context) -> Result<bool, Errno> {
        let now = context.clock.now();
        let shared = &mut context.tls;
        let sent = match self.connection.poll_transmit() {
            None => return Ok(true),
            Some(Transmit::File {
                before: [],
                file,
                offset,
                length,
            }) => {
                self.window
                    .adjust(&context.windows, self.stream.socket(), now, length);
                let batch = || self.window.batch(now);
                // The turn's earlier work does not reduce it: whole pages, and often the whole
                // file.
                let length = usize::try_from(length).map_or(BYTES_A_TURN, |l| l.min(BYTES_A_TURN));
                match self
                    .stream
                    .send_file(&**file, offset, length, batch, shared)
                {
                    Err(errno) if !would_block(errno) && !is_peer_error(errno) => {
                        log::error!(
                            "cannot read the rest of a file, so its connection is closed: {errno}"
                        );
                        self.connection.abort();
                        return Ok(true);
                    }
                    sent => sent,
                }
            }
            Some(bytes) => {
                let (first, second, next) = match bytes {
                    Transmit::Bytes(first, second) if self.connection.is_closing() => {
                        (first, second, Next::AtOnce)
                    }
                    Transmit::Bytes(first, second) => (first, second, Next::Unknown),
                    Transmit::File { before, .. } => (before, &[][..], Next::AtOnce),
                };
                let batch = || self.window.batch(now);
                self.stream.send(first, second, next, batch, shared)
            }
        };
        match sent {
            Ok(0) => {
                log::info!("a file was truncated while it was sent, so its connection is closed");
                self.connection.abort();
                Ok(true)
            }
            Ok(sent) => {
                context.budget.charge(sent);
                self.window.note_room(context.clock.now());
                if self.role == ListenerRole::Public {
                    context.metrics.sent_bytes += sent as u64;
                }
                self.connection.transmitted(sent as u64, &context.now());
                if !self.connection.is_exchanging() {
                    self.finish_exchange(context);
                }
                Ok(true)
            }
            Err(errno) if would_block(errno) => {
                self.window.note_full(context.clock.now());
                Ok(false)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Receives once, appending to the bytes that were left.
    fn receive(&mut self, turn: &mut Turn<'_>) -> Result<(), Errno> {
        let mut input = std::mem::take(&mut turn.context.input);
        let kept = self.rest.len();
        input.resize(input.len().max(kept + RECEIVED_AT_ONCE), 0);
        let (before, room) = input.split_at_mut(kept);
        before.copy_from_slice(&self.rest);
        let result = match self.stream.receive(room, &mut turn.context.tls) {
            Ok(received) => {
                turn.context.budget.charge(received.work_bytes);
                if self.role == ListenerRole::Public {
                    turn.context.metrics.received_bytes += received.bytes as u64;
                }
                // No event reports an end that is already there after the received bytes.
                self.may_receive = received.has_more || self.input == Input::EndInSight;
                let filled = input.get(..kept + received.bytes).unwrap_or_default();
                let used = self.offer(filled, turn);
                let unused = filled.get(used..).unwrap_or_default();
                if received.is_end {
                    self.end(unused, turn);
                }
                self.keep(unused);
                Ok(())
            }
            Err(errno) if would_block(errno) => {
                self.may_receive = false;
                Ok(())
            }
            Err(errno) => Err(errno),
        };
        turn.context.input = input;
        result
    }

    fn offer_rest(&mut self, turn: &mut Turn<'_>) {
        let rest = std::mem::take(&mut self.rest);
        let used = self.offer(&rest, turn);
        if used == 0 {
            self.rest = rest;
        } else {
            self.keep(rest.get(used..).unwrap_or_default());
        }
    }

    /// Keeps the unused bytes. An idle connection keeps none, so it owns no memory for them.
    fn keep(&mut self, unused: &[u8]) {
        if unused.is_empty() {
            self.rest = Vec::new();
        } else {
            self.rest.clear();
            self.rest.extend_from_slice(unused);
        }
    }

    /// Offers the input to the connection, which may take some requests. Returns the number of
    /// bytes used.
    fn offer(&mut self, input: &[u8], turn: &mut Turn<'_>) -> usize {
        let (mut used, mut requests) = (0, 0);
        while used < input.len() && requests < REQUESTS_AT_ONCE {
            let mut storage = FieldStorage::default();
            let rest = input.get(used..).unwrap_or_default();
            let received = self
                .connection
                .receive(rest, &mut storage, &turn.context.now());
            used += received.used;
            if !self.connection.is_exchanging() {
                // A response that was held for the request's content is on its way now.
                self.finish_exchange(turn.context);
            }
            if let Some(event) = received.event {
                let head = rest.get(..received.used).unwrap_or_default();
                self.answer(&event, head, turn);
                requests += 1;
            } else if received.used == 0 {
                break;
            }
        }
        used
    }

    fn end(&mut self, unused: &[u8], turn: &mut Turn<'_>) {
        self.input = Input::Ended;
        let mut storage = FieldStorage::default();
        if let Some(event) = self
            .connection
            .receive_eof(unused, &mut storage, &turn.context.now())
        {
            self.answer(&event, &[], turn);
        }
    }

    /// Answers an event, or arranges that it is answered later. `head` has the received bytes of a
    /// request.
    fn answer(&mut self, event: &Event<'_>, head: &[u8], turn: &mut Turn<'_>) {
        turn.context.budget.charge_request();
        let scheme = match self.stream.scheme() {
            Scheme::Http if self.peer.is_none() => Scheme::Local,
            scheme => scheme,
        };
        match turn
            .endpoint
            .answer(event, head, scheme, self.peer, turn.context)
        {
            Answer::Ready(response) => {
                let status = response.status;
                self.connection.respond(response, &turn.context.now());
                self.begin_exchange(event, Some(status), turn.context);
            }
            Answer::Live { response, agent } => self.respond_live(response, agent, turn.context),
            Answer::Pending(suspended) => {
                self.suspended = Some(suspended);
                self.begin_exchange(event, None, turn.context);
            }
        }
    }

    /// Answers a suspended request, now that the job that it waited for is done.
    fn resume(&mut self, suspended: Suspended, turn: &mut Turn<'_>) {
        let response = match turn.endpoint.resume(suspended, turn.context) {
            Answer::Ready(response) => response,
            Answer::Live { response, agent } => {
                return self.respond_live(response, agent, turn.context);
            }
            Answer::Pending(suspended) => {
                self.suspended = Some(suspended);
                return;
            }
        };
        let user = turn.context.user.take();
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.status = Some(response.status);
            if let Some(user) = user {
                in_flight.name_user(&user);
            }
        }
        self.connection.respond(response, &turn.context.now());
        if !self.connection.is_exchanging() {
            self.finish_exchange(turn.context);
        }
    }

    /// Begins to account for a request, with this status if there is a response already.
    fn begin_exchange(&mut self, event: &Event<'_>, status: Option<Status>, context: &mut Context) {
        if self.role == ListenerRole::Admin {
            return;
        }
        if let Some(in_flight) = &mut self.in_flight {
            // The content of a request turned out malformed: it has one response and one log line.
            in_flight.status = status;
            return;
        }
        self.window.begin_response();
        context.begin_record(self.peer, event);
        if self.connection.is_exchanging() {
            self.in_flight = Some(InFlight::begin(status, context));
        } else {
            context.finish_at_once(status, self.connection.content_bytes());
        }
    }

    /// Reports the request in progress, if there is one.
    pub(crate) fn finish_exchange(&mut self, context: &mut Context) {
        self.window.end_large_response(self.stream.socket());
        if let Some(in_flight) = self.in_flight.take() {
            self.window.forget_progress();
            let content_bytes = self.connection.content_bytes();
            in_flight.finish(self.connection.is_held(), content_bytes, context);
        }
    }
}

/// The number of requests that are answered before responses are sent and the turn may end.
const REQUESTS_AT_ONCE: usize = 32;

/// The smallest buffer for one receive.
const RECEIVED_AT_ONCE: usize = 32 * 1024;

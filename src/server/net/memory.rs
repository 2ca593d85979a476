//! Connections in memory, for tests: the kernel's part of a connection and of a listening socket,
//! played by the test.
//!
//! A [`MemorySocket`] is our end; a [`Wire`] is what the test holds of the same connection. The
//! kernel's rules are those of Linux: events are edge-triggered and report all that is so at that
//! moment, a short receive has emptied the socket, and a close with unread input is a reset.

use super::progress::Delivery;
use super::readiness::Readiness;
use mio::{Interest, Token};
use rustix::fd::AsFd;
use rustix::io::{Errno, Result};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Our end of a connection. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct MemorySocket(Arc<Mutex<State>>);

/// The test's end of a connection: the peer, the network and the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<Mutex<State>>);

/// The kernel's state of a connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is so or not, whatever the others are"
)]
pub(crate) struct State {
    /// The bytes that the peer has sent and the server has not received.
    pub(crate) arrived: VecDeque<u8>,
    /// `true` if the peer sends no more.
    pub(crate) has_ended: bool,
    /// `true` if the peer has reset the connection.
    pub(crate) is_reset: bool,
    /// `true` if the peer has closed, so that it answers data with a reset.
    pub(crate) is_deaf: bool,
    /// `true` if the peer has vanished without a word: it acknowledges nothing.
    pub(crate) has_vanished: bool,
    /// The bytes that the server has received so far.
    pub(crate) received: u64,
    /// The bytes that the kernel has accepted from the server so far.
    pub(crate) accepted: u64,
    /// The bytes that the peer has acknowledged so far.
    pub(crate) acknowledged: u64,
    /// What the kernel has accepted since the test looked last.
    pub(crate) sent: Vec<Run>,
    /// The end, if the server has given up the connection or its side of it.
    pub(crate) end: End,
    /// `true` if the bytes sent last may be held back for what follows.
    holds_back: bool,
    /// The most unacknowledged bytes, for most clients and for those with a large buffer.
    capacities: [usize; 2],
    is_large: bool,
    /// `true` if the server has met a full buffer and has not been told of room since.
    lacks_room: bool,
    resets_on_close: bool,
    registered: Option<(Token, Interest)>,
    /// `true` if something has happened that was not reported yet.
    has_news: bool,
}

/// Something that was sent in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Bytes(Vec<u8>),
    /// A part of the file with this inode. Its bytes are not looked at, so a large file costs the
    /// test nothing.
    File {
        inode: u64,
        offset: u64,
        length: u64,
    },
}

/// The state of the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    /// The server sends no more.
    Shut,
    Closed,
    /// The close is a reset, as the server wanted it.
    Reset,
    /// Input was not received, so the close became a reset, which may destroy what the peer has
    /// not yet read.
    ClosedOverInput,
    /// The same, with bytes that were held back: they are lost.
    LostHeldBack,
}

/// A report of the state at a moment.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is so or not, whatever the others are"
)]
pub(crate) struct MemoryEvent {
    token: Token,
    is_readable: bool,
    is_writable: bool,
    has_ended: bool,
    is_reset: bool,
}

/// Returns both ends of a connection whose kernel holds this many unacknowledged bytes, usually and
/// for a client with a large buffer.
pub(crate) fn connection(capacities: [usize; 2]) -> (MemorySocket, Wire) {
    let state = State {
        arrived: VecDeque::new(),
        has_ended: false,
        is_reset: false,
        is_deaf: false,
        has_vanished: false,
        received: 0,
        accepted: 0,
        acknowledged: 0,
        sent: Vec::new(),
        end: End::Open,
        holds_back: false,
        capacities,
        is_large: false,
        lacks_room: false,
        resets_on_close: false,
        registered: None,
        has_news: false,
    };
    let state = Arc::new(Mutex::new(state));
    (MemorySocket(Arc::clone(&state)), Wire(state))
}

impl State {
    pub(crate) fn room(&self) -> usize {
        let capacity = self.capacities[usize::from(self.is_large)];
        capacity.saturating_sub(self.unacknowledged())
    }

    /// Returns `true` if the server waits for room.
    pub(crate) fn lacks_room(&self) -> bool {
        self.lacks_room
    }

    fn unacknowledged(&self) -> usize {
        usize::try_from(self.accepted - self.acknowledged).unwrap()
    }

    /// Returns an error after a reset, whose first report is `first`.
    fn check(&self, errno: Errno) -> Result<()> {
        if self.is_reset { Err(errno) } else { Ok(()) }
    }

    /// Tells the server of room once half of the buffer is free, as the kernel does.
    fn report_room(&mut self) {
        let capacity = self.capacities[usize::from(self.is_large)];
        if self.lacks_room && self.room() * 2 >= capacity {
            self.lacks_room = false;
            self.has_news = true;
        }
    }

    /// Counts what is sent. A peer that has closed answers it with a reset.
    fn accept(&mut self, bytes: usize) {
        self.accepted += bytes as u64;
        if self.is_deaf && bytes > 0 {
            self.is_reset = true;
            self.has_news = true;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemorySocket {
    /// As `EPOLL_CTL_ADD` and `EPOLL_CTL_MOD`: what is so already is reported, too.
    pub(super) fn register(&self, token: Token, interest: Interest) {
        let mut state = lock(&self.0);
        state.registered = Some((token, interest));
        state.has_news = true;
    }

    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        let mut state = lock(&self.0);
        state.check(Errno::CONNRESET)?;
        if state.arrived.is_empty() && !state.has_ended {
            return Err(Errno::AGAIN);
        }
        let count = buffer.len().min(state.arrived.len());
        for (byte, arrived) in buffer.iter_mut().zip(state.arrived.drain(..count)) {
            *byte = arrived;
        }
        state.received += count as u64;
        Ok(count)
    }

    /// Sends as much as there is room for. More may follow at once, so the kernel may hold it back.
    pub(super) fn send(&self, first: &[u8], second: &[u8], has_more: bool) -> Result<usize> {
        let mut state = lock(&self.0);
        state.check(Errno::PIPE)?;
        assert_eq!(state.end, End::Open, "nothing is sent after the end");
        let room = state.room();
        if room == 0 {
            state.lacks_room = true;
            return Err(Errno::AGAIN);
        }
        let mut bytes = [first, second].concat();
        bytes.truncate(room);
        let count = bytes.len();
        state.accept(count);
        state.holds_back = has_more;
        state.sent.push(Run::Bytes(bytes));
        Ok(count)
    }

    pub(super) fn send_file(&self, file: impl AsFd, offset: u64, length: usize) -> Result<usize> {
        let facts = rustix::fs::fstat(file)?;
        let left = u64::try_from(facts.st_size).unwrap().saturating_sub(offset);
        let mut state = lock(&self.0);
        state.check(Errno::PIPE)?;
        assert_eq!(state.end, End::Open, "nothing is sent after the end");
        let length = length.min(usize::try_from(left).unwrap());
        if length == 0 {
            return Ok(0);
        }
        let length = length.min(state.room());
        if length == 0 {
            state.lacks_room = true;
            return Err(Errno::AGAIN);
        }
        state.accept(length);
        state.holds_back = false;
        state.sent.push(Run::File {
            inode: facts.st_ino,
            offset,
            length: length as u64,
        });
        Ok(length)
    }

    pub(super) fn shut_down_sending(&self) -> Result<()> {
        let mut state = lock(&self.0);
        state.check(Errno::NOTCONN)?;
        state.holds_back = false;
        state.end = End::Shut;
        Ok(())
    }

    pub(super) fn delivery(&self) -> Delivery {
        let state = lock(&self.0);
        Delivery::Tcp {
            acknowledged: state.acknowledged,
            in_flight: state.has_vanished && state.unacknowledged() > 0,
        }
    }

    /// Uses the large buffer from now on, or the small one.
    pub(super) fn use_large_buffer(&self, is_large: bool) {
        let mut state = lock(&self.0);
        state.is_large = is_large;
        state.report_room();
    }

    pub(super) fn reset_on_close(&self) {
        lock(&self.0).resets_on_close = true;
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.end = if state.resets_on_close || state.is_reset {
            End::Reset
        } else if state.arrived.is_empty() {
            End::Closed
        } else if state.holds_back {
            End::LostHeldBack
        } else {
            End::ClosedOverInput
        };
        state.registered = None;
    }
}

impl Wire {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// The peer sends bytes.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.arrived.extend(bytes);
        state.has_news = true;
    }

    /// The peer sends no more.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        state.has_news = true;
    }

    /// The peer closes: it sends no more, and answers data with a reset.
    pub(crate) fn close(&self) {
        self.end();
        self.state().is_deaf = true;
    }

    /// The peer resets the connection.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.is_reset = true;
        state.arrived.clear();
        state.has_news = true;
    }

    /// The peer reads and acknowledges up to this many bytes. Returns their number.
    pub(crate) fn acknowledge(&self, bytes: usize) -> usize {
        let mut state = self.state();
        let count = bytes.min(state.unacknowledged());
        state.acknowledged += count as u64;
        state.report_room();
        count
    }

    /// Returns the event that a poll would report, once for each time that something happens.
    pub(crate) fn take_event(&self) -> Option<MemoryEvent> {
        let mut state = self.state();
        let (token, interest) = state.registered?;
        if !std::mem::take(&mut state.has_news) {
            return None;
        }
        let event = MemoryEvent {
            token,
            is_readable: !state.arrived.is_empty() || state.has_ended || state.is_reset,
            is_writable: interest.is_writable() && state.room() > 0,
            has_ended: state.has_ended,
            is_reset: state.is_reset,
        };
        (event.is_readable || event.is_writable).then_some(event)
    }

    /// Lets the next poll report the connection for no reason, as a poll may.
    pub(crate) fn wake_for_nothing(&self) {
        self.state().has_news = true;
    }
}

impl Readiness for MemoryEvent {
    fn token(&self) -> Token {
        self.token
    }

    fn is_readable(&self) -> bool {
        self.is_readable
    }

    fn is_error(&self) -> bool {
        self.is_reset
    }

    fn is_read_closed(&self) -> bool {
        self.has_ended || self.is_reset
    }

    fn is_write_closed(&self) -> bool {
        self.is_reset
    }
}

/// A queue of connections to accept. The test and the listener share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryQueue(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    connections: VecDeque<(MemorySocket, Option<IpAddr>)>,
    token: Option<Token>,
    has_news: bool,
    /// The number of coming calls that find no descriptor.
    refusals: usize,
}

impl MemoryQueue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, token: Token) {
        self.waiting().token = Some(token);
    }

    pub(super) fn accept(&self) -> Result<(MemorySocket, Option<IpAddr>)> {
        let mut waiting = self.waiting();
        if waiting.connections.is_empty() {
            return Err(Errno::AGAIN);
        }
        // accept(2): the descriptor is looked for first, but our listener asks only about a queue
        // that is not empty.
        if let Some(left) = waiting.refusals.checked_sub(1) {
            waiting.refusals = left;
            return Err(Errno::MFILE);
        }
        waiting.connections.pop_front().ok_or(Errno::AGAIN)
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting().connections.is_empty()
    }

    /// A client connects.
    pub(crate) fn connect(&self, socket: MemorySocket, peer: Option<IpAddr>) {
        let mut waiting = self.waiting();
        waiting.connections.push_back((socket, peer));
        waiting.has_news = true;
    }

    /// Returns the number of connections that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting().connections.len()
    }

    /// Closes the connections that wait, as the kernel does with its listening socket.
    pub(crate) fn close(&self) {
        self.waiting().connections.clear();
    }

    /// Lets the next calls find no descriptor.
    pub(crate) fn refuse(&self, calls: usize) {
        self.waiting().refusals = calls;
    }

    /// Returns the event that a poll would report.
    pub(crate) fn take_event(&self) -> Option<MemoryEvent> {
        let mut waiting = self.waiting();
        let is_new = std::mem::take(&mut waiting.has_news);
        let is_readable = is_new && !waiting.connections.is_empty();
        is_readable.then_some(MemoryEvent {
            token: waiting.token?,
            is_readable,
            is_writable: false,
            has_ended: false,
            is_reset: false,
        })
    }
}

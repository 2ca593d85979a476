//! All sessions: their keys, their deadlines, and room for new ones.

use super::admission::{Ranked, Room};
use super::eviction::Spare;
use super::first_read::Promptness;
use super::session::Session;
use crate::conn::Timeouts;
use crate::server::context::Context;
use crate::server::net::listener::Listener;
use crate::server::net::socket::Socket;
use crate::server::observe::metrics::ConnectionGauges;
use crate::server::options::{ADMIN_CONNECTIONS_MAX, Side};
use mio::unix::SourceFd;
use mio::{Registry, Token};
use rustix::io::Errno;
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Sessions {
    slab: Slab<Session>,
    /// The number of the token of the first key.
    first_token: usize,
    /// Sessions that have yet to have their first turn.
    newcomers: VecDeque<usize>,
    /// Sessions that could go on but for the turn of others, the first to have its turn first.
    runnable: VecDeque<usize>,
    /// Sessions that wait for work to be done, some of which may be gone by now.
    parked: BTreeSet<usize>,
    /// No session's deadline is before this.
    next_deadline: Option<Instant>,
    room: Room,
    /// The operator's sessions, in the order in which they came. They take up none of the room.
    admin: VecDeque<usize>,
    promptness: Promptness,
}

impl Sessions {
    pub(crate) fn new(first_token: usize, room: Room) -> Self {
        Self {
            slab: Slab::new(),
            first_token,
            newcomers: VecDeque::new(),
            runnable: VecDeque::new(),
            parked: BTreeSet::new(),
            next_deadline: None,
            room,
            admin: VecDeque::new(),
            promptness: Promptness::default(),
        }
    }

    /// Takes a new connection in. Its turn comes in the next tick: if its request is here by then
    /// it is answered at once, and a connection that ends with it is never registered.
    pub(crate) fn admit(
        &mut self,
        socket: Socket,
        peer: Option<IpAddr>,
        side: Side,
        context: &mut Context,
        registry: &Registry,
    ) {
        match side {
            Side::Public if !self.room.enter(peer) => {
                log::debug!("a client has too many connections; its newest is closed");
                return;
            }
            Side::Public => {}
            Side::Admin => self.make_room_for_admin(context),
        }
        let key = self.slab.insert(Session::new(socket, peer, side, context));
        if side == Side::Admin {
            self.admin.push_back(key);
        }
        if self.promptness.is_worth_a_look() {
            self.newcomers.push_back(key);
        } else {
            self.wait(key, context, registry);
        }
    }

    /// Who came first of the operator's makes room for the next if need be: a scrape takes no time,
    /// so that nobody is there for long in good faith.
    fn make_room_for_admin(&mut self, context: &mut Context) {
        if self.admin.len() >= ADMIN_CONNECTIONS_MAX
            && let Some(first) = self.admin.front().copied()
        {
            self.remove(first, context);
        }
    }

    pub(crate) fn is_admin(&self, key: usize) -> bool {
        self.admin.contains(&key)
    }

    /// How the connections stand, the operator's left out.
    pub(crate) fn gauges(&self, is_draining: bool) -> ConnectionGauges {
        let mut gauges = ConnectionGauges {
            is_draining,
            connections_max: self.room.connections_max(),
            counters: self.room.counters(),
            ..ConnectionGauges::default()
        };
        let sessions = self.slab.iter().map(|(_, session)| session);
        for session in sessions.filter(|session| session.side() == Side::Public) {
            if let Some(count) = gauges.phases.get_mut(session.phase() as usize) {
                *count += 1;
            }
        }
        gauges
    }

    /// Lets a session wait for its socket, or ends it if that cannot be.
    pub(crate) fn wait(&mut self, key: usize, context: &mut Context, registry: &Registry) {
        match self.register(key, registry) {
            Ok(()) => self.note_deadline(key, &context.options.timeouts),
            Err(error) => {
                log::error!("a connection cannot be waited for and is closed: {error}");
                self.remove(key, context);
            }
        }
    }

    /// A session is registered when it waits for the first time. Edge-triggered, so it stays as it
    /// is until it waits for something else; registering tells of what is ready already.
    fn register(&mut self, key: usize, registry: &Registry) -> io::Result<()> {
        let Some(session) = self.slab.get_mut(key) else {
            return Ok(());
        };
        if session.is_parked() {
            self.parked.insert(key);
        }
        let token = Token(self.first_token + key);
        let descriptor = session.socket.descriptor();
        let mut source = SourceFd(&descriptor);
        let interest = session.interest();
        match session.registered {
            None => {
                self.promptness.note(session.first_look());
                registry.register(&mut source, token, interest)?;
            }
            Some(registered) if registered == interest => {}
            Some(_) => registry.reregister(&mut source, token, interest)?,
        }
        session.registered = Some(interest);
        Ok(())
    }

    /// Closes a session, and tells of the exchange that was under way.
    pub(crate) fn remove(&mut self, key: usize, context: &mut Context) {
        // Closing the descriptor takes it out of the poll's set.
        if let Some(mut session) = self.slab.try_remove(key) {
            session.finish_exchange(context);
            match session.side() {
                Side::Public => self.room.leave(session.peer()),
                Side::Admin => self.admin.retain(|admin| *admin != key),
            }
            if session.registered.is_none() {
                self.promptness.note(session.first_look());
            }
        }
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut Session> {
        self.slab.get_mut(key)
    }

    /// Tells of all exchanges that are under way, because they will not be finished.
    pub(crate) fn finish_exchanges(&mut self, context: &mut Context) {
        for (_, session) in &mut self.slab {
            session.finish_exchange(context);
        }
    }

    /// How many there are, the operator's left out.
    pub(crate) fn len(&self) -> usize {
        self.slab.len() - self.admin.len()
    }

    /// The keys of all but the operator's.
    pub(crate) fn keys(&self) -> Vec<usize> {
        let public = |(_, session): &(usize, &Session)| session.side() == Side::Public;
        self.slab
            .iter()
            .filter(public)
            .map(|(key, _)| key)
            .collect()
    }

    /// The key that a token stands for, if it is a session's.
    pub(crate) fn key_of(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.first_token)
    }

    pub(crate) fn note_runnable(&mut self, key: usize) {
        if let Some(session) = self.slab.get_mut(key)
            && !session.is_runnable
        {
            session.is_runnable = true;
            self.runnable.push_back(key);
        }
    }

    /// The session whose turn it is of those that have not had one.
    pub(crate) fn next_newcomer(&mut self) -> Option<usize> {
        self.newcomers.pop_front()
    }

    /// The session whose turn it is of those that could go on.
    pub(crate) fn next_runnable(&mut self) -> Option<usize> {
        let key = self.runnable.pop_front()?;
        if let Some(session) = self.slab.get_mut(key) {
            session.is_runnable = false;
        }
        Some(key)
    }

    /// How many sessions could go on, some of which may be gone by now.
    pub(crate) fn runnable_count(&self) -> usize {
        self.runnable.len()
    }

    /// The sessions whose answers are pending no more.
    pub(crate) fn take_answerable(&mut self) -> Vec<usize> {
        let slab = &self.slab;
        self.parked
            .retain(|key| slab.get(*key).is_some_and(Session::is_parked));
        self.parked
            .extract_if(.., |key| slab.get(*key).is_some_and(Session::is_answerable))
            .collect()
    }

    /// Whether there is a session that could go on or is new.
    pub(crate) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty() || !self.newcomers.is_empty()
    }

    /// Takes a session's deadline into account. Deadlines that move away cost nothing: the next
    /// look at all of them finds out.
    fn note_deadline(&mut self, key: usize, timeouts: &Timeouts) {
        let session = self.slab.get(key);
        if let Some(deadline) = session.and_then(|session| session.deadline(timeouts)) {
            self.look_at_deadlines_by(deadline);
        }
    }

    /// Sees to it that all deadlines are looked at no later than then: others may come before.
    pub(crate) fn look_at_deadlines_by(&mut self, then: Instant) {
        self.next_deadline = Some(self.next_deadline.map_or(then, |next| next.min(then)));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match (self.next_deadline, self.room.paused_until()) {
            (Some(deadline), Some(pause)) => Some(deadline.min(pause)),
            (deadline, pause) => deadline.or(pause),
        }
    }

    /// The sessions whose deadline has passed. All are looked at, which is why it is done at most
    /// a few times a second.
    pub(crate) fn take_due(&mut self, now: Instant, timeouts: &Timeouts) -> Vec<usize> {
        self.room.tick(now);
        if self.next_deadline.is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        let (mut due, mut next) = (Vec::new(), None);
        for (key, session) in &self.slab {
            match session.deadline(timeouts) {
                Some(deadline) if deadline <= now => due.push(key),
                Some(deadline) => {
                    next = Some(next.map_or(deadline, |next: Instant| next.min(deadline)));
                }
                None => {}
            }
        }
        self.next_deadline = next.map(|next| next.max(now + DEADLINE_RESOLUTION));
        due
    }

    /// How many files may be kept open besides.
    pub(crate) fn files_kept_open_max(&self) -> usize {
        self.room.files_kept_open_max()
    }

    /// Changes how many there may be, at all and of one client. Those that are there stay.
    pub(crate) fn resize(&mut self, max: Option<usize>, per_client_max: Option<usize>) {
        let sessions = self.slab.iter().map(|(_, session)| session);
        let public = sessions.filter(|session| session.side() == Side::Public);
        self.room
            .resize(max, per_client_max, public.map(Session::peer));
    }

    /// Whether one more from a listener may come in: there is room, or it is made at the expense of
    /// another. Without either, accepting pauses.
    pub(crate) fn may_admit(&mut self, listener: &mut Listener, context: &mut Context) -> bool {
        if self.room.is_paused() {
            return false;
        }
        // Nobody goes before somebody has come.
        self.room.has_room(self.len()) || listener.has_waiting() && self.evict(context)
    }

    /// Closes the session that can best be spared. If there is none, accepting pauses, and the
    /// answer is `false`.
    pub(crate) fn evict(&mut self, context: &mut Context) -> bool {
        let spare = self
            .room
            .most_spare(&Public(&self.slab), context.clock.now());
        if let Some(key) = spare {
            self.remove(key, context);
        }
        spare.is_some()
    }

    /// Accepts nothing for a moment, as the system does not let us.
    pub(crate) fn pause_accepting(&mut self, errno: Errno, now: Instant) {
        self.room.pause_on_error(errno, now);
    }

    pub(crate) fn is_accepting_paused(&self) -> bool {
        self.room.is_paused()
    }
}

/// The sessions of the public side: the operator's make no room for them.
struct Public<'a>(&'a Slab<Session>);

impl Ranked for Public<'_> {
    fn rank(&self, key: usize) -> Option<Spare> {
        let session = self.0.get(key)?;
        session.spare().filter(|_| session.side() == Side::Public)
    }

    fn ranks(&self) -> impl Iterator<Item = (usize, Spare)> {
        let keys = self.0.iter().map(|(key, _)| key);
        keys.filter_map(|key| Some((key, self.rank(key)?)))
    }
}

/// How often all deadlines are looked at, at most.
const DEADLINE_RESOLUTION: Duration = Duration::from_millis(100);

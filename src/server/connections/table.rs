//! All sessions: their keys, their deadlines, and admission.

use super::admission::{Admission, Ranked};
use super::eviction::EvictionRank;
use super::session::Session;
use crate::conn::Timeouts;
use crate::server::context::Context;
use crate::server::net::listener::Listener;
use crate::server::net::stream::Stream;
use crate::server::observe::metrics::ConnectionGauges;
use crate::server::options::{ADMIN_CONNECTIONS_MAX, ListenerRole};
use crate::server::workers::crew::{Crew, Found};
use crate::server::workers::message::Offer;
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
    /// The token number of the first key.
    first_token: usize,
    /// Sessions that have not had their first turn.
    newcomers: VecDeque<usize>,
    /// Sessions that can continue but let others go first, in the order of their turns.
    ready: VecDeque<usize>,
    /// Sessions that wait for a job; some may be closed already.
    suspended: BTreeSet<usize>,
    /// No session has an earlier deadline.
    next_deadline: Option<Instant>,
    admission: Admission,
    /// The time of the last measurement of sending sessions.
    measured: Option<Instant>,
    /// The admin sessions in order of arrival. They do not count towards the limit.
    admin: VecDeque<usize>,
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) stream: Stream,
    /// The peer's address, if it has one.
    pub(crate) peer: Option<IpAddr>,
    /// The role of the listener that accepted it.
    pub(crate) role: ListenerRole,
}

impl Sessions {
    pub(crate) fn new(first_token: usize, admission: Admission) -> Self {
        Self {
            slab: Slab::new(),
            first_token,
            newcomers: VecDeque::new(),
            ready: VecDeque::new(),
            suspended: BTreeSet::new(),
            next_deadline: None,
            admission,
            measured: None,
            admin: VecDeque::new(),
        }
    }

    /// Admits a new connection, and serves it or passes it to the worker with the fewest
    /// connections.
    pub(crate) fn admit(
        &mut self,
        arrival: Arrival,
        context: &mut Context,
        registry: &Registry,
        crew: Option<&mut Crew>,
    ) {
        let Arrival { stream, peer, role } = arrival;
        match role {
            ListenerRole::Public if !self.is_admitted(peer) => return,
            ListenerRole::Public => {}
            ListenerRole::Admin => self.make_room_for_admin(context),
        }
        let stream = match crew {
            Some(crew) if role == ListenerRole::Public => crew.hand_out(stream, peer),
            _ => Some(stream),
        };
        if let Some(stream) = stream {
            self.take_in(Arrival { stream, peer, role }, context, registry);
        }
    }

    /// Counts a client's connection. Returns `false` if the client has reached its limit.
    fn is_admitted(&mut self, peer: Option<IpAddr>) -> bool {
        let is_admitted = self.admission.admit(peer);
        if !is_admitted {
            log::debug!("a client has too many connections; the newest is closed");
        }
        is_admitted
    }

    /// Serves an admitted connection. Its first turn comes in this tick or the next. A request that
    /// has arrived by then is answered at once, and a connection that ends with it is never
    /// registered.
    pub(crate) fn take_in(&mut self, arrival: Arrival, context: &mut Context, registry: &Registry) {
        let Arrival { stream, peer, role } = arrival;
        // Its request comes after a handshake.
        let has_to_shake_hands = stream.has_to_shake_hands();
        let key = self.slab.insert(Session::new(stream, peer, role, context));
        if role == ListenerRole::Admin {
            self.admin.push_back(key);
        }
        if has_to_shake_hands {
            self.wait(key, context, registry);
        } else {
            self.newcomers.push_back(key);
        }
    }

    /// Closes the oldest admin session if the next one needs its place. A scrape is short, so no
    /// well-behaved client stays for long.
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

    /// Returns the state of all connections except admin ones.
    pub(crate) fn gauges(&self) -> ConnectionGauges {
        let mut gauges = ConnectionGauges {
            connections_max: self.admission.connections_max(),
            counters: self.admission.counters(),
            ..ConnectionGauges::default()
        };
        let sessions = self.slab.iter().map(|(_, session)| session);
        for session in sessions.filter(|session| session.role() == ListenerRole::Public) {
            if let Some(count) = gauges.phases.get_mut(session.phase() as usize) {
                *count += 1;
            }
        }
        gauges
    }

    /// Lets a session wait for its socket, or closes it if that fails.
    pub(crate) fn wait(&mut self, key: usize, context: &mut Context, registry: &Registry) {
        match self.register(key, registry) {
            Ok(()) => self.note_deadline(key, &context.options.timeouts),
            Err(error) => {
                log::error!("cannot register a connection, so it is closed: {error}");
                self.remove(key, context);
            }
        }
    }

    /// Registers a session when it waits for the first time. Events are edge-triggered, so the
    /// registration stays until the session waits for something else. Registering also reports
    /// events that are already pending.
    fn register(&mut self, key: usize, registry: &Registry) -> io::Result<()> {
        let Some(session) = self.slab.get_mut(key) else {
            return Ok(());
        };
        if session.is_suspended() {
            self.suspended.insert(key);
        }
        let token = Token(self.first_token + key);
        let interest = session.interest();
        match session.registered {
            None => session.socket().register(registry, token, interest)?,
            Some(registered) if registered == interest => {}
            Some(_) => session.socket().reregister(registry, token, interest)?,
        }
        session.registered = Some(interest);
        Ok(())
    }

    /// Closes a session, and reports its request in progress.
    pub(crate) fn remove(&mut self, key: usize, context: &mut Context) {
        // Closing the descriptor removes it from the poll's set.
        if let Some(mut session) = self.slab.try_remove(key) {
            session.finish_exchange(context);
            match session.role() {
                ListenerRole::Public => self.admission.release(session.peer()),
                ListenerRole::Admin => self.admin.retain(|admin| *admin != key),
            }
        }
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut Session> {
        self.slab.get_mut(key)
    }

    /// Reports all requests in progress, because they will not be finished.
    pub(crate) fn finish_exchanges(&mut self, context: &mut Context) {
        for (_, session) in &mut self.slab {
            session.finish_exchange(context);
        }
    }

    /// Returns the number of sessions without those of the admin port.
    pub(crate) fn len(&self) -> usize {
        self.slab.len() - self.admin.len()
    }

    /// Returns the keys of all sessions except admin ones.
    pub(crate) fn keys(&self) -> Vec<usize> {
        let public = |(_, session): &(usize, &Session)| session.role() == ListenerRole::Public;
        self.slab
            .iter()
            .filter(public)
            .map(|(key, _)| key)
            .collect()
    }

    /// Returns the sessions that send a response without an end.
    pub(crate) fn streams(&self) -> Vec<usize> {
        let is_stream = |(_, session): &(usize, &Session)| session.stream_owner().is_some();
        let streams = self.slab.iter().filter(is_stream);
        streams.map(|(key, _)| key).collect()
    }

    /// Returns the oldest streams of owners with too many. A browser opens at most six connections
    /// to a server for all its pages, and needs some of them for their content.
    pub(crate) fn surplus_streams(&self) -> Vec<usize> {
        let streams = self
            .slab
            .iter()
            .filter_map(|(key, session)| Some((session.stream_owner()?, session.connected(), key)));
        let mut newest_first: Vec<_> = streams.collect();
        newest_first.sort_unstable_by(|one, other| other.cmp(one));
        let owners = newest_first.chunk_by(|one, other| one.0 == other.0);
        let surplus = owners.flat_map(|own| own.iter().skip(STREAMS_A_BROWSER));
        surplus.map(|(_, _, key)| *key).collect()
    }

    /// Returns the key of a token, if it is that of a session.
    pub(crate) fn key_of(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.first_token)
    }

    pub(crate) fn mark_ready(&mut self, key: usize) {
        if let Some(session) = self.slab.get_mut(key)
            && !session.is_ready
        {
            session.is_ready = true;
            self.ready.push_back(key);
        }
    }

    /// Returns the next session that has not had a turn.
    pub(crate) fn next_newcomer(&mut self) -> Option<usize> {
        self.newcomers.pop_front()
    }

    /// Returns the next session that can continue.
    pub(crate) fn next_ready(&mut self) -> Option<usize> {
        let key = self.ready.pop_front()?;
        if let Some(session) = self.slab.get_mut(key) {
            session.is_ready = false;
        }
        Some(key)
    }

    /// Returns the number of sessions that can continue; some may be closed already.
    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// Returns `true` if there may be suspended sessions.
    pub(crate) fn has_suspended(&self) -> bool {
        !self.suspended.is_empty()
    }

    /// Returns the sessions whose job is done.
    pub(crate) fn take_answerable(&mut self) -> Vec<usize> {
        let slab = &self.slab;
        self.suspended
            .retain(|key| slab.get(*key).is_some_and(Session::is_suspended));
        self.suspended
            .extract_if(.., |key| slab.get(*key).is_some_and(Session::is_answerable))
            .collect()
    }

    /// Returns `true` if a session is new or can continue.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.newcomers.is_empty()
    }

    /// Records a session's deadline. A deadline that moves later costs nothing, because the next
    /// check of all deadlines notices it.
    fn note_deadline(&mut self, key: usize, timeouts: &Timeouts) {
        let session = self.slab.get(key);
        if let Some(deadline) = session.and_then(|session| session.deadline(timeouts)) {
            self.look_at_deadlines_by(deadline);
        }
    }

    /// Makes sure that all deadlines are checked by this time; the check may be earlier.
    pub(crate) fn look_at_deadlines_by(&mut self, then: Instant) {
        self.next_deadline = Some(self.next_deadline.map_or(then, |next| next.min(then)));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match (self.next_deadline, self.admission.paused_until()) {
            (Some(deadline), Some(pause)) => Some(deadline.min(pause)),
            (deadline, pause) => deadline.or(pause),
        }
    }

    /// Returns the sessions whose deadline has passed. This checks all of them, so it happens at
    /// most a few times a second.
    pub(crate) fn take_due(&mut self, now: Instant, timeouts: &Timeouts) -> Vec<usize> {
        self.admission.tick(now);
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

    /// Returns the most files that may stay open besides.
    pub(crate) fn files_kept_open_max(&self) -> usize {
        self.admission.files_kept_open_max()
    }

    /// Changes the limits, in total and per client. Existing sessions stay.
    pub(crate) fn resize(&mut self, max: Option<usize>, per_client_max: Option<usize>) {
        let sessions = self.slab.iter().map(|(_, session)| session);
        let public = sessions.filter(|session| session.role() == ListenerRole::Public);
        self.admission
            .resize(max, per_client_max, public.map(Session::peer));
    }

    /// Returns `true` if one more connection from a listener may be admitted: the limit is not
    /// reached, or another connection could be closed for it. Otherwise, accepting pauses.
    pub(crate) fn may_admit(
        &mut self,
        listener: &mut Listener,
        context: &mut Context,
        crew: Option<&mut Crew>,
    ) -> bool {
        if self.admission.is_paused() {
            return false;
        }
        // No session is closed before a new connection waits.
        self.admission.has_capacity(self.len())
            || listener.has_waiting() && self.make_room(context, crew)
    }

    /// Closes the most dispensable session of all workers. If there is none, or if it is still
    /// being searched for, accepting pauses, and this returns `false`.
    pub(crate) fn make_room(&mut self, context: &mut Context, crew: Option<&mut Crew>) -> bool {
        let Some(crew) = crew else {
            return self.evict(context);
        };
        let now = context.clock.now();
        let at_once = (self.admission.connections_max() / ROOM_SHARE).clamp(1, ROOM_MAX);
        match crew.find_room(now, || self.offer(now), at_once) {
            Found::Here => self.evict(context),
            Found::Pending => {
                self.admission.await_room(now);
                false
            }
            Found::None(due) => {
                self.admission.pause_until(due, now);
                false
            }
        }
    }

    /// Returns the rank of the most dispensable session.
    pub(crate) fn offer(&mut self, now: Instant) -> Offer {
        self.measure_senders(now);
        self.admission.offer(&Public(&self.slab), now)
    }

    /// Closes up to `count` sessions to make room. Those after the first are closed only if that
    /// costs nobody anything.
    pub(crate) fn spare(&mut self, count: usize, context: &mut Context) {
        for number in 0..count {
            let now = context.clock.now();
            if number > 0 && !self.offer(now).is_ok_and(EvictionRank::is_free) {
                return;
            }
            self.evict(context);
        }
    }

    /// Closes the session that can best be spared. If there is none, accepting pauses and the
    /// result is `false`.
    fn evict(&mut self, context: &mut Context) -> bool {
        let now = context.clock.now();
        self.measure_senders(now);
        match self.admission.pick_victim(&Public(&self.slab), now) {
            Ok(key) => {
                if let Some(session) = self.slab.get_mut(key) {
                    session.give_way();
                }
                self.remove(key, context);
                true
            }
            Err(due) => {
                self.admission.pause_until(due, now);
                false
            }
        }
    }

    /// Measures how fast clients receive their responses, a few times a second.
    fn measure_senders(&mut self, now: Instant) {
        if self
            .measured
            .is_some_and(|measured| now < measured + MEASURED_EVERY)
        {
            return;
        }
        self.measured = Some(now);
        for (_, session) in &mut self.slab {
            session.measure(now);
        }
    }

    /// Pauses accepting for a moment, because the system refuses.
    pub(crate) fn pause_accepting(&mut self, errno: Errno, now: Instant) {
        self.admission.pause_on_error(errno, now);
    }

    /// Resumes accepting, because there may be room.
    pub(crate) fn resume_accepting(&mut self) {
        self.admission.resume();
    }

    pub(crate) fn is_accepting_paused(&self) -> bool {
        self.admission.is_paused()
    }
}

/// The public sessions. Admin sessions are never closed for them.
struct Public<'a>(&'a Slab<Session>);

impl Ranked for Public<'_> {
    fn rank(&self, key: usize) -> Option<EvictionRank> {
        let session = self.0.get(key)?;
        session
            .rank()
            .filter(|_| session.role() == ListenerRole::Public)
    }

    fn ranks(&self) -> impl Iterator<Item = (usize, EvictionRank)> {
        let keys = self.0.iter().map(|(key, _)| key);
        keys.filter_map(|key| Some((key, self.rank(key)?)))
    }
}

/// The most streams of one browser at once. With more pages, they take turns.
const STREAMS_A_BROWSER: usize = 4;

/// One in this many connections is closed at once, because another worker takes a while to make
/// room. The maximum keeps clients from missing them.
const ROOM_SHARE: usize = 64;
const ROOM_MAX: usize = 16;

/// The shortest interval of measuring all sending sessions, which takes a system call for each.
const MEASURED_EVERY: Duration = Duration::from_millis(100);

/// The shortest interval of checking all deadlines.
const DEADLINE_RESOLUTION: Duration = Duration::from_millis(100);

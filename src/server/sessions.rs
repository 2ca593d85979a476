//! All sessions: their keys, their deadlines, and room for new ones.

use super::exchange::Service;
use super::session::Session;
use super::socket::{Socket, raise_descriptor_limit};
use mio::unix::SourceFd;
use mio::{Registry, Token};
use slab::Slab;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Sessions {
    slab: Slab<Session>,
    /// The number of the token of the first key.
    first_token: usize,
    limit: usize,
    /// Sessions that could go on but for the turn of others.
    runnable: Vec<usize>,
    /// No session's deadline is before this.
    next_deadline: Option<Instant>,
    /// Until when no connection is accepted, because no descriptor was left and none could be
    /// freed.
    shortage_until: Option<Instant>,
}

impl Sessions {
    pub(super) fn new(first_token: usize, sessions_max: Option<usize>) -> Self {
        let descriptors = raise_descriptor_limit().unwrap_or_else(|error| {
            log::warn!("the limit on open files could not be raised: {error}");
            DESCRIPTORS_ASSUMED
        });
        let affordable = descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(1);
        let affordable = usize::try_from(affordable).unwrap_or(usize::MAX);
        Self {
            slab: Slab::new(),
            first_token,
            limit: sessions_max.map_or(affordable, |max| max.min(affordable)),
            runnable: Vec::new(),
            next_deadline: None,
            shortage_until: None,
        }
    }

    /// Takes a new connection in. Its turn comes in the next tick: by then its request is often
    /// here and is answered at once, and a connection that ends with it is never registered.
    pub(super) fn admit(&mut self, socket: Socket, peer: Option<IpAddr>, service: &Service) {
        let key = self.slab.insert(Session::new(socket, peer, service));
        self.note_runnable(key);
    }

    /// Lets a session wait for its socket. It is registered when it waits for the first time, and
    /// for room to send only when it first waits for that, which few ever do. Edge-triggered, so
    /// it stays as it is from then on; registering tells of what is ready already.
    pub(super) fn wait(&mut self, key: usize, registry: &Registry) -> io::Result<()> {
        let Some(session) = self.slab.get_mut(key) else {
            return Ok(());
        };
        let token = Token(self.first_token + key);
        let descriptor = session.socket.descriptor();
        let mut source = SourceFd(&descriptor);
        let interest = session.interest();
        match session.registered {
            None => registry.register(&mut source, token, interest)?,
            Some(registered) if registered != interest && interest.is_writable() => {
                registry.reregister(&mut source, token, interest)?;
            }
            Some(_) => {}
        }
        session.registered = Some(interest);
        self.note_deadline(key);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: usize) {
        // Closing the descriptor takes it out of the poll's set.
        self.slab.try_remove(key);
        self.shortage_until = None;
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut Session> {
        self.slab.get_mut(key)
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn keys(&self) -> Vec<usize> {
        self.slab.iter().map(|(key, _)| key).collect()
    }

    /// The key that a token stands for, if it is a session's.
    pub(super) fn key_of(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.first_token)
    }

    pub(super) fn note_runnable(&mut self, key: usize) {
        if let Some(session) = self.slab.get_mut(key)
            && !session.is_runnable
        {
            session.is_runnable = true;
            self.runnable.push(key);
        }
    }

    /// The sessions that could go on, each once.
    pub(super) fn take_runnable(&mut self) -> Vec<usize> {
        let runnable = std::mem::take(&mut self.runnable);
        for key in &runnable {
            if let Some(session) = self.slab.get_mut(*key) {
                session.is_runnable = false;
            }
        }
        runnable
    }

    pub(super) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// Takes a session's deadline into account. Deadlines that move away cost nothing: the next
    /// look at all of them finds out.
    fn note_deadline(&mut self, key: usize) {
        if let Some(session) = self.slab.get(key) {
            let deadline = session.deadline();
            self.next_deadline = Some(
                self.next_deadline
                    .map_or(deadline, |next| next.min(deadline)),
            );
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match (self.next_deadline, self.shortage_until) {
            (Some(deadline), Some(shortage)) => Some(deadline.min(shortage)),
            (deadline, shortage) => deadline.or(shortage),
        }
    }

    /// The sessions whose deadline has passed. All are looked at, which is why it is done at most
    /// a few times a second.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        if self.shortage_until.is_some_and(|until| until <= now) {
            self.shortage_until = None;
        }
        if self.next_deadline.is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        let (mut due, mut next) = (Vec::new(), None);
        for (key, session) in &self.slab {
            let deadline = session.deadline();
            if deadline <= now {
                due.push(key);
            } else {
                next = Some(next.map_or(deadline, |next: Instant| next.min(deadline)));
            }
        }
        self.next_deadline = next.map(|next| next.max(now + DEADLINE_RESOLUTION));
        due
    }

    pub(super) fn has_room(&self) -> bool {
        self.slab.len() < self.limit
    }

    /// Whether accepting can give anything.
    pub(super) fn can_accept(&self) -> bool {
        self.shortage_until.is_none() && (self.has_room() || self.longest_idle().is_some())
    }

    /// Closes the session that has been idle for the longest time. `false` if none is idle.
    pub(super) fn make_room(&mut self) -> bool {
        let longest_idle = self.longest_idle();
        if let Some(key) = longest_idle {
            self.remove(key);
        }
        longest_idle.is_some()
    }

    fn longest_idle(&self) -> Option<usize> {
        let idle = self.slab.iter().filter(|(_, session)| session.is_idle());
        idle.min_by_key(|(_, session)| session.deadline())
            .map(|(key, _)| key)
    }

    /// Takes note that no descriptor is left, and none of ours can be freed.
    pub(super) fn note_shortage(&mut self, now: Instant) {
        log::warn!("no descriptor is left for a new connection; accepting pauses");
        self.shortage_until = Some(now + SHORTAGE_PAUSE);
    }
}

/// How often all deadlines are looked at, at most.
const DEADLINE_RESOLUTION: Duration = Duration::from_millis(100);

/// After a shortage that others may end, without a sign to us.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Descriptors that are not for connections: files that are sent and kept open, listeners, logs.
const DESCRIPTORS_RESERVED: u64 = 384;

/// The usual soft limit, where the real one cannot be learnt.
const DESCRIPTORS_ASSUMED: u64 = 1024;

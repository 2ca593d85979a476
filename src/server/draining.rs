//! The end of a loop: the requests that it finishes, the deadline, and the connections that it
//! closes first.

use super::event_loop::EventLoop;
use super::lifecycle::Lifecycle;
use super::net::listener::Listener;
use super::options::ListenerRole;
use crate::conn::Phase;
use std::time::Instant;

impl EventLoop {
    /// Stops accepting, closes idle connections, and lets the others finish until the deadline.
    pub(super) fn drain(&mut self, deadline: Instant) {
        self.lifecycle = Lifecycle::Draining { deadline };
        self.close_listeners();
        if let Some(crew) = &mut self.crew {
            crew.drain(deadline);
        }
        for key in self.sessions.keys() {
            // A request that has arrived already is still answered.
            if let Some(session) = self.sessions.get_mut(key) {
                session.note_readable();
            }
            self.pump(key);
            if let Some(session) = self.sessions.get_mut(key) {
                session.drain(&self.context);
                self.pump(key);
            }
        }
    }

    /// Returns the number of requests in progress.
    pub(super) fn in_flight_count(&self) -> usize {
        let phases = self.sessions.gauges().phases;
        let count_in = |phase: Phase| phases.get(phase as usize).copied().unwrap_or_default();
        count_in(Phase::Send) + count_in(Phase::Content)
    }

    /// Closes all listeners, except those of the admin port as long as no other server answers
    /// there.
    fn close_listeners(&mut self) {
        // Connections in the queue are still accepted, because they would be reset otherwise.
        for _ in 0..ACCEPTING_TURNS_MAX {
            let waiting = self.listeners.iter_mut().map(Listener::has_waiting);
            // Every listener must check, so this must not stop at the first one.
            if waiting.filter(|it| *it).count() == 0 || self.sessions.is_accepting_paused() {
                break;
            }
            self.accept_waiting();
        }
        let goes =
            |listener: &Listener| listener.role() == ListenerRole::Public || listener.is_shared();
        let first = self.listeners.iter().position(goes);
        self.listeners
            .truncate(first.unwrap_or(self.listeners.len()));
    }

    /// Returns `true` if all workers have finished.
    pub(super) fn is_done(&self) -> bool {
        let are_others = || self.crew.as_ref().is_none_or(|crew| crew.has_finished());
        self.is_over() || self.is_drained() && are_others()
    }

    /// Returns `true` if nothing is in progress, and nothing new will arrive.
    pub(super) fn is_drained(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Draining { .. }) && self.sessions.len() == 0
    }

    /// Returns `true` if nothing more is done, even if something is in progress.
    pub(super) fn is_over(&self) -> bool {
        match self.lifecycle {
            Lifecycle::Running => false,
            Lifecycle::Draining { deadline } => self.now() >= deadline,
            Lifecycle::Stopped => true,
        }
    }
}

/// Enough for a full queue. If it fills as fast as it is emptied, some connection has to be the
/// last.
const ACCEPTING_TURNS_MAX: usize = 64;

//! From running to stopped: what is finished, for how long, and what is closed before.

use super::event_loop::Server;
use super::lifecycle::Lifecycle;
use super::net::listener::Listener;
use super::options::{Load, Side};
use super::signals::{Request, reap};
use crate::conn::Phase;

impl Server {
    /// Does what signals and other servers have asked for since the last tick.
    pub(crate) fn obey(&mut self, load: &Load<'_>) {
        if !std::mem::take(&mut self.is_called) {
            return;
        }
        for listener in &mut self.listeners {
            listener.hand_over();
        }
        for request in self.signals.take() {
            match (request, self.lifecycle) {
                (Request::Stop, Lifecycle::Running) => self.drain(),
                (Request::Stop, _) => self.lifecycle = Lifecycle::Stopped,
                (Request::Reload, Lifecycle::Running) => self.reload(load),
                // Settings are of no use any more, but a log may be waited for.
                (Request::Reload | Request::ReopenLog, _) => self.reopen_log(),
                (Request::Reap, _) => reap(),
            }
        }
    }

    /// What the service manager shows of a server that is well.
    pub(crate) fn status(&self) -> String {
        let root = self.options.site.root.display();
        format!("serves {root} at {}", self.addresses().join(" "))
    }

    /// Stops accepting, closes what is idle, and lets the rest finish.
    fn drain(&mut self) {
        self.notifier.stopping("finishes what is under way");
        let deadline = self.context.clock.now() + self.options.drain_timeout;
        self.lifecycle = Lifecycle::Draining { deadline };
        self.close_listeners();
        for key in self.sessions.keys() {
            // A request that is here already is still answered.
            if let Some(session) = self.sessions.get_mut(key) {
                session.note_readable();
            }
            self.pump(key);
            if let Some(session) = self.sessions.get_mut(key) {
                session.drain(&self.context);
                self.pump(key);
            }
        }
        self.tell_what_is_under_way();
    }

    /// Tells whoever waits for the end what it is that takes so long, if anything does.
    fn tell_what_is_under_way(&self) {
        let phases = self.sessions.gauges(true).phases;
        let count_in = |phase: Phase| phases.get(phase as usize).copied().unwrap_or_default();
        let count = count_in(Phase::Send) + count_in(Phase::Content);
        if count == 0 {
            log::debug!("stopping: nothing is under way");
        } else {
            log::info!(
                "stopping: exchanges under way: {count}, with up to {:?} to finish; another signal \
                 ends it now",
                self.options.drain_timeout
            );
        }
    }

    /// Closes all listeners, but the operator's as long as nobody else answers there.
    fn close_listeners(&mut self) {
        // Who connected before is still let in; those who wait would be reset.
        for _ in 0..ACCEPTING_TURNS_MAX {
            let waiting = self.listeners.iter_mut().map(Listener::has_waiting);
            // All are to take note, so that none must be left out here.
            if waiting.filter(|it| *it).count() == 0 || self.sessions.is_accepting_paused() {
                break;
            }
            self.accept_waiting();
        }
        let goes = |listener: &Listener| listener.side() == Side::Public || listener.is_shared();
        let first = self.listeners.iter().position(goes);
        self.listeners
            .truncate(first.unwrap_or(self.listeners.len()));
    }

    pub(crate) fn is_done(&self) -> bool {
        match self.lifecycle {
            Lifecycle::Running => false,
            Lifecycle::Draining { deadline } => {
                self.sessions.len() == 0 || self.context.clock.now() >= deadline
            }
            Lifecycle::Stopped => true,
        }
    }
}

/// Enough for a full queue; if it is filled as fast as it is emptied, somebody has to be last.
const ACCEPTING_TURNS_MAX: usize = 64;

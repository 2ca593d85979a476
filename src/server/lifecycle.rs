//! From running to stopped: the signals that lead there, and those that change a server on its way.
//!
//! | signal | what it does |
//! | --- | --- |
//! | TERM, INT | stops once what is under way is done; a second one stops now |
//! | HUP | reads the settings again and opens the access log anew |
//! | USR1 | opens the access log anew, after it was renamed |
//! | CHLD, if this is process 1 | lets orphans that have ended go |
//! | XFSZ | nothing: a log that may not grow is told of by the write |

use super::listener::Listener;
use super::session::Side;
use super::{Load, Server};
use crate::conn::Phase;
use mio::{Interest, Registry, Token};
use rustix::process::{WaitOptions, getpid, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Instant;
use std::{fmt, io};

#[derive(Clone, Copy, Debug)]
pub(super) enum Lifecycle {
    Running,
    /// No connection is accepted any more; what is under way may go on until the deadline.
    Draining {
        deadline: Instant,
    },
    Stopped,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Stop,
    Reload,
    ReopenLog,
    Reap,
}

/// The signals that the loop answers.
pub(super) struct Signals {
    source: signal_hook_mio::v1_0::Signals,
    /// Whether a terminal that is closed is to end the server.
    has_terminal: bool,
}

impl Signals {
    /// `is_daemon` tells a server that outlives the terminal it was started from.
    pub(super) fn new(registry: &Registry, token: Token, is_daemon: bool) -> io::Result<Self> {
        // Before signals are caught: a terminal that is closed earlier ends the process anyhow.
        let has_terminal = !is_daemon && stderr().is_terminal();
        let mut signals = vec![SIGTERM, SIGINT, SIGHUP, SIGUSR1];
        // In a container, whoever loses its parent becomes a child of process 1.
        if getpid().is_init() {
            signals.push(SIGCHLD);
        }
        // Whoever does not ask for it is ended by it.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let mut source = signal_hook_mio::v1_0::Signals::new(signals)?;
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Self {
            source,
            has_terminal,
        })
    }

    /// What was asked for since the last call.
    fn take(&mut self) -> Vec<Request> {
        let request = |signal| match signal {
            // The kernel says so when a terminal is closed, and nobody is left to press Ctrl-C.
            SIGHUP if self.has_terminal && !stderr().is_terminal() => Request::Stop,
            SIGHUP => Request::Reload,
            SIGUSR1 => Request::ReopenLog,
            SIGCHLD => Request::Reap,
            _ => Request::Stop,
        };
        self.source.pending().map(request).collect()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals")
    }
}

impl Server {
    /// Does what signals and other servers have asked for since the last tick.
    pub(super) fn obey(&mut self, load: &Load<'_>) {
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
    pub(super) fn status(&self) -> String {
        let root = self.options.site.root.display();
        format!("serves {root} at {}", self.addresses().join(" "))
    }

    /// Stops accepting, closes what is idle, and lets the rest finish.
    fn drain(&mut self) {
        self.notifier.stopping("finishes what is under way");
        let deadline = self.service.clock.now() + self.options.drain_timeout;
        self.lifecycle = Lifecycle::Draining { deadline };
        self.close_listeners();
        for key in self.sessions.keys() {
            // A request that is here already is still answered.
            if let Some(session) = self.sessions.get_mut(key) {
                session.note_readable();
            }
            self.pump(key);
            if let Some(session) = self.sessions.get_mut(key) {
                session.drain(&self.service);
                self.pump(key);
            }
        }
        self.tell_what_is_under_way();
    }

    /// Tells whoever waits for the end what it is that takes so long, if anything does.
    fn tell_what_is_under_way(&self) {
        let phases = self.sessions.survey(true).phases;
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

    pub(super) fn is_done(&self) -> bool {
        match self.lifecycle {
            Lifecycle::Running => false,
            Lifecycle::Draining { deadline } => {
                self.sessions.len() == 0 || self.service.clock.now() >= deadline
            }
            Lifecycle::Stopped => true,
        }
    }
}

/// Enough for a full queue; if it is filled as fast as it is emptied, somebody has to be last.
const ACCEPTING_TURNS_MAX: usize = 64;

/// Takes note of all children that have ended, so that the kernel can forget them.
fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

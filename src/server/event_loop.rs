//! The event loop: the only code that waits, and the only one that owns sockets.
//!
//! One turn of the loop is a tick: one wait, one reading of the clock (and one for each log line), then
//! whatever is ready, then one write of the access log (to a pipe, one for each 4096 bytes).

use super::answer::endpoint::{AdminSite, Endpoint};
use super::answer::responder::Responder;
use super::audience::Audience;
use super::connections::session::{Outcome, Session};
use super::connections::table::Sessions;
use super::connections::turn::Turn;
use super::context::Context;
use super::lifecycle::Lifecycle;
use super::net::listener::{Accepted, Listener};
use super::options::{Load, Options, Side};
use super::signals::Signals;
use crate::process::pid_file::PidFile;
use crate::process::sandbox::Sandbox;
use crate::process::service_manager::Notifier;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::AsRawFd;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A server that accepts connections, made by [`Bound::confine`](super::Bound::confine).
#[derive(Debug)]
pub struct Server {
    pub(super) poll: Poll,
    /// The operator's first: they stay while connections are drained.
    pub(super) listeners: Vec<Listener>,
    /// By which the poll tells that the root may be another directory by now.
    pub(super) root_token: Token,
    pub(super) signals: Signals,
    /// Whether there is a signal, or a server that wants our listeners.
    pub(super) is_called: bool,
    pub(super) sessions: Sessions,
    pub(super) context: Context,
    pub(super) responder: Responder,
    /// What the admin port reports; `None` without one.
    pub(super) admin: Option<Box<AdminSite>>,
    pub(super) lifecycle: Lifecycle,
    /// Those in force.
    pub(super) options: Options,
    pub(super) audience: Audience,
    /// Where relative paths start.
    pub(super) working_directory: Option<PathBuf>,
    pub(super) sandbox: Sandbox,
    pub(super) notifier: Notifier,
    /// Removed when it goes.
    pub(super) _pid_file: Option<PidFile>,
}

impl Server {
    /// Where connections are accepted: URLs, or `unix:` and a path.
    pub fn addresses(&self) -> Vec<String> {
        let listeners = self.listeners.iter();
        let public = listeners.filter(|listener| listener.side() == Side::Public);
        public
            .map(|listener| listener.address().to_string())
            .collect()
    }

    /// Serves until a signal says to stop and what was under way then is done. `load` is asked for
    /// other options when a signal says so.
    pub fn run(mut self, load: &Load<'_>) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.watch_root();
        self.notifier.ready(self.status());
        while !self.is_done() {
            match self.poll.poll(&mut events, self.patience()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.tick(&events);
            self.obey(load);
            self.notifier.tick(self.context.clock.now());
        }
        self.sessions.finish_exchanges(&mut self.context);
        self.context.access_log.close();
        Ok(())
    }

    /// Lets the poll tell when the root may be another directory.
    pub(super) fn watch_root(&self) {
        let Some(events) = self.responder.site.root_events() else {
            return;
        };
        let registry = self.poll.registry();
        let mut source = SourceFd(&events.as_raw_fd());
        if let Err(error) = registry.register(&mut source, self.root_token, Interest::READABLE) {
            log::debug!("changes of the root's path are not waited for: {error}");
        }
    }

    fn tick(&mut self, events: &Events) {
        let waited_from = self.context.clock.now();
        self.context.clock.tick();
        self.context.budget.begin_share();
        for event in events {
            self.handle(event);
        }
        self.go_on();
        self.accept_waiting();
        self.handle_deadlines(waited_from);
        self.advance_jobs();
        self.context.access_log.flush(self.context.clock.now());
    }

    /// Goes on with sessions that need no event, or have something to send, after those that asked
    /// for something in this tick and those that are new. There is a share of work for it, however
    /// many they are: who asks for little waits for one turn of those who take much, and not for
    /// one of each.
    fn go_on(&mut self) {
        self.context.budget.begin_share();
        while !self.context.budget.is_share_spent()
            && let Some(key) = self.sessions.next_newcomer()
        {
            self.pump(key);
        }
        self.context.budget.begin_share();
        for _ in 0..self.sessions.runnable_count() {
            if let Some(key) = self.sessions.next_runnable() {
                self.pump(key);
            }
            if self.context.budget.is_share_spent() {
                return;
            }
        }
    }

    /// Goes on with work that answers wait for, after whoever can be answered without.
    fn advance_jobs(&mut self) {
        if self.responder.has_jobs() && self.responder.advance_jobs() {
            self.context.budget.begin_share();
            for key in self.sessions.take_answerable() {
                self.pump(key);
            }
        }
    }

    fn handle(&mut self, event: &Event) {
        let Token(number) = event.token();
        if let Some(key) = self.sessions.key_of(number) {
            let Some(session) = self.sessions.get_mut(key) else {
                return;
            };
            if event.is_write_closed() {
                session.note_broken();
            }
            if event.is_read_closed() {
                session.note_end_in_sight();
            } else if event.is_readable() || event.is_error() {
                session.note_readable();
            }
            if session.has_to_send() {
                // Whatever more has come from it is not looked at before.
                self.sessions.note_runnable(key);
            } else if !session.is_runnable {
                // Else its turn comes.
                self.pump(key);
            }
        } else if let Some(listener) = self.listeners.get_mut(number) {
            listener.note_ready();
        } else if event.token() == self.root_token {
            // Events come in the order in which they happened, so those of requests that were sent
            // after the root was moved are behind this one.
            let now = self.context.clock.now();
            self.responder.site.note_root_events(now);
        } else {
            self.is_called = true;
        }
    }

    pub(super) fn pump(&mut self, key: usize) {
        match self.in_turn(key, Session::pump) {
            None => {}
            Some(Outcome::Waiting) => {
                self.sessions
                    .wait(key, &mut self.context, self.poll.registry());
            }
            Some(Outcome::Unfinished) => self.sessions.note_runnable(key),
            Some(Outcome::Done) => self.sessions.remove(key, &mut self.context),
        }
    }

    /// Lends a session what it needs for a turn; `None` if it is gone.
    fn in_turn<T>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut Session, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let endpoint = match &mut self.admin {
            Some(admin) if self.sessions.is_admin(key) => {
                let is_draining = !matches!(self.lifecycle, Lifecycle::Running);
                admin.connections = self.sessions.gauges(is_draining);
                admin.has_root = self.responder.site.has_root(&self.context.clock.moment());
                admin.cache = self.responder.site.cache_figures();
                Endpoint::Admin(admin)
            }
            _ => Endpoint::Site(&mut self.responder),
        };
        let context = &mut self.context;
        let session = self.sessions.get_mut(key)?;
        Some(act(session, &mut Turn { context, endpoint }))
    }

    /// Accepts what waits, a bounded number a tick, so that a flood of newcomers leaves time for
    /// those who are here.
    pub(super) fn accept_waiting(&mut self) {
        for listener in &mut self.listeners {
            for _ in 0..ACCEPTED_A_TICK_MAX {
                let side = listener.side();
                if !listener.is_ready()
                    || side == Side::Public && !self.sessions.may_admit(listener, &mut self.context)
                {
                    break;
                }
                match listener.accept() {
                    Accepted::Session(socket, peer) => {
                        let registry = self.poll.registry();
                        self.sessions
                            .admit(socket, peer, side, &mut self.context, registry);
                    }
                    Accepted::Failed(errno) => {
                        let now = self.context.clock.now();
                        self.sessions.pause_accepting(errno, now);
                        break;
                    }
                    // Files that nobody may be asking for go before clients.
                    Accepted::NoDescriptors if self.responder.site.release_descriptors() => {}
                    Accepted::NoDescriptors if self.sessions.evict(&mut self.context) => {}
                    Accepted::NoDescriptors | Accepted::Nothing => break,
                }
            }
        }
    }

    /// Ends what was late before the events of this tick were waited for, as all that was in time is
    /// among them. What has come since may not be, if the whole server was paused with them in hand.
    fn handle_deadlines(&mut self, waited_from: Instant) {
        let timeouts = &self.context.options.timeouts;
        for key in self.sessions.take_due(waited_from, timeouts) {
            let handled = self.in_turn(key, Session::handle_timeout);
            if handled.is_some() {
                self.pump(key);
            }
        }
    }

    /// How long the next wait may take: not at all while there is work, else to the next deadline.
    fn patience(&self) -> Option<Duration> {
        let can_accept =
            self.listeners.iter().any(Listener::is_ready) && !self.sessions.is_accepting_paused();
        if self.sessions.has_runnable() || self.responder.has_jobs() || can_accept {
            return Some(Duration::ZERO);
        }
        let deadline = match self.lifecycle {
            Lifecycle::Running => self.sessions.next_deadline(),
            Lifecycle::Draining { deadline } => Some(
                self.sessions
                    .next_deadline()
                    .map_or(deadline, |next| next.min(deadline)),
            ),
            Lifecycle::Stopped => Some(self.context.clock.now()),
        };
        let (watchdog, log) = (self.notifier.deadline(), self.context.access_log.due());
        let deadline = [deadline, watchdog, log].into_iter().flatten().min();
        // Reckoned from the tick's own time: late by no more than the tick has taken.
        deadline.map(|deadline| deadline.saturating_duration_since(self.context.clock.now()))
    }
}

/// Events taken from the kernel in one wait.
const EVENTS_MAX: usize = 1024;

/// Connections accepted from one listener in one tick.
const ACCEPTED_A_TICK_MAX: usize = 64;

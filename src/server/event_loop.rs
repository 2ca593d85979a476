//! The event loop: the code that waits for sockets, and owns those of its connections.
//!
//! One turn of the loop is a tick: one wait, one reading of the clock (and one for each log line),
//! then everything that is ready, then one write to the access log (to a pipe, one for each 4096
//! bytes).

use super::admin::figures::LoopFigures;
use super::answer::endpoint::{AdminSite, Endpoint};
use super::answer::responder::Responder;
use super::connections::admission::Admission;
use super::connections::session::{Outcome, Session};
use super::connections::table::{Arrival, Sessions};
use super::connections::turn::Turn;
use super::context::Context;
use super::lifecycle::Lifecycle;
use super::net::listener::{Accepted, Listener};
use super::net::readiness::Readiness;
use super::net::stream::Stream;
use super::net::tls::Certificates;
use super::options::ListenerRole;
use super::workers::crew::Crew;
use crate::process::diagnostics;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::{AsRawFd, BorrowedFd};
use std::io;
use std::iter;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

/// The event loop of one thread.
#[derive(Debug)]
pub(crate) struct EventLoop {
    poll: Poll,
    /// The listeners, starting with those of the admin port, which stay open while connections are
    /// drained.
    pub(super) listeners: Vec<Listener>,
    /// The token of events about the root directory.
    root_token: Token,
    /// The token of the waker by which other workers wake the loop.
    waker_token: Token,
    /// The token for changes beneath the root.
    pub(super) live_token: Token,
    /// `true` if there is a signal, or a server that asks for our listeners.
    control_ready: bool,
    pub(super) sessions: Sessions,
    pub(super) context: Context,
    pub(super) responder: Responder,
    /// `None` if no address uses HTTPS.
    pub(super) certificates: Option<Box<Certificates>>,
    /// The state of the admin port; `None` without one.
    admin: Option<Box<AdminSite>>,
    pub(super) lifecycle: Lifecycle,
    /// The other workers. `None` if there are none, and in the others themselves.
    pub(super) crew: Option<Box<Crew>>,
}

/// A tick that has begun.
#[derive(Debug)]
pub(super) struct TickBegun {
    /// The time before the wait for the events of the tick.
    waited_from: Instant,
}

/// The parts of a loop.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) admission: Admission,
    pub(crate) context: Context,
    pub(crate) responder: Responder,
    pub(crate) certificates: Option<Box<Certificates>>,
    pub(crate) admin: Option<Box<AdminSite>>,
}

impl EventLoop {
    /// Creates a loop that waits with this poll, in which [`control_token`] belongs to its owner.
    pub(crate) fn new(poll: Poll, parts: Parts) -> io::Result<Self> {
        let Parts {
            listeners,
            admission,
            context,
            responder,
            certificates,
            admin,
        } = parts;
        let control = control_token(&listeners);
        for (listener, token) in listeners.iter().zip(0..) {
            listener.register(poll.registry(), Token(token), control)?;
        }
        let event_loop = Self {
            poll,
            root_token: Token(control.0 + 1),
            waker_token: waker_token(&listeners),
            control_ready: false,
            live_token: live_token(&listeners),
            sessions: Sessions::new(live_token(&listeners).0 + 1, admission),
            listeners,
            context,
            responder,
            certificates,
            admin,
            lifecycle: Lifecycle::Running,
            crew: None,
        };
        event_loop.watch_roots();
        Ok(event_loop)
    }

    /// Returns the time of the present tick.
    pub(super) fn now(&self) -> Instant {
        self.context.clock.now()
    }

    /// Returns the number of workers.
    pub(super) fn worker_count(&self) -> usize {
        1 + self.crew.as_ref().map_or(0, |crew| crew.len())
    }

    /// Uses another clock than the system's for the time of day.
    pub(super) fn set_time_of_day(&mut self, time_of_day: fn() -> SystemTime) {
        self.context.clock.set_time_of_day(time_of_day);
    }

    /// Waits for events, or for a deadline: the loop's own, or this one.
    pub(super) fn wait(&mut self, events: &mut Events, other: Option<Instant>) -> io::Result<()> {
        self.poll.poll(events, self.poll_timeout(other))
    }

    /// Returns `true` if an event with the control token has arrived since the last call.
    pub(super) fn take_control(&mut self) -> bool {
        std::mem::take(&mut self.control_ready)
    }

    /// Records the exchanges that will not be completed.
    pub(super) fn finish(&mut self) {
        self.sessions.finish_exchanges(&mut self.context);
        let now = self.context.clock.now();
        self.context.access_log.flush(now);
    }

    /// Records the exchanges that will not be completed, after the other workers have done so, and
    /// writes the last lines of the log.
    pub(super) fn close(mut self) {
        if let Some(crew) = &mut self.crew {
            crew.stop();
        }
        self.sessions.finish_exchanges(&mut self.context);
        self.context.access_log.close();
    }

    /// Lets the poll report events on the paths of the roots. Roots that are already registered
    /// stay as they are.
    pub(super) fn watch_roots(&self) {
        let registry = self.poll.registry();
        for served in self.responder.sites().all() {
            let site = served.site.borrow();
            let Some(events) = site.root_events() else {
                continue;
            };
            let mut source = SourceFd(&events.as_raw_fd());
            match registry.register(&mut source, self.root_token, Interest::READABLE) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => log::debug!("changes of a root's path are not waited for: {error}"),
            }
        }
    }

    /// Lets the poll report kernel events by a token.
    pub(super) fn await_events(&self, events: BorrowedFd<'_>, token: Token) {
        let mut source = SourceFd(&events.as_raw_fd());
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut source, token, Interest::READABLE) {
            log::debug!("changes of files are not waited for: {error}");
        }
    }

    /// Begins a tick after a wait for events.
    pub(super) fn begin_tick(&mut self) -> TickBegun {
        let waited_from = self.context.clock.now();
        self.context.clock.tick();
        if let Some(crew) = &mut self.crew
            && crew.receive()
        {
            self.sessions.resume_accepting();
        }
        TickBegun { waited_from }
    }

    /// Handles the events and everything that is due, and ends the tick.
    pub(super) fn finish_tick<'e>(
        &mut self,
        TickBegun { waited_from }: TickBegun,
        events: impl IntoIterator<Item = &'e (impl Readiness + 'e)>,
    ) {
        self.context.budget.begin_share();
        for event in events {
            self.handle(event);
        }
        self.run_ready();
        if self.may_accept() {
            self.accept_waiting();
        }
        self.handle_deadlines(waited_from);
        if self.context.live.is_some() {
            self.reload_pages();
        }
        self.advance_jobs();
        self.context.access_log.flush(self.context.clock.now());
        diagnostics::tick(self.context.clock.now());
        self.answer_admin();
        if let Some(crew) = &mut self.crew {
            crew.wake();
        }
    }

    /// Answers the admin requests once all workers have reported their figures.
    fn answer_admin(&mut self) {
        let Some(crew) = &mut self.crew else {
            return;
        };
        let Some(reports) = crew.take_reports() else {
            if self.admin.as_ref().is_some_and(|it| !it.waiting.is_empty()) {
                crew.ask_for_reports();
            }
            return;
        };
        let own = self.figures();
        let Some(admin) = &mut self.admin else {
            return;
        };
        admin.workers = iter::once(own).chain(reports).collect();
        for key in std::mem::take(&mut admin.waiting) {
            self.pump_at_once(key);
        }
    }

    /// Returns `true` if all workers have reported since the last call. The service manager must be
    /// informed of a worker whose loop does not run.
    pub(super) fn do_all_loops_run(&mut self) -> bool {
        let Some(crew) = &mut self.crew else {
            return true;
        };
        let have_replied = crew.have_reported();
        if have_replied {
            crew.ask_for_reports();
            crew.wake();
        }
        have_replied
    }

    /// Returns the present figures of this loop.
    pub(super) fn figures(&self) -> LoopFigures {
        figures(&self.sessions, &self.responder, &self.context)
    }

    /// Serves a connection that another worker has accepted.
    pub(super) fn take_in(&mut self, stream: Stream, peer: Option<IpAddr>) {
        let role = ListenerRole::Public;
        let arrival = Arrival { stream, peer, role };
        self.sessions
            .take_in(arrival, &mut self.context, self.poll.registry());
    }

    /// Continues with sessions that need no event, or have data to send, after those with an event
    /// in this tick and new ones. The amount of work is limited, whatever the number of sessions: a
    /// client with a small request waits for one share of the large ones, and not for one turn of
    /// each.
    fn run_ready(&mut self) {
        self.context.budget.begin_share();
        while !self.context.budget.is_share_spent()
            && let Some(key) = self.sessions.next_newcomer()
        {
            self.pump(key);
        }
        self.context.budget.begin_share();
        for _ in 0..self.sessions.ready_count() {
            if let Some(key) = self.sessions.next_ready() {
                self.pump(key);
            }
            if self.context.budget.is_share_spent() {
                return;
            }
        }
    }

    /// Continues with jobs that responses wait for, after everything that needs no job.
    fn advance_jobs(&mut self) {
        let is_any_done =
            self.responder.has_jobs() && self.responder.advance_jobs(&self.context.clock);
        let may_be_verified = self.context.passwords.is_some() && self.sessions.has_suspended();
        if is_any_done || may_be_verified {
            self.context.budget.begin_share();
            for key in self.sessions.take_answerable() {
                self.pump(key);
            }
        }
    }

    fn handle(&mut self, event: &impl Readiness) {
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
            if session.has_to_send() || session.has_to_shake_hands() {
                // New input from it is not read before. A handshake takes as long as dozens of
                // requests.
                self.sessions.mark_ready(key);
            } else if !session.is_ready {
                // Otherwise, its turn comes later.
                self.pump(key);
            }
        } else if let Some(listener) = self.listeners.get_mut(number) {
            listener.note_ready();
        } else if event.token() == self.root_token {
            // Events arrive in the order in which they happened, so those of requests sent after
            // the root was moved follow this one.
            let now = self.context.clock.now();
            self.responder.note_root_events(now);
        } else if event.token() == self.live_token {
            if let Some(live) = &mut self.context.live {
                live.note_events();
            }
        } else if event.token() != self.waker_token {
            self.control_ready = true;
        }
    }

    pub(super) fn pump(&mut self, key: usize) {
        if let (Some(_), Some(admin)) = (&self.crew, &mut self.admin)
            && self.sessions.is_admin(key)
        {
            admin.waiting.insert(key);
        } else {
            self.pump_at_once(key);
        }
    }

    fn pump_at_once(&mut self, key: usize) {
        match self.in_turn(key, Session::pump) {
            None => {}
            Some(Outcome::Waiting) => {
                self.sessions
                    .wait(key, &mut self.context, self.poll.registry());
            }
            Some(Outcome::Unfinished) => self.sessions.mark_ready(key),
            Some(Outcome::Done) => self.sessions.remove(key, &mut self.context),
        }
    }

    /// Lends a session the parts that it needs for a turn. Returns `None` if it is closed.
    fn in_turn<T>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut Session, &mut Turn<'_>) -> T,
    ) -> Option<T> {
        let endpoint = match &mut self.admin {
            Some(admin) if self.sessions.is_admin(key) => {
                admin.is_draining = !matches!(self.lifecycle, Lifecycle::Running);
                let certificates = self.certificates.as_ref();
                admin.certificate_expiries =
                    certificates.map_or_else(Vec::new, |certificates| certificates.expiries());
                if self.crew.is_none() {
                    admin.workers = vec![figures(&self.sessions, &self.responder, &self.context)];
                }
                Endpoint::Admin(admin)
            }
            _ => Endpoint::Site(&mut self.responder),
        };
        let context = &mut self.context;
        let session = self.sessions.get_mut(key)?;
        Some(act(session, &mut Turn { context, endpoint }))
    }

    /// Returns `true` if connections may wait to be accepted.
    fn may_accept(&self) -> bool {
        self.listeners.iter().any(Listener::is_ready)
    }

    /// Accepts waiting connections, up to a limit in each tick, so that a flood of new ones leaves
    /// time for the existing ones.
    #[cfg_attr(
        not(feature = "tls"),
        expect(unreachable_code, reason = "no connection is one over TLS")
    )]
    pub(super) fn accept_waiting(&mut self) {
        for listener in &mut self.listeners {
            for _ in 0..ACCEPTED_A_TICK_MAX {
                let role = listener.role();
                if !listener.is_ready()
                    || role == ListenerRole::Public
                        && !self.sessions.may_admit(
                            listener,
                            &mut self.context,
                            self.crew.as_deref_mut(),
                        )
                {
                    break;
                }
                match listener.accept() {
                    Accepted::Session(socket, peer) => {
                        let now = self.context.clock.now();
                        let stream = match &mut self.certificates {
                            Some(certificates) if listener.is_tls() => {
                                Stream::Tls(certificates.accept(socket, now))
                            }
                            _ => Stream::Plain(socket),
                        };
                        self.sessions.admit(
                            Arrival { stream, peer, role },
                            &mut self.context,
                            self.poll.registry(),
                            self.crew.as_deref_mut(),
                        );
                    }
                    Accepted::Failed(errno) => {
                        let now = self.context.clock.now();
                        self.sessions.pause_accepting(errno, now);
                        break;
                    }
                    // Close files that nobody may be requesting before clients.
                    Accepted::NoDescriptors if self.responder.release_descriptors() => {}
                    Accepted::NoDescriptors
                        if self
                            .sessions
                            .make_room(&mut self.context, self.crew.as_deref_mut()) => {}
                    Accepted::NoDescriptors | Accepted::Nothing => break,
                }
            }
        }
    }

    /// Handles deadlines that had passed before the events of this tick were awaited, because
    /// everything in time is among these events. Later input may not be, if the whole server was
    /// paused after it had received them.
    fn handle_deadlines(&mut self, waited_from: Instant) {
        let timeouts = &self.context.options.timeouts;
        for key in self.sessions.take_due(waited_from, timeouts) {
            let handled = self.in_turn(key, Session::handle_timeout);
            if handled.is_some() {
                self.pump(key);
            }
        }
    }

    /// Returns the timeout of the next wait: zero while there is work, otherwise until the next
    /// deadline.
    pub(super) fn poll_timeout(&self, other: Option<Instant>) -> Option<Duration> {
        let can_accept = self.may_accept() && !self.sessions.is_accepting_paused();
        if self.sessions.has_ready() || self.responder.has_jobs() || can_accept {
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
        let log = self.context.access_log.due();
        let diagnostics = diagnostics::due(self.context.clock.now());
        let deadline = earlier(earlier(deadline, other), earlier(log, diagnostics));
        let deadline = match &self.context.live {
            None => deadline,
            Some(live) => earlier(deadline, Some(live.due(self.context.clock.now()))),
        };
        // Computed from the tick's own time, so it is late by at most the duration of the tick.
        deadline.map(|deadline| deadline.saturating_duration_since(self.context.clock.now()))
    }
}

/// Returns the earlier of two moments, if there is one.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Returns the token for everything that is neither a listener, nor the root, nor a connection.
pub(super) fn control_token(listeners: &[Listener]) -> Token {
    Token(listeners.len())
}

/// Returns the token of the waker by which another worker wakes the loop.
pub(super) fn waker_token(listeners: &[Listener]) -> Token {
    Token(control_token(listeners).0 + 2)
}

/// Returns the token for changes beneath the root.
fn live_token(listeners: &[Listener]) -> Token {
    Token(waker_token(listeners).0 + 1)
}

/// Returns the figures of a loop at this moment.
fn figures(sessions: &Sessions, responder: &Responder, context: &Context) -> LoopFigures {
    LoopFigures {
        connections: sessions.gauges(),
        cache: responder.cache_figures(),
        metrics: context.metrics.clone(),
        has_root: responder.has_roots(&context.clock.moment()),
        sites: responder.site_figures(&context.clock.moment()),
        turns: context.clock.count(),
        tls: context.tls.counters,
    }
}

/// The number of events taken from the kernel in one wait.
pub(super) const EVENTS_MAX: usize = 1024;

/// The number of connections accepted from one listener in one tick.
const ACCEPTED_A_TICK_MAX: usize = 64;

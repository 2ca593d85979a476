//! The event loop: the only code that waits, and the only one that owns sockets.
//!
//! One turn of the loop is a tick: one wait, one reading of the clock (and one for each log line), then
//! whatever is ready, then one write of the access log (to a pipe, one for each 4096 bytes).

mod access_log;
mod admin;
mod announcement;
mod audience;
mod browser;
mod check;
mod clock;
mod concern;
mod daemon;
mod decision;
mod diagnostics;
mod exchange;
mod explain;
mod health;
mod lifecycle;
mod listener;
mod log_output;
mod metrics;
mod notices;
mod notify;
mod pid_file;
mod privileges;
mod progress;
mod promptness;
mod reload;
mod room;
mod sandbox;
mod session;
mod sessions;
mod socket;
mod start_error;
mod unsent;

use crate::conn;
use crate::http::forwarded::TrustedProxy;
use crate::http::host::Host;
use crate::plan::Policy;
use crate::site::{self, Site};
use admin::Admin;
use browser::Opener;
use clock::Clock;
use exchange::{Front, Service};
use lifecycle::{Lifecycle, Signals};
use listener::{Accepted, Listener};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use notify::Notifier;
use pid_file::PidFile;
use room::Room;
use rustix::fd::AsRawFd;
use session::{Outcome, Side};
use sessions::Sessions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, io};

pub use access_log::{AccessLogFormat, LogDestination, LogExclusion};
pub use announcement::{Announcement, Ink};
pub use audience::Audience;
pub use clock::timestamp;
pub use concern::{Concern, concerns};
pub use daemon::{Daemon, Detached};
pub use diagnostics::{Diagnostics, journal_priority, print_at_once};
pub use explain::{Explanation, explain};
pub use health::{Unhealthy, check_health};
pub use listener::{Holder, addresses};
pub use pid_file::PidFileError;
pub use privileges::{Identity, PrivilegeError, User};
pub use sandbox::{FilterError, Sandbox, SandboxError, SandboxMode, refuse_calls};
pub use start_error::{FreePort, StartError};

/// All that a server is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where connections are accepted. Empty: at `port` of both loopback addresses.
    pub listen: Vec<ListenAddress>,
    /// The port of addresses that name none.
    pub port: u16,
    /// Whether another server may listen on the same addresses, and is handed our sockets.
    pub reuse_port: bool,
    /// Whether the server runs in the background.
    pub daemon: bool,
    /// Where the server's process id is told.
    pub pid_file: Option<PathBuf>,
    /// Whether this machine's browser is to open the site.
    pub open: bool,
    /// Where the operator is answered; empty: nowhere.
    pub admin: Vec<ListenAddress>,
    /// The hosts that requests may be for; empty: any. Others get 421. `None`: as [`Audience`] has
    /// it.
    pub hosts: Option<Vec<Host>>,
    /// Whether directories without an index file are listed; `None`: as [`Audience`] has it. It
    /// overrides what stands in `site`.
    pub listing: Option<bool>,
    /// Whose word on the client's address is taken.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The served directory.
    pub site: site::Options,
    /// What the operator wants of every response.
    pub policy: Policy,
    /// What every connection is held to.
    pub connection: conn::Options,
    /// How long exchanges under way may go on after a signal to stop.
    pub drain_timeout: Duration,
    /// Connections at once; `None`: as many as the descriptor limit allows.
    pub connections_max: Option<usize>,
    /// Connections at once from one client address; `None`: as many as there is room for.
    pub connections_per_client_max: Option<usize>,
    /// Where the access log goes.
    pub access_log: LogDestination,
    /// How an access record is written.
    pub access_log_format: AccessLogFormat,
    /// Requests of which there is no access record if they succeed.
    pub access_log_exclude: Vec<LogExclusion>,
    /// Whom the server becomes once it has bound its addresses.
    pub user: Option<User>,
    /// Whether the kernel is to close what the server does not need.
    pub sandbox: SandboxMode,
    /// Where the settings were read from, and are to be read again.
    pub settings_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            port: 8080,
            reuse_port: false,
            daemon: false,
            pid_file: None,
            open: false,
            admin: Vec::new(),
            hosts: None,
            listing: None,
            trusted_proxies: Vec::new(),
            site: site::Options::default(),
            policy: Policy::default(),
            connection: conn::Options::default(),
            drain_timeout: Duration::from_secs(10),
            connections_max: None,
            connections_per_client_max: None,
            access_log: LogDestination::Stdout,
            access_log_format: AccessLogFormat::Auto,
            access_log_exclude: Vec::new(),
            user: None,
            sandbox: SandboxMode::Auto,
            settings_file: None,
        }
    }
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IPv4 or IPv6 address and a port; port 0 lets the kernel choose one.
    Tcp(SocketAddr),
    /// The path of a Unix-domain socket.
    Unix(PathBuf),
}

/// A way to read the settings again: the options that they give, or all that is wrong with them, a
/// line each.
pub type Load<'a> = dyn Fn() -> Result<Options, String> + 'a;

/// A server that accepts connections.
#[derive(Debug)]
pub struct Server {
    poll: Poll,
    /// The operator's first: they stay while connections are drained.
    listeners: Vec<Listener>,
    /// By which the poll tells that the root may be another directory by now.
    root_token: Token,
    signals: Signals,
    /// Whether there is a signal, or a server that wants our listeners.
    is_called: bool,
    sessions: Sessions,
    service: Service,
    lifecycle: Lifecycle,
    /// Those in force.
    options: Options,
    audience: Audience,
    /// Where relative paths start.
    working_directory: Option<PathBuf>,
    sandbox: Sandbox,
    announcement: Announcement,
    notifier: Notifier,
    /// Removed when it goes.
    _pid_file: Option<PidFile>,
}

impl Server {
    /// Opens the listeners, drops privileges, opens the root and the log as whoever it is then,
    /// and enters the sandbox. Connections are accepted from here on, and answered from
    /// [`Server::run`] on.
    pub fn bind(options: Options) -> Result<Self, StartError> {
        // First: sockets that were handed over are known by number.
        let listeners = listener::listen(&options)?;
        let audience = Audience::of(&options, &listeners);
        let poll = Poll::new().map_err(StartError::System)?;
        let addresses_of = |side| {
            let listeners = listeners.iter().filter(|listener| listener.side() == side);
            listeners.map(Listener::address).cloned().collect()
        };
        let announcement = Announcement::of(
            &options,
            audience,
            addresses_of(Side::Public),
            addresses_of(Side::Admin),
        );
        let opener = options
            .open
            .then(|| Opener::of(announcement.address_to_open()));
        let pid_file = pid_file::write(&options)?;
        let stream = access_log::own_stream(&options);
        privileges::drop_to(options.user.as_ref())
            .map_err(|error| StartError::Privileges(options.user.clone(), error))?;
        let clock = Clock::new(options.policy.server_field);
        let has_admin = listeners.first().is_some_and(|it| it.side() == Side::Admin);
        let spoken_for = if has_admin { admin::DESCRIPTORS_MAX } else { 0 };
        let (max, per_client_max) = (options.connections_max, options.connections_per_client_max);
        let room = Room::new(max, per_client_max, spoken_for);
        let site = open_site(&options, audience, room.files_kept_open_max(), clock.now())?;
        let log_style = access_log::Style::of(&options);
        let access_log = access_log::AccessLog::open(&options.access_log, stream, log_style)
            .map_err(|error| StartError::AccessLog(options.access_log.clone(), error))?;
        // What is read of it is opened before the sandbox closes.
        let admin = has_admin.then(|| Admin::new(clock.wall()));
        let notifier = Notifier::connect(clock.now());
        let sandbox = enter_sandbox(&options, &listeners)?;
        let control = Token(listeners.len());
        register(&listeners, poll.registry(), control).map_err(StartError::System)?;
        let signals =
            Signals::new(poll.registry(), control, options.daemon).map_err(StartError::System)?;
        let root_token = Token(listeners.len() + 1);
        let first_session = listeners.len() + 2;
        let sessions = Sessions::new(first_session, room);
        let front = Front {
            hosts: options.answered_hosts(audience),
            trusted_proxies: options.trusted_proxies.clone(),
        };
        let mut service = Service::new(site, front, clock, options.connection.clone(), access_log);
        service.admin = admin.map(Box::new);
        let lifecycle = Lifecycle::Running;
        if let Some(Err(reason)) = opener.map(|opener| opener.and_then(Opener::open)) {
            log::warn!("{reason}");
        }
        Ok(Self {
            poll,
            listeners,
            root_token,
            signals,
            is_called: false,
            sessions,
            service,
            lifecycle,
            options,
            audience,
            working_directory: env::current_dir().ok(),
            sandbox,
            announcement,
            notifier,
            _pid_file: pid_file,
        })
    }

    /// Where connections are accepted: URLs, or `unix:` and a path.
    pub fn addresses(&self) -> Vec<String> {
        let listeners = self.listeners.iter();
        let public = listeners.filter(|listener| listener.side() == Side::Public);
        public
            .map(|listener| listener.address().to_string())
            .collect()
    }

    /// What is to be said at the start.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
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
            self.notifier.tick(self.service.clock.now());
        }
        self.sessions.finish_exchanges(&mut self.service);
        self.service.access_log.close();
        Ok(())
    }

    /// Lets the poll tell when the root may be another directory.
    fn watch_root(&self) {
        let Some(events) = self.service.site.root_events() else {
            return;
        };
        let registry = self.poll.registry();
        let mut source = SourceFd(&events.as_raw_fd());
        if let Err(error) = registry.register(&mut source, self.root_token, Interest::READABLE) {
            log::debug!("changes of the root's path are not waited for: {error}");
        }
    }

    fn tick(&mut self, events: &Events) {
        let waited_from = self.service.clock.now();
        self.service.clock.tick();
        self.service.begin_share();
        // Before any request, which is not to be answered from a root that was moved before it came.
        if events.iter().any(|event| event.token() == self.root_token) {
            self.service.note_root_events();
        }
        for event in events {
            self.handle(event);
        }
        self.go_on();
        self.accept_waiting();
        self.handle_deadlines(waited_from);
        self.advance_jobs();
        self.service.access_log.flush(self.service.clock.now());
    }

    /// Goes on with sessions that need no event, or have something to send, after those that asked
    /// for something in this tick and those that are new. There is a share of work for it, however
    /// many they are: who asks for little waits for one turn of those who take much, and not for
    /// one of each.
    fn go_on(&mut self) {
        self.service.begin_share();
        while !self.service.is_share_done()
            && let Some(key) = self.sessions.next_newcomer()
        {
            self.pump(key);
        }
        self.service.begin_share();
        for _ in 0..self.sessions.runnable_count() {
            if let Some(key) = self.sessions.next_runnable() {
                self.pump(key);
            }
            if self.service.is_share_done() {
                return;
            }
        }
    }

    /// Goes on with work that answers wait for, after whoever can be answered without.
    fn advance_jobs(&mut self) {
        if self.service.has_jobs() && self.service.advance_jobs() {
            self.service.begin_share();
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
        } else if event.token() != self.root_token {
            self.is_called = true;
        }
    }

    fn pump(&mut self, key: usize) {
        if let Some(admin) = &mut self.service.admin
            && self.sessions.is_admin(key)
        {
            let is_draining = !matches!(self.lifecycle, Lifecycle::Running);
            admin.survey = self.sessions.survey(is_draining);
        }
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        match session.pump(&mut self.service) {
            Outcome::Waiting => {
                self.sessions
                    .wait(key, &mut self.service, self.poll.registry());
            }
            Outcome::Unfinished => self.sessions.note_runnable(key),
            Outcome::Done => self.sessions.remove(key, &mut self.service),
        }
    }

    /// Accepts what waits, a bounded number a tick, so that a flood of newcomers leaves time for
    /// those who are here.
    fn accept_waiting(&mut self) {
        for listener in &mut self.listeners {
            for _ in 0..ACCEPTED_A_TICK_MAX {
                let side = listener.side();
                if !listener.is_ready()
                    || side == Side::Public && !self.sessions.may_admit(listener, &mut self.service)
                {
                    break;
                }
                match listener.accept() {
                    Accepted::Session(socket, peer) => {
                        let registry = self.poll.registry();
                        self.sessions
                            .admit(socket, peer, side, &mut self.service, registry);
                    }
                    Accepted::Failed(errno) => {
                        let now = self.service.clock.now();
                        self.sessions.pause_accepting(errno, now);
                        break;
                    }
                    // Files that nobody may be asking for go before clients.
                    Accepted::NoDescriptors if self.service.site.release_descriptors() => {}
                    Accepted::NoDescriptors if self.sessions.evict(&mut self.service) => {}
                    Accepted::NoDescriptors | Accepted::Nothing => break,
                }
            }
        }
    }

    /// Ends what was late before the events of this tick were waited for, as all that was in time is
    /// among them. What has come since may not be, if the whole server was paused with them in hand.
    fn handle_deadlines(&mut self, waited_from: Instant) {
        let timeouts = &self.service.options.timeouts;
        for key in self.sessions.take_due(waited_from, timeouts) {
            if let Some(session) = self.sessions.get_mut(key) {
                session.handle_timeout(&mut self.service);
                self.pump(key);
            }
        }
    }

    /// How long the next wait may take: not at all while there is work, else to the next deadline.
    fn patience(&self) -> Option<Duration> {
        let can_accept =
            self.listeners.iter().any(Listener::is_ready) && !self.sessions.is_accepting_paused();
        if self.sessions.has_runnable() || self.service.has_jobs() || can_accept {
            return Some(Duration::ZERO);
        }
        let deadline = match self.lifecycle {
            Lifecycle::Running => self.sessions.next_deadline(),
            Lifecycle::Draining { deadline } => Some(
                self.sessions
                    .next_deadline()
                    .map_or(deadline, |next| next.min(deadline)),
            ),
            Lifecycle::Stopped => Some(self.service.clock.now()),
        };
        let (watchdog, log) = (self.notifier.deadline(), self.service.access_log.due());
        let deadline = [deadline, watchdog, log].into_iter().flatten().min();
        // Reckoned from the tick's own time: late by no more than the tick has taken.
        deadline.map(|deadline| deadline.saturating_duration_since(self.service.clock.now()))
    }
}

/// Lets the poll report each listener by its place, and by `control` what else wants one of them.
fn register(listeners: &[Listener], registry: &Registry, control: Token) -> io::Result<()> {
    let mut listeners = listeners.iter().zip(0..);
    listeners.try_for_each(|(listener, token)| listener.register(registry, Token(token), control))
}

/// Closes what a server does not need that has these listeners, and says what it will not be able to
/// follow.
fn enter_sandbox(options: &Options, listeners: &[Listener]) -> Result<Sandbox, StartError> {
    let at: Vec<_> = listeners.iter().map(|it| it.address().clone()).collect();
    let sandbox = Sandbox::listening(options, &at).map_err(StartError::System)?;
    sandbox.enter().map_err(StartError::Sandbox)?;
    sandbox.report_limits();
    Ok(sandbox)
}

/// Opens what is to be served, of which so many files may be kept open.
fn open_site(
    options: &Options,
    audience: Audience,
    files_max: usize,
    now: Instant,
) -> Result<Site, StartError> {
    Site::open(
        &options.site_options(audience),
        options.policy.clone(),
        files_max,
        now,
    )
    .map_err(|error| StartError::Root(options.site.root.clone(), error))
}

/// Events taken from the kernel in one wait.
const EVENTS_MAX: usize = 1024;

/// Work (see [`Service::work`]) from which on a session leaves the turn to the others, and each step
/// of a tick begins to send nothing large any more and goes on with no more sessions that could go
/// on; also the most of a file that one call is to send.
const BYTES_A_TURN: usize = 1024 * 1024;

/// Connections accepted from one listener in one tick.
const ACCEPTED_A_TICK_MAX: usize = 64;

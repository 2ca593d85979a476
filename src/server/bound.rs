//! A server on its way up: it listens, and then gives up all that it does not need to serve.

use super::admin::respond;
use super::answer::endpoint::AdminSite;
use super::answer::responder::{Responder, open_site};
use super::audience::Audience;
use super::clock::Clock;
use super::connections::admission::Room;
use super::connections::table::Sessions;
use super::context::{Context, Front};
use super::error::StartError;
use super::event_loop::Server;
use super::grants;
use super::lifecycle::Lifecycle;
use super::listen_address::ListenAddress;
use super::net::bind;
use super::net::listener::Listener;
use super::observe::access_log::{self, AccessLog};
use super::options::{Options, Side};
use super::signals::Signals;
use crate::process::pid_file::{PidFile, Predecessor};
use crate::process::privileges;
use crate::process::service_manager::Notifier;
use crate::process::stats::Process;
use mio::{Poll, Registry, Token};
use std::{env, io};

/// A server whose sockets are open. Clients can connect; they are answered once it is confined and
/// runs.
#[derive(Debug)]
pub struct Bound {
    options: Options,
    audience: Audience,
    /// The operator's first: they stay while connections are drained.
    listeners: Vec<Listener>,
}

impl Bound {
    /// Opens the listeners, with the privileges that this may take. Call it before any other
    /// descriptor is opened: sockets that were handed over are known by number.
    pub fn listen(options: Options) -> Result<Self, StartError> {
        let listeners = bind::listen(&options)?;
        Ok(Self {
            audience: Audience::of(&options, &listeners),
            options,
            listeners,
        })
    }

    /// What the server was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whom the server is for.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Where the site is served.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.addresses_of(Side::Public)
    }

    /// Where the operator is answered.
    pub fn admin_addresses(&self) -> Vec<ListenAddress> {
        self.addresses_of(Side::Admin)
    }

    fn addresses_of(&self, side: Side) -> Vec<ListenAddress> {
        let listeners = self.listeners.iter();
        let listeners = listeners.filter(|listener| listener.side() == side);
        listeners.map(Listener::address).cloned().collect()
    }

    /// Writes the pid file, drops privileges, opens the root and the log as the user that it is then,
    /// and enters the sandbox.
    pub fn confine(self) -> Result<Server, StartError> {
        let Self {
            options,
            audience,
            listeners,
        } = self;
        let poll = Poll::new().map_err(StartError::System)?;
        let pid_file = write_pid_file(&options)?;
        let stream = access_log::own_stream(&options.access_log, options.daemon);
        let dropped = privileges::drop_to(options.user.as_ref())
            .map_err(|error| StartError::Privileges(options.user.clone(), error))?;
        let clock = Clock::new(options.policy.server_field);
        let has_admin = listeners.first().is_some_and(|it| it.side() == Side::Admin);
        let reserved = if has_admin {
            respond::DESCRIPTORS_MAX
        } else {
            0
        };
        let (max, per_client_max) = (options.connections_max, options.connections_per_client_max);
        let room = Room::new(max, per_client_max, reserved);
        let site = open_site(&options, audience, room.files_kept_open_max(), clock.now())?;
        let access_log = AccessLog::open(&options.access_log, stream, options.log_style())
            .map_err(|error| StartError::AccessLog(options.access_log.clone(), error))?;
        // The sandbox does not allow to open what it reads.
        let admin = has_admin.then(|| Box::new(AdminSite::new(Process::open(clock.wall()))));
        let notifier = Notifier::connect(clock.now());
        let at: Vec<_> = listeners.iter().map(|it| it.address().clone()).collect();
        let sandbox = grants::sandbox_at(&options, &at).map_err(StartError::System)?;
        sandbox.enter(&dropped).map_err(StartError::Sandbox)?;
        sandbox.report_limits();
        let control = Token(listeners.len());
        register(&listeners, poll.registry(), control).map_err(StartError::System)?;
        let signals =
            Signals::new(poll.registry(), control, options.daemon).map_err(StartError::System)?;
        let front = Front {
            hosts: options.answered_hosts(audience),
            trusted_proxies: options.trusted_proxies.clone(),
        };
        let context = Context::new(front, clock, options.connection.clone(), access_log);
        Ok(Server {
            poll,
            root_token: Token(listeners.len() + 1),
            sessions: Sessions::new(listeners.len() + 2, room),
            listeners,
            signals,
            is_called: false,
            context,
            responder: Responder::new(site),
            admin,
            lifecycle: Lifecycle::Running,
            options,
            audience,
            working_directory: env::current_dir().ok(),
            sandbox,
            notifier,
            _pid_file: pid_file,
        })
    }
}

/// Lets the poll report each listener by its place, and by `control` what else wants one of them.
fn register(listeners: &[Listener], registry: &Registry, control: Token) -> io::Result<()> {
    let mut listeners = listeners.iter().zip(0..);
    listeners.try_for_each(|(listener, token)| listener.register(registry, Token(token), control))
}

fn write_pid_file(options: &Options) -> Result<Option<PidFile>, StartError> {
    let Some(path) = &options.pid_file else {
        return Ok(None);
    };
    let predecessor = if options.reuse_port {
        Predecessor::Replaced
    } else {
        Predecessor::Respected
    };
    PidFile::write(path, predecessor)
        .map(Some)
        .map_err(|error| StartError::PidFile(path.clone(), error))
}

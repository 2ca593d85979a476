//! A starting server: it listens, and then drops everything that it does not need for serving.

use super::answer::endpoint::AdminSite;
use super::answer::responder::Responder;
use super::answer::sites::Sites;
use super::audience::Audience;
use super::clock::Clock;
use super::context::Context;
use super::error::StartError;
use super::event_loop::{EventLoop, Parts, control_token};
use super::grants;
use super::ingress::Ingress;
use super::listen_address::ListenAddress;
use super::live::hub::Hub;
use super::net::bind;
use super::net::listener::Listener;
use super::net::mdns::Announcer;
use super::net::tls::Certificates;
use super::observe::access_log::{self, AccessLog};
use super::options::{ListenerRole, Options};
use super::passwords::{LoadedFiles, Verifier};
use super::signals::Signals;
use super::supervisor::Server;
use super::workers::pending_reload::PendingReload;
use super::workers::start::{Plan, Workers, start};
use crate::process::pid_file::{PidFile, Predecessor};
use crate::process::privileges;
use crate::process::service_manager::Notifier;
use crate::process::stats::Process;
use mio::{Poll, Registry};
use std::env;
use std::time::Instant;

/// A server with open sockets. Clients can connect, and are answered once it is confined and runs.
#[derive(Debug)]
pub struct Bound {
    options: Options,
    audience: Audience,
    /// The listeners, starting with those of the admin port, which stay open while connections are
    /// drained.
    listeners: Vec<Listener>,
    /// `None` if no address uses HTTPS.
    certificates: Option<Box<Certificates>>,
    users: LoadedFiles,
}

impl Bound {
    /// Opens the listeners, with the privileges that this may need. Call this before any other
    /// descriptor is opened, because inherited sockets are identified by number.
    pub fn listen(options: Options) -> Result<Self, StartError> {
        let listeners = bind::listen(&options)?;
        // With the privileges that reading a key may need.
        let certificates = if listeners.iter().any(Listener::is_tls) {
            let loaded = Certificates::load(&options, Instant::now());
            Some(Box::new(loaded.map_err(StartError::Certificate)?))
        } else {
            None
        };
        let users = LoadedFiles::load(options.user_files(), Instant::now());
        Ok(Self {
            certificates,
            users: users.map_err(StartError::Users)?,
            audience: Audience::of(&options, &listeners),
            options,
            listeners,
        })
    }

    /// Returns the options that the server was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the audience of the server.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Returns the SHA-256 fingerprint of the server's self-signed certificate, if clients may get
    /// it.
    pub fn self_signed_fingerprint(&self) -> Option<String> {
        self.certificates.as_ref()?.fingerprint()
    }

    /// Returns the addresses of the site.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.addresses_of(ListenerRole::Public)
    }

    /// Returns the addresses of the admin port.
    pub fn admin_addresses(&self) -> Vec<ListenAddress> {
        self.addresses_of(ListenerRole::Admin)
    }

    fn addresses_of(&self, role: ListenerRole) -> Vec<ListenAddress> {
        let listeners = self.listeners.iter();
        let listeners = listeners.filter(|listener| listener.role() == role);
        listeners.map(Listener::address).cloned().collect()
    }

    /// Writes the PID file, drops privileges, opens the root and the log as the new user, and
    /// enters the sandbox.
    pub fn confine(self) -> Result<Server, StartError> {
        let Self {
            options,
            audience,
            listeners,
            certificates,
            users,
        } = self;
        let poll = Poll::new().map_err(StartError::System)?;
        let pid_file = write_pid_file(&options)?;
        let stream = access_log::own_stream(&options.access_log, options.daemon);
        let dropped = privileges::drop_to(options.user.as_ref())
            .map_err(|error| StartError::Privileges(options.user.clone(), error))?;
        let clock = Clock::new(options.policy.server_field);
        let has_admin = listeners
            .first()
            .is_some_and(|it| it.role() == ListenerRole::Admin);
        let workers = Workers::of(&options, &listeners, &poll)?;
        let admission = workers.admission(&options, has_admin);
        let files_max = admission.files_kept_open_max();
        let own = options.of_worker(workers.count());
        let sites = Sites::open(&own, audience, files_max, None, clock.now())?;
        let access_log = AccessLog::open(&options.access_log, stream, options.log_style())
            .map_err(|error| StartError::AccessLog(options.access_log.clone(), error))?;
        // The sandbox does not allow opening the files that it reads.
        let admin = has_admin.then(|| Box::new(AdminSite::new(Process::open(clock.wall()))));
        let notifier = Notifier::connect(clock.now());
        let signals = Signals::new(poll.registry(), control_token(&listeners), options.daemon)
            .map_err(StartError::System)?;
        let ingress = Ingress::of(&options, audience, &listeners);
        let mut context = Context::new(ingress, clock, options.connection.clone(), access_log);
        let verifier = Verifier::of(users);
        if let Some(verifier) = &verifier {
            context.passwords = Some(verifier.passwords(workers.first_waker(&poll, &listeners)?));
        }
        context.live = Hub::of(options.policy.live, context.clock.now());
        let at: Vec<_> = listeners.iter().map(|it| it.address().clone()).collect();
        let plan = workers.plan(&mut context, own, audience, files_max);
        let parts = Parts {
            listeners,
            admission,
            context,
            responder: Responder::new(sites),
            certificates,
            admin,
        };
        let announcer = open_announcer(&options, &parts.listeners, poll.registry());
        let mut event_loop = EventLoop::new(poll, parts).map_err(StartError::System)?;
        // Last, because it refuses actions that a server performs once at startup.
        let sandbox = grants::sandbox_at(&options, &at).map_err(StartError::System)?;
        let files_closed = sandbox.close_files(&dropped).map_err(StartError::Sandbox)?;
        start_threads(plan.as_ref(), verifier.as_ref(), &mut event_loop)?;
        let network = announcer.as_ref().map(|it| it.descriptors());
        sandbox
            .filter_calls(files_closed, notifier.descriptor(), network, options.daemon)
            .map_err(StartError::Sandbox)?;
        sandbox.report_limits();
        check_reach(&mut event_loop, verifier.as_ref());
        Ok(Server {
            event_loop,
            verifier,
            signals,
            options,
            audience,
            working_directory: env::current_dir().ok(),
            sandbox,
            notifier,
            announcer,
            reload: PendingReload::default(),
            _pid_file: pid_file,
        })
    }
}

/// Opens the announcer, if the server should be announced in the local network. A failure is only
/// logged: the server works without it.
fn open_announcer(
    options: &Options,
    listeners: &[Listener],
    registry: &Registry,
) -> Option<Box<Announcer>> {
    if !options.is_announced() {
        return None;
    }
    let public = listeners
        .iter()
        .filter(|it| it.role() == ListenerRole::Public);
    let addresses: Vec<_> = public.map(Listener::address).cloned().collect();
    let announcer = Announcer::open(&options.name, &addresses, Instant::now());
    let announcer = announcer.and_then(|announcer| {
        announcer.register(registry, control_token(listeners))?;
        Ok(Box::new(announcer))
    });
    let warn = |error| log::warn!("the server cannot be found by its name in the network: {error}");
    announcer.map_err(warn).ok()
}

/// Starts the other workers, and the thread that verifies passwords, if there are to be any. No thread
/// can be started once system calls are filtered.
fn start_threads(
    plan: Option<&Plan>,
    verifier: Option<&Verifier>,
    event_loop: &mut EventLoop,
) -> Result<(), StartError> {
    if let Some(plan) = plan {
        event_loop.crew = Some(Box::new(start(plan)?));
    }
    match verifier {
        Some(verifier) => verifier.start().map_err(StartError::System),
        None => Ok(()),
    }
}

/// Reports what can no longer be read again, such as a renewed certificate.
fn check_reach(event_loop: &mut EventLoop, verifier: Option<&Verifier>) {
    if let Some(certificates) = &mut event_loop.certificates {
        certificates.check_reach();
    }
    if let Some(verifier) = verifier {
        verifier.check_reach();
    }
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

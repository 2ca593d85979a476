//! Starting the workers. Each prepares its state in its own thread, and waits until all are ready.

use super::crew::{Crew, Hand};
use super::message::Command;
use super::seats::Seats;
use super::worker::{Replies, Worker};
use crate::process::diagnostics::{self, Muted};
use crate::server::admin::respond;
use crate::server::answer::responder::Responder;
use crate::server::answer::sites::Sites;
use crate::server::audience::Audience;
use crate::server::clock::Clock;
use crate::server::connections::admission::Admission;
use crate::server::context::Context;
use crate::server::error::StartError;
use crate::server::event_loop::{EventLoop, Parts, waker_token};
use crate::server::ingress::Ingress;
use crate::server::net::listener::Listener;
use crate::server::observe::access_log::AccessLog;
use crate::server::observe::notices::Notices;
use crate::server::observe::shared_log::SharedLog;
use crate::server::options::Options;
use crate::server::passwords::Passwords;
use mio::{Poll, Waker};
use std::panic::{self, PanicHookInfo};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::{io, process, thread};

/// The number of workers, and the state that they share.
#[derive(Debug)]
pub(crate) struct Workers {
    count: usize,
    /// The state that several workers share; `None` for a single one.
    shared: Option<Shared>,
}

/// The state that several workers share from the start.
#[derive(Clone, Debug)]
struct Shared {
    seats: Arc<Seats>,
    /// The waker of the first worker.
    waker: Arc<Waker>,
    notices: Arc<Mutex<Notices>>,
}

/// Everything that is needed to create the workers besides the first.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    shared: Shared,
    /// The options of one of several workers.
    options: Arc<Options>,
    audience: Audience,
    ingress: Ingress,
    log: SharedLog,
    /// The passwords for the first worker. `None` if there are no password files.
    passwords: Option<Passwords>,
    /// The number of files that each may keep open while nobody requests them.
    files_kept_open_max: usize,
}

impl Workers {
    /// Creates the plan for a server with these options. The first worker waits with `poll`.
    pub(crate) fn of(
        options: &Options,
        listeners: &[Listener],
        poll: &Poll,
    ) -> Result<Self, StartError> {
        let count = options.worker_count();
        let shared = (count > 1).then(|| {
            let waker = Arc::new(Waker::new(poll.registry(), waker_token(listeners))?);
            let seats = Seats::new(count, Arc::clone(&waker));
            seats.begin_table(options.connections_per_client_max);
            Ok(Shared {
                seats,
                waker,
                notices: Arc::default(),
            })
        });
        let shared = shared.transpose().map_err(StartError::System)?;
        Ok(Self { count, shared })
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the waker of the first worker, which waits with this poll.
    pub(crate) fn first_waker(
        &self,
        poll: &Poll,
        listeners: &[Listener],
    ) -> Result<Arc<Waker>, StartError> {
        if let Some(shared) = &self.shared {
            return Ok(Arc::clone(&shared.waker));
        }
        let waker = Waker::new(poll.registry(), waker_token(listeners));
        waker.map(Arc::new).map_err(StartError::System)
    }

    /// Returns the admission of the first worker.
    pub(crate) fn admission(&self, options: &Options, has_admin: bool) -> Admission {
        let of_admin = if has_admin {
            respond::DESCRIPTORS_MAX
        } else {
            0
        };
        let of_roots = options.sites.len() * DESCRIPTORS_A_ROOT;
        let others = self.count - 1;
        let reserved = of_admin + of_roots + others * (DESCRIPTORS + of_roots);
        let (max, per_client_max) = (options.connections_max, options.connections_per_client_max);
        let admission = Admission::new(max, per_client_max, reserved);
        match &self.shared {
            Some(shared) => admission.of_first_worker(shared.seats.seat(0), self.count),
            None => admission,
        }
    }

    /// Returns the plan for the other workers, and makes the first one share its state with them.
    /// Returns `None` for a single worker. `options` are those of one of several workers.
    pub(crate) fn plan(
        &self,
        first: &mut Context,
        options: Options,
        audience: Audience,
        files_kept_open_max: usize,
    ) -> Option<Plan> {
        let shared = self.shared.clone()?;
        first.share_with(&shared.notices, self.count);
        Some(Plan {
            ingress: first.ingress.clone(),
            log: first.access_log.share(),
            passwords: first.passwords.clone(),
            options: Arc::new(options),
            audience,
            files_kept_open_max,
            shared,
        })
    }
}

/// The parts of a single worker.
struct Own {
    /// Its number, from 1. The first worker has the number 0.
    number: usize,
    poll: Poll,
    waker: Arc<Waker>,
    commands: Receiver<Command>,
    replies: Replies,
}

/// Starts the other workers; the calling thread is the first one. A thread has the restrictions of
/// the thread that starts it, but everything that has to be opened is opened before the first
/// worker is restricted further.
pub(crate) fn start(plan: &Plan) -> Result<Crew, StartError> {
    end_process_on_panic();
    let workers = plan.options.site.copies;
    let (sender, replies) = channel();
    let (report, started) = channel();
    let mut hands = Vec::new();
    for number in 1..workers {
        let poll = Poll::new().map_err(StartError::System)?;
        let waker = Waker::new(poll.registry(), waker_token(&[])).map_err(StartError::System)?;
        let waker = Arc::new(waker);
        let (commands, receiver) = channel();
        hands.push(Hand::new(commands, Arc::clone(&waker)));
        let own = Own {
            number,
            poll,
            waker,
            commands: receiver,
            replies: Replies {
                worker: number - 1,
                sender: sender.clone(),
                waker: Arc::clone(&plan.shared.waker),
            },
        };
        let (plan, report) = (plan.clone(), report.clone());
        spawn(number, move || {
            serve(own, plan, &report);
        })
        .map_err(StartError::System)?;
    }
    for _ in 1..workers {
        let outcome = started.recv().map_err(io::Error::other);
        outcome.map_err(StartError::System)??;
    }
    Ok(Crew::new(hands, replies, Arc::clone(&plan.shared.seats)))
}

/// Starts a thread with a name that the system shows.
fn spawn(number: usize, act: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let name = format!("worker-{}", number + 1);
    thread::Builder::new().name(name).spawn(act).map(drop)
}

fn serve(own: Own, plan: Plan, report: &Sender<Result<(), StartError>>) {
    match build(own, plan) {
        Ok(worker) => {
            if report.send(Ok(())).is_ok() {
                worker.run();
            }
        }
        // The error ends the process, so the receiver does not matter.
        Err(error) => drop(report.send(Err(error))),
    }
}

fn build(own: Own, plan: Plan) -> Result<Worker, StartError> {
    let options = &plan.options;
    let clock = Clock::new(options.policy.server_field);
    let files_max = plan.files_kept_open_max;
    let muted = Muted::begin();
    let sites = Sites::open(options, plan.audience, files_max, None, clock.now())?;
    drop(muted);
    let access_log = AccessLog::of_worker(plan.log, options.log_style());
    let connection = options.connection.clone();
    let mut context = Context::new(plan.ingress, clock, connection, access_log);
    context.share_with(&plan.shared.notices, options.site.copies);
    context.passwords = plan.passwords.map(|it| it.woken_by(own.waker));
    let parts = Parts {
        listeners: Vec::new(),
        admission: Admission::of_worker(plan.shared.seats.seat(own.number), files_max),
        context,
        responder: Responder::new(sites),
        certificates: None,
        admin: None,
    };
    Ok(Worker {
        event_loop: EventLoop::new(own.poll, parts).map_err(StartError::System)?,
        commands: own.commands,
        replies: own.replies,
        audience: plan.audience,
        prepared: None,
        has_finished: false,
    })
}

/// Makes a panic in any thread end the process, with a line on standard error. Otherwise the
/// connections of that worker would never be answered.
fn end_process_on_panic() {
    panic::set_hook(Box::new(|panic| {
        log::error!("{}", epitaph(panic));
        diagnostics::finish();
        process::abort();
    }));
}

fn epitaph(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a thread").to_owned();
    let place = panic.location().map(|it| format!(" at {it}"));
    let reason = panic.payload_as_str().unwrap_or("without a reason");
    let place = place.unwrap_or_default();
    format!("{name} panicked{place}, so the server ends: {reason}. Please report this")
}

/// The descriptors of a worker besides its connections: its poll and its waker, the root and its
/// events, and some more, for example for a root that is opened again.
const DESCRIPTORS: usize = 8;

/// For each of several roots: the directory, and the events on its path.
const DESCRIPTORS_A_ROOT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Stderr;
    use env_logger::{Builder, Target};
    use log::LevelFilter;
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    const CHILD: &str = "MILLPOND_TEST_PANIC";

    /// The test runs in a separate process, which executes this test again.
    #[test]
    fn a_panic_of_a_worker_ends_the_process_with_a_message() {
        if env::var_os(CHILD).is_some() {
            let mut logger = Builder::new();
            let logger = logger.filter_level(LevelFilter::Info);
            let logger = logger.target(Target::Pipe(Box::new(Stderr))).build();
            diagnostics::start(logger).unwrap();
            // As in a running server, repeated lines are left out.
            diagnostics::limit();
            end_process_on_panic();
            spawn(1, || panic!("of all {} things", "bad")).unwrap();
            loop {
                thread::park();
            }
        }
        let name = thread::current().name().unwrap().to_owned();
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", &name, "--nocapture"]);
        let output = child.env(CHILD, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
        assert!(
            said.contains(&format!("worker-2 panicked at {}:", file!()))
                && said.contains(", so the server ends: of all bad things. Please report this"),
            "{said}"
        );
    }
}

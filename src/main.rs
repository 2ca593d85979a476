//! The program: arguments to settings, settings to a server, and how it ended to an exit status.

use env_logger::Target;
use log::Level;
use millpond::{
    commands::{self, Announcement, Unhealthy},
    process::{self, Daemon, Diagnostics, Ink, Opener},
    server::{self, Bound, Load, StartError},
    settings::{self, Action, Arguments, Misspelt, Refusal, Settings, Unparsed},
};
use std::{
    env,
    ffi::OsStr,
    fmt, fs,
    io::{self, IsTerminal, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitCode, ExitStatus},
    time::SystemTime,
};

fn main() -> ExitCode {
    let done = match Arguments::parse(env::args_os(), &Path::is_dir) {
        Ok(arguments) => act(&arguments),
        Err(Unparsed::Wrong(reason)) => Err(Failure::Words(reason)),
        Err(Unparsed::Asked(text)) => printed(text.print()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let priority = process::journal_priority(Level::Error);
            for line in failure.to_string().lines() {
                let _ = writeln!(io::stderr(), "{priority}error: {line}");
            }
            failure.exit_code()
        }
    }
}

fn act(arguments: &Arguments) -> Result<(), Failure> {
    let load = || {
        Settings::load(
            arguments,
            |name| env::var_os(name),
            |path| fs::read_to_string(path),
        )
    };
    let text = match arguments.action() {
        Action::Serve => return serve(load()?, &|| options(load())),
        Action::Check => check(&load()?)?,
        Action::Explain(target) => return explain(load()?, target),
        Action::Health(url) => commands::check_health(url.as_deref(), &load()?.server)?,
        Action::PrintConfig => load()?.to_file(),
        Action::Manual => settings::manual(),
        Action::Completions(shell) => settings::completions(*shell),
    };
    tell(&text)
}

/// Says what a request would get. That it would get nothing is a failure.
fn explain(settings: Settings, target: &OsStr) -> Result<(), Failure> {
    let explanation = commands::explain(settings.server, target).map_err(Failure::Start)?;
    tell(&explanation.to_string())?;
    if explanation.is_served() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// Serves until a signal says to stop.
fn serve(settings: Settings, load: &Load<'_>) -> Result<(), Failure> {
    let detached = match settings.server.daemon.then(Daemon::start).transpose() {
        Ok(None) => None,
        Ok(Some(Daemon::Detached(detached))) => Some(detached),
        Ok(Some(Daemon::Launched)) => return Ok(()),
        Ok(Some(Daemon::Failed(status))) => return Err(Failure::of_daemon(status)),
        Err(error) => return Err(Failure::Start(StartError::Daemon(error))),
    };
    start_log();
    warn(&misspelt_variables());
    // Before privileges are dropped, and told only if there will be a server to worry about.
    let concerns = commands::concerns(&settings.server);
    let bound = Bound::listen(settings.server).map_err(Failure::Start)?;
    let banner = Announcement::of(
        bound.options(),
        bound.audience(),
        bound.addresses(),
        bound.admin_addresses(),
    );
    let opener = bound
        .options()
        .open
        .then(|| Opener::of(banner.address_to_open()));
    let server = bound.confine().map_err(Failure::Start)?;
    if let Some(Err(reason)) = opener.map(|opener| opener.and_then(Opener::open)) {
        log::warn!("{reason}");
    }
    warn(&concerns);
    let text = if io::stdout().is_terminal() {
        banner.greeting(Ink::of_terminal())
    } else {
        banner.lines("serves")
    };
    // A server whose output nobody reads is a good server still.
    if let Err(error) = process::print_at_once(&text) {
        log::warn!("the addresses could not be printed: {error}");
    }
    if let Some(detached) = detached {
        detached.let_go().map_err(Failure::Run)?;
    }
    server.run(load).map_err(Failure::Run)
}

/// What is of interest to a server in settings that were read again.
fn options(loaded: Result<Settings, Refusal>) -> Result<server::Options, String> {
    match loaded {
        Ok(settings) => Ok(settings.server),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// What would be served and where, if the settings allow it. Nothing is listened on, so that a
/// server that does so with these settings is no obstacle.
fn check(settings: &Settings) -> Result<String, Failure> {
    start_log();
    let server = &settings.server;
    // Before privileges are dropped, as they are to look at what the server's user can open.
    warn(&misspelt_variables());
    warn(&commands::concerns(server));
    commands::check(server).map_err(Failure::Start)?;
    let addresses = server::addresses(server);
    let confinement = commands::confinement(server).map_err(Failure::Start)?;
    let audience = server.audience();
    let announcement = Announcement::of(server, audience, addresses, server.admin.clone());
    Ok(announcement.lines("would serve") + &announcement.default_lines() + &confinement)
}

fn misspelt_variables() -> Vec<Misspelt> {
    settings::misspelt(env::vars_os().map(|(name, _)| name))
}

/// Tells what the operator would regret.
fn warn(concerns: &[impl fmt::Display]) {
    for concern in concerns {
        log::warn!("{concern}");
    }
}

/// Prints what was asked for.
fn tell(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn printed(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        // Whoever reads only the beginning, as `head` does, has what they want.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}

/// Lets the log go to standard error, as much of it as `RUST_LOG` asks for.
fn start_log() {
    // An empty one asks for nothing; taken at its word, it would turn off warnings and records.
    let asked = env::var("RUST_LOG").ok().filter(|asked| !asked.is_empty());
    env_logger::Builder::new()
        .parse_filters(asked.as_deref().unwrap_or("info"))
        .format(|out, record| {
            let time = server::timestamp(SystemTime::now());
            // What a client sent may be part of it, and must not pass for another line.
            let message = record
                .args()
                .to_string()
                .replace(char::is_control, "\u{FFFD}");
            writeln!(
                out,
                "{}{time} {} {}: {message}",
                process::journal_priority(record.level()),
                record.level(),
                record.target()
            )
        })
        .target(Target::Pipe(Box::new(Diagnostics::new())))
        .init();
}

/// Why what was asked for was not done.
enum Failure {
    /// The command line is not understood.
    Words(String),
    Settings(Refusal),
    Start(StartError),
    Run(io::Error),
    Print(io::Error),
    Unhealthy(Unhealthy),
    /// The daemon was ended by a signal before it answered.
    Killed(i32),
    /// It has been told already: what was explained would not be served, or a daemon has failed.
    Told,
}

impl Failure {
    /// A daemon that ends by itself has said why.
    fn of_daemon(status: ExitStatus) -> Self {
        status.signal().map_or(Self::Told, Self::Killed)
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Words(_) => ExitCode::from(2),
            Self::Settings(refusal) => ExitCode::from(refusal.exit_status()),
            Self::Start(_)
            | Self::Run(_)
            | Self::Print(_)
            | Self::Unhealthy(_)
            | Self::Killed(_)
            | Self::Told => ExitCode::FAILURE,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Settings(refusal)
    }
}

impl From<Unhealthy> for Failure {
    fn from(unhealthy: Unhealthy) -> Self {
        Self::Unhealthy(unhealthy)
    }
}

/// A sentence for standard error; nothing where all has been told.
impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(reason) => out.write_str(reason),
            Self::Settings(refusal) => refusal.fmt(out),
            Self::Start(error) => error.fmt(out),
            Self::Run(error) => write!(out, "the server cannot go on: {error}"),
            Self::Unhealthy(unhealthy) => unhealthy.fmt(out),
            Self::Killed(signal) => write!(
                out,
                "the server in the background was ended by signal {signal} before it answered"
            ),
            Self::Told => Ok(()),
            Self::Print(error) => write!(out, "standard output cannot be written to: {error}"),
        }
    }
}

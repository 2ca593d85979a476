//! The program: parses arguments into settings, runs an action, and turns its result into an exit
//! status.

use env_logger::Target;
use log::Level;
use millpond::{
    commands::{self, Banner, NoHash, NotPrecompressed, Precompressed, Unhealthy},
    process::{self, BrowserLauncher, Daemon, TermStyle},
    server::{self, Bound, Load, StartError},
    settings::{
        self, Action, Arguments, DiscoveryForm, Misspelt, Settings, SettingsError, Unparsed,
    },
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
    process::finish_diagnostics();
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
        let mut settings = Settings::load(
            arguments,
            |name| env::var_os(name),
            |path| fs::read_to_string(path),
        )?;
        settings.server.open_page();
        Ok::<_, SettingsError>(settings)
    };
    let text = match arguments.action() {
        Action::Serve => return serve(load()?, &|| options(load())),
        Action::Check => check(&load()?)?,
        Action::Explain(target) => return explain(load()?, target),
        Action::Health(url) => commands::check_health(url.as_deref(), &load()?.server)?,
        Action::Discover(form) => {
            let found = commands::discover().map_err(Failure::Discover)?;
            match form {
                DiscoveryForm::Table => found.table(),
                DiscoveryForm::Json => found.json(),
            }
        }
        Action::Precompress => return precompressed(commands::precompress(&load()?.server)),
        Action::CheckPrecompressed => {
            return precompressed(commands::check_precompressed(&load()?.server));
        }
        Action::HashPassword(user) => commands::hash_password(user).map_err(Failure::Hash)?,
        Action::PrintConfig => load()?.to_file(),
        Action::Manual => settings::manual(),
        Action::Completions(shell) => settings::completions(*shell),
    };
    print(&text)
}

/// Prints the response to a request. It is a failure if the request would not be served.
fn explain(settings: Settings, target: &OsStr) -> Result<(), Failure> {
    let explanation = commands::explain(settings.server, target).map_err(Failure::Start)?;
    print(&explanation.to_string())?;
    if explanation.is_served() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// Turns the outcome of `--precompress` into that of the program. Its messages are already printed.
fn precompressed(outcome: Result<Precompressed, NotPrecompressed>) -> Result<(), Failure> {
    match outcome.map_err(Failure::NotPrecompressed)? {
        Precompressed::Complete => Ok(()),
        Precompressed::Incomplete => Err(Failure::Reported),
        Precompressed::Interrupted(signal) => Err(Failure::Interrupted(signal)),
    }
}

/// Serves until a signal stops the server.
fn serve(settings: Settings, load: &Load<'_>) -> Result<(), Failure> {
    settings.server.check_live().map_err(Failure::Start)?;
    let detached = match settings.server.daemon.then(Daemon::start).transpose() {
        Ok(None) => None,
        Ok(Some(Daemon::Detached(detached))) => Some(detached),
        Ok(Some(Daemon::Launched)) => return Ok(()),
        Ok(Some(Daemon::Failed(status))) => return Err(Failure::of_daemon(status)),
        Err(error) => return Err(Failure::Start(StartError::Daemon(error))),
    };
    // A daemon detaches its streams, so it must not keep a second descriptor for them.
    if detached.is_none() {
        process::open_own_stderr();
    }
    start_log();
    warn(&misspelt_variables());
    // Before privileges are dropped, and logged only if the server starts.
    let warnings = commands::lint(&settings.server);
    let bound = Bound::listen(settings.server).map_err(Failure::Start)?;
    let banner = Banner::of(
        bound.options(),
        bound.audience(),
        bound.addresses(),
        bound.admin_addresses(),
    )
    .with_fingerprint(bound.self_signed_fingerprint());
    let opener = bound
        .options()
        .open
        .then(|| BrowserLauncher::of(banner.address_to_open()));
    let server = bound.confine().map_err(Failure::Start)?;
    if let Some(Err(reason)) = opener.map(|opener| opener.and_then(BrowserLauncher::open)) {
        log::warn!("{reason}");
    }
    warn(&warnings);
    let text = if io::stdout().is_terminal() {
        banner.for_terminal(TermStyle::of_terminal(), process::terminal_columns())
    } else {
        banner.lines("serves")
    };
    // A server whose output nobody reads still works.
    if let Err(error) = process::print_at_once(&text) {
        log::warn!("cannot print the URLs: {error}");
    }
    if let Some(detached) = detached {
        detached.detach_terminal().map_err(Failure::Run)?;
    }
    server.run(load).map_err(Failure::Run)
}

/// Returns the part of reloaded settings that the server uses.
fn options(loaded: Result<Settings, SettingsError>) -> Result<server::Options, String> {
    match loaded {
        Ok(settings) => Ok(settings.server),
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// Returns what the server would serve and where, if the settings are valid. It opens no listener,
/// so a running server with the same settings does not disturb it.
fn check(settings: &Settings) -> Result<String, Failure> {
    start_log();
    let server = &settings.server;
    // Before privileges are dropped, because the next checks run as the server's user.
    warn(&misspelt_variables());
    warn(&commands::lint(server));
    commands::check(server).map_err(Failure::Start)?;
    let addresses = server::addresses(server);
    let confinement = commands::confinement(server).map_err(Failure::Start)?;
    let audience = server.audience();
    let banner = Banner::of(server, audience, addresses, server.admin.clone());
    Ok(banner.lines("would serve") + &banner.default_lines() + &confinement)
}

fn misspelt_variables() -> Vec<Misspelt> {
    settings::misspelt(env::vars_os().map(|(name, _)| name))
}

/// Logs warnings.
fn warn(warnings: &[impl fmt::Display]) {
    for warning in warnings {
        log::warn!("{warning}");
    }
}

/// Prints the output of an action.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn printed(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        // A reader like `head` closes the pipe early and has what it needs.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}

/// Starts logging to standard error, at the levels in `RUST_LOG`.
fn start_log() {
    // Ignore an empty variable: it would turn off even warnings.
    let levels = env::var("RUST_LOG")
        .ok()
        .filter(|levels| !levels.is_empty());
    let style = if io::stderr().is_terminal() {
        TermStyle::of_terminal()
    } else {
        TermStyle::Plain
    };
    let logger = env_logger::Builder::new()
        .parse_filters(levels.as_deref().unwrap_or("info"))
        .format(move |out, record| {
            let time = server::timestamp(SystemTime::now());
            // The message may contain client data, which must not look like another line.
            let mut message = record
                .args()
                .to_string()
                .replace(char::is_control, "\u{FFFD}");
            if record.target() == server::MISSING {
                message = style.red(&message);
            }
            writeln!(
                out,
                "{}{time} {} {}: {message}",
                process::journal_priority(record.level()),
                record.level(),
                record.target()
            )
        })
        .target(Target::Pipe(Box::new(process::Stderr)))
        .build();
    let started = process::start_diagnostics(logger);
    debug_assert!(started.is_ok(), "the log is started once");
}

/// The reason why an action failed.
enum Failure {
    /// The command line is not understood.
    Words(String),
    Settings(SettingsError),
    Start(StartError),
    Run(io::Error),
    Print(io::Error),
    Unhealthy(Unhealthy),
    Discover(io::Error),
    NotPrecompressed(NotPrecompressed),
    /// A signal with this number interrupted a command.
    Interrupted(u8),
    Hash(NoHash),
    /// A signal killed the daemon before it answered.
    Killed(i32),
    /// The reason is already printed: the explained request would not be served, or a daemon
    /// failed.
    Reported,
}

impl Failure {
    /// Returns the failure of a daemon. If no signal killed it, it has printed the reason.
    fn of_daemon(status: ExitStatus) -> Self {
        status.signal().map_or(Self::Reported, Self::Killed)
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Words(_) => ExitCode::from(2),
            Self::Settings(refusal) => ExitCode::from(refusal.exit_status()),
            // As in shells.
            Self::Interrupted(signal) => ExitCode::from(128 + (signal & 0x7f)),
            Self::Start(_)
            | Self::Run(_)
            | Self::Print(_)
            | Self::Unhealthy(_)
            | Self::Discover(_)
            | Self::NotPrecompressed(_)
            | Self::Hash(_)
            | Self::Killed(_)
            | Self::Reported => ExitCode::FAILURE,
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(refusal: SettingsError) -> Self {
        Self::Settings(refusal)
    }
}

impl From<Unhealthy> for Failure {
    fn from(unhealthy: Unhealthy) -> Self {
        Self::Unhealthy(unhealthy)
    }
}

/// Writes a sentence for standard error; nothing if the reason is already printed.
impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(reason) => out.write_str(reason),
            Self::Settings(refusal) => refusal.fmt(out),
            Self::Start(error) => error.fmt(out),
            Self::Run(error) => write!(out, "the server failed: {error}"),
            Self::Hash(error) => error.fmt(out),
            Self::Unhealthy(unhealthy) => unhealthy.fmt(out),
            Self::Discover(error) => write!(out, "cannot ask the local network: {error}"),
            Self::NotPrecompressed(reason) => reason.fmt(out),
            Self::Interrupted(_) => out.write_str(
                "interrupted; each file that was written is complete. Run it again \
                               for the rest.",
            ),
            Self::Killed(signal) => write!(
                out,
                "the background server was killed by signal {signal} before it was ready"
            ),
            Self::Reported => Ok(()),
            Self::Print(error) => write!(out, "cannot write to standard output: {error}"),
        }
    }
}

//! Reloading settings and reopening logs while the server runs.
//!
//! New settings take effect as a whole or not at all, for everything from then on, and connections
//! stay open. Settings that are fixed at startup, such as addresses, are reported.

use super::error::StartError;
use super::event_loop::EventLoop;
use super::grants;
use super::ingress::Ingress;
use super::net::tls::Certificates;
use super::observe::access_log::{self, LogDestination, Reopened};
use super::options::{Load, Options};
use super::passwords::LoadedFiles;
use super::supervisor::Server;
use super::workers::message::Change;
use super::workers::pending_reload::{PendingReload, Ready};
use crate::process::diagnostics::Unlimited;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, openat};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fmt, io, mem};

/// The reason why new settings do not take effect.
#[derive(Debug)]
enum ReloadError {
    /// They need something outside the sandbox.
    Outside(PathBuf),
    /// They would prevent a server from starting.
    Start(StartError),
    /// The settings require passwords, but the server was started without password files.
    NoVerifier,
}

impl Server {
    /// Loads the settings again, and applies them once all workers are prepared. If they are
    /// invalid, or if a worker cannot use them, the old ones stay. In either case, all files are
    /// read again, too.
    pub(crate) fn reload(&mut self, load: &Load<'_>) {
        if self.reload.ready.is_some() {
            self.reload.is_wanted_again = true;
            return;
        }
        self.notifier.reloading();
        self.event_loop.responder.forget_files();
        if let Some(crew) = &mut self.event_loop.crew {
            crew.forget_files();
        }
        let settings = self.return_to_working_directory();
        let settings = settings
            .and_then(|()| self.require_file())
            .and_then(|()| load());
        match settings.and_then(|new| self.prepare(new).map_err(|error| error.to_string())) {
            Err(error) => self.refuse(&error),
            Ok(ready) => match &mut self.event_loop.crew {
                None => self.put_in_force(ready),
                Some(crew) => {
                    crew.prepare(&ready.change);
                    self.reload.ready = Some(Box::new(ready));
                }
            },
        }
    }

    /// Continues a reload once all workers have reported whether they are prepared.
    pub(crate) fn continue_reloading(&mut self, load: &Load<'_>) {
        let Some(crew) = &mut self.event_loop.crew else {
            return;
        };
        let Some(outcome) = crew.take_prepared() else {
            return;
        };
        let Some(ready) = self.reload.ready.take() else {
            return;
        };
        let _unlimited = Unlimited::begin();
        match outcome {
            Ok(()) => self.put_in_force(*ready),
            Err(error) => {
                crew.discard();
                self.refuse(&error);
            }
        }
        if mem::take(&mut self.reload.is_wanted_again) {
            self.reload(load);
        }
    }

    /// Abandons the reload in progress.
    pub(crate) fn abandon_reload(&mut self) {
        self.reload = PendingReload::default();
        if let Some(crew) = &mut self.event_loop.crew {
            crew.discard();
        }
    }

    /// Keeps the old settings, and reports the reason.
    fn refuse(&mut self, error: &str) {
        self.event_loop.context.note_reload(false);
        self.report_error(error);
        let status = self.status();
        self.notifier.ready(format_args!(
            "{status}; the last reload failed: invalid settings"
        ));
    }

    /// Returns to the working directory by its path. Relative paths start from it, and it may have
    /// been removed and created again, or replaced, along with the root; the operator means the one
    /// at its path now. If the server's user cannot access the path, nothing changes.
    fn return_to_working_directory(&self) -> Result<(), String> {
        let Some(path) = &self.working_directory else {
            return Ok(());
        };
        let log = match &self.options.access_log {
            LogDestination::File(path) => Some(path),
            LogDestination::Off | LogDestination::Stdout | LogDestination::Stderr => None,
        };
        let settings = self.options.settings_file.as_ref();
        let files = [settings, log].into_iter().flatten();
        let mut used = self.options.roots().chain(files);
        match env::set_current_dir(path) {
            Err(error) if is_gone(&error) && used.any(|path| path.is_relative()) => Err(format!(
                "the working directory {}, from which relative paths start, cannot be entered: \
                 {error}",
                path.display()
            )),
            _ => Ok(()),
        }
    }

    /// Checks that the settings can be read again. A pipe has no more data, which would look like
    /// default settings, or would make the loop wait for a writer.
    fn require_file(&self) -> Result<(), String> {
        let Some(path) = &self.options.settings_file else {
            return Ok(());
        };
        match path.metadata() {
            Ok(facts) if facts.file_type().is_fifo() => {
                let path = path.display();
                Err(format!(
                    "{path} is a pipe, which cannot be read a second time"
                ))
            }
            // A missing file is reported when it is read.
            _ => Ok(()),
        }
    }

    fn report_error(&mut self, error: &str) {
        for line in error.lines() {
            log::error!("{line}");
        }
        if let Some(reason) = self.hindrance() {
            log::error!("{reason}");
        }
        log::error!("keeping the previous settings");
        // Renamed logs are independent of the settings.
        self.reopen_log();
    }

    /// Opens the access log again.
    pub(crate) fn reopen_log(&mut self) {
        // If this fails, so does the next step, which reports the reason.
        let _ = self.return_to_working_directory();
        let destination = &self.options.access_log;
        match access_log::reopen(destination, destination) {
            Ok(Reopened::Kept) => {}
            Ok(Reopened::Replaced(output)) => {
                let now = self.event_loop.context.clock.now();
                let style = self.options.log_style();
                self.event_loop
                    .context
                    .access_log
                    .redirect(output, style, now);
                if let LogDestination::File(path) = destination {
                    log::info!("reopened the access log {}", path.display());
                }
            }
            Err(error) => {
                let is_refused = error.kind() == io::ErrorKind::PermissionDenied;
                let error = StartError::AccessLog(destination.clone(), error);
                log::error!("{error}; log lines still go to the previous file");
                if is_refused && self.sandbox.is_enforced() {
                    log::error!(
                        "the sandbox allows reopening a log only in a directory of its own, \
                         apart from the site and the settings"
                    );
                }
            }
        }
    }

    /// Does everything that can fail, as far as the first worker is concerned.
    fn prepare(&mut self, mut new: Options) -> Result<Ready, ReloadError> {
        for name in keep_fixed_options(&self.options, &mut new) {
            log::warn!("{name} cannot be changed while the server runs; restart to apply it");
        }
        // Missing paths are reported below, when they are opened.
        if let Ok(Some(place)) = grants::obstacle(&self.sandbox, &new) {
            return Err(ReloadError::Outside(place));
        }
        let event_loop = &mut self.event_loop;
        let workers = event_loop.worker_count();
        let change = Change {
            new: new.of_worker(workers),
            ingress: Ingress::of(&new, self.audience, &event_loop.listeners),
        };
        let prepared = event_loop
            .prepare(&change.new, self.audience)
            .map_err(ReloadError::Start)?;
        let users = self.read_users(&new)?;
        let event_loop = &mut self.event_loop;
        let certificates = read_certificates(event_loop, &self.options, &new)?;
        let output =
            access_log::reopen(&self.options.access_log, &new.access_log).map_err(|error| {
                ReloadError::Start(StartError::AccessLog(new.access_log.clone(), error))
            })?;
        Ok(Ready {
            prepared,
            certificates,
            users,
            output,
            options: new,
            change: Arc::new(change),
        })
    }

    /// Applies other settings, which cannot fail.
    fn put_in_force(&mut self, ready: Ready) {
        let Ready {
            prepared,
            certificates,
            users,
            output,
            options,
            change,
        } = ready;
        let event_loop = &mut self.event_loop;
        if let Some(verifier) = &self.verifier {
            verifier.replace(users, options.user_files());
        }
        if let (Some(old), Some(new)) = (&mut event_loop.certificates, certificates) {
            old.replace(new);
        }
        let now = event_loop.now();
        let style = options.log_style();
        match output {
            Reopened::Replaced(output) => {
                event_loop.context.access_log.redirect(output, style, now);
            }
            Reopened::Kept => event_loop.context.access_log.restyle(style),
        }
        if let Some(crew) = &event_loop.crew {
            let seats = crew.seats();
            seats.begin_table(options.connections_per_client_max);
        }
        event_loop.put_in_force(prepared, &change.new, change.ingress.clone());
        if let Some(crew) = &mut event_loop.crew {
            crew.put_in_force();
        }
        self.options = options;
        log::info!("settings reloaded");
        self.event_loop.context.note_reload(true);
        self.notifier.ready(self.status());
    }

    /// Reads the password files that were not named before. A server that was started without any
    /// has no thread to verify passwords.
    fn read_users(&self, new: &Options) -> Result<LoadedFiles, ReloadError> {
        match &self.verifier {
            None if new.user_files().next().is_some() => Err(ReloadError::NoVerifier),
            None => Ok(LoadedFiles::none()),
            Some(verifier) => verifier
                .load_others(new.user_files(), self.event_loop.now())
                .map_err(|error| ReloadError::Start(StartError::Users(error))),
        }
    }

    /// Returns a reason why the settings file could not be read although nothing is wrong with it.
    fn hindrance(&self) -> Option<String> {
        let path = self.options.settings_file.as_deref()?;
        // Without waiting, in case it is a pipe.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::empty());
        let error = io::Error::from(opened.err()?);
        if error.kind() != io::ErrorKind::PermissionDenied {
            return None;
        }
        let name = path.display();
        // Permissions are the same for both calls, but a sandbox restricts only opening.
        let is_allowed = accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok();
        if is_allowed && self.sandbox.is_enforced() {
            Some(format!(
                "{name} was replaced, and the sandbox allows only the file that was there at the \
                 start. Restart to read it, and keep it in a directory of its own"
            ))
        } else {
            self.options
                .user
                .is_some()
                .then(|| format!("{name} must be readable by the user that the server runs as"))
        }
    }
}

/// Loads certificates from new files. The existing files are read again too, but problems with them
/// do not prevent other changes.
fn read_certificates(
    event_loop: &mut EventLoop,
    old: &Options,
    new: &Options,
) -> Result<Option<Certificates>, ReloadError> {
    let now = event_loop.now();
    let Some(certificates) = &mut event_loop.certificates else {
        return Ok(None);
    };
    if new.certificates == old.certificates {
        certificates.read_again(now);
        return Ok(None);
    }
    let loaded = Certificates::load(new, now);
    loaded
        .map(Some)
        .map_err(|error| ReloadError::Start(StartError::Certificate(error)))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Copies the parts of the options that a running server cannot change from the old options to the
/// new ones. Returns the names of those that differ.
fn keep_fixed_options(old: &Options, new: &mut Options) -> Vec<&'static str> {
    // All fields are listed, so that a new one requires a decision whether it can change.
    let Options {
        listen,
        port,
        share,
        announce,
        name,
        https,
        reuse_port,
        daemon,
        pid_file,
        admin,
        user,
        workers,
        sandbox,
        // Options that took effect only at startup.
        open: _,
        // Set on the command line or in the environment.
        settings_file: _,
        page: _,
        certificates: _,
        redirect_https: _,
        hosts: _,
        listing: _,
        trusted_proxies: _,
        site: _,
        policy,
        sites: _,
        connection: _,
        drain_timeout: _,
        connections_max: _,
        connections_per_client_max: _,
        access_log: _,
        access_log_format: _,
        access_log_exclude: _,
    } = new;
    let mut names = Vec::new();
    keep("listen", &old.listen, listen, &mut names);
    keep("port", &old.port, port, &mut names);
    keep("share", &old.share, share, &mut names);
    keep("announce", &old.announce, announce, &mut names);
    keep("name", &old.name, name, &mut names);
    keep("https", &old.https, https, &mut names);
    keep("reuse-port", &old.reuse_port, reuse_port, &mut names);
    keep("daemon", &old.daemon, daemon, &mut names);
    keep("pid-file", &old.pid_file, pid_file, &mut names);
    keep("admin", &old.admin, admin, &mut names);
    keep("user", &old.user, user, &mut names);
    keep("workers", &old.workers, workers, &mut names);
    keep("sandbox", &old.sandbox, sandbox, &mut names);
    keep("live", &old.policy.live, &mut policy.live, &mut names);
    names
}

fn keep<T: Clone + PartialEq>(
    name: &'static str,
    old: &T,
    new: &mut T,
    names: &mut Vec<&'static str>,
) {
    if old != new {
        names.push(name);
        new.clone_from(old);
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside(place) => write!(
                f,
                "{} is outside the sandbox, which is set at the start; restart to use it",
                place.display()
            ),
            Self::Start(error) => error.fmt(f),
            Self::NoVerifier => f.write_str(
                "the thread that verifies passwords can only start with the server; restart to \
                 ask for passwords",
            ),
        }
    }
}

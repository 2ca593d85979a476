//! Settings that are read again while the server runs, and logs that are opened again.
//!
//! Other settings come into force as a whole or not at all, for all that happens from then on;
//! connections stay. What was decided at the start for good, such as addresses, is told of.

use super::answer::responder::open_site;
use super::context::Front;
use super::error::StartError;
use super::event_loop::Server;
use super::grants;
use super::observe::access_log::{self, LogDestination};
use super::options::{Load, Options};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, openat};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::{env, fmt, io};

/// Why other settings do not come into force.
#[derive(Debug)]
enum Refusal {
    /// They need what cannot be had from within the sandbox.
    Outside(PathBuf),
    /// They would keep a server from starting.
    Start(StartError),
}

impl Server {
    /// Reads the settings again and puts them in force. If they are bad, the old ones stay. Either way
    /// all files are read again, too.
    pub(crate) fn reload(&mut self, load: &Load<'_>) {
        self.notifier.reloading();
        self.responder.forget_files();
        let settings = self.return_to_working_directory();
        let settings = settings
            .and_then(|()| self.require_file())
            .and_then(|()| load());
        match settings.and_then(|options| {
            self.replace_options(options)
                .map_err(|refusal| refusal.to_string())
        }) {
            Ok(()) => {
                log::info!("the settings were read again and are in force");
                self.context.note_reload(true);
                self.notifier.ready(self.status());
            }
            Err(refusal) => {
                self.context.note_reload(false);
                self.tell_of_refusal(&refusal);
                let status = self.status();
                self.notifier
                    .ready(format_args!("{status}; the settings read last are bad"));
            }
        }
    }

    /// Relative paths start from the working directory, which may itself have been removed and made
    /// again, or moved aside for another, along with the root: by its path, it is the one that the
    /// operator means. Where the path is closed to the server's user, it stays where it is.
    fn return_to_working_directory(&self) -> Result<(), String> {
        let Some(path) = &self.working_directory else {
            return Ok(());
        };
        let log = match &self.options.access_log {
            LogDestination::File(path) => Some(path),
            LogDestination::Off | LogDestination::Stdout | LogDestination::Stderr => None,
        };
        let settings = self.options.settings_file.as_ref();
        let mut used = [Some(&self.options.site.root), settings, log]
            .into_iter()
            .flatten();
        match env::set_current_dir(path) {
            Err(error) if is_gone(&error) && used.any(|path| path.is_relative()) => Err(format!(
                "the working directory {}, from which relative paths start, cannot be entered: \
                 {error}",
                path.display()
            )),
            _ => Ok(()),
        }
    }

    /// Whether the settings can be read again. A pipe has nothing more to give, which would pass for
    /// settings that are all at their defaults, or has the loop wait for somebody to write to it.
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
            // What is not there is told of by whoever reads it.
            _ => Ok(()),
        }
    }

    fn tell_of_refusal(&mut self, refusal: &str) {
        for line in refusal.lines() {
            log::error!("{line}");
        }
        if let Some(reason) = self.hindrance() {
            log::error!("{reason}");
        }
        log::error!("the settings of before stay in force");
        // A log that was renamed is no matter of the settings.
        self.reopen_log();
    }

    /// Opens the access log anew.
    pub(crate) fn reopen_log(&mut self) {
        // Where that fails, so does what comes next, and says why.
        let _ = self.return_to_working_directory();
        let destination = &self.options.access_log;
        match access_log::reopen(destination, destination) {
            Ok(None) => {}
            Ok(Some(output)) => {
                let now = self.context.clock.now();
                let style = self.options.log_style();
                self.context.access_log.redirect(output, style, now);
                if let LogDestination::File(path) = destination {
                    log::info!("the access log {} was opened anew", path.display());
                }
            }
            Err(error) => {
                let is_refused = error.kind() == io::ErrorKind::PermissionDenied;
                let error = StartError::AccessLog(destination.clone(), error);
                log::error!("{error}; records go on to where they went before");
                if is_refused && self.sandbox.is_enforced() {
                    log::error!(
                        "in the sandbox, a log can be opened anew that is in a directory of its \
                         own, apart from the site and the settings"
                    );
                }
            }
        }
    }

    fn replace_options(&mut self, mut new: Options) -> Result<(), Refusal> {
        for name in keep_what_is_fixed(&self.options, &mut new) {
            log::warn!("{name} cannot be changed while the server runs; start it anew for that");
        }
        // What is not there at all is found out below, by whoever opens it.
        if let Ok(Some(place)) = grants::obstacle(&self.sandbox, &new) {
            return Err(Refusal::Outside(place));
        }
        let now = self.context.clock.now();
        let audience = self.audience;
        let site_options = |options: &Options| options.site_options(audience);
        let is_same_site =
            site_options(&new) == site_options(&self.options) && new.policy == self.options.policy;
        let files_max = self.sessions.files_kept_open_max();
        let site = (!is_same_site).then(|| open_site(&new, audience, files_max, now));
        let site = site.transpose().map_err(Refusal::Start)?;
        let output =
            access_log::reopen(&self.options.access_log, &new.access_log).map_err(|error| {
                Refusal::Start(StartError::AccessLog(new.access_log.clone(), error))
            })?;

        // From here on nothing can fail.
        if let Some(site) = site {
            self.responder.replace_site(site);
            self.watch_root();
        }
        let style = new.log_style();
        match output {
            Some(output) => self.context.access_log.redirect(output, style, now),
            None => self.context.access_log.restyle(style),
        }
        self.context.clock.show_server(new.policy.server_field);
        self.context.front = Front {
            hosts: new.answered_hosts(audience),
            trusted_proxies: new.trusted_proxies.clone(),
        };
        self.context.options = new.connection.clone();
        // Timeouts that are shorter now may be over.
        self.sessions.look_at_deadlines_by(now);
        self.sessions
            .resize(new.connections_max, new.connections_per_client_max);
        self.options = new;
        Ok(())
    }

    /// What may have kept the settings file from being read, though nothing is wrong with it.
    fn hindrance(&self) -> Option<String> {
        let path = self.options.settings_file.as_deref()?;
        // Without waiting, should it be a pipe.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::empty());
        let error = io::Error::from(opened.err()?);
        if error.kind() != io::ErrorKind::PermissionDenied {
            return None;
        }
        let name = path.display();
        // Permissions are the same for both calls; a sandbox has a say in opening alone.
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
                .then(|| format!("{name} must be readable for the user that the server has become"))
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Gives the new options the old ones' part that a running server cannot change: the names of
/// those that were to be changed.
fn keep_what_is_fixed(old: &Options, new: &mut Options) -> Vec<&'static str> {
    // All are named, so that none can be added without a word on whether it can be changed.
    let Options {
        listen,
        port,
        reuse_port,
        daemon,
        pid_file,
        admin,
        user,
        sandbox,
        // What has been done at the start, and is done.
        open: _,
        // Named on the command line, or in the environment.
        settings_file: _,
        hosts: _,
        listing: _,
        trusted_proxies: _,
        site: _,
        policy: _,
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
    keep("reuse-port", &old.reuse_port, reuse_port, &mut names);
    keep("daemon", &old.daemon, daemon, &mut names);
    keep("pid-file", &old.pid_file, pid_file, &mut names);
    keep("admin", &old.admin, admin, &mut names);
    keep("user", &old.user, user, &mut names);
    keep("sandbox", &old.sandbox, sandbox, &mut names);
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside(place) => write!(
                f,
                "{} is outside of the sandbox that was entered at the start; to use it, start anew",
                place.display()
            ),
            Self::Start(error) => error.fmt(f),
        }
    }
}

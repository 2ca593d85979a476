//! The options of a server.

use super::listen_address::ListenAddress;
use super::observe::access_log::{AccessLogFormat, LogDestination, LogExclusion, Style};
use super::sites::site_options::SiteOptions;
use crate::conn;
use crate::http::address_range::AddressRange;
use crate::http::host::Host;
use crate::plan::Policy;
use crate::process::{SandboxMode, User};
use crate::site;
use std::iter;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

/// The options of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option that is on or off"
)]
pub struct Options {
    /// The listen addresses. If empty, `port` on both loopback addresses.
    pub listen: Vec<ListenAddress>,
    /// The port of addresses without one.
    pub port: u16,
    /// `true` if the site is shared with the network: without listen addresses, at `port` of all
    /// addresses of this machine.
    pub share: bool,
    /// Whether the server is announced in the local network by its name. `None` means if the site
    /// is shared and the server is not in the background.
    pub announce: Option<bool>,
    /// The name in the local network, without the domain `local`.
    pub name: String,
    /// `true` to use HTTPS if no listen address is given.
    pub https: bool,
    /// `true` if another server may listen on the same addresses, and get our sockets.
    pub reuse_port: bool,
    /// `true` if the server runs in the background.
    pub daemon: bool,
    /// The path of the PID file.
    pub pid_file: Option<PathBuf>,
    /// `true` to open the site in this machine's browser.
    pub open: bool,
    /// The certificates for HTTPS addresses, starting with the one for clients that send no host
    /// name.
    pub certificates: Vec<CertificateFiles>,
    /// `true` if requests over HTTP are redirected to HTTPS.
    pub redirect_https: bool,
    /// The addresses of the admin port; empty for none.
    pub admin: Vec<ListenAddress>,
    /// The hosts that are answered; an empty list means any. Requests for others get 421. `None`
    /// means the default of the [`Audience`](super::Audience).
    pub hosts: Option<Vec<Host>>,
    /// `true` if directories without an index file are listed; `None` means the default of the
    /// [`Audience`](super::Audience). It overrides the option in `site`.
    pub listing: Option<bool>,
    /// The proxies that are trusted to report the client's address.
    pub trusted_proxies: Vec<AddressRange>,
    /// The page to show, as a URL relative to that of the site; empty for its start page.
    pub page: String,
    /// The served directory.
    pub site: site::Options,
    /// The operator's settings for responses.
    pub policy: Policy,
    /// The sites, if they are named one by one. Then `site`, `policy` and `listing` hold only the
    /// values that each site has inherited unless it has its own.
    pub sites: Vec<SiteOptions>,
    /// The limits and timeouts of connections.
    pub connection: conn::Options,
    /// The time that requests in progress may take after a stop signal.
    pub drain_timeout: Duration,
    /// The limit of connections; `None` means as many as the descriptor limit allows.
    pub connections_max: Option<usize>,
    /// The limit of connections from one client address; `None` means the same as the limit for
    /// all.
    pub connections_per_client_max: Option<usize>,
    /// The destination of the access log.
    pub access_log: LogDestination,
    /// The format of log lines.
    pub access_log_format: AccessLogFormat,
    /// Requests without a log line if they succeed.
    pub access_log_exclude: Vec<LogExclusion>,
    /// The user that the server becomes after it has bound its addresses.
    pub user: Option<User>,
    /// The number of event loops. `None` means the number of processors that this process may use.
    pub workers: Option<usize>,
    /// The sandbox of the server.
    pub sandbox: SandboxMode,
    /// The file that the settings are read from, now and on a reload.
    pub settings_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            port: 8080,
            share: false,
            announce: None,
            name: "millpond".to_owned(),
            https: false,
            reuse_port: false,
            daemon: false,
            pid_file: None,
            open: false,
            certificates: Vec::new(),
            redirect_https: false,
            admin: Vec::new(),
            hosts: None,
            listing: None,
            trusted_proxies: Vec::new(),
            page: String::new(),
            site: site::Options::default(),
            policy: Policy::default(),
            sites: Vec::new(),
            connection: conn::Options::default(),
            drain_timeout: Duration::from_secs(10),
            connections_max: None,
            connections_per_client_max: None,
            access_log: LogDestination::Stdout,
            access_log_format: AccessLogFormat::Auto,
            access_log_exclude: Vec::new(),
            user: None,
            workers: Some(1),
            sandbox: SandboxMode::Auto,
            settings_file: None,
        }
    }
}

impl Options {
    /// Returns the number of event loops. Only processors that this process may use count, by its
    /// affinity and the quota of its control group.
    pub fn worker_count(&self) -> usize {
        if self.policy.live {
            // All pages listen to a single event loop.
            return 1;
        }
        let processors = || available_parallelism().map_or(1, NonZero::get);
        self.workers
            .unwrap_or_else(|| processors().min(WORKERS_MAX))
    }

    /// Returns the options of one of several workers, which share the limits of the whole server.
    pub(crate) fn of_worker(&self, workers: usize) -> Self {
        let mut own = self.clone();
        let each = own.sites.iter_mut().map(|it| &mut it.site);
        for site in iter::once(&mut own.site).chain(each) {
            site.cache_bytes_max /= workers;
            site.cache_entries_max /= workers;
            site.copies = workers;
        }
        own
    }

    /// Returns the password files, with possible duplicates.
    pub(crate) fn user_files(&self) -> impl Iterator<Item = Arc<Path>> {
        let only = self.sites.is_empty().then_some(&self.policy);
        let policies = only
            .into_iter()
            .chain(self.sites.iter().map(|it| &it.policy));
        policies.flat_map(|policy| {
            let of_all = policy.auth_file.as_deref().map(Arc::from);
            policy.access.files().cloned().chain(of_all)
        })
    }

    /// Returns the style of log lines.
    pub(crate) fn log_style(&self) -> Style {
        Style {
            format: self.access_log_format,
            exclusions: self.access_log_exclude.clone(),
        }
    }
}

/// The files of a certificate and its key, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The hosts of the sites that use it, which get it even if it does not have their names.
    /// Without any, it is for the names that it has.
    pub hosts: Vec<Host>,
}

/// A function that reads the settings again. Returns the options, or all problems, one line each.
pub type Load<'a> = dyn Fn() -> Result<Options, String> + 'a;

/// The role of a listener and its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerRole {
    Public,
    /// The admin port.
    Admin,
}

/// The most workers: more than the number of processors in most machines. With even more, each
/// would have almost no cache.
pub(crate) const WORKERS_MAX: usize = 256;

/// The limit of admin connections: a few scrapers, a health check, a person or two.
pub(crate) const ADMIN_CONNECTIONS_MAX: usize = 16;

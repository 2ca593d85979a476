//! All that a server is started with.

use super::listen_address::ListenAddress;
use super::observe::access_log::{AccessLogFormat, LogDestination, LogExclusion, Style};
use crate::conn;
use crate::http::forwarded::TrustedProxy;
use crate::http::host::Host;
use crate::plan::Policy;
use crate::process::{SandboxMode, User};
use crate::site;
use std::path::PathBuf;
use std::time::Duration;

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
    /// The hosts that requests may be for; empty: any. Others get 421. `None`: the default of the
    /// [`Audience`](super::Audience).
    pub hosts: Option<Vec<Host>>,
    /// Whether directories without an index file are listed; `None`: the default of the
    /// [`Audience`](super::Audience). It overrides what stands in `site`.
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

impl Options {
    /// What is written of which requests.
    pub(crate) fn log_style(&self) -> Style {
        Style {
            format: self.access_log_format,
            exclusions: self.access_log_exclude.clone(),
        }
    }
}

/// A way to read the settings again: the options that they give, or all that is wrong with them, a
/// line each.
pub type Load<'a> = dyn Fn() -> Result<Options, String> + 'a;

/// Who a listener, and a connection that it accepted, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Public,
    /// The operator, on a listener of their own.
    Admin,
}

/// The operator's connections at once: a few scrapers, a health check, a person or two.
pub(crate) const ADMIN_CONNECTIONS_MAX: usize = 16;

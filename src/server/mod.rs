//! The event loop.
use crate::{conn::Timeouts, http::Limits, plan::Policy, site};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// All that a server is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where connections are accepted. Empty: port 8080 of both loopback addresses, of which a
    /// machine may lack one.
    pub listen: Vec<ListenAddress>,
    /// The served directory.
    pub site: site::Options,
    /// What the operator wants of every response.
    pub policy: Policy,
    /// How much of a request is accepted.
    pub limits: Limits,
    /// How long a peer may take.
    pub timeouts: Timeouts,
    /// How long exchanges under way may go on after a signal to stop.
    pub drain_timeout: Duration,
    /// Connections at once; `None`: as many as the descriptor limit allows.
    pub connections_max: Option<usize>,
    /// Where the access log goes.
    pub access_log: LogDestination,
    /// How an access record is written.
    pub access_log_format: AccessLogFormat,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IPv4 or IPv6 address and a port; port 0 lets the kernel choose one.
    Tcp(SocketAddr),
    /// The path of a Unix-domain socket.
    Unix(PathBuf),
}

/// Where access records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
}

/// How an access record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// The Common Log Format and the time taken.
    Common,
    /// Common, with the referrer and the user agent.
    Combined,
    /// One JSON object a line.
    Json,
}

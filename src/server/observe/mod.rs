//! The reports about requests: the access log, the metrics, and log messages that clients cause.

pub(crate) mod access_log;
mod backlog;
mod exclusion;
mod line;
pub(crate) mod metrics;
pub(crate) mod notices;
pub(crate) mod shared_log;

//! What is reported of requests: the access log, the metrics, and log lines that clients cause.

pub(crate) mod access_log;
mod backlog;
mod exclusion;
mod line;
pub(crate) mod metrics;
pub(crate) mod notices;

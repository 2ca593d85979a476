//! What is reported of requests: the access log and the metrics.

pub(crate) mod access_log;
mod backlog;
pub(crate) mod metrics;

//! The outcome of a request.

use super::response::OpenFile;
use super::suspended::Suspended;
use crate::conn::Response;

/// A response, or a request that waits for one.
#[derive(Debug)]
pub(crate) enum Answer {
    Ready(Response<OpenFile>),
    /// A response of live reload, which is not logged.
    Live {
        response: Response<OpenFile>,
        /// A hash of what the client calls itself.
        agent: u64,
    },
    Pending(Box<Suspended>),
}

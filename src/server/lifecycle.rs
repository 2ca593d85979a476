//! The state of a server between running and stopped.

use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifecycle {
    Running,
    /// No connection is accepted any more. Requests in progress may continue until the deadline.
    Draining {
        deadline: Instant,
    },
    Stopped,
}

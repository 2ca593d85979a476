//! How far a server is on its way from running to stopped.

use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifecycle {
    Running,
    /// No connection is accepted any more; what is under way may go on until the deadline.
    Draining {
        deadline: Instant,
    },
    Stopped,
}

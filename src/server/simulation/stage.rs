//! What the invariants look at: the loop, its clients and the settings in force.

use super::client::Client;
use crate::conn::Timeouts;
use crate::server::event_loop::EventLoop;
use crate::server::net::memory::MemoryQueue;
use crate::server::options::Options;

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) event_loop: EventLoop,
    pub(super) clients: Vec<Client>,
    /// The connections that wait to be accepted.
    pub(super) queue: MemoryQueue,
    /// The settings in force.
    pub(super) options: Options,
    pub(super) is_draining: bool,
}

impl Stage {
    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.options.connection.timeouts
    }
}

//! The events that a client already has.

use std::time::Duration;

/// The events that a client already has when it asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// All up to this event of this server instance.
    Event {
        /// The instance of the server, which is new after each start.
        instance: u64,
        /// The number of the event.
        number: u64,
    },
    /// All up to this long ago.
    Ago(Duration),
    /// All up to now.
    Now,
    /// The request is not understood.
    Unknown,
}

//! Sockets: those that are listened on, where they come from, and those of connections.

pub(crate) mod bind;
mod handover;
mod inherited;
pub(crate) mod listener;
pub(crate) mod send_window;
pub(crate) mod socket;

//! Sockets: those that are listened on, where they come from, and those of connections.

pub(crate) mod bind;
mod handover;
pub(crate) mod holder;
mod inherited;
pub(crate) mod listener;
mod opening;
mod progress;
pub(crate) mod send_window;
pub(crate) mod socket;

//! Sockets: those to listen on, their origin, and those of connections.

pub(crate) mod bind;
mod handover;
pub(crate) mod holder;
mod inherited;
pub(crate) mod listener;
#[cfg(feature = "share")]
pub(crate) mod mdns;
#[cfg(not(feature = "share"))]
#[path = "mdns_absent.rs"]
pub(crate) mod mdns;
#[cfg(test)]
pub(crate) mod memory;
pub(crate) mod name;
mod opening;
pub(crate) mod pace;
mod peer_user;
mod progress;
pub(crate) mod readiness;
pub(crate) mod send_window;
pub(crate) mod socket;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls_absent.rs"]
pub(crate) mod tls;
pub(crate) mod transfer;

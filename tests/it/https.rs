//! HTTPS.

pub(crate) mod authority;
mod certificates;
mod client;
mod connections;
mod handshakes;
mod redirect;
mod renewal;
mod self_signed;
pub(crate) mod server;

//! HTTPS.

pub(crate) mod authority;
mod certificates;
mod client;
mod connections;
mod handshakes;
pub(crate) mod https;
mod redirect;
mod renewal;
mod self_signed;

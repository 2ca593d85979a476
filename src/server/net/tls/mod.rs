//! TLS: a layer between a socket and its session, and its certificates.
//!
//! `stream` is one connection, `layer` its TLS state, and `renewal` the certificates of all
//! connections. The machine of `conn` is unaware of TLS.

mod certificate;
mod counters;
mod der;
mod failure;
mod layer;
mod pace;
#[cfg(any(test, fuzzing))]
mod pair;
mod pem;
mod renewal;
mod resolver;
mod self_signed;
mod shared;
mod stream;

pub(crate) use counters::{Handshake, TlsCounters};
pub(crate) use failure::Failure;
#[cfg(fuzzing)]
pub use pair::converse;
pub(crate) use renewal::Certificates;
pub(crate) use shared::TlsShared;
pub(crate) use stream::TlsStream;

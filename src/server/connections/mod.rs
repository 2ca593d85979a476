//! Connections: admission, eviction, and turns.

pub(crate) mod admission;
pub(crate) mod eviction;
mod in_flight;
pub(crate) mod per_client;
pub(crate) mod session;
pub(crate) mod table;
pub(crate) mod turn;

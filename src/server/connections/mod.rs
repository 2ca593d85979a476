//! Connections: who is let in, who goes when there are too many, and whose turn it is.

pub(crate) mod admission;
mod eviction;
mod first_read;
mod in_flight;
pub(crate) mod session;
pub(crate) mod table;
pub(crate) mod turn;

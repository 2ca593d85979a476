//! The time, handed in: nothing in `conn` reads a clock.

use super::options::Options;
use std::time::Instant;

/// The present moment, as far as a connection may know of it.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// The time by which deadlines are reckoned.
    pub now: Instant,
    /// The field lines that name the origin and the time of a response: `Server` and `Date`.
    pub origin: &'a [u8],
    /// What connections are held to at this moment.
    pub options: &'a Options,
}

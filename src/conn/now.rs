//! The time, passed in by the caller: nothing in `conn` reads a clock.

use super::options::Options;
use std::time::Instant;

/// The present moment, with everything about it that a connection needs.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The time that deadlines are compared with.
    pub instant: Instant,
    /// The field lines that every response starts with: `Server` and `Date`.
    pub common_fields: &'a [u8],
    /// The limits and timeouts in force.
    pub options: &'a Options,
}

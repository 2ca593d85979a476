//! The readiness of a source of events, as the poll reports it.

use mio::Token;
use mio::event::Event;

/// A report that something has happened at a source. Those of the poll are edge-triggered: nothing
/// is reported twice.
pub(crate) trait Readiness {
    /// Returns the token that the source is registered with.
    fn token(&self) -> Token;

    fn is_readable(&self) -> bool;

    fn is_error(&self) -> bool;

    /// Returns `true` if the peer sends no more.
    fn is_read_closed(&self) -> bool;

    /// Returns `true` if the peer receives no more.
    fn is_write_closed(&self) -> bool;
}

impl Readiness for Event {
    fn token(&self) -> Token {
        Event::token(self)
    }

    fn is_readable(&self) -> bool {
        Event::is_readable(self)
    }

    fn is_error(&self) -> bool {
        Event::is_error(self)
    }

    fn is_read_closed(&self) -> bool {
        Event::is_read_closed(self)
    }

    fn is_write_closed(&self) -> bool {
        Event::is_write_closed(self)
    }
}

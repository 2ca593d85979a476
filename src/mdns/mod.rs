//! Names in the local network: multicast DNS (RFC 6762) and DNS-based service discovery (RFC 6763).
//!
//! Nothing here has a socket or a clock. A machine is given packets and the time, and returns
//! packets and the time of its next call. All packets come from strangers: they are parsed within
//! limits, compared with what is known, and forgotten.
//!
//! | file | owns |
//! | --- | --- |
//! | `responder` | the machine that defends a name and answers for it, on all links |
//! | `link` | its state on one link: probing, announcing, answering, and the times of its packets |
//! | `conflict` | conflicts between machines that want the same name |
//! | `query` | the records that answer a query, and their receivers |
//! | `identity` | the name, and the records derived from it |
//! | `service` | what is served, and by which protocol |
//! | `records` | our records on a link, and their comparison with others |
//! | `browser` | the machine that finds the services of others |
//! | `packet` | packets, and the limits for parsing them |
//! | `network` | the addresses on a link |
//! | `random` | delays that differ between machines |
//!
//! The order of calls: [`Responder::set_link`] for each link, then [`Responder::receive`] for each
//! packet, and [`Responder::advance`] at each [`Responder::deadline`]. After each of these,
//! [`Responder::take_transmits`] returns the packets to send. [`Responder::say_goodbye`] comes
//! last.

mod browser;
mod conflict;
mod identity;
mod link;
mod network;
mod packet;
mod query;
mod random;
mod records;
mod responder;
mod service;

#[cfg(test)]
mod tests;

pub use browser::{Browser, Found};
pub use network::{Arrival, LinkId, Network, Transmit};
pub use responder::Responder;
pub use service::{Service, ServiceKind};

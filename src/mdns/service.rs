//! Services: what is served, and over which protocol.

use simple_dns::Name;

/// A service: a site over one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The protocol.
    pub kind: ServiceKind,
    /// The TCP port.
    pub port: u16,
}

/// A protocol for websites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceKind {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl ServiceKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Http, Self::Https];

    /// Returns the scheme in a URL.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the name whose pointers lead to all instances.
    pub(super) fn name(self) -> Name<'static> {
        Name::new_unchecked(match self {
            Self::Http => "_http._tcp.local",
            Self::Https => "_https._tcp.local",
        })
    }
}

//! Addresses to listen on.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IPv4 or IPv6 address and a port; port 0 lets the kernel choose one.
    Tcp(SocketAddr),
    /// An IPv4 or IPv6 address and a port, for HTTPS.
    Tls(SocketAddr),
    /// The path of a Unix-domain socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Returns the IP address and the port, if there are any.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) | Self::Tls(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Returns the same kind of address with another IP address and port.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        match self {
            Self::Tls(_) => Self::Tls(address),
            Self::Tcp(_) | Self::Unix(_) => Self::Tcp(address),
        }
    }

    /// Returns `true` if the address uses HTTPS.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Returns `true` if other machines can connect.
    pub(crate) fn is_for_others(&self) -> bool {
        self.socket_address()
            .is_some_and(|address| !address.ip().is_loopback())
    }

    /// Returns `true` if both addresses cannot be used at once.
    pub fn clashes_with(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (self.socket_address(), other.socket_address()) else {
            return self == other;
        };
        let is_part = one == other
            || one.is_ipv4() == other.is_ipv4()
                && (one.ip().is_unspecified() || other.ip().is_unspecified());
        // Port 0 is different each time.
        is_part && one.port() == other.port() && one.port() != 0
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}/"),
            Self::Tls(address) => write!(f, "https://{address}/"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

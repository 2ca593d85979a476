//! Links, and the packets received and sent on them.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// A network interface, identified by the kernel's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// The addresses of this machine on a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// All addresses, with their networks.
    pub networks: Vec<IpNet>,
    /// The addresses that are announced to others.
    pub announced: Vec<IpAddr>,
}

/// The origin of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The link on which it was received.
    pub link: LinkId,
    /// The sender.
    pub from: SocketAddr,
    /// `true` if it was sent to the group, and not to this machine alone.
    pub is_multicast: bool,
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The link to send it on.
    pub link: LinkId,
    /// The receiver. `None` means the group, in each family that the link has.
    pub to: Option<SocketAddr>,
    /// The content.
    pub packet: Vec<u8>,
}

impl Network {
    /// Returns `true` if an address belongs to the link itself. Packets from elsewhere are dropped
    /// (RFC 6762 §11).
    pub(super) fn is_on_link(&self, ip: IpAddr) -> bool {
        let has_family = || self.networks.iter().any(|it| it.addr().is_ipv6());
        match ip {
            // fe80::/10: routers do not forward these addresses.
            IpAddr::V6(ip) if ip.is_unicast_link_local() => has_family(),
            ip => self.networks.iter().any(|network| network.contains(&ip)),
        }
    }
}

/// The port of multicast DNS.
pub(super) const PORT: u16 = 5353;

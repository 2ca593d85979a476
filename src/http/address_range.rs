//! The addresses of clients, and ranges of addresses as in the settings.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Some of the addresses that a peer, or a client behind it, may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRange {
    /// All of them, and peers without an address.
    All,
    /// Those of a network, which may be a single address.
    Network(IpNet),
    /// Peers that connect to a Unix-domain socket: they have none.
    Unix,
}

/// The client that a request comes from, as far as this is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A client at this address.
    At(IpAddr),
    /// A client of a Unix-domain socket.
    Unix,
    /// The client is unknown: a proxy does not state it, or contradicts itself.
    Unknown,
}

impl AddressRange {
    /// Returns a measure of the narrowness of the range if it certainly contains a client. It is
    /// larger for fewer addresses.
    pub fn narrowness(&self, client: Client) -> Option<u8> {
        match (self, client) {
            (Self::All, _) => Some(0),
            (Self::Network(network), Client::At(address)) if network.contains(&address) => {
                Some(1 + network.prefix_len())
            }
            (Self::Unix, Client::Unix) => Some(1),
            _ => None,
        }
    }
}

/// Reads `all`, `unix`, an address, or a network like `10.0.0.0/8`.
impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            ALL => return Ok(Self::All),
            UNIX => return Ok(Self::Unix),
            _ => {}
        }
        let network = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            Ok(network) if network.trunc() == network => Ok(Self::Network(network)),
            Ok(network) => Err(format!(
                "{text:?} is an address within a network; write {} for all of it, or {} for the one",
                network.trunc(),
                network.addr()
            )),
            Err(_) => Err(format!(
                "{text:?} is not a network; write an IP address, a network like 10.0.0.0/8, unix, or all"
            )),
        }
    }
}

/// Writes the range in the syntax of the setting.
impl fmt::Display for AddressRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str(ALL),
            Self::Unix => out.write_str(UNIX),
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(out)
            }
            Self::Network(network) => network.fmt(out),
        }
    }
}

const ALL: &str = "all";

/// The word for all peers at Unix-domain sockets, which have no address.
const UNIX: &str = "unix";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_an_address_a_network_all_or_those_without_an_address() {
        for text in [
            "all",
            "unix",
            "127.0.0.1",
            "::1",
            "10.0.0.0/8",
            "fd00::/8",
            "0.0.0.0/0",
        ] {
            let written = text.parse().map(|range: AddressRange| range.to_string());
            assert_eq!(written.as_deref(), Ok(text));
        }
        for (text, advice) in [
            ("", "is not a network"),
            ("proxy.example", "is not a network"),
            ("10.0.0.0/33", "is not a network"),
            ("127.0.0.1:80", "is not a network"),
            ("[::1]", "is not a network"),
            (
                "10.1.2.3/8",
                "write 10.0.0.0/8 for all of it, or 10.1.2.3 for the one",
            ),
        ] {
            let message = text.parse::<AddressRange>().expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[test]
    fn a_range_of_fewer_addresses_is_narrower_and_contains_only_its_own() {
        let at = |address: &str| Client::At(address.parse().unwrap());
        for (range, client, expected) in [
            ("all", at("10.1.2.3"), Some(0)),
            ("all", Client::Unix, Some(0)),
            ("all", Client::Unknown, Some(0)),
            ("0.0.0.0/0", at("10.1.2.3"), Some(1)),
            ("10.0.0.0/8", at("10.1.2.3"), Some(9)),
            ("10.1.2.3", at("10.1.2.3"), Some(33)),
            ("::1", at("::1"), Some(129)),
            ("10.0.0.0/8", at("11.1.2.3"), None),
            ("10.0.0.0/8", at("::1"), None),
            ("10.0.0.0/8", Client::Unix, None),
            ("10.0.0.0/8", Client::Unknown, None),
            ("unix", Client::Unix, Some(1)),
            ("unix", at("10.1.2.3"), None),
            ("unix", Client::Unknown, None),
        ] {
            let narrowness = range.parse::<AddressRange>().unwrap().narrowness(client);
            assert_eq!(narrowness, expected, "{range} {client:?}");
        }
    }
}

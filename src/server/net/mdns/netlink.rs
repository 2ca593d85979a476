//! Messages from the kernel about interfaces and their addresses (rtnetlink(7)), as far as they are
//! needed.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A change reported by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// An interface exists, or has changed.
    Interface {
        index: u32,
        facts: InterfaceFacts,
    },
    InterfaceGone {
        index: u32,
    },
    /// An address exists. It is announced only if `is_lasting`.
    Address {
        index: u32,
        network: IpNet,
        is_lasting: bool,
    },
    AddressGone {
        index: u32,
        network: IpNet,
    },
    /// Everything that was requested has been reported.
    Done,
}

/// The properties of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InterfaceFacts {
    /// `true` if packets to groups go through it to a network with several machines.
    pub(super) is_link: bool,
}

/// Returns a request for everything of one kind.
pub(super) fn request(kind: Request) -> Vec<u8> {
    let (of, family_bytes) = match kind {
        Request::Interfaces => (GET_LINK, LINK_HEAD_BYTES),
        Request::Addresses => (GET_ADDRESS, ADDRESS_HEAD_BYTES),
    };
    let length = HEADER_BYTES + family_bytes;
    let mut message = u32::try_from(length)
        .unwrap_or_default()
        .to_ne_bytes()
        .to_vec();
    message.extend(of.to_ne_bytes());
    message.extend(REQUEST_DUMP.to_ne_bytes());
    // A sequence number and a port, which a single requester does not need, and no family, which
    // means all families.
    message.resize(length, 0);
    message
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Interfaces,
    Addresses,
}

/// Parses all messages in a datagram.
pub(super) fn changes(mut bytes: &[u8]) -> Vec<Change> {
    let mut all = Vec::new();
    while let Some(length) = u32_at(bytes, 0).and_then(|it| usize::try_from(it).ok())
        && let Some(message) = bytes.get(..length)
        && let Some(body) = message.get(HEADER_BYTES..)
    {
        all.extend(u16_at(message, 4).and_then(|of| change(of, body)));
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    all
}

fn change(of: u16, body: &[u8]) -> Option<Change> {
    match of {
        DONE | ERROR => Some(Change::Done),
        NEW_LINK | DEL_LINK => {
            // A bridge reports its ports with a separate family.
            if body.first() != Some(&ANY_FAMILY) {
                return None;
            }
            let index = u32_at(body, 4)?;
            if of == DEL_LINK {
                return Some(Change::InterfaceGone { index });
            }
            let flags = u32_at(body, 8)?;
            let has_master = attribute(body.get(LINK_HEAD_BYTES..)?, LINK_MASTER).is_some();
            let reaches = flags & (MULTICAST | LOOPBACK) != 0;
            let is_up = flags & (UP | RUNNING) == UP | RUNNING;
            let is_link = is_up && reaches && flags & POINT_TO_POINT == 0 && !has_master;
            let facts = InterfaceFacts { is_link };
            Some(Change::Interface { index, facts })
        }
        NEW_ADDRESS | DEL_ADDRESS => {
            let [_, prefix, flags, ..] = *body else {
                return None;
            };
            let index = u32_at(body, 4)?;
            let attributes = body.get(ADDRESS_HEAD_BYTES..)?;
            let local = attribute(attributes, ADDRESS_LOCAL);
            let ip = ip(local.or_else(|| attribute(attributes, ADDRESS))?)?;
            let network = IpNet::new(ip, prefix).ok()?;
            if of == DEL_ADDRESS {
                return Some(Change::AddressGone { index, network });
            }
            let more = attribute(attributes, ADDRESS_FLAGS).and_then(|it| u32_at(it, 0));
            let flags = more.unwrap_or_else(|| flags.into());
            Some(Change::Address {
                index,
                network,
                is_lasting: flags & (TEMPORARY | FAILED | DEPRECATED | TENTATIVE) == 0,
            })
        }
        _ => None,
    }
}

/// Returns the value of an attribute.
fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(bytes, 0)?);
        let value = bytes.get(ATTRIBUTE_HEAD_BYTES..length)?;
        if u16_at(bytes, 2)? == wanted {
            return Some(value);
        }
        bytes = bytes.get(aligned(length)..)?;
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    bytes.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

/// Rounds a length up: messages and attributes begin at multiples of four.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

// From linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h and linux/if.h.
const HEADER_BYTES: usize = 16;
const LINK_HEAD_BYTES: usize = 16;
const ADDRESS_HEAD_BYTES: usize = 8;
const ATTRIBUTE_HEAD_BYTES: usize = 4;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
const REQUEST_DUMP: u16 = 0x301;
const ANY_FAMILY: u8 = 0;
const LINK_MASTER: u16 = 10;
const ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
const ADDRESS_FLAGS: u16 = 8;
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const POINT_TO_POINT: u32 = 0x10;
const RUNNING: u32 = 0x40;
const MULTICAST: u32 = 0x1000;
const TEMPORARY: u32 = 0x01;
const FAILED: u32 = 0x08;
const DEPRECATED: u32 = 0x20;
const TENTATIVE: u32 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(of: u16, body: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut rest = body.to_vec();
        for (kind, value) in attributes {
            let length = u16::try_from(ATTRIBUTE_HEAD_BYTES + value.len()).unwrap();
            rest.extend(length.to_ne_bytes());
            rest.extend(kind.to_ne_bytes());
            rest.extend(*value);
            rest.resize(aligned(rest.len()), 0);
        }
        let length = u32::try_from(HEADER_BYTES + rest.len()).unwrap();
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(of.to_ne_bytes());
        message.resize(HEADER_BYTES, 0);
        message.extend(rest);
        message
    }

    fn link(index: u32, flags: u32) -> Vec<u8> {
        let mut body = vec![0; 4];
        body.extend(index.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        body
    }

    #[test]
    fn an_interface_is_a_link_if_it_is_up_and_leads_to_a_network() {
        for (flags, attributes, is_link) in [
            (0x1043, &[][..], true),
            // The loopback.
            (0x49, &[], true),
            (0x1003, &[], false),
            (0x1042, &[], false),
            (0x43, &[], false),
            (0x1053, &[], false),
            // A port of a bridge.
            (0x1043, &[(10, &[3_u8, 0, 0, 0][..])], false),
            (0x1043, &[(3, &b"eth0\0"[..])], true),
        ] {
            let bytes = message(NEW_LINK, &link(7, flags), attributes);
            let facts = InterfaceFacts { is_link };
            let expected = Change::Interface { index: 7, facts };
            assert_eq!(changes(&bytes), [expected], "{flags:x} {attributes:?}");
        }
    }

    #[test]
    fn addresses_come_and_go_with_their_networks() {
        let v4 = [2, 24, 0x80, 0, 3, 0, 0, 0];
        let v6 = [10, 64, 0, 0, 3, 0, 0, 0];
        let address = [192, 0, 2, 1];
        let long = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).octets();
        let bytes = [
            message(NEW_ADDRESS, &v4, &[(1, &[192, 0, 2, 9]), (2, &address)]),
            message(
                NEW_ADDRESS,
                &v6,
                &[(1, &long), (8, &0x40_u32.to_ne_bytes())],
            ),
            message(DEL_ADDRESS, &v6, &[(1, &long)]),
            message(DEL_LINK, &link(3, 0), &[]),
            message(DONE, &[0; 4], &[]),
        ];
        let [v4, v6] = ["192.0.2.1/24", "2001:db8::1/64"].map(|it| it.parse().unwrap());
        let expected = [
            Change::Address {
                index: 3,
                network: v4,
                is_lasting: true,
            },
            Change::Address {
                index: 3,
                network: v6,
                is_lasting: false,
            },
            Change::AddressGone {
                index: 3,
                network: v6,
            },
            Change::InterfaceGone { index: 3 },
            Change::Done,
        ];
        let bytes = bytes.concat();
        assert_eq!(changes(&bytes), expected);
        for end in 0..bytes.len() {
            assert!(changes(&bytes[..end]).len() < expected.len());
        }
    }

    #[test]
    fn invalid_lengths_end_the_parsing() {
        for length in [0_u32, 1, 15, 16, 17, u32::MAX] {
            let mut bytes = message(NEW_LINK, &link(7, 0x1043), &[(3, b"eth0")]);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(changes(&bytes), [], "{length}");
            let mut bytes = message(NEW_LINK, &link(7, 0x1043), &[(3, b"eth0")]);
            let length = u16::try_from(length & 0xffff).unwrap();
            bytes[32..34].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(changes(&bytes).len(), 1, "the master is not found");
        }
    }
}

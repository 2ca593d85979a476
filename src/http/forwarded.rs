//! The client of a request that has passed through proxies: `X-Forwarded-For`, `Forwarded` (RFC
//! 7239) and `X-Real-IP`.
//!
//! Each proxy appends the address of the peer from which it received the request; `X-Real-IP` holds
//! a single address. Read from the right, everything before the first address that is not a trusted
//! proxy's may have been sent by anybody. So may a field that the proxies do not write. If there
//! are several fields, `X-Forwarded-For` takes precedence over `Forwarded`, and that over
//! `X-Real-IP`. If they contradict each other, the client is unknown to everything that depends on
//! its address.

mod element;

use super::address_range::{AddressRange, Client};
use super::fields::{FieldName, FieldNames, Fields};
use std::net::{IpAddr, SocketAddr};

/// Returns the address of the client: the rightmost one that does not belong to a trusted proxy,
/// beginning with that of the peer. Returns `None` for a peer on a Unix-domain socket that is not
/// trusted, or does not report an address.
pub fn client_address(
    peer: Option<IpAddr>,
    fields: &Fields<'_>,
    trusted: &[AddressRange],
) -> Option<IpAddr> {
    if trusted.is_empty() || !fields.contains_any(ALL) {
        return peer;
    }
    let first = trails(peer, fields, trusted).next();
    first.map_or(peer, |trail| trail.client)
}

/// Returns the client that a request comes from, for decisions that must not be wrong.
///
/// The client is unknown if the fields of a trusted proxy name different clients, since one of them
/// may have been sent by anybody through a proxy that writes another; if a trusted proxy wrote
/// something that is not an address; or if a proxy on this machine passes on a request without
/// being trusted, since all clients would then have its address.
pub fn client(peer: Option<IpAddr>, fields: &Fields<'_>, trusted: &[AddressRange]) -> Client {
    let at = |address: Option<IpAddr>| address.map_or(Client::Unix, Client::At);
    if !fields.contains_any(ALL) {
        return at(peer);
    }
    if !is_trusted(peer, trusted) {
        let is_here = peer.is_none_or(|address| address.is_loopback());
        return if is_here { Client::Unknown } else { at(peer) };
    }
    let mut client = None;
    for trail in trails(peer, fields, trusted) {
        // A field that names only proxies says nothing about the client. One of them may be the
        // client.
        let names_client = !is_trusted(trail.client, trusted);
        let is_other = client.is_some_and(|before| before != trail.client);
        if trail.is_broken || names_client && is_other {
            return Client::Unknown;
        }
        if names_client {
            client = Some(trail.client);
        }
    }
    let first = || trails(peer, fields, trusted).next();
    let client = client.or_else(|| first().map(|trail| trail.client));
    at(client.unwrap_or(peer))
}

/// The result of following the addresses of a field, from the peer on.
#[derive(Clone, Copy, Debug)]
struct Trail {
    client: Option<IpAddr>,
    /// `true` if a trusted proxy wrote something that is not an address. The trail ends with that
    /// proxy.
    is_broken: bool,
}

/// Returns the trails of the fields that exist, in order of precedence.
fn trails<'a>(
    peer: Option<IpAddr>,
    fields: &'a Fields<'_>,
    trusted: &'a [AddressRange],
) -> impl Iterator<Item = Trail> + 'a {
    let names = [
        FieldName::XForwardedFor,
        FieldName::Forwarded,
        FieldName::XRealIp,
    ];
    let present = names.into_iter().filter(|name| fields.contains(*name));
    present.map(move |name| match name {
        FieldName::XForwardedFor => {
            let members = fields.members(name).rev();
            follow(peer, members.map(parse_address), trusted)
        }
        FieldName::Forwarded => {
            let elements = fields.values(name).rev().flat_map(element::from_the_right);
            let addresses = elements.map(|element| parse_address(element?.forwarded_for()?));
            follow(peer, addresses, trusted)
        }
        _ => {
            let address = fields.single(name).map(<[u8]>::trim_ascii);
            follow(peer, [address.and_then(parse_address)].into_iter(), trusted)
        }
    })
}

/// Follows addresses, those that were added last first, as far as they can be trusted.
fn follow(
    peer: Option<IpAddr>,
    addresses: impl Iterator<Item = Option<IpAddr>>,
    trusted: &[AddressRange],
) -> Trail {
    let mut client = peer;
    for address in addresses {
        if !is_trusted(client, trusted) {
            break;
        }
        match address {
            Some(_) => client = address,
            // A word like `unknown`.
            None => {
                return Trail {
                    client,
                    is_broken: true,
                };
            }
        }
    }
    Trail {
        client,
        is_broken: false,
    }
}

fn is_trusted(address: Option<IpAddr>, trusted: &[AddressRange]) -> bool {
    trusted.iter().any(|range| match range {
        AddressRange::All => true,
        AddressRange::Network(network) => address.is_some_and(|address| network.contains(&address)),
        AddressRange::Unix => address.is_none(),
    })
}

/// Parses an address, with or without brackets and a port, as various proxies write it.
fn parse_address(member: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(member).ok()?;
    let inside = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = inside.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|it: SocketAddr| it.ip()));
    // An IPv4-mapped IPv6 address belongs to the IPv4 networks.
    address.map(|address| address.to_canonical())
}

/// The fields by which proxies name a client.
const ALL: FieldNames = FieldNames::of(&[
    FieldName::XForwardedFor,
    FieldName::Forwarded,
    FieldName::XRealIp,
]);

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::fields::FieldStorage;
    use super::super::request::RequestHead;
    use super::*;

    /// Returns the client of a request from `peer` with these field lines, as text.
    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let lines: Vec<_> = lines
            .iter()
            .map(|value| format!("X-Forwarded-For: {value}\r\n"))
            .collect();
        let (logged, _) = clients(peer, &lines.concat(), trusted);
        logged
    }

    /// Returns the client of a request from `peer` with these lines, first for the log and then for
    /// decisions.
    fn clients(peer: &str, lines: &str, trusted: &[&str]) -> (String, Client) {
        let trusted: Vec<_> = trusted
            .iter()
            .map(|text| match text.parse() {
                Ok(network) => AddressRange::Network(network),
                Err(_) => AddressRange::Unix,
            })
            .collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().expect("a whole head");
        let peer = peer.parse().ok();
        let logged = client_address(peer, &request.fields, &trusted);
        let logged = logged.map_or("-".to_owned(), |address| address.to_string());
        (logged, super::client(peer, &request.fields, &trusted))
    }

    fn at(address: &str) -> Client {
        Client::At(address.parse().unwrap())
    }

    #[test]
    fn forwarded_and_x_real_ip_count_as_x_forwarded_for_does() {
        for (lines, expected) in [
            ("Forwarded: for=192.0.2.1\r\n", "192.0.2.1"),
            (
                "Forwarded: For=\"192.0.2.1:4711\";proto=http;by=10.0.0.1\r\n",
                "192.0.2.1",
            ),
            (
                "Forwarded: proto=http ; for=\"[2001:db8::1]:4711\"\r\n",
                "2001:db8::1",
            ),
            (
                "Forwarded: for=6.6.6.6, for=192.0.2.1,for=10.0.0.2\r\n",
                "192.0.2.1",
            ),
            (
                "Forwarded: for=6.6.6.6\r\nForwarded: for=192.0.2.1\r\n",
                "192.0.2.1",
            ),
            // An unterminated quoted string from a client does not hide what a proxy appends to it.
            ("Forwarded: for=\"6.6.6.6, for=192.0.2.1\r\n", "192.0.2.1"),
            (
                "Forwarded: for=6.6.6.6;x=\"\\, for=192.0.2.1\r\n",
                "192.0.2.1",
            ),
            (
                "Forwarded: host=\"a,b;for=6.6.6.6\";for=192.0.2.1\r\n",
                "192.0.2.1",
            ),
            // A quote after a backslash does not end what is quoted.
            (
                "Forwarded: host=\"a\\\",for=6.6.6.6\";for=192.0.2.1\r\n",
                "192.0.2.1",
            ),
            ("X-Real-IP: 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Real-IP: 2001:db8::1\r\n", "2001:db8::1"),
        ] {
            let (logged, certain) = clients("10.0.0.1", lines, &["10.0.0.0/8"]);
            assert_eq!(
                (logged.as_str(), certain),
                (expected, at(expected)),
                "{lines}"
            );
            let (logged, certain) = clients("192.0.2.9", lines, &["10.0.0.0/8"]);
            assert_eq!(
                (logged.as_str(), certain),
                ("192.0.2.9", at("192.0.2.9")),
                "{lines}"
            );
        }
    }

    #[test]
    fn a_client_is_unknown_where_a_trusted_proxy_names_none_or_two() {
        for (lines, logged, certain) in [
            (
                "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 192.0.2.1\r\n",
                "6.6.6.6",
                Client::Unknown,
            ),
            (
                "Forwarded: for=192.0.2.1\r\nX-Real-IP: 6.6.6.6\r\n",
                "192.0.2.1",
                Client::Unknown,
            ),
            (
                "X-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\n",
                "192.0.2.1",
                at("192.0.2.1"),
            ),
            // The last of two proxies names the first.
            (
                "X-Forwarded-For: 192.0.2.1, 10.0.0.2\r\nX-Real-IP: 10.0.0.2\r\n",
                "192.0.2.1",
                at("192.0.2.1"),
            ),
            (
                "X-Real-IP: 6.6.6.6\r\nX-Real-IP: 192.0.2.1\r\n",
                "10.0.0.1",
                Client::Unknown,
            ),
            ("X-Forwarded-For: unknown\r\n", "10.0.0.1", Client::Unknown),
            ("Forwarded: for=_hidden\r\n", "10.0.0.1", Client::Unknown),
            (
                "Forwarded: for=unknown, for=10.0.0.2\r\n",
                "10.0.0.2",
                Client::Unknown,
            ),
            ("Forwarded: proto=https\r\n", "10.0.0.1", Client::Unknown),
            (
                "Forwarded: for=192.0.2.1;for=6.6.6.6\r\n",
                "10.0.0.1",
                Client::Unknown,
            ),
            (
                "Forwarded: for=192.0.2.1\"\r\n",
                "10.0.0.1",
                Client::Unknown,
            ),
            ("X-Forwarded-For: \r\n", "10.0.0.1", at("10.0.0.1")),
            ("", "10.0.0.1", at("10.0.0.1")),
        ] {
            let found = clients("10.0.0.1", lines, &["10.0.0.0/8"]);
            assert_eq!(found, (logged.to_owned(), certain), "{lines}");
        }
    }

    #[test]
    fn requests_through_an_untrusted_proxy_on_this_machine_have_an_unknown_client() {
        for (peer, trusted, expected) in [
            ("127.0.0.1", &[][..], Client::Unknown),
            ("::1", &["10.0.0.0/8"], Client::Unknown),
            ("unix", &[], Client::Unknown),
            ("192.0.2.9", &[], at("192.0.2.9")),
            ("127.0.0.1", &["127.0.0.0/8"], at("192.0.2.1")),
            ("unix", &["unix"], at("192.0.2.1")),
        ] {
            let (_, certain) = clients(peer, "X-Forwarded-For: 192.0.2.1\r\n", trusted);
            assert_eq!(certain, expected, "{peer} {trusted:?}");
        }
        assert_eq!(clients("127.0.0.1", "", &[]).1, at("127.0.0.1"));
        assert_eq!(clients("unix", "", &[]).1, Client::Unix);
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_trusted() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        for (peer, lines, expected) in [
            ("10.0.0.1", &["192.0.2.1"][..], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["6.6.6.6, 192.0.2.1,fd00::2"], "192.0.2.1"),
            ("10.0.0.1", &["6.6.6.6", "192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[", ,"], "10.0.0.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(client(peer, lines, &proxies), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_field_of_an_untrusted_peer_is_ignored() {
        for (peer, trusted, expected) in [
            ("192.0.2.9", &["10.0.0.0/8"][..], "192.0.2.9"),
            ("192.0.2.9", &["::/0"], "192.0.2.9"),
            ("192.0.2.9", &["unix"], "192.0.2.9"),
            ("192.0.2.9", &[], "192.0.2.9"),
            ("unix", &["10.0.0.0/8"], "-"),
            ("unix", &[], "-"),
            ("unix", &["unix"], "6.6.6.6"),
        ] {
            let lines = ["6.6.6.6"];
            assert_eq!(
                client(peer, &lines, trusted),
                expected,
                "{peer} {trusted:?}"
            );
        }
    }

    #[test]
    fn the_chain_ends_at_an_entry_that_is_not_an_address() {
        for (line, expected) in [
            ("6.6.6.6, unknown", "10.0.0.1"),
            ("6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
            ("6.6.6.6, _hidden, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1\"", "10.0.0.1"),
            ("6.6.6.6, 192.0.2.1 10.0.0.2", "10.0.0.1"),
            ("6.6.6.6, 010.0.0.2", "10.0.0.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[line], &["10.0.0.0/8"]),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn an_address_may_have_brackets_and_a_port() {
        for (text, expected) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(
                client("10.0.0.1", &[text], &["10.0.0.1/32"]),
                expected,
                "{text}"
            );
        }
    }
}

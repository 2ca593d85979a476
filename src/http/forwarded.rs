//! `X-Forwarded-For`: whom a request comes from when proxies stand in between.
//!
//! The field is no standard, but the one that every proxy writes: each adds, at the end of the
//! list, the address of the peer that it got the request from. What stands left of the first
//! address that no trusted proxy wrote is what anybody may have sent.

use super::fields::{FieldName, Fields};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// A peer whose word on where a request comes from is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Any within this network, which may be a single address.
    Network(IpNet),
    /// Any that connects to a Unix-domain socket.
    Unix,
}

/// The address of the client that a request comes from: the rightmost one that is no trusted
/// proxy's, beginning with that of the peer. `None` for a peer at a Unix-domain socket that is
/// not trusted, or says nothing.
pub fn client_address(
    peer: Option<IpAddr>,
    fields: &Fields<'_>,
    trusted: &[TrustedProxy],
) -> Option<IpAddr> {
    let is_trusted = |address: Option<IpAddr>| {
        trusted.iter().any(|proxy| match (proxy, address) {
            (TrustedProxy::Network(network), Some(address)) => network.contains(&address),
            (TrustedProxy::Unix, None) => true,
            _ => false,
        })
    };
    let mut client = peer;
    for member in fields.members(FieldName::XForwardedFor).rev() {
        if !is_trusted(client) {
            break;
        }
        match parse_address(member) {
            Some(address) => client = Some(address),
            // A word like `unknown`: the trail ends with the proxy that wrote it.
            None => break,
        }
    }
    client
}

/// An address, with or without brackets and a port, as various proxies write them.
fn parse_address(member: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(member).ok()?;
    let inside = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = inside.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|it: SocketAddr| it.ip()));
    // An IPv4 address in IPv6's clothes is in the networks of IPv4.
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::fields::FieldStorage;
    use super::super::request::RequestHead;
    use super::*;

    /// The client of a request from `peer` with these field lines, as text.
    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<_> = trusted
            .iter()
            .map(|text| match text.parse() {
                Ok(network) => TrustedProxy::Network(network),
                Err(_) => TrustedProxy::Unix,
            })
            .collect();
        let lines: Vec<_> = lines
            .iter()
            .map(|value| format!("X-Forwarded-For: {value}\r\n"))
            .collect();
        let lines = lines.concat();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().expect("a whole head");
        let client = client_address(peer.parse().ok(), &request.fields, &trusted);
        client.map_or("-".to_owned(), |address| address.to_string())
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
    fn a_peer_that_is_not_trusted_says_nothing_that_counts() {
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
    fn the_trail_ends_at_what_is_no_address() {
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

//! The number of connections of each client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// The number of connections of each client. A client is an IPv4 address or an IPv6 network (/64),
/// because a client has all addresses of its network.
#[derive(Debug)]
pub(crate) struct PerClient {
    connections_max: usize,
    counts: HashMap<IpAddr, usize>,
}

impl PerClient {
    /// Creates the counts, with a limit for each client.
    pub(crate) fn new(connections_max: usize) -> Self {
        Self {
            connections_max,
            counts: HashMap::new(),
        }
    }

    /// Counts a connection of a client, and returns `true`, unless the client has reached its
    /// limit.
    pub(crate) fn admit(&mut self, client: IpAddr) -> bool {
        let count = self.counts.entry(client_key(client)).or_default();
        let is_admitted = *count < self.connections_max;
        *count += usize::from(is_admitted);
        is_admitted
    }

    /// Counts an existing connection.
    pub(crate) fn add(&mut self, client: IpAddr) {
        *self.counts.entry(client_key(client)).or_default() += 1;
    }

    /// Records that a connection of a client has ended.
    pub(crate) fn release(&mut self, client: IpAddr) {
        let client = client_key(client);
        if let Some(count) = self.counts.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&client);
            }
        }
    }
}

/// Returns the address by which a client's connections are counted. A provider assigns an IPv6
/// network of at least 64 bits to each customer (RFC 6177).
fn client_key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_client_cannot_exceed_its_connection_limit() {
        let mut per_client = PerClient::new(2);
        let client = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert!(per_client.admit(client) && per_client.admit(client) && !per_client.admit(client));
        assert!(per_client.admit([192, 0, 2, 1].into()), "it is another");
        per_client.release(client);
        assert!(per_client.admit(client) && !per_client.admit(client));
    }

    #[test]
    fn existing_connections_count() {
        let mut per_client = PerClient::new(1);
        let client = IpAddr::from(Ipv4Addr::LOCALHOST);
        (0..3).for_each(|_| per_client.add(client));
        (0..3).for_each(|_| {
            assert!(!per_client.admit(client));
            per_client.release(client);
        });
        assert!(per_client.admit(client));
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_a_64_bit_network() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (one, other, is_same) in [
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("fe80::1", "fe80::2", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let mut per_client = PerClient::new(1);
            assert!(per_client.admit(ip(one)), "{one}");
            assert_eq!(!per_client.admit(ip(other)), is_same, "{one} {other}");
            per_client.release(ip(one));
            assert!(per_client.admit(ip(one)), "{one}");
        }
    }
}

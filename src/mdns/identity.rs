//! The name of a server, and the records that follow from it.

use super::records::{Key, Records};
use super::service::{Service, ServiceKind};
use simple_dns::rdata::{A, AAAA, NSEC, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, Label, Name, ResourceRecord, TYPE};
use std::net::IpAddr;

/// A name that is in use or being probed for.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    wanted: String,
    /// The number of names tried so far, including this one.
    attempt: u32,
    label: String,
    services: Vec<Service>,
}

impl Identity {
    pub(super) fn new(wanted: &str, services: Vec<Service>) -> Self {
        Self {
            wanted: wanted.to_owned(),
            attempt: 1,
            label: wanted.to_owned(),
            services,
        }
    }

    /// Returns the name without its domain.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Changes to the next name: `millpond`, `millpond-2`, `millpond-3` and so on.
    pub(super) fn take_next(&mut self) {
        self.attempt = self.attempt.saturating_add(1);
        let number = format!("-{}", self.attempt);
        let rest = LABEL_BYTES_MAX.saturating_sub(number.len());
        let start: String = self.wanted.chars().take(rest).collect();
        self.label = start + &number;
    }

    fn host(&self) -> Name<'static> {
        name(&[&self.label, "local"])
    }

    fn instance(&self, kind: ServiceKind) -> Name<'static> {
        name(&[&self.label, &format!("_{}", kind.scheme()), "_tcp", "local"])
    }

    /// Returns all records for a link on which the host has these addresses.
    pub(super) fn records(&self, addresses: &[IpAddr]) -> Records {
        let keys = self.keys(addresses).into_iter();
        let record = |key: Key| {
            let data = self.data_of(key, addresses);
            let record = ResourceRecord::new(self.name_of(key), CLASS::IN, key.lifetime(), data);
            (key, record.with_cache_flush(key.is_unique()))
        };
        Records::new(keys.map(record).collect())
    }

    fn keys(&self, addresses: &[IpAddr]) -> Vec<Key> {
        let of_service = |service: &Service| {
            let kind = service.kind;
            [
                Key::Pointer(kind),
                Key::Kind(kind),
                Key::Location(kind),
                Key::Text(kind),
                Key::InstanceTypes(kind),
            ]
        };
        let addresses = addresses.iter().copied().map(Key::Address);
        let services = self.services.iter().flat_map(of_service);
        services.chain(addresses).chain([Key::HostTypes]).collect()
    }

    fn name_of(&self, key: Key) -> Name<'static> {
        match key {
            Key::Pointer(kind) => kind.name(),
            Key::Kind(_) => Name::new_unchecked(KINDS),
            Key::Location(kind) | Key::Text(kind) | Key::InstanceTypes(kind) => self.instance(kind),
            Key::Address(_) | Key::HostTypes => self.host(),
        }
    }

    /// Returns the data of a record for a link on which the host has these addresses.
    fn data_of(&self, key: Key, addresses: &[IpAddr]) -> RData<'static> {
        match key {
            Key::Pointer(kind) => RData::PTR(PTR(self.instance(kind))),
            Key::Kind(kind) => RData::PTR(PTR(kind.name())),
            Key::Location(kind) => {
                let service = self.services.iter().find(|it| it.kind == kind);
                RData::SRV(SRV {
                    priority: 0,
                    weight: 0,
                    port: service.map_or(0, |it| it.port),
                    target: self.host(),
                })
            }
            Key::Text(_) => {
                let mut text = TXT::new();
                // The text is short and ASCII.
                let _ = text.add_string("path=/");
                RData::TXT(text)
            }
            Key::Address(IpAddr::V4(ip)) => RData::A(A::from(ip)),
            Key::Address(IpAddr::V6(ip)) => RData::AAAA(AAAA::from(ip)),
            Key::HostTypes => {
                let v4 = addresses.iter().any(IpAddr::is_ipv4).then_some(TYPE::A);
                let v6 = addresses.iter().any(IpAddr::is_ipv6).then_some(TYPE::AAAA);
                let types: Vec<_> = v4.into_iter().chain(v6).collect();
                RData::NSEC(NSEC::from_types(self.host(), &types))
            }
            Key::InstanceTypes(kind) => RData::NSEC(NSEC::from_types(
                self.instance(kind),
                &[TYPE::TXT, TYPE::SRV],
            )),
        }
    }
}

fn name(labels: &[&str]) -> Name<'static> {
    let label = |label: &&str| Label::new_unchecked(label.as_bytes().to_vec());
    Name::new_with_labels(&labels.iter().map(label).collect::<Vec<_>>())
}

/// The name whose pointers lead to all kinds of services (RFC 6763 §9).
const KINDS: &str = "_services._dns-sd._udp.local";

/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_name_has_a_number_and_is_cut_to_fit() {
        let mut identity = Identity::new(&"a".repeat(63), Vec::new());
        identity.take_next();
        assert_eq!(identity.label(), "a".repeat(61) + "-2");
        for _ in 0..8 {
            identity.take_next();
        }
        assert_eq!(identity.label(), "a".repeat(60) + "-10");
    }
}

//! The records of this machine on one link, and their comparison with others.

use super::packet;
use super::service::ServiceKind;
use simple_dns::{Name, ResourceRecord};
use std::net::IpAddr;

/// One of our records. A record with a name that only we have is *unique*. Pointers from a name
/// that other machines have as well are *shared* (RFC 6762 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// The pointer from a kind of service to its instance.
    Pointer(ServiceKind),
    /// The pointer from the list of all kinds of services to this one (RFC 6763 §9).
    Kind(ServiceKind),
    /// The host and the port of an instance.
    Location(ServiceKind),
    /// Further information about an instance (RFC 6763 §6).
    Text(ServiceKind),
    /// An address of the host.
    Address(IpAddr),
    /// The types of records that the host has (RFC 6762 §6.1).
    HostTypes,
    /// The types of records that an instance has.
    InstanceTypes(ServiceKind),
}

/// All of our records on a link.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(Vec<(Key, ResourceRecord<'static>)>);

impl Records {
    pub(super) fn new(records: Vec<(Key, ResourceRecord<'static>)>) -> Self {
        Self(records)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.0.iter().map(|(key, _)| *key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Key, ResourceRecord<'static>)> + Clone {
        self.0.iter()
    }

    /// Returns these records, each with a lifetime of at most `lifetime_max` seconds.
    pub(super) fn select(&self, keys: &[Key], lifetime_max: u32) -> Vec<ResourceRecord<'static>> {
        let chosen = self.0.iter().filter(|(key, _)| keys.contains(key));
        chosen
            .map(|(_, record)| {
                let mut record = record.clone();
                record.ttl = record.ttl.min(lifetime_max);
                record
            })
            .collect()
    }

    /// Returns the key of our record that equals another one, whatever its lifetime is.
    pub(super) fn key_of(&self, other: &ResourceRecord<'_>) -> Option<Key> {
        let equals =
            |record: &ResourceRecord<'_>| record.name == other.name && record.rdata == other.rdata;
        let found = self.0.iter().find(|(_, record)| equals(record));
        found.map(|(key, _)| *key)
    }

    /// Returns `true` if there is a record with this name.
    pub(super) fn has_any(&self, name: &Name<'_>) -> bool {
        self.0.iter().any(|(_, record)| record.name == *name)
    }

    /// Returns `true` if this name should be ours alone.
    pub(super) fn has_name(&self, name: &Name<'_>) -> bool {
        self.0
            .iter()
            .any(|(key, record)| key.is_unique() && record.name == *name)
    }

    /// Returns the names that should be ours alone.
    pub(super) fn unique_names(&self) -> Vec<Name<'static>> {
        let mut names: Vec<Name<'static>> = Vec::new();
        for (key, record) in &self.0 {
            if key.is_unique() && !names.contains(&record.name) {
                names.push(record.name.clone());
            }
        }
        names
    }

    /// Returns the records that a probe proposes for a name, in the order of their comparison (RFC
    /// 6762 §8.2).
    pub(super) fn proposals(&self, name: &Name<'_>) -> Vec<(u16, Vec<u8>)> {
        let proposed = self
            .0
            .iter()
            .filter(|(key, record)| key.is_proposed() && record.name == *name);
        in_order(proposed.map(|(_, record)| record))
    }

    /// Returns the records that a machine will need next after these (RFC 6763 §12).
    pub(super) fn additional(&self, keys: &[Key]) -> Vec<Key> {
        let has = |is_it: fn(Key) -> bool| keys.iter().any(|key| is_it(*key));
        let is_pointed_at = has(|key| matches!(key, Key::Pointer(_)));
        let is_located = is_pointed_at || has(|key| matches!(key, Key::Location(_)));
        let is_addressed = is_located || has(|key| matches!(key, Key::Address(_)));
        let is_wanted = |key: &Key| match key {
            Key::Location(kind) | Key::Text(kind) | Key::InstanceTypes(kind) => {
                keys.contains(&Key::Pointer(*kind))
            }
            Key::Address(_) | Key::HostTypes => is_addressed,
            Key::Pointer(_) | Key::Kind(_) => false,
        };
        self.keys()
            .filter(|key| is_wanted(key) && !keys.contains(key))
            .collect()
    }
}

/// Returns records in the order of types and data.
pub(super) fn in_order<'a>(
    records: impl Iterator<Item = &'a ResourceRecord<'a>>,
) -> Vec<(u16, Vec<u8>)> {
    let mut all: Vec<_> = records
        .map(|it| {
            (
                packet::number(it.rdata.type_code()),
                packet::data(&it.rdata),
            )
        })
        .collect();
    all.sort();
    all
}

impl Key {
    /// Returns `true` if no other machine may have records with the same name and type.
    pub(super) fn is_unique(self) -> bool {
        !matches!(self, Self::Pointer(_) | Self::Kind(_))
    }

    /// Returns `true` if a probe proposes this record.
    pub(super) fn is_proposed(self) -> bool {
        matches!(self, Self::Location(_) | Self::Text(_) | Self::Address(_))
    }

    /// Returns the lifetime in seconds (RFC 6762 §10): two minutes for records that contain or
    /// belong to a host name.
    pub(super) fn lifetime(self) -> u32 {
        match self {
            Self::Location(_) | Self::Address(_) | Self::HostTypes => HOST_LIFETIME,
            Self::Pointer(_) | Self::Kind(_) | Self::Text(_) | Self::InstanceTypes(_) => LIFETIME,
        }
    }

    /// Returns `true` if a question for all types includes it. Such a question asks for the
    /// existing records, and not for the lists of their types.
    pub(super) fn is_listed(self) -> bool {
        !matches!(self, Self::HostTypes | Self::InstanceTypes(_))
    }
}

const HOST_LIFETIME: u32 = 120;
const LIFETIME: u32 = 4500;

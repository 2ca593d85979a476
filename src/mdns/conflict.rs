//! Conflicts between machines that want the same name (RFC 6762 §8.1, §8.2, §9).

use super::records::{Records, in_order};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Packet, ResourceRecord, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns `true` if a response shows that another machine has a name for which we probe: any other
/// record with it is a conflict.
pub(super) fn is_taken(packet: &Packet<'_>, records: &Records, own: &[IpAddr]) -> bool {
    strange(packet, records, own).next().is_some()
}

/// Returns `true` if a response shows that another machine has a name that we have announced: only a
/// record that contradicts one of ours is a conflict.
pub(super) fn is_contradicted(packet: &Packet<'_>, records: &Records, own: &[IpAddr]) -> bool {
    strange(packet, records, own).any(|record| has_type(records, record))
}

/// Returns the records with names of ours that are not ours.
///
/// An address of this machine is never a conflict, whichever link it belongs to: two interfaces may
/// be on one link, and another server on this machine may use the same name.
fn strange<'p>(
    packet: &'p Packet<'_>,
    records: &Records,
    own: &[IpAddr],
) -> impl Iterator<Item = &'p ResourceRecord<'p>> {
    let all = packet.answers.iter().chain(&packet.additional_records);
    all.filter(|record| {
        record.class == CLASS::IN
            && record.ttl > 0
            && record.rdata.type_code() != TYPE::NSEC
            && records.has_name(&record.name)
            && !address(&record.rdata).is_some_and(|ip| own.contains(&ip))
            && records.key_of(record).is_none()
    })
}

/// Returns `true` if another machine that probes for a name of ours at the same time takes
/// precedence. That is the one whose records come later in the order of types and data.
pub(super) fn has_to_wait(packet: &Packet<'_>, records: &Records) -> bool {
    records.unique_names().iter().any(|name| {
        let proposed = packet.name_servers.iter().filter(|it| it.name == *name);
        let theirs = in_order(proposed);
        !theirs.is_empty() && theirs > records.proposals(name)
    })
}

/// Returns `true` if we have a record with this name and type.
fn has_type(records: &Records, other: &ResourceRecord<'_>) -> bool {
    let of = other.rdata.type_code();
    records
        .iter()
        .any(|(_, ours)| ours.rdata.type_code() == of && ours.name == other.name)
}

fn address(data: &RData<'_>) -> Option<IpAddr> {
    match data {
        RData::A(it) => Some(Ipv4Addr::from(it.address).into()),
        RData::AAAA(it) => Some(Ipv6Addr::from(it.address).into()),
        _ => None,
    }
}

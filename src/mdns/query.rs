//! Selecting the records that answer a query.

use super::records::{Key, Records};
use simple_dns::{CLASS, Packet, QCLASS, QTYPE, Question, TYPE};

/// A record that a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) key: Key,
    /// `true` if the answer should go to the asker alone when others know the record (RFC 6762
    /// §5.4).
    pub(super) to_asker: bool,
}

/// Returns the records that a packet asks for and that its sender does not know.
pub(super) fn asked(packet: &Packet<'_>, records: &Records) -> Vec<Asked> {
    let known = known(packet, records);
    let mut all: Vec<Asked> = Vec::new();
    for question in &packet.questions {
        for key in answers(question, records) {
            let to_asker = question.unicast_response;
            match all.iter_mut().find(|asked| asked.key == key) {
                // One of the questions wants the answer sent to the group.
                Some(asked) => asked.to_asker &= to_asker,
                None if known.contains(&key) => {}
                None => all.push(Asked { key, to_asker }),
            }
        }
    }
    all
}

/// Returns the records that the sender of a packet knows, and will know for long enough (RFC 6762
/// §7.1).
pub(super) fn known(packet: &Packet<'_>, records: &Records) -> Vec<Key> {
    let known = packet.answers.iter().filter_map(|record| {
        let key = records.key_of(record)?;
        (record.ttl >= key.lifetime() / 2).then_some(key)
    });
    known.collect()
}

fn answers(question: &Question<'_>, records: &Records) -> Vec<Key> {
    if !matches!(question.qclass, QCLASS::ANY | QCLASS::CLASS(CLASS::IN)) {
        return Vec::new();
    }
    let named = records.iter().filter(|(_, it)| it.name == question.qname);
    let is_meant = |key: Key, of: TYPE| match question.qtype {
        QTYPE::ANY => key.is_listed(),
        QTYPE::TYPE(wanted) => of == wanted,
        _ => false,
    };
    let found: Vec<Key> = named
        .clone()
        .filter(|(key, record)| is_meant(*key, record.rdata.type_code()))
        .map(|(key, _)| *key)
        .collect();
    if !found.is_empty() {
        return found;
    }
    // RFC 6762 §6.1: no such record exists, and no other machine can have one.
    let lists = named.filter(|(key, _)| !key.is_listed());
    lists.map(|(key, _)| *key).collect()
}

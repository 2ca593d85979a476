//! Packets, and the limits for parsing them.

use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, Question, RCODE, ResourceRecord, TYPE, rdata::RData,
};

/// Parses a packet. Returns `None` if it is of no use.
///
/// The parser reserves memory for as many entries as the header declares, so their number is
/// checked first: an entry has at least five bytes. The limit of entries exists because a name of
/// two bytes can expand to 127 labels.
pub(super) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let (header, entries) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let [_, _, _, _, counts @ ..] = header;
    let promised: usize = counts
        .chunks_exact(2)
        .filter_map(|count| count.try_into().ok())
        .map(|count| usize::from(u16::from_be_bytes(count)))
        .sum();
    let is_possible = promised * ENTRY_BYTES_MIN <= entries.len();
    if bytes.len() > PACKET_BYTES_MAX || promised > ENTRIES_MAX || !is_possible {
        return None;
    }
    let packet = Packet::parse(bytes).ok()?;
    // RFC 6762 §18.3, §18.11: messages with other codes are ignored.
    let is_plain = packet.opcode() == OPCODE::StandardQuery && packet.rcode() == RCODE::NoError;
    is_plain.then_some(packet)
}

/// Returns a packet with answers, and with further records that the asker will need.
pub(super) fn response<'a>(
    id: u16,
    answers: Vec<ResourceRecord<'a>>,
    additional: Vec<ResourceRecord<'a>>,
) -> Packet<'a> {
    let mut packet = Packet::new_reply(id);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    packet.answers = answers;
    packet.additional_records = additional;
    packet
}

/// Returns a packet with questions.
pub(super) fn query<'a>(
    questions: Vec<Question<'a>>,
    known: Vec<ResourceRecord<'a>>,
    proposed: Vec<ResourceRecord<'a>>,
) -> Packet<'a> {
    let mut packet = Packet::new_query(0);
    packet.questions = questions;
    packet.answers = known;
    packet.name_servers = proposed;
    packet
}

/// Returns the bytes of a packet, or none if it cannot be encoded. All of our packets can.
pub(super) fn encode(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap_or_default()
}

/// Returns the data of a record without compression, which is used to compare records (RFC 6762
/// §8.2).
pub(super) fn data(rdata: &RData<'_>) -> Vec<u8> {
    let root = Name::new_with_labels(&[]);
    let record = ResourceRecord::new(root, CLASS::IN, 0, rdata.clone());
    let mut packet = Packet::new_reply(0);
    packet.answers.push(record);
    let bytes = packet.build_bytes_vec().unwrap_or_default();
    bytes
        .get(HEADER_BYTES + RECORD_BYTES..)
        .unwrap_or_default()
        .to_vec()
}

/// Returns the number of a type.
pub(super) fn number(of: TYPE) -> u16 {
    of.into()
}

const HEADER_BYTES: usize = 12;

/// The bytes of a question for the root.
const ENTRY_BYTES_MIN: usize = 5;

/// The bytes of a record for the root, without its data.
const RECORD_BYTES: usize = 11;

/// RFC 6762 §17: the largest packet, including its IP and UDP headers.
pub(super) const PACKET_BYTES_MAX: usize = 9000;

/// Four times as many as fit into an Ethernet packet without compression.
const ENTRIES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::rdata::A;

    fn head(counts: [u16; 4]) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes
    }

    #[test]
    fn a_packet_that_declares_more_than_it_can_contain_is_rejected() {
        assert!(parse(&head([0; 4])).is_some());
        for counts in [[1, 0, 0, 0], [0, 65535, 0, 0], [0, 0, 0, 1], [65535; 4]] {
            assert!(parse(&head(counts)).is_none(), "{counts:?}");
        }
        assert!(parse(&[0; 11]).is_none());
        assert!(parse(&[0; 9001]).is_none());
    }

    #[test]
    fn a_name_that_points_to_itself_or_forwards_is_rejected() {
        for pointer in [12_u8, 13, 20, 255] {
            let mut bytes = head([1, 0, 0, 0]);
            bytes.extend([0xc0, pointer, 0, 1, 0, 1]);
            assert!(parse(&bytes).is_none(), "{pointer}");
        }
        // Two labels that point to each other.
        let mut bytes = head([2, 0, 0, 0]);
        bytes.extend([1, b'a', 0xc0, 12, 0, 1, 0, 1]);
        bytes.extend([1, b'a', 0xc0, 12, 0, 1, 0, 1]);
        assert!(parse(&bytes).is_none());
    }

    #[test]
    fn names_that_differ_in_case_are_the_same() {
        let name = |text| Name::new(text).unwrap();
        assert_eq!(name("Millpond.LOCAL"), name("millpond.local"));
        assert_ne!(name("millpond.local"), name("millpond"));
    }

    #[test]
    fn the_data_of_a_record_follows_its_length() {
        let address = RData::A(A::from(std::net::Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(data(&address), [192, 0, 2, 1]);
    }
}

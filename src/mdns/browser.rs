//! The machine that finds the websites in the network: it asks, and collects the answers.

use super::network::{Arrival, LinkId, Network, PORT, Transmit};
use super::packet;
use super::random::Random;
use super::service::ServiceKind;
use simple_dns::rdata::{PTR, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// A machine that asks all links for websites.
#[derive(Clone, Debug)]
pub struct Browser {
    links: BTreeMap<LinkId, Network>,
    instances: Vec<Instance>,
    hosts: Vec<Host>,
    rounds: usize,
    next: Option<Instant>,
    transmits: Vec<Transmit>,
}

/// A website that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The name of the website.
    pub name: String,
    /// The protocol.
    pub kind: ServiceKind,
    /// The host that serves it, such as `millpond.local`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path of the first page.
    pub path: String,
    /// The addresses of the host, with those of IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// Further information from the website: words, many of them `key=value`.
    pub text: Vec<String>,
}

#[derive(Clone, Debug)]
struct Instance {
    kind: ServiceKind,
    name: Name<'static>,
    /// The host and the port.
    location: Option<(Name<'static>, u16)>,
    text: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Host {
    name: Name<'static>,
    addresses: Vec<IpAddr>,
}

impl Browser {
    /// Creates a browser that asks its first question a little later, because other machines may
    /// have been started at the same time.
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            links: BTreeMap::new(),
            instances: Vec::new(),
            hosts: Vec::new(),
            rounds: 0,
            next: Some(now + Random::new(seed).millis(20..120)),
            transmits: Vec::new(),
        }
    }

    /// Sets the addresses of this machine on a link.
    pub fn set_link(&mut self, id: LinkId, network: Network) {
        self.links.insert(id, network);
    }

    /// Handles a packet from a stranger.
    pub fn receive(&mut self, bytes: &[u8], arrival: &Arrival) {
        let Some(network) = self.links.get(&arrival.link) else {
            return;
        };
        if arrival.from.port() != PORT || !network.is_on_link(arrival.from.ip()) {
            return;
        }
        let Some(packet) = packet::parse(bytes) else {
            return;
        };
        if !packet.has_flags(PacketFlag::RESPONSE) {
            return;
        }
        let all = || packet.answers.iter().chain(&packet.additional_records);
        // Pointers come first, because other records matter only if a pointer leads to them.
        all().for_each(|record| self.take_pointer(record));
        all().for_each(|record| self.take_instance(record));
        all().for_each(|record| self.take_address(record));
    }

    /// Sends the questions that are due.
    pub fn advance(&mut self, now: Instant) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let pause = PAUSES.get(self.rounds);
        self.next = pause.map(|pause| now + *pause);
        self.rounds += 1;
        for packet in self.queries() {
            for link in self.links.keys() {
                self.transmits.push(Transmit {
                    link: *link,
                    to: None,
                    packet: packet.clone(),
                });
            }
        }
    }

    /// Returns the time at which [`advance`](Self::advance) has something to do next, or `None` if
    /// all questions were sent.
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Returns the packets to send, and forgets them.
    pub fn take_transmits(&mut self) -> Vec<Transmit> {
        std::mem::take(&mut self.transmits)
    }

    /// Returns the websites that were found, sorted by name. Those with an unknown location are
    /// left out.
    pub fn found(&self) -> Vec<Found> {
        let mut all: Vec<_> = self
            .instances
            .iter()
            .filter_map(|it| self.describe(it))
            .collect();
        all.sort();
        all
    }

    fn describe(&self, instance: &Instance) -> Option<Found> {
        let (host, port) = instance.location.clone()?;
        let addresses = self.hosts.iter().find(|it| it.name == host);
        let mut addresses = addresses.map_or_else(Vec::new, |it| it.addresses.clone());
        addresses.sort();
        let text = instance.text.clone().unwrap_or_default();
        // RFC 6763 §6.4: keys are case-insensitive, and the first one counts. The key for the path
        // is registered with DNS-SD for http.
        let path = text.iter().find_map(|word| {
            let (key, value) = word.split_once('=')?;
            key.eq_ignore_ascii_case("path").then_some(value)
        });
        let path = path.unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{path}");
        let label = instance.name.get_labels().first();
        let label = label.map(|label| String::from_utf8_lossy(label.as_ref()).into_owned());
        Some(Found {
            name: label.unwrap_or_default(),
            kind: instance.kind,
            host: host.to_string(),
            port,
            path,
            addresses,
            text,
        })
    }

    fn take_pointer(&mut self, record: &ResourceRecord<'_>) {
        let RData::PTR(PTR(name)) = &record.rdata else {
            return;
        };
        let mut kinds = ServiceKind::ALL.into_iter();
        let Some(kind) = kinds.find(|kind| kind.name() == record.name) else {
            return;
        };
        let known = self.instances.iter().position(|it| it.name == *name);
        match known {
            // RFC 6762 §10.1: the record is withdrawn.
            Some(index) if record.ttl == 0 => {
                self.instances.remove(index);
            }
            None if record.ttl > 0 && self.instances.len() < FOUND_MAX => {
                self.instances.push(Instance {
                    kind,
                    name: name.clone().into_owned(),
                    location: None,
                    text: None,
                });
            }
            _ => {}
        }
    }

    fn take_instance(&mut self, record: &ResourceRecord<'_>) {
        let mut instances = self.instances.iter_mut();
        let Some(instance) = instances.find(|it| it.name == record.name) else {
            return;
        };
        match &record.rdata {
            RData::SRV(_) if record.ttl == 0 => instance.location = None,
            RData::SRV(location) => {
                let host = location.target.clone().into_owned();
                instance.location = Some((host, location.port));
            }
            RData::TXT(text) => {
                let words = text.iter_raw().take(WORDS_MAX).map(|(key, value)| {
                    let key = String::from_utf8_lossy(key);
                    match value {
                        Some(value) => format!("{key}={}", String::from_utf8_lossy(value)),
                        None => key.into_owned(),
                    }
                });
                instance.text = Some(words.collect());
            }
            _ => {}
        }
    }

    fn take_address(&mut self, record: &ResourceRecord<'_>) {
        let ip: IpAddr = match &record.rdata {
            RData::A(it) => Ipv4Addr::from(it.address).into(),
            RData::AAAA(it) => Ipv6Addr::from(it.address).into(),
            _ => return,
        };
        let is_wanted = |it: &Instance| it.location.as_ref().is_some_and(|at| at.0 == record.name);
        if !self.instances.iter().any(is_wanted) {
            return;
        }
        let index = self.hosts.iter().position(|it| it.name == record.name);
        let index = index.unwrap_or_else(|| {
            self.hosts.push(Host {
                name: record.name.clone().into_owned(),
                addresses: Vec::new(),
            });
            self.hosts.len() - 1
        });
        let Some(host) = self.hosts.get_mut(index) else {
            return;
        };
        if record.ttl == 0 {
            host.addresses.retain(|it| *it != ip);
        } else if !host.addresses.contains(&ip) && host.addresses.len() < ADDRESSES_MAX {
            host.addresses.push(ip);
        }
    }

    /// Returns questions for all websites except the known ones (RFC 6762 §7.1), and then for their
    /// missing records.
    fn queries(&self) -> Vec<Vec<u8>> {
        let ask = |name, of| Question::new(name, QTYPE::TYPE(of), QCLASS::CLASS(CLASS::IN), false);
        let kinds = ServiceKind::ALL.map(|kind| ask(kind.name(), TYPE::PTR));
        let known = self.instances.iter().map(|it| {
            let pointer = RData::PTR(PTR(it.name.clone()));
            let record = ResourceRecord::new(it.kind.name(), CLASS::IN, KNOWN_LIFETIME, pointer);
            (length(&it.name) + RECORD_BYTES, record)
        });
        let all = packet::query(kinds.into(), fitting(known), Vec::new());
        let mut missing = Vec::new();
        for instance in &self.instances {
            match &instance.location {
                None => missing.push(ask(instance.name.clone(), TYPE::SRV)),
                Some((host, _)) if !self.hosts.iter().any(|it| it.name == *host) => {
                    missing.push(ask(host.clone(), TYPE::A));
                    missing.push(ask(host.clone(), TYPE::AAAA));
                }
                Some(_) => {}
            }
            if instance.text.is_none() {
                missing.push(ask(instance.name.clone(), TYPE::TXT));
            }
        }
        let missing = missing.into_iter();
        let missing =
            fitting(missing.map(|it: Question<'_>| (length(&it.qname) + QUESTION_BYTES, it)));
        let mut packets = vec![packet::encode(&all)];
        if !missing.is_empty() {
            let more: Packet<'_> = packet::query(missing, Vec::new(), Vec::new());
            packets.push(packet::encode(&more));
        }
        packets
    }
}

/// Returns the first items that fit into a packet. Each comes with its number of bytes.
fn fitting<T>(items: impl Iterator<Item = (usize, T)>) -> Vec<T> {
    let mut bytes = 0;
    let fits = items.take_while(|(length, _)| {
        bytes += length;
        bytes <= QUERY_BYTES_MAX
    });
    fits.map(|(_, item)| item).collect()
}

/// Returns the length of a name in a packet, without compression.
fn length(name: &Name<'_>) -> usize {
    name.as_bytes().map(|label| label.len() + 1).sum::<usize>() + 1
}

/// The pauses between the questions. After the last one, the answers to the last question are due.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_secs(1),
];

/// The most websites to report. More would not help a person.
const FOUND_MAX: usize = 256;
const ADDRESSES_MAX: usize = 16;
const WORDS_MAX: usize = 32;

/// The bytes in a packet besides its header and the questions for websites.
const QUERY_BYTES_MAX: usize = 1300;

/// The bytes of a pointer whose name occurred before, and those of a question without its name.
const RECORD_BYTES: usize = 12;
const QUESTION_BYTES: usize = 4;

/// The lifetime of known records in questions, as if all had just been received.
const KNOWN_LIFETIME: u32 = 4500;

//! The machine that claims a name on all links, defends it, and answers queries for it.

use super::conflict;
use super::identity::Identity;
use super::link::{self, CONTESTED_GAP, Link, REPEAT_GAP};
use super::network::{Arrival, LinkId, Network, PORT, Transmit};
use super::packet;
use super::query;
use super::random::Random;
use super::records::Key;
use super::service::Service;
use simple_dns::{Packet, PacketFlag};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A machine that answers queries for a name and its services.
#[derive(Clone, Debug)]
pub struct Responder {
    identity: Identity,
    links: BTreeMap<LinkId, Link>,
    random: Random,
    /// The times of recent conflicts with other machines.
    conflicts: VecDeque<Instant>,
    transmits: Vec<Transmit>,
}

impl Responder {
    /// Creates a responder for a name without its domain, which must be a valid host label.
    /// The seed differs between machines.
    pub fn new(label: &str, services: Vec<Service>, seed: u64) -> Self {
        Self {
            identity: Identity::new(label, services),
            links: BTreeMap::new(),
            random: Random::new(seed),
            conflicts: VecDeque::new(),
            transmits: Vec::new(),
        }
    }

    /// Returns the name without its domain: the requested one, or one with a number appended.
    pub fn label(&self) -> &str {
        self.identity.label()
    }

    /// Returns `true` if no link is still being probed for the name.
    pub fn is_settled(&self) -> bool {
        !self.links.values().any(Link::is_probing)
    }

    /// Sets the addresses of this machine on a link. Nothing is sent on a link without announced
    /// addresses.
    pub fn set_link(&mut self, id: LinkId, network: Network, now: Instant) {
        if network.announced.is_empty() {
            self.links.remove(&id);
            return;
        }
        let Some(link) = self.links.get_mut(&id) else {
            if self.links.len() < LINKS_MAX {
                let first = link::first_probe(now, &mut self.random);
                let link = Link::new(network, &self.identity, first);
                self.links.insert(id, link);
            }
            return;
        };
        if link.network == network {
            return;
        }
        let gone = link.network.announced.iter();
        let gone = gone.filter(|ip| !network.announced.contains(ip));
        let gone: Vec<_> = gone.copied().map(Key::Address).collect();
        link.withdraw(id, &gone, &mut self.transmits);
        link.replace_records(self.identity.records(&network.announced));
        link.network = network;
        if link.is_probing() {
            link.probe_from(link::first_probe(now, &mut self.random));
        } else {
            // RFC 6762 §8.4.
            link.announce_from(now);
        }
    }

    /// Forgets a link that is gone.
    pub fn remove_link(&mut self, id: LinkId) {
        self.links.remove(&id);
    }

    /// Returns all links.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.links.keys().copied()
    }

    /// Handles a packet from a stranger.
    pub fn receive(&mut self, bytes: &[u8], arrival: &Arrival, now: Instant) {
        let Some(link) = self.links.get(&arrival.link) else {
            return;
        };
        // RFC 6762 §11.
        if !link.network.is_on_link(arrival.from.ip()) {
            return;
        }
        let Some(packet) = packet::parse(bytes) else {
            return;
        };
        if !packet.has_flags(PacketFlag::RESPONSE) {
            self.receive_query(&packet, arrival, now);
        } else if arrival.from.port() == PORT {
            // RFC 6762 §6: responses from any other port are ignored.
            self.receive_response(&packet, arrival, now);
        }
        self.advance(now);
    }

    /// Sends everything that is due.
    pub fn advance(&mut self, now: Instant) {
        for (id, link) in &mut self.links {
            link.advance(*id, now, &mut self.transmits);
        }
    }

    /// Returns the time at which [`advance`](Self::advance) has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.links.values().filter_map(Link::deadline).min()
    }

    /// Returns the packets to send, and forgets them.
    pub fn take_transmits(&mut self) -> Vec<Transmit> {
        std::mem::take(&mut self.transmits)
    }

    /// Announces on all links that the name and the services are gone, and sends nothing
    /// afterwards.
    pub fn say_goodbye(&mut self) {
        for (id, mut link) in std::mem::take(&mut self.links) {
            let all: Vec<_> = link.records.keys().collect();
            link.withdraw(id, &all, &mut self.transmits);
        }
    }

    fn receive_query(&mut self, packet: &Packet<'_>, arrival: &Arrival, now: Instant) {
        let Some(link) = self.links.get_mut(&arrival.link) else {
            return;
        };
        if link.is_probing() {
            // RFC 6762 §8.2: the loser waits for a second and probes again.
            if conflict::has_to_wait(packet, &link.records) {
                link.probe_from(now + LOSERS_PAUSE);
            }
            return;
        }
        if packet.questions.is_empty() {
            for key in query::known(packet, &link.records) {
                link.cancel_for(key, arrival.from);
            }
            return;
        }
        let asked = query::asked(packet, &link.records);
        if arrival.from.port() != PORT {
            let keys: Vec<_> = asked.iter().map(|it| it.key).collect();
            self.answer_legacy(packet, &keys, arrival, now);
            return;
        }
        let is_probe = !packet.name_servers.is_empty();
        let is_cut = packet.has_flags(PacketFlag::TRUNCATION);
        let has_shared = asked.iter().any(|it| !it.key.is_unique());
        let delay = if is_probe {
            Duration::ZERO
        } else if is_cut {
            // RFC 6762 §7.2: further packets with known answers will follow.
            self.random.millis(400..500)
        } else if has_shared {
            // RFC 6762 §6: other machines answer, too.
            self.random.millis(20..120)
        } else {
            Duration::ZERO
        };
        let (alone, all): (Vec<_>, Vec<_>) = asked.into_iter().partition(|it| {
            !arrival.is_multicast || it.to_asker && link.is_well_known(it.key, now)
        });
        let gap = if is_probe { CONTESTED_GAP } else { REPEAT_GAP };
        let waits_for = is_cut.then_some(arrival.from);
        for asked in all {
            link.schedule(asked.key, now + delay, gap, waits_for);
        }
        let alone: Vec<_> = alone.iter().map(|it| it.key).collect();
        if !alone.is_empty() && link.may_answer_alone(now) {
            let answers = link.records.select(&alone, u32::MAX);
            let additional = link.records.additional(&alone);
            let additional = link.records.select(&additional, u32::MAX);
            let packet = packet::response(packet.id(), answers, additional);
            self.transmits.push(to_sender(arrival, &packet));
        }
    }

    /// Answers a resolver that does not support multicast DNS with a conventional response (RFC
    /// 6762 §6.7).
    fn answer_legacy(&mut self, query: &Packet<'_>, keys: &[Key], arrival: &Arrival, now: Instant) {
        let Some(link) = self.links.get_mut(&arrival.link) else {
            return;
        };
        if !keys.iter().any(|key| key.is_listed()) || !link.may_answer_alone(now) {
            return;
        }
        let plain = |keys: &[Key]| {
            let mut records = link.records.select(keys, LEGACY_LIFETIME_MAX);
            for record in &mut records {
                record.cache_flush = false;
            }
            records
        };
        let additional = plain(&link.records.additional(keys));
        let mut packet = packet::response(query.id(), plain(keys), additional);
        let questions = query.questions.iter();
        let questions = questions.filter(|it| link.records.has_any(&it.qname));
        let questions = questions.take(LEGACY_QUESTIONS_MAX);
        packet.questions = questions.cloned().collect();
        for question in &mut packet.questions {
            question.unicast_response = false;
        }
        let transmit = to_sender(arrival, &packet);
        self.transmits.push(transmit);
    }

    fn receive_response(&mut self, packet: &Packet<'_>, arrival: &Arrival, now: Instant) {
        let own = self.own_addresses();
        let Some(link) = self.links.get_mut(&arrival.link) else {
            return;
        };
        if link.is_probing() {
            if conflict::is_taken(packet, &link.records, &own) {
                self.take_next_name(now);
            }
            return;
        }
        if conflict::is_contradicted(packet, &link.records, &own) {
            // RFC 6762 §9: probes for the name again, and gives it up if another machine responds.
            link.probe_from(now);
            return;
        }
        let soon = now + self.random.millis(20..120);
        for record in packet.answers.iter().chain(&packet.additional_records) {
            let Some(key) = link.records.key_of(record) else {
                continue;
            };
            if record.ttl >= key.lifetime() {
                link.cancel(key);
            } else if record.ttl < key.lifetime() / 2 {
                // RFC 6762 §6.6, §10.1: another server on the same machine is about to withdraw the
                // record.
                link.schedule(key, soon, REPEAT_GAP, None);
            }
        }
    }

    fn take_next_name(&mut self, now: Instant) {
        for (id, link) in &mut self.links {
            let all: Vec<_> = link.records.keys().collect();
            link.withdraw(*id, &all, &mut self.transmits);
        }
        self.identity.take_next();
        self.conflicts.push_back(now);
        if self.conflicts.len() > CONFLICTS_MAX {
            self.conflicts.pop_front();
        }
        // RFC 6762 §8.1: fifteen conflicts within ten seconds mean that something is wrong.
        let is_much = self.conflicts.len() == CONFLICTS_MAX
            && self
                .conflicts
                .front()
                .is_some_and(|it| *it + CONFLICTS_WITHIN > now);
        let pause = if is_much {
            CONFLICTS_PAUSE
        } else {
            Duration::ZERO
        };
        for link in self.links.values_mut() {
            link.replace_records(self.identity.records(&link.network.announced));
            link.probe_from(link::first_probe(now + pause, &mut self.random));
        }
    }

    fn own_addresses(&self) -> Vec<IpAddr> {
        let links = self.links.values();
        let networks = links.flat_map(|link| &link.network.networks);
        networks.map(ipnet::IpNet::addr).collect()
    }
}

fn to_sender(arrival: &Arrival, packet: &Packet<'_>) -> Transmit {
    Transmit {
        link: arrival.link,
        to: Some(arrival.from),
        packet: packet::encode(packet),
    }
}

/// More than the networks in which a machine could be looked up. Containers add many bridges.
const LINKS_MAX: usize = 32;

const LOSERS_PAUSE: Duration = Duration::from_secs(1);

const CONFLICTS_MAX: usize = 15;
const CONFLICTS_WITHIN: Duration = Duration::from_secs(10);
const CONFLICTS_PAUSE: Duration = Duration::from_secs(5);

/// RFC 6762 §6.7.
const LEGACY_LIFETIME_MAX: u32 = 10;

/// A resolver asks for one record, perhaps for both kinds of addresses. Answers to more questions
/// would grow with the query.
const LEGACY_QUESTIONS_MAX: usize = 4;

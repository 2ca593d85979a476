//! The state of this machine on one link: its names, and the times of its packets.

use super::identity::Identity;
use super::network::{LinkId, Network, Transmit};
use super::packet;
use super::random::Random;
use super::records::{Key, Records};
use simple_dns::{CLASS, Packet, QCLASS, QTYPE, Question};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// This machine on one link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) network: Network,
    pub(super) records: Records,
    phase: Phase,
    /// Records to send to the group, and when.
    pending: BTreeMap<Key, Pending>,
    /// The times at which records were last sent to the group.
    sent: BTreeMap<Key, Instant>,
    /// The time at which all answers to single machines would be sent at a rate of one per
    /// [`UNICAST_INTERVAL`].
    unicasts_until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Asking whether another machine has the names (RFC 6762 §8.1).
    Probing {
        sent: u8,
        next: Instant,
    },
    /// Announcing that the names are ours (RFC 6762 §8.3).
    Announcing {
        left: u8,
        next: Instant,
    },
    Running,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    due: Instant,
    /// The only machine that asked, if its query has further packets: they may show that it knows
    /// the record.
    asker: Option<SocketAddr>,
}

impl Link {
    pub(super) fn new(network: Network, identity: &Identity, first_probe: Instant) -> Self {
        Self {
            records: identity.records(&network.announced),
            network,
            phase: Phase::Probing {
                sent: 0,
                next: first_probe,
            },
            pending: BTreeMap::new(),
            sent: BTreeMap::new(),
            unicasts_until: first_probe,
        }
    }

    /// Starts or restarts probing for the names.
    pub(super) fn probe_from(&mut self, next: Instant) {
        self.pending.clear();
        self.phase = Phase::Probing { sent: 0, next };
    }

    /// Announces the records again after a change.
    pub(super) fn announce_from(&mut self, next: Instant) {
        self.phase = Phase::Announcing {
            left: ANNOUNCEMENTS,
            next,
        };
    }

    pub(super) fn is_probing(&self) -> bool {
        matches!(self.phase, Phase::Probing { .. })
    }

    /// Sends everything that is due.
    pub(super) fn advance(&mut self, id: LinkId, now: Instant, out: &mut Vec<Transmit>) {
        match self.phase {
            Phase::Probing { sent, next } if next <= now && sent < PROBES => {
                out.push(to_group(id, &self.probe()));
                let next = now + PROBE_INTERVAL;
                self.phase = Phase::Probing {
                    sent: sent + 1,
                    next,
                };
            }
            Phase::Probing { next, .. } if next <= now => self.announce_from(now),
            _ => {}
        }
        if let Phase::Announcing { left, next } = self.phase
            && next <= now
        {
            let all: Vec<_> = self.records.keys().collect();
            self.send(id, &all, now, out);
            self.phase = match left {
                0 | 1 => Phase::Running,
                _ => Phase::Announcing {
                    left: left - 1,
                    next: now + ANNOUNCEMENT_INTERVAL,
                },
            };
        }
        let due = self.pending.iter().filter(|(_, it)| it.due <= now);
        let due: Vec<_> = due.map(|(key, _)| *key).collect();
        if !due.is_empty() {
            self.send(id, &due, now, out);
        }
    }

    /// Returns the time at which something is due next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Probing { next, .. } | Phase::Announcing { next, .. } => Some(next),
            Phase::Running => None,
        };
        let pending = self.pending.values().map(|it| it.due).min();
        phase.into_iter().chain(pending).min()
    }

    /// Sends a record to the group at a time, but not before a gap after it was last sent.
    pub(super) fn schedule(
        &mut self,
        key: Key,
        due: Instant,
        gap: Duration,
        asker: Option<SocketAddr>,
    ) {
        let free = self.sent.get(&key).map(|sent| *sent + gap);
        let due = free.map_or(due, |free| free.max(due));
        let pending = self.pending.entry(key).or_insert(Pending { due, asker });
        pending.due = pending.due.min(due);
        if pending.asker != asker {
            pending.asker = None;
        }
    }

    /// Cancels a record that another machine has just sent (RFC 6762 §7.4).
    pub(super) fn cancel(&mut self, key: Key) {
        self.pending.remove(&key);
    }

    /// Cancels a record if the only machine that asked for it knows it.
    pub(super) fn cancel_for(&mut self, key: Key, asker: SocketAddr) {
        if self.pending.get(&key).and_then(|it| it.asker) == Some(asker) {
            self.pending.remove(&key);
        }
    }

    /// Returns `true` if the group knows a record well, because it was sent within a quarter of its
    /// lifetime (RFC 6762 §5.4).
    pub(super) fn is_well_known(&self, key: Key, now: Instant) -> bool {
        let quarter = Duration::from_secs(u64::from(key.lifetime()) / 4);
        let sent = self.sent.get(&key);
        sent.is_some_and(|sent| now < *sent + quarter)
    }

    /// Returns `true` if another machine may be answered directly. The limit protects the owner of
    /// a forged address from a flood.
    pub(super) fn may_answer_alone(&mut self, now: Instant) -> bool {
        let until = self.unicasts_until.max(now) + UNICAST_INTERVAL;
        let is_allowed = until <= now + UNICAST_INTERVAL * UNICAST_BURST;
        if is_allowed {
            self.unicasts_until = until;
        }
        is_allowed
    }

    /// Withdraws these records (RFC 6762 §10.1), if they were ever sent.
    pub(super) fn withdraw(&mut self, id: LinkId, keys: &[Key], out: &mut Vec<Transmit>) {
        if self.sent.is_empty() || self.is_probing() || keys.is_empty() {
            return;
        }
        let answers = self.records.select(keys, 0);
        out.push(to_group(id, &packet::response(0, answers, Vec::new())));
    }

    /// Replaces the records. The group knows none of the new ones.
    pub(super) fn replace_records(&mut self, records: Records) {
        self.records = records;
        self.pending.clear();
        self.sent.clear();
    }

    fn send(&mut self, id: LinkId, keys: &[Key], now: Instant, out: &mut Vec<Transmit>) {
        let answers = self.records.select(keys, u32::MAX);
        let additional = self.records.additional(keys);
        let additional = self.records.select(&additional, u32::MAX);
        out.push(to_group(id, &packet::response(0, answers, additional)));
        for key in keys {
            self.sent.insert(*key, now);
            self.pending.remove(key);
        }
    }

    fn probe(&self) -> Packet<'_> {
        let class = QCLASS::CLASS(CLASS::IN);
        let questions = self
            .records
            .unique_names()
            .into_iter()
            // Multicast responses are requested, although RFC 6762 §8.1 suggests unicast ones:
            // another program on this machine may share the port and would get the response.
            .map(|name| Question::new(name, QTYPE::ANY, class, false));
        let proposed = self.records.iter().filter(|(key, _)| key.is_proposed());
        // RFC 6762 §10.2: no record in a probe makes others forget theirs.
        let proposed = proposed.map(|(_, record)| record.clone().with_cache_flush(false));
        packet::query(questions.collect(), Vec::new(), proposed.collect())
    }
}

/// Returns the time of the first of three probes, which is random (RFC 6762 §8.1).
pub(super) fn first_probe(now: Instant, random: &mut Random) -> Instant {
    now + random.millis(0..250)
}

fn to_group(link: LinkId, packet: &Packet<'_>) -> Transmit {
    Transmit {
        link,
        to: None,
        packet: packet::encode(packet),
    }
}

const PROBES: u8 = 3;
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
const ANNOUNCEMENTS: u8 = 2;
const ANNOUNCEMENT_INTERVAL: Duration = Duration::from_secs(1);
pub(super) const REPEAT_GAP: Duration = Duration::from_secs(1);
pub(super) const CONTESTED_GAP: Duration = Duration::from_millis(250);

/// The rate is twenty answers per second, with bursts of as many: more than the machines on one
/// link ask for.
const UNICAST_INTERVAL: Duration = Duration::from_millis(50);
const UNICAST_BURST: u32 = 20;

//! Machines on one link, tested against a clock that the test moves.

mod browsing;
mod claims;
mod queries;

use super::{Arrival, LinkId, Network, Responder, Service, ServiceKind, Transmit};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const LINK: LinkId = LinkId(2);

/// A link with machines that receive each other's packets, and their own.
struct Lan {
    now: Instant,
    begin: Instant,
    machines: Vec<Machine>,
    /// The packets so far: the sender, the time in milliseconds, and the packet.
    heard: Vec<Heard>,
}

struct Machine {
    responder: Responder,
    address: SocketAddr,
}

#[derive(Clone, Debug)]
struct Heard {
    at: u64,
    from: usize,
    to: Option<SocketAddr>,
    packet: Vec<u8>,
}

impl Lan {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            begin: now,
            machines: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Adds a machine that serves HTTP at 192.0.2.NUMBER:8080 and wants the name `label`.
    fn join(&mut self, label: &str, number: u8) -> usize {
        let services = vec![Service {
            kind: ServiceKind::Http,
            port: 8080,
        }];
        let mut responder = Responder::new(label, services, u64::from(number));
        responder.set_link(LINK, network(number), self.now);
        self.machines.push(Machine {
            responder,
            address: SocketAddr::new(ip(number), 5353),
        });
        self.machines.len() - 1
    }

    /// Lets this many milliseconds pass.
    fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        self.deliver();
        loop {
            let deadlines = self
                .machines
                .iter()
                .filter_map(|it| it.responder.deadline());
            let Some(next) = deadlines.min().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            for machine in &mut self.machines {
                machine.responder.advance(self.now);
            }
            self.deliver();
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        loop {
            let mut sent = Vec::new();
            for (from, machine) in self.machines.iter_mut().enumerate() {
                let transmits = machine.responder.take_transmits();
                sent.extend(transmits.into_iter().map(|it| (from, it)));
            }
            if sent.is_empty() {
                break;
            }
            for (from, Transmit { link, to, packet }) in sent {
                assert_eq!(link, LINK);
                let at = u64::try_from((self.now - self.begin).as_millis()).unwrap();
                self.heard.push(Heard {
                    at,
                    from,
                    to,
                    packet: packet.clone(),
                });
                let sender = self.machines[from].address;
                for machine in &mut self.machines {
                    if to.is_none_or(|to| to == machine.address) {
                        let arrival = arrival(sender, to.is_none());
                        machine.responder.receive(&packet, &arrival, self.now);
                    }
                }
            }
        }
    }

    /// Lets a stranger send a packet to the group.
    fn say(&mut self, packet: &Packet<'_>, from: &str) {
        self.send_packet(packet, from, true);
    }

    fn send_packet(&mut self, packet: &Packet<'_>, from: &str, is_multicast: bool) {
        let bytes = packet.build_bytes_vec_compressed().unwrap();
        let arrival = arrival(from.parse().unwrap(), is_multicast);
        for machine in &mut self.machines {
            machine.responder.receive(&bytes, &arrival, self.now);
        }
        self.deliver();
    }

    fn label(&self, machine: usize) -> &str {
        self.machines[machine].responder.label()
    }

    /// Returns the packets that were sent since the last call.
    fn take_heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    fn goodbye(&mut self, machine: usize) {
        self.machines[machine].responder.say_goodbye();
        self.deliver();
    }
}

impl Heard {
    fn read(&self) -> Packet<'_> {
        Packet::parse(&self.packet).expect("what is sent can be read")
    }

    fn is_response(&self) -> bool {
        self.read().has_flags(PacketFlag::RESPONSE)
    }

    /// Returns the answers as text: name, type and lifetime.
    fn answers(&self) -> Vec<String> {
        let packet = self.read();
        let mut all: Vec<_> = packet.answers.iter().map(describe).collect();
        all.sort();
        all
    }
}

fn describe(record: &ResourceRecord<'_>) -> String {
    let of = match record.rdata.type_code() {
        TYPE::A => "A",
        TYPE::AAAA => "AAAA",
        TYPE::PTR => "PTR",
        TYPE::SRV => "SRV",
        TYPE::TXT => "TXT",
        TYPE::NSEC => "NSEC",
        _ => "?",
    };
    let flush = if record.cache_flush { " flush" } else { "" };
    format!("{} {of} {}{flush}", record.name, record.ttl)
}

fn arrival(from: SocketAddr, is_multicast: bool) -> Arrival {
    Arrival {
        link: LINK,
        from,
        is_multicast,
    }
}

fn ip(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

fn network(number: u8) -> Network {
    Network {
        networks: vec![format!("192.0.2.{number}/24").parse().unwrap()],
        announced: vec![ip(number)],
    }
}

fn name(text: &str) -> Name<'_> {
    Name::new(text).unwrap()
}

fn question(text: &str, of: TYPE) -> Question<'_> {
    Question::new(name(text), QTYPE::TYPE(of), QCLASS::CLASS(CLASS::IN), false)
}

fn query(questions: Vec<Question<'_>>) -> Packet<'_> {
    let mut packet = Packet::new_query(0);
    packet.questions = questions;
    packet
}

fn record<'a>(text: &'a str, ttl: u32, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(name(text), CLASS::IN, ttl, data)
}

fn response(records: Vec<ResourceRecord<'_>>) -> Packet<'_> {
    let mut packet = Packet::new_reply(0);
    packet.answers = records;
    packet
}

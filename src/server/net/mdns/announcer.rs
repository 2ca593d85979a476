//! The server's name in the local network: the machine of [`crate::mdns`] as part of the event
//! loop.

use super::interfaces::Interfaces;
use super::sockets::Sockets;
use crate::mdns::{Responder, Service, ServiceKind};
use crate::process::sandbox::NetworkDescriptors;
use crate::server::listen_address::ListenAddress;
use crate::server::net::name::{first_port, urls};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A server's name in the local network.
#[derive(Debug)]
pub(crate) struct Announcer {
    responder: Responder,
    sockets: Sockets,
    interfaces: Interfaces,
    addresses: Vec<ListenAddress>,
    has_links: bool,
    /// `true` if reading may return something. Events are edge-triggered, so it is cleared only
    /// when nothing is left.
    is_ready: bool,
    allowance: Allowance,
    /// The last name that was found to be free.
    settled: Option<String>,
    wanted: String,
}

/// The number of packets that may still be read. The kernel drops packets that are not read in
/// time.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: u32,
    renewed: Instant,
}

impl Announcer {
    /// Opens the sockets to announce a server that has this name and listens on these addresses.
    pub(crate) fn open(label: &str, addresses: &[ListenAddress], now: Instant) -> io::Result<Self> {
        let interfaces = Interfaces::open()?;
        interfaces.close_for_requests();
        let mut announcer = Self {
            responder: Responder::new(label, services(addresses), seed()),
            sockets: Sockets::open()?,
            interfaces,
            addresses: addresses.to_vec(),
            has_links: false,
            is_ready: true,
            allowance: Allowance {
                left: PACKETS_MAX,
                renewed: now,
            },
            settled: None,
            wanted: label.to_owned(),
        };
        announcer.look_at_links(now);
        Ok(announcer)
    }

    /// Lets the poll report packets, and changes of the interfaces.
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let sockets = self.sockets.descriptors().into_iter().flatten();
        for descriptor in sockets.chain([self.interfaces.descriptor()]) {
            registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Returns the descriptors that the sandbox must allow.
    pub(crate) fn descriptors(&self) -> NetworkDescriptors {
        let [v4, v6] = self.sockets.descriptors();
        NetworkDescriptors {
            multicast_v4: v4,
            multicast_v6: v6,
            changes: Some(self.interfaces.descriptor()),
        }
    }

    pub(crate) fn note_ready(&mut self) {
        self.is_ready = true;
    }

    /// Reads received packets, and sends those that are due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.is_ready {
            // Events are edge-triggered, so what is left now must be read without another one.
            let taken = self.interfaces.take_changes();
            if taken.has_changed {
                self.look_at_links(now);
            }
            let has_packets = self.read(now);
            self.is_ready = taken.is_cut || has_packets;
        }
        if self.responder.deadline().is_some_and(|it| it <= now) {
            self.responder.advance(now);
        }
        self.send();
        self.report();
    }

    /// Returns the time at which [`tick`](Self::tick) has something to do without an event.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let unread = self.is_ready.then(|| match self.allowance.left {
            0 => self.allowance.renewed + ALLOWANCE_TIME,
            _ => self.allowance.renewed,
        });
        unread.into_iter().chain(self.responder.deadline()).min()
    }

    /// Withdraws the name and the services.
    pub(crate) fn say_goodbye(&mut self) {
        self.responder.say_goodbye();
        self.send();
    }

    /// Reads packets. Returns `true` if there may be more.
    fn read(&mut self, now: Instant) -> bool {
        if self.allowance.renewed + ALLOWANCE_TIME <= now {
            self.allowance = Allowance {
                left: PACKETS_MAX,
                renewed: now,
            };
        }
        for _ in 0..self.allowance.left.min(PACKETS_A_TICK_MAX) {
            let Some((packet, arrival)) = self.sockets.receive() else {
                return false;
            };
            self.allowance.left -= 1;
            self.responder.receive(packet, &arrival, now);
        }
        true
    }

    fn send(&mut self) {
        for transmit in self.responder.take_transmits() {
            self.sockets.send(&transmit);
        }
    }

    fn look_at_links(&mut self, now: Instant) {
        let is_served = |ip: IpAddr| self.addresses.iter().any(|at| is_reached(at, ip));
        let networks = self.interfaces.networks(is_served);
        for (id, network) in networks.iter().cloned() {
            self.responder.set_link(id, network, now);
        }
        let gone: Vec<_> = self
            .responder
            .links()
            .filter(|id| !networks.iter().any(|(known, _)| known == id))
            .collect();
        for id in gone {
            self.responder.remove_link(id);
        }
        let links: BTreeSet<_> = self.responder.links().collect();
        for (id, network) in networks.iter().filter(|(id, _)| links.contains(id)) {
            self.sockets.join(*id, network);
        }
        self.sockets.leave_all_but(|id| links.contains(&id));
        self.has_links = !links.is_empty();
    }

    /// Logs the name if it has changed.
    fn report(&mut self) {
        let label = self.responder.label();
        let is_news = self.settled.as_deref() != Some(label);
        if !is_news || !self.has_links || !self.responder.is_settled() {
            return;
        }
        let urls = urls(label, &self.addresses).join(" ");
        if self.settled.is_some() || label != self.wanted {
            let taken = self.settled.as_ref().unwrap_or(&self.wanted);
            log::warn!("the name {taken}.local is taken; this server is found at {urls} instead");
        } else {
            log::debug!("found in the network at {urls}");
        }
        self.settled = Some(label.to_owned());
    }
}

/// Returns the services of a server at these addresses: the first port of each protocol.
fn services(addresses: &[ListenAddress]) -> Vec<Service> {
    let service = |kind| {
        let port = first_port(addresses, kind == ServiceKind::Https)?;
        Some(Service { kind, port })
    };
    ServiceKind::ALL.into_iter().filter_map(service).collect()
}

/// Returns `true` if a listener accepts connections to this address of the machine. The loopback
/// counts only if it is named explicitly, because it exists everywhere.
fn is_reached(listener: &ListenAddress, ip: IpAddr) -> bool {
    let Some(at) = listener.socket_address() else {
        return false;
    };
    at.ip() == ip || at.ip().is_unspecified() && at.is_ipv4() == ip.is_ipv4() && !ip.is_loopback()
}

/// Returns a seed that differs between processes.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The packets read in one tick, so that a flood leaves time for requests.
const PACKETS_A_TICK_MAX: u32 = 8;

/// The packets read within this time: more than a large network sends.
const PACKETS_MAX: u32 = 50;
const ALLOWANCE_TIME: Duration = Duration::from_millis(100);

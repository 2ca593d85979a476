//! The interfaces of this machine and their addresses, from the start on, as reported by the
//! kernel.

use super::netlink::{self, Change, InterfaceFacts, Request};
use crate::mdns::{LinkId, Network};
use ipnet::IpNet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recvfrom, sendto,
    socket_with,
};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// This machine's interfaces.
#[derive(Debug)]
pub(crate) struct Interfaces {
    socket: OwnedFd,
    all: BTreeMap<u32, Interface>,
    buffer: Vec<u8>,
}

#[derive(Debug, Default)]
struct Interface {
    facts: InterfaceFacts,
    addresses: Vec<Address>,
}

#[derive(Debug)]
struct Address {
    network: IpNet,
    /// `true` if others may know it.
    is_lasting: bool,
}

/// The result of reading changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) has_changed: bool,
    /// `true` if there may be more to read.
    pub(crate) is_cut: bool,
}

impl Interfaces {
    /// Asks for all interfaces and addresses, and for future changes.
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        let mut interfaces = Self {
            socket,
            all: BTreeMap::new(),
            buffer: vec![0; MESSAGE_BYTES_MAX],
        };
        for request in [Request::Interfaces, Request::Addresses] {
            interfaces.ask(request)?;
        }
        Ok(interfaces)
    }

    /// Makes the kernel accept no more requests on this socket, with which a privileged process
    /// could change the network: messages then go to a port that does not exist. An unprivileged
    /// process cannot do this, and could not change anything anyway.
    pub(crate) fn close_for_requests(&self) {
        if let Err(error) = connect(&self.socket, &SocketAddrNetlink::new(NOBODY, 0)) {
            log::debug!("the socket for changes of the network still takes requests: {error}");
        }
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads the changes. Their number is limited; the rest is read in the next turn.
    pub(crate) fn take_changes(&mut self) -> Taken {
        let mut has_changed = false;
        for _ in 0..MESSAGES_MAX {
            match self.receive() {
                Ok(changes) => {
                    for change in changes {
                        self.apply(change);
                        has_changed = true;
                    }
                }
                Err(Errno::NOBUFS) => log::warn!(
                    "too many network interfaces changed at once; restart to be found in all of them"
                ),
                Err(_) => {
                    return Taken {
                        has_changed,
                        is_cut: false,
                    };
                }
            }
        }
        Taken {
            has_changed,
            is_cut: true,
        }
    }

    /// Returns the addresses of this machine on each link that is up. `is_served` determines
    /// whether others reach the server at an address.
    pub(crate) fn networks(&self, is_served: impl Fn(IpAddr) -> bool) -> Vec<(LinkId, Network)> {
        let links = self.all.iter().filter(|(_, it)| it.facts.is_link);
        links
            .map(|(index, interface)| {
                let all = interface.addresses.iter();
                let networks = all.clone().map(|address| address.network).collect();
                let lasting = all.filter(|address| address.is_lasting);
                let served = lasting.map(|address| address.network.addr());
                let mut announced: Vec<_> = served.filter(|ip| is_served(*ip)).collect();
                announced.sort();
                announced.truncate(ADDRESSES_MAX);
                let network = Network {
                    networks,
                    announced,
                };
                (LinkId(*index), network)
            })
            .collect()
    }

    fn ask(&mut self, request: Request) -> io::Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(
            &self.socket,
            &netlink::request(request),
            SendFlags::empty(),
            &kernel,
        )?;
        loop {
            match self.receive() {
                Ok(changes) => {
                    let is_done = changes.contains(&Change::Done);
                    for change in changes {
                        self.apply(change);
                    }
                    if is_done {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => self.wait()?,
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn wait(&self) -> io::Result<()> {
        let mut socket = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut socket, Some(&ANSWER_TIMEOUT))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    /// Receives the changes in one datagram. Only datagrams from the kernel count.
    fn receive(&mut self) -> Result<Vec<Change>, Errno> {
        let (length, _, from) = recvfrom(&self.socket, &mut *self.buffer, RecvFlags::empty())?;
        let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
        if from.is_none_or(|from| from.pid() != 0) {
            return Ok(Vec::new());
        }
        Ok(netlink::changes(
            self.buffer.get(..length).unwrap_or_default(),
        ))
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Interface { index, facts } => {
                self.all.entry(index).or_default().facts = facts;
            }
            Change::InterfaceGone { index } => {
                self.all.remove(&index);
            }
            Change::Address {
                index,
                network,
                is_lasting,
            } => {
                let addresses = &mut self.all.entry(index).or_default().addresses;
                addresses.retain(|known| known.network != network);
                addresses.push(Address {
                    network,
                    is_lasting,
                });
            }
            Change::AddressGone { index, network } => {
                if let Some(interface) = self.all.get_mut(&index) {
                    interface.addresses.retain(|known| known.network != network);
                }
            }
            Change::Done => {}
        }
    }
}

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 = 0x1 | 0x10 | 0x100;

/// A port that the kernel never assigns.
const NOBODY: u32 = u32::MAX;

/// The largest datagram that the kernel sends to a reader with such a buffer.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// The most messages read in one turn.
const MESSAGES_MAX: usize = 64;

/// The most addresses announced on one link, so that all records fit into one packet.
const ADDRESSES_MAX: usize = 8;

const ANSWER_TIMEOUT: Timespec = Timespec {
    tv_sec: 2,
    tv_nsec: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_beyond_the_limit_are_left_for_the_next_turn() {
        let mut interfaces = Interfaces::open().unwrap();
        while interfaces.take_changes().is_cut {}
        // The kernel answers each invalid request with a message.
        let mut invalid = netlink::request(Request::Addresses);
        invalid[4..6].copy_from_slice(&u16::MAX.to_ne_bytes());
        let kernel = SocketAddrNetlink::new(0, 0);
        for _ in 0..=MESSAGES_MAX {
            sendto(&interfaces.socket, &invalid, SendFlags::empty(), &kernel).unwrap();
        }
        assert!(interfaces.take_changes().is_cut);
        assert!(!interfaces.take_changes().is_cut);
    }
}

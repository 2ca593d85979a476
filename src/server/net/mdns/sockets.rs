//! The sockets of multicast DNS: one for each family, for all links.

use crate::mdns::{Arrival, LinkId, Network, Transmit};
use ipnet::IpNet;
use libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{DontRoute, Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, recvmsg,
    sendmsg, setsockopt,
};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The sockets of multicast DNS. A machine may lack one of the families.
#[derive(Debug)]
pub(crate) struct Sockets {
    v4: Option<Socket>,
    v6: Option<Socket>,
    /// The links whose group was joined, each with an address to send from.
    links: BTreeMap<LinkId, Ipv4Addr>,
    packet: Vec<u8>,
    control: Vec<u8>,
}

impl Sockets {
    /// Listens on the port of multicast DNS, which other programs on this machine may share.
    pub(crate) fn open() -> io::Result<Self> {
        let (v4, v6) = (open_v4(), open_v6());
        if let (Err(error), Err(_)) = (&v4, &v6) {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        Ok(Self {
            v4: v4.ok(),
            v6: v6.ok(),
            links: BTreeMap::new(),
            packet: vec![0; PACKET_BYTES_MAX + 1],
            control: nix::cmsg_space!(in6_pktinfo),
        })
    }

    /// Returns the descriptors for IPv4 and IPv6.
    pub(crate) fn descriptors(&self) -> [Option<RawFd>; 2] {
        [&self.v4, &self.v6].map(|socket| socket.as_ref().map(AsRawFd::as_raw_fd))
    }

    /// Returns both sockets, to wait for them.
    pub(crate) fn as_fds(&self) -> Vec<BorrowedFd<'_>> {
        let sockets = [&self.v4, &self.v6].into_iter().flatten();
        sockets.map(AsFd::as_fd).collect()
    }

    /// Joins the group on a link, and sends from this machine's address there. Otherwise the kernel
    /// may choose the address of another link.
    pub(crate) fn join(&mut self, link: LinkId, network: &Network) {
        let all = network.networks.iter().map(IpNet::addr);
        let v4 = network
            .announced
            .iter()
            .copied()
            .chain(all)
            .find_map(|ip| match ip {
                IpAddr::V4(ip) => Some(ip),
                IpAddr::V6(_) => None,
            });
        let source = v4.unwrap_or(Ipv4Addr::UNSPECIFIED);
        if self.links.insert(link, source).is_some() {
            return;
        }
        let interface = InterfaceIndexOrAddress::Index(link.0);
        let v4 = self.v4.as_ref();
        let v4 = v4.map(|it| it.join_multicast_v4_n(&GROUP_V4, &interface));
        let v6 = self.v6.as_ref();
        let v6 = v6.map(|it| it.join_multicast_v6(&GROUP_V6, link.0));
        for error in [v4, v6].into_iter().flatten().filter_map(Result::err) {
            log::debug!(
                "cannot receive multicast DNS on interface {}: {error}",
                link.0
            );
        }
    }

    /// Leaves the groups on all links but these. The kernel counts memberships even after the
    /// interface is gone.
    pub(crate) fn leave_all_but(&mut self, stays: impl Fn(LinkId) -> bool) {
        for (link, _) in self.links.extract_if(.., |link, _| !stays(*link)) {
            let interface = InterfaceIndexOrAddress::Index(link.0);
            if let Some(socket) = &self.v4 {
                let _ = socket.leave_multicast_v4_n(&GROUP_V4, &interface);
            }
            if let Some(socket) = &self.v6 {
                let _ = socket.leave_multicast_v6(&GROUP_V6, link.0);
            }
        }
    }

    /// Receives the next packet. Returns `None` if there is none.
    pub(crate) fn receive(&mut self) -> Option<(&[u8], Arrival)> {
        for socket in [&self.v4, &self.v6].into_iter().flatten() {
            let fd = socket.as_raw_fd();
            let received = if self.v4.as_ref().is_some_and(|it| it.as_raw_fd() == fd) {
                receive::<SockaddrIn>(fd, &mut self.packet, &mut self.control)
            } else {
                receive::<SockaddrIn6>(fd, &mut self.packet, &mut self.control)
            };
            // An invalid packet is dropped. The next call may receive another one.
            if let Some((length, arrival)) = received {
                let packet = self.packet.get(..length).unwrap_or_default();
                return Some((packet, arrival));
            }
        }
        None
    }

    /// Sends a packet. If it is lost, it is requested or sent again.
    pub(crate) fn send(&self, transmit: &Transmit) {
        let Transmit { link, to, packet } = transmit;
        let sent = match to {
            Some(SocketAddr::V4(to)) => self.send_v4(*link, *to, packet),
            Some(SocketAddr::V6(to)) => self.send_v6(*link, *to, packet),
            None => {
                let v4 = SocketAddrV4::new(GROUP_V4, PORT);
                let v6 = SocketAddrV6::new(GROUP_V6, PORT, 0, link.0);
                let v4 = self.send_v4(*link, v4, packet);
                self.send_v6(*link, v6, packet).or(v4)
            }
        };
        if let Err(errno) = sent {
            log::debug!("multicast DNS on interface {}: {errno}", link.0);
        }
    }

    fn send_v4(&self, link: LinkId, to: SocketAddrV4, packet: &[u8]) -> Result<(), Errno> {
        let socket = self.v4.as_ref().ok_or(Errno::EAFNOSUPPORT)?;
        let source = self.links.get(&link).unwrap_or(&Ipv4Addr::UNSPECIFIED);
        let info = in_pktinfo {
            ipi_ifindex: i32::try_from(link.0).map_err(|_| Errno::ENODEV)?,
            ipi_spec_dst: in_addr {
                s_addr: u32::from_ne_bytes(source.octets()),
            },
            ipi_addr: in_addr { s_addr: 0 },
        };
        let control = [ControlMessage::Ipv4PacketInfo(&info)];
        send(socket, &control, &SockaddrIn::from(to), packet)
    }

    fn send_v6(&self, link: LinkId, to: SocketAddrV6, packet: &[u8]) -> Result<(), Errno> {
        let socket = self.v6.as_ref().ok_or(Errno::EAFNOSUPPORT)?;
        let info = in6_pktinfo {
            ipi6_addr: in6_addr { s6_addr: [0; 16] },
            ipi6_ifindex: link.0,
        };
        let control = [ControlMessage::Ipv6PacketInfo(&info)];
        send(socket, &control, &SockaddrIn6::from(to), packet)
    }
}

/// Opens the socket for IPv4. Socket options cannot be changed in the sandbox, so IPv4 packets go
/// only to hosts on the same link, and routers drop IPv6 packets for single hosts.
fn open_v4() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(true)?;
    // RFC 6762 §11.
    socket.set_multicast_ttl_v4(255)?;
    socket.set_ttl_v4(255)?;
    setsockopt(&socket, DontRoute, &true)?;
    setsockopt(&socket, Ipv4PacketInfo, &true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into())?;
    Ok(socket)
}

fn open_v6() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_only_v6(true)?;
    socket.set_multicast_all_v6(false)?;
    socket.set_multicast_loop_v6(true)?;
    socket.set_multicast_hops_v6(255)?;
    // The kernel has no `SO_DONTROUTE` for IPv6, but routers drop these packets.
    socket.set_unicast_hops_v6(1)?;
    setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
    socket.bind(&SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, PORT, 0, 0).into())?;
    Ok(socket)
}

/// An address of one of the families.
trait Address: SockaddrLike {
    fn socket_address(&self) -> SocketAddr;
}

impl Address for SockaddrIn {
    fn socket_address(&self) -> SocketAddr {
        SocketAddrV4::new(self.ip(), self.port()).into()
    }
}

impl Address for SockaddrIn6 {
    fn socket_address(&self) -> SocketAddr {
        SocketAddrV6::new(self.ip(), self.port(), 0, self.scope_id()).into()
    }
}

fn receive<A: Address>(
    fd: RawFd,
    packet: &mut [u8],
    control: &mut [u8],
) -> Option<(usize, Arrival)> {
    let mut parts = [IoSliceMut::new(packet)];
    let received = recvmsg::<A>(fd, &mut parts, Some(control), MsgFlags::MSG_DONTWAIT).ok()?;
    let (mut index, mut to) = (0, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    for message in received.cmsgs().ok().into_iter().flatten() {
        match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                index = u32::try_from(info.ipi_ifindex).unwrap_or_default();
                to = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into();
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                index = info.ipi6_ifindex;
                to = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
            }
            _ => {}
        }
    }
    // A packet without a sender belongs to no known link.
    let from = received.address.map(|it| it.socket_address());
    let arrival = Arrival {
        link: LinkId(index),
        from: from.unwrap_or((to, 0).into()),
        is_multicast: to.is_multicast(),
    };
    Some((received.bytes, arrival))
}

fn send<A: SockaddrLike>(
    socket: &Socket,
    control: &[ControlMessage<'_>],
    to: &A,
    packet: &[u8],
) -> Result<(), Errno> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let parts = [IoSlice::new(packet)];
    sendmsg(socket.as_raw_fd(), &parts, control, flags, Some(to)).map(drop)
}

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// RFC 6762 §17.
const PACKET_BYTES_MAX: usize = 9000;

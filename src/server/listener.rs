//! Listening sockets.

mod handover;
mod holder;
mod inherited;
mod opening;

use super::session::Side;
use super::socket::Socket;
use super::{FreePort, ListenAddress, Options, StartError};
use handover::{Handover, Predecessor};
use inherited::Inherited;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use opening::{bind_tcp, open, set_for_connections};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub use holder::Holder;

#[derive(Debug)]
pub(super) struct Listener {
    socket: OwnedFd,
    address: ListenAddress,
    side: Side,
    /// Whether accepting may give a connection. Edge-triggered: cleared only when none is left.
    is_ready: bool,
    /// Where the next server asks for the socket, if that may be.
    handover: Option<Handover>,
    /// Whether another process may have the socket as well.
    is_shared: bool,
    /// The file that was made for the socket, if one was.
    file: Option<FileIdentity>,
    /// Whether whoever started the server has opened the socket, as systemd does.
    is_handed_over: bool,
}

/// By which a file is known again: the device, and its number there.
type FileIdentity = (u64, u64);

/// What accepting gave.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A connection, and its peer's address if it has one.
    Session(Socket, Option<IpAddr>),
    /// No connection waits.
    Nothing,
    /// One waits, but there is no descriptor for it.
    NoDescriptors,
    /// The system does not let us accept, now or ever.
    Failed(Errno),
}

impl Listener {
    /// Lets the poll tell of connections, and by another token of servers that want the socket.
    pub(super) fn register(
        &self,
        registry: &Registry,
        token: Token,
        control: Token,
    ) -> io::Result<()> {
        let register = |descriptor: i32, token| {
            registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
        };
        register(self.socket.as_raw_fd(), token)?;
        match &self.handover {
            Some(handover) => register(handover.descriptor(), control),
            None => Ok(()),
        }
    }

    /// Hands the socket to servers that ask for it.
    pub(super) fn hand_over(&mut self) {
        let Some(handover) = &self.handover else {
            return;
        };
        if handover.answer(self.socket.as_fd()) > 0 {
            self.is_shared = true;
            log::info!("another server listens on {} now as well", self.address);
        }
    }

    /// Whether another server may accept what we do not.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Where it listens: with the port that the kernel chose, if it was to.
    pub(super) fn address(&self) -> &ListenAddress {
        &self.address
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    /// Whether whoever started the server has opened the socket.
    pub(super) fn is_handed_over(&self) -> bool {
        self.is_handed_over
    }

    pub(super) fn note_ready(&mut self) {
        self.is_ready = true;
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Accepts one connection. What is wrong with one that waits is no matter of the others'.
    pub(super) fn accept(&mut self) -> Accepted {
        while self.is_ready {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::acceptfrom_with(&self.socket, flags) {
                Ok((socket, peer)) => {
                    // Cheaper than to accept in vain, which makes a socket before it looks.
                    self.has_waiting();
                    return Accepted::Session(Socket::new(socket), peer.as_ref().and_then(ip_of));
                }
                Err(Errno::AGAIN) => self.is_ready = false,
                // accept(2) says so even where no connection waits.
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    if self.has_waiting() {
                        return Accepted::NoDescriptors;
                    }
                }
                // accept(2): errors of the connection itself, or of the network; the next is new.
                Err(
                    Errno::CONNABORTED
                    | Errno::INTR
                    | Errno::PROTO
                    | Errno::NETDOWN
                    | Errno::NETUNREACH
                    | Errno::HOSTDOWN
                    | Errno::HOSTUNREACH,
                ) => {}
                Err(errno) => return Accepted::Failed(errno),
            }
        }
        Accepted::Nothing
    }

    /// Whether a connection waits to be accepted.
    pub(super) fn has_waiting(&mut self) -> bool {
        let mut listener = [PollFd::new(&self.socket, PollFlags::IN)];
        let ready = rustix::event::poll(&mut listener, Some(&Timespec::default()));
        // Where that cannot be told, it is tried.
        self.is_ready = ready != Ok(0);
        self.is_ready
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let ListenAddress::Unix(path) = &self.address
            && !self.is_shared
            // Whoever has removed it may have put the socket of another server in its place.
            && self.file.is_some()
            && self.file == identity(path)
            && let Err(error) = std::fs::remove_file(path)
        {
            log::debug!(
                "the socket {} could not be removed: {error}",
                path.display()
            );
        }
    }
}

impl ListenAddress {
    /// Whether both cannot be listened on at once.
    pub fn clashes_with(&self, other: &Self) -> bool {
        let (Self::Tcp(one), Self::Tcp(other)) = (self, other) else {
            return self == other;
        };
        let is_part = one == other
            || one.is_ipv4() == other.is_ipv4()
                && (one.ip().is_unspecified() || other.ip().is_unspecified());
        // Port 0 is another one each time.
        is_part && one.port() == other.port() && one.port() != 0
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}/"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where a server with these options listens.
pub fn addresses(options: &Options) -> Vec<ListenAddress> {
    match options.listen.as_slice() {
        [] => LOOPBACK
            .map(|ip| ListenAddress::Tcp(SocketAddr::new(ip, options.port)))
            .into(),
        given => given.to_vec(),
    }
}

/// Listens where a server with these options is to, the operator's listeners first: on the sockets
/// that were handed over or else on the addresses that are given, of either kind.
pub(super) fn listen(options: &Options) -> Result<Vec<Listener>, StartError> {
    let inherited = inherited::take().map_err(StartError::Inherited)?;
    let inherited = inherited.into_iter().map(Listener::inherit);
    let (mut listeners, public): (Vec<_>, Vec<_>) =
        inherited.partition(|listener| listener.side == Side::Admin);
    if listeners.is_empty() {
        listeners = bind_all(&options.admin, Side::Admin, options.reuse_port)?;
    } else {
        warn_of_replaced("admin", &options.admin);
    }
    if public.is_empty() {
        listeners.extend(bind_public(options)?);
    } else {
        warn_of_replaced("listen", &options.listen);
        listeners.extend(public);
    }
    Ok(listeners)
}

/// Whether whoever starts the server hands it sockets, as far as that can be told before they are
/// taken.
pub(super) fn are_sockets_handed_over() -> bool {
    std::env::var_os("LISTEN_FDS").is_some()
}

fn warn_of_replaced(name: &str, addresses: &[ListenAddress]) {
    if !addresses.is_empty() {
        log::warn!("sockets were handed over, and take the place of the setting {name}");
    }
}

impl Listener {
    fn inherit(inherited: Inherited) -> Self {
        let side = if inherited.name == "admin" {
            Side::Admin
        } else {
            Side::Public
        };
        Self {
            socket: inherited.socket,
            address: inherited.address,
            side,
            is_ready: true,
            handover: None,
            is_shared: true,
            file: None,
            is_handed_over: true,
        }
    }
}

/// Listens on the addresses of the site. Where a port is taken, it looks for one that is free.
fn bind_public(options: &Options) -> Result<Vec<Listener>, StartError> {
    let addresses = addresses(options);
    let free = |address: SocketAddr| {
        if options.listen.is_empty() {
            free_port(options.port).map(FreePort::Alone)
        } else {
            free_address(address, &addresses).map(FreePort::OfAddress)
        }
    };
    bind_all(&addresses, Side::Public, options.reuse_port).map_err(|error| error.with_holder(free))
}

/// Listens on all addresses or on none. Of two that mean the same in IPv4 and in IPv6, such as
/// `127.0.0.1` and `[::1]`, the machine may lack one.
fn bind_all(
    addresses: &[ListenAddress],
    side: Side,
    reuse: bool,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut lacking = None;
    for address in addresses {
        match bind_beside(listeners.last(), address, side, reuse) {
            Ok(listener) => listeners.push(listener),
            Err(StartError::Listen(_, error))
                if is_missing_family(&error) && has_counterpart(address, addresses) =>
            {
                log::debug!("{address} is not listened on, as this machine lacks it");
                lacking.get_or_insert(StartError::Listen(address.clone(), error));
            }
            Err(error) => return Err(error),
        }
    }
    match lacking {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// Listens on an address. If the kernel is to choose the port, it is that of the counterpart that
/// has just been bound, where nobody else has it: so `localhost` is one place in both families.
fn bind_beside(
    last: Option<&Listener>,
    address: &ListenAddress,
    side: Side,
    reuse: bool,
) -> Result<Listener, StartError> {
    if let ListenAddress::Tcp(wanted) = address
        && wanted.port() == 0
        && let Some(ListenAddress::Tcp(bound)) = last.map(Listener::address)
        && counterpart(bound.ip()) == Some(wanted.ip())
    {
        let same = ListenAddress::Tcp(SocketAddr::new(wanted.ip(), bound.port()));
        if let Ok(listener) = bind(same, side, reuse) {
            return Ok(listener);
        }
    }
    bind(address.clone(), side, reuse)
}

/// Whether the other family's address that means the same is listened on as well.
fn has_counterpart(address: &ListenAddress, addresses: &[ListenAddress]) -> bool {
    let ListenAddress::Tcp(address) = address else {
        return false;
    };
    counterpart(address.ip()).is_some_and(|ip| {
        let other = SocketAddr::new(ip, address.port());
        addresses.contains(&ListenAddress::Tcp(other))
    })
}

/// What means the same in the other family: all addresses, or the loopback.
fn counterpart(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv6Addr::UNSPECIFIED.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Some(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some(Ipv4Addr::LOCALHOST.into()),
        _ => None,
    }
}

/// The next port that nobody listens on at either loopback address.
fn free_port(taken: u16) -> Option<u16> {
    ports_above(taken)?.find(|port| {
        let is_taken = |ip| {
            bind_tcp(SocketAddr::new(ip, *port), false)
                .is_err_and(|error| !is_missing_family(&error))
        };
        !LOOPBACK.into_iter().any(is_taken)
    })
}

/// The address with the next port that nobody listens on, and that is not wanted as well.
fn free_address(address: SocketAddr, wanted: &[ListenAddress]) -> Option<SocketAddr> {
    let mut candidates = ports_above(address.port())?
        .map(|port| SocketAddr::new(address.ip(), port))
        .filter(|candidate| !wanted.contains(&ListenAddress::Tcp(*candidate)));
    candidates.find(|candidate| bind_tcp(*candidate, false).is_ok())
}

fn ports_above(port: u16) -> Option<impl Iterator<Item = u16>> {
    let above = port.checked_add(1)?..=u16::MAX;
    Some(above.take(PORTS_TRIED_MAX))
}

fn is_missing_family(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
        .iter()
        .any(|e| errno == Some(e.raw_os_error()))
}

fn bind(address: ListenAddress, side: Side, reuse: bool) -> Result<Listener, StartError> {
    let predecessor = if reuse {
        find_predecessor(&address)
    } else {
        None
    };
    let opened = match predecessor {
        Some(Predecessor::Found(socket, handover)) => {
            return Ok(Listener {
                socket,
                address,
                side,
                is_ready: true,
                handover: Some(handover),
                is_shared: true,
                file: None,
                is_handed_over: false,
            });
        }
        Some(Predecessor::None(handover)) => open(&address, reuse).map(|it| (it, Some(handover))),
        None => open(&address, reuse).map(|it| (it, None)),
    };
    match opened {
        Ok(((socket, bound), handover)) => Ok(Listener {
            socket,
            handover: handover.or_else(|| {
                let is_chosen = reuse && bound != address;
                is_chosen.then(|| Handover::open(&bound).ok()).flatten()
            }),
            file: match &bound {
                ListenAddress::Unix(path) => identity(path),
                ListenAddress::Tcp(_) => None,
            },
            address: bound,
            side,
            is_ready: true,
            is_shared: false,
            is_handed_over: false,
        }),
        Err(error) => Err(StartError::Listen(address, error)),
    }
}

/// Looks for a server that has an address. A port that the kernel is to choose is nobody's.
fn find_predecessor(address: &ListenAddress) -> Option<Predecessor> {
    if matches!(address, ListenAddress::Tcp(address) if address.port() == 0) {
        return None;
    }
    match Predecessor::find(address) {
        Ok(predecessor) => Some(predecessor),
        Err(error) => {
            log::warn!(
                "the socket of {address} cannot be taken over: {error}; connections that wait for \
                 another server are lost when that one stops"
            );
            None
        }
    }
}

fn identity(path: &Path) -> Option<FileIdentity> {
    let facts = std::fs::symlink_metadata(path).ok()?;
    Some((facts.dev(), facts.ino()))
}

fn ip_of(address: &SocketAddrAny) -> Option<IpAddr> {
    SocketAddr::try_from(address.clone())
        .ok()
        .map(|address| address.ip().to_canonical())
}

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How far a free port is looked for. Where so many in a row are taken, somebody else chooses ports.
const PORTS_TRIED_MAX: usize = 100;

//! Listening sockets.

mod handover;
mod holder;
mod inherited;

use super::session::Side;
use super::socket::Socket;
use super::unsent::UNSENT_BYTES_MAX;
use super::{ListenAddress, Options, StartError};
use handover::{Handover, Predecessor};
use inherited::Inherited;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};
use socket2::{Domain, Protocol, SockAddr, Type};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
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

/// Where a server with these options listens, of which a machine may lack one of the two that are
/// taken where none is given.
pub fn addresses(options: &Options) -> Vec<ListenAddress> {
    match options.listen.as_slice() {
        [] => LOOPBACK
            .map(|ip| ListenAddress::Tcp(SocketAddr::new(ip, DEFAULT_PORT)))
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
        listeners = bind_admin(&options.admin, options.reuse_port)?;
    } else {
        warn_of_replaced("admin", &options.admin);
    }
    if public.is_empty() {
        listeners.extend(bind_all(&options.listen, options.reuse_port)?);
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

/// Listens on all of the operator's addresses or on none.
fn bind_admin(addresses: &[ListenAddress], reuse: bool) -> Result<Vec<Listener>, StartError> {
    bind_given(addresses, Side::Admin, reuse).map_err(|error| error.with_holder(|_| None))
}

/// Listens on all addresses or on none. Without any, on both loopback addresses, of which one may
/// be missing on this machine.
fn bind_all(given: &[ListenAddress], reuse: bool) -> Result<Vec<Listener>, StartError> {
    let bound = if given.is_empty() {
        bind_loopback(reuse)
    } else {
        bind_given(given, Side::Public, reuse)
    };
    bound.map_err(|error| error.with_holder(|address| next_free(address, given)))
}

/// `0.0.0.0` and `[::]` together mean all that the machine has, which may be no IPv6.
fn bind_given(
    given: &[ListenAddress],
    side: Side,
    reuse: bool,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    for address in given {
        match bind(address.clone(), side, reuse) {
            Ok(listener) => listeners.push(listener),
            Err(StartError::Listen(_, error))
                if is_missing_family(&error) && is_all_of_ipv6(address, given) =>
            {
                log::info!("{address} is not listened on, as this machine has no IPv6");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(listeners)
}

/// Whether this is all of IPv6, beside all of IPv4.
fn is_all_of_ipv6(address: &ListenAddress, given: &[ListenAddress]) -> bool {
    match address {
        ListenAddress::Tcp(address) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            given.contains(&ListenAddress::Tcp(v4))
        }
        _ => false,
    }
}

fn bind_loopback(reuse: bool) -> Result<Vec<Listener>, StartError> {
    let [v4, v6] = LOOPBACK.map(|ip| {
        let address = SocketAddr::new(ip, DEFAULT_PORT);
        bind(ListenAddress::Tcp(address), Side::Public, reuse)
    });
    match v6 {
        Ok(v6) => Ok(vec![v4?, v6]),
        Err(StartError::Listen(_, error)) if is_missing_family(&error) => Ok(vec![v4?]),
        Err(error) => Err(v4.err().unwrap_or(error)),
    }
}

/// The address with the next port that nobody listens on, and that is not wanted as well.
fn next_free(address: SocketAddr, wanted: &[ListenAddress]) -> Option<SocketAddr> {
    let above = address.port().checked_add(1)?..=u16::MAX;
    let mut candidates = above
        .take(PORTS_TRIED_MAX)
        .map(|port| SocketAddr::new(address.ip(), port))
        .filter(|candidate| !wanted.contains(&ListenAddress::Tcp(*candidate)));
    candidates.find(|candidate| bind_tcp(*candidate, false).is_ok())
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

fn open(address: &ListenAddress, reuse: bool) -> io::Result<(OwnedFd, ListenAddress)> {
    match address {
        ListenAddress::Tcp(address) => bind_tcp(*address, reuse),
        ListenAddress::Unix(path) => bind_unix(path),
    }
}

fn bind_tcp(address: SocketAddr, reuse: bool) -> io::Result<(OwnedFd, ListenAddress)> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = socket2::Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    // A restart must not wait for the old connections' last packets to die out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse)?;
    set_for_connections(&socket)?;
    if address.is_ipv6() {
        // Else [::] would take IPv4's port as well, or not, as the system is configured.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket.into(), ListenAddress::Tcp(bound)))
}

/// Sets what connections inherit, so that none needs a call of its own.
pub(super) fn set_for_connections(listener: &socket2::Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    listener.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
}

fn bind_unix(path: &Path) -> io::Result<(OwnedFd, ListenAddress)> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    let address = SockAddr::unix(path)?;
    if let Err(error) = socket.bind(&address) {
        // bind(2) says so of whatever is there. What a server that was killed has left behind is
        // removed, and nothing else.
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
            let why = "it is there already, and no socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        if is_listened_on(&address)? {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    socket.listen(BACKLOG)?;
    Ok((socket.into(), ListenAddress::Unix(path.to_owned())))
}

fn identity(path: &Path) -> Option<FileIdentity> {
    let facts = std::fs::symlink_metadata(path).ok()?;
    Some((facts.dev(), facts.ino()))
}

/// Whether a server answers at a Unix-domain socket; `false` only if it certainly is none's.
fn is_listened_on(address: &SockAddr) -> io::Result<bool> {
    // Not waiting: a server that is too busy to answer is a server.
    let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        // Whether anybody does is not for us to know.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(true),
    }
}

fn ip_of(address: &SocketAddrAny) -> Option<IpAddr> {
    SocketAddr::try_from(address.clone())
        .ok()
        .map(|address| address.ip().to_canonical())
}

const DEFAULT_PORT: u16 = 8080;

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How far a free port is looked for. Where so many in a row are taken, somebody else chooses ports.
const PORTS_TRIED_MAX: usize = 100;

/// The kernel cuts it to its own limit, net.core.somaxconn.
const BACKLOG: i32 = 4096;

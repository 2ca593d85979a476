//! Opening the sockets that a server listens on: those handed over first, then the addresses.

use super::handover::{Handover, Predecessor};
use super::inherited;
use super::listener::{Listener, identity};
use super::socket::set_for_connections;
use crate::server::error::StartError;
use crate::server::listen_address::ListenAddress;
use crate::server::options::{Options, Side};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

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
pub(crate) fn listen(options: &Options) -> Result<Vec<Listener>, StartError> {
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

fn warn_of_replaced(name: &str, addresses: &[ListenAddress]) {
    if !addresses.is_empty() {
        log::warn!("sockets were handed over, and take the place of the setting {name}");
    }
}

/// Listens on all of the operator's addresses or on none.
fn bind_admin(addresses: &[ListenAddress], reuse: bool) -> Result<Vec<Listener>, StartError> {
    bind_given(addresses, Side::Admin, reuse)
}

/// Listens on all addresses or on none. Without any, on both loopback addresses, of which one may
/// be missing on this machine.
fn bind_all(given: &[ListenAddress], reuse: bool) -> Result<Vec<Listener>, StartError> {
    let bound = if given.is_empty() {
        bind_loopback(reuse)
    } else {
        bind_given(given, Side::Public, reuse)
    };
    bound.map_err(|error| match error {
        StartError::Listen(ListenAddress::Tcp(address), error)
            if error.kind() == io::ErrorKind::AddrInUse =>
        {
            let free = next_free(address, given);
            StartError::PortInUse { address, free }
        }
        error => error,
    })
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

const DEFAULT_PORT: u16 = 8080;

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How far a free port is looked for. Where so many in a row are taken, somebody else chooses ports.
const PORTS_TRIED_MAX: usize = 100;

/// The kernel cuts it to its own limit, net.core.somaxconn.
const BACKLOG: i32 = 4096;

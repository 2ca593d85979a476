//! Opening the sockets that a server listens on: those handed over first, then the addresses.

use super::handover::{Handover, Predecessor};
use super::holder::Holder;
use super::inherited;
use super::listener::{Listener, identity};
use super::opening::{bind_tcp, open};
use crate::server::error::{FreePort, StartError};
use crate::server::listen_address::ListenAddress;
use crate::server::options::{Options, Side};
use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
pub(crate) fn listen(options: &Options) -> Result<Vec<Listener>, StartError> {
    let inherited = inherited::take().map_err(StartError::Inherited)?;
    let inherited = inherited.into_iter().map(Listener::inherit);
    let (mut listeners, public): (Vec<_>, Vec<_>) =
        inherited.partition(|listener| listener.side() == Side::Admin);
    if listeners.is_empty() {
        listeners = bind_all(&options.admin, Side::Admin, options.reuse_port)
            .map_err(|error| with_holder(error, |_| None))?;
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
pub(crate) fn are_sockets_handed_over() -> bool {
    std::env::var_os("LISTEN_FDS").is_some()
}

fn warn_of_replaced(name: &str, addresses: &[ListenAddress]) {
    if !addresses.is_empty() {
        log::warn!("sockets were handed over, and take the place of the setting {name}");
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
    bind_all(&addresses, Side::Public, options.reuse_port).map_err(|error| with_holder(error, free))
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
                report_missing(address);
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

/// Says that this machine lacks one of two addresses. Of the loopback ones, nobody misses the other.
fn report_missing(address: &ListenAddress) {
    let ListenAddress::Tcp(at) = address else {
        return;
    };
    let family = if at.is_ipv6() { "IPv6" } else { "IPv4" };
    let level = if at.ip().is_loopback() {
        log::Level::Debug
    } else {
        log::Level::Info
    };
    log::log!(
        level,
        "{address} is not listened on, as this machine has no {family}"
    );
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

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How far a free port is looked for. Where so many in a row are taken, somebody else chooses ports.
const PORTS_TRIED_MAX: usize = 100;

/// The same error, with who has the address, if it is in use, and which is free in its place.
fn with_holder(
    error: StartError,
    find_free: impl FnOnce(SocketAddr) -> Option<FreePort>,
) -> StartError {
    match error {
        StartError::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
            StartError::InUse {
                holder: Holder::of(&address),
                free: match address {
                    ListenAddress::Tcp(address) => find_free(address),
                    ListenAddress::Unix(_) => None,
                },
                address,
            }
        }
        error => error,
    }
}

//! Opening the sockets that a server listens on: inherited ones first, then those for addresses.

use super::handover::{Handover, Predecessor};
use super::holder::Holder;
use super::inherited;
use super::listener::{Listener, Queue, identity};
use super::opening::{bind_tcp, open};
use crate::server::error::{FreePort, StartError};
use crate::server::listen_address::ListenAddress;
use crate::server::options::{ListenerRole, Options};
use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Returns the addresses that a server with these options listens on.
pub fn addresses(options: &Options) -> Vec<ListenAddress> {
    match options.listen.as_slice() {
        [] => default_ips(options)
            .map(|ip| {
                let at = SocketAddr::new(ip, options.port);
                if options.https {
                    ListenAddress::Tls(at)
                } else {
                    ListenAddress::Tcp(at)
                }
            })
            .into(),
        given => given.to_vec(),
    }
}

/// Returns the default addresses, for a server without listen addresses.
fn default_ips(options: &Options) -> [IpAddr; 2] {
    if options.share { ALL } else { LOOPBACK }
}

/// Opens the listeners of a server with these options, starting with those of the admin port. For
/// each of both kinds, inherited sockets replace the addresses in the options.
pub(crate) fn listen(options: &Options) -> Result<Vec<Listener>, StartError> {
    let inherited = inherited::take().map_err(StartError::Inherited)?;
    let inherited = inherited.into_iter().map(Listener::inherit);
    let (mut listeners, public): (Vec<_>, Vec<_>) =
        inherited.partition(|listener| listener.role() == ListenerRole::Admin);
    if listeners.is_empty() {
        listeners = bind_all(&options.admin, ListenerRole::Admin, options.reuse_port)
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

/// Returns `true` if the server inherits sockets, as far as the environment shows before they are
/// taken.
pub(crate) fn are_sockets_handed_over() -> bool {
    std::env::var_os("LISTEN_FDS").is_some()
}

fn warn_of_replaced(name: &str, addresses: &[ListenAddress]) {
    if !addresses.is_empty() {
        log::warn!("inherited sockets override the setting {name}");
    }
}

/// Listens on the addresses of the site. If a port is in use, searches for a free one.
fn bind_public(options: &Options) -> Result<Vec<Listener>, StartError> {
    let addresses = addresses(options);
    let free = |address: SocketAddr| {
        if options.listen.is_empty() {
            free_port(options.port, default_ips(options)).map(FreePort::Alone)
        } else {
            free_address(address, &addresses).map(FreePort::OfAddress)
        }
    };
    bind_all(&addresses, ListenerRole::Public, options.reuse_port)
        .map_err(|error| with_holder(error, free))
}

/// Listens on all addresses or on none. If two addresses mean the same in IPv4 and IPv6, such as
/// `127.0.0.1` and `[::1]`, the machine may lack one of them.
fn bind_all(
    addresses: &[ListenAddress],
    role: ListenerRole,
    reuse: bool,
) -> Result<Vec<Listener>, StartError> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut lacking = None;
    for address in addresses {
        match bind_near(listeners.last(), address, role, reuse) {
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

/// Reports that this machine lacks one of two addresses. A missing loopback address matters little.
fn report_missing(address: &ListenAddress) {
    let Some(at) = address.socket_address() else {
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
        "not listening on {address}: this machine has no {family}"
    );
}

/// Listens on an address. If the kernel chooses the port, prefers that of the counterpart that was
/// just bound, if it is free, so that `localhost` has one port in both families.
fn bind_near(
    last: Option<&Listener>,
    address: &ListenAddress,
    role: ListenerRole,
    reuse: bool,
) -> Result<Listener, StartError> {
    if let Some(wanted) = address.socket_address()
        && wanted.port() == 0
        && let Some(bound) = last.and_then(|last| last.address().socket_address())
        && counterpart(bound.ip()) == Some(wanted.ip())
    {
        let same = address.at(SocketAddr::new(wanted.ip(), bound.port()));
        if let Ok(listener) = bind(same, role, reuse) {
            return Ok(listener);
        }
    }
    bind(address.clone(), role, reuse)
}

/// Returns `true` if the equivalent address of the other family is also listened on.
fn has_counterpart(address: &ListenAddress, addresses: &[ListenAddress]) -> bool {
    let Some(at) = address.socket_address() else {
        return false;
    };
    counterpart(at.ip()).is_some_and(|ip| {
        let other = SocketAddr::new(ip, at.port());
        addresses.contains(&address.at(other))
    })
}

/// Returns the equivalent address of the other family: all addresses, or the loopback.
fn counterpart(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv6Addr::UNSPECIFIED.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Some(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some(Ipv4Addr::LOCALHOST.into()),
        _ => None,
    }
}

/// Returns the next port that is free on both addresses.
fn free_port(taken: u16, ips: [IpAddr; 2]) -> Option<u16> {
    ports_above(taken)?.find(|port| {
        let is_taken = |ip| {
            bind_tcp(SocketAddr::new(ip, *port), false)
                .is_err_and(|error| !is_missing_family(&error))
        };
        !ips.into_iter().any(is_taken)
    })
}

/// Returns the address with the next free port that is not among the wanted addresses.
fn free_address(address: SocketAddr, wanted: &[ListenAddress]) -> Option<SocketAddr> {
    let mut candidates = ports_above(address.port())?
        .map(|port| SocketAddr::new(address.ip(), port))
        .filter(|candidate| {
            !wanted
                .iter()
                .any(|it| it.socket_address() == Some(*candidate))
        });
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

fn bind(address: ListenAddress, role: ListenerRole, reuse: bool) -> Result<Listener, StartError> {
    let predecessor = if reuse {
        find_predecessor(&address)
    } else {
        None
    };
    let opened = match predecessor {
        Some(Predecessor::Found(socket, handover)) => {
            return Ok(Listener {
                queue: Queue::Kernel(socket),
                address,
                role,
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
            queue: Queue::Kernel(socket),
            handover: handover.or_else(|| {
                let is_chosen = reuse && bound != address;
                is_chosen.then(|| Handover::open(&bound).ok()).flatten()
            }),
            file: match &bound {
                ListenAddress::Unix(path) => identity(path),
                ListenAddress::Tcp(_) | ListenAddress::Tls(_) => None,
            },
            address: bound,
            role,
            is_ready: true,
            is_shared: false,
            is_handed_over: false,
        }),
        Err(error) => Err(StartError::Listen(address, error)),
    }
}

/// Searches for a server that uses an address. No server uses a port that the kernel has yet to
/// choose.
fn find_predecessor(address: &ListenAddress) -> Option<Predecessor> {
    if address.socket_address().is_some_and(|at| at.port() == 0) {
        return None;
    }
    match Predecessor::find(address) {
        Ok(predecessor) => Some(predecessor),
        Err(error) => {
            log::warn!(
                "cannot take over the socket of {address}: {error}; connections waiting at \
                 the other server are lost when it stops"
            );
            None
        }
    }
}

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

const ALL: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

/// The number of ports that are tried. If this many in a row are in use, another program chooses
/// ports in this range.
const PORTS_TRIED_MAX: usize = 100;

/// Returns the error for an address in use with its holder and a free alternative, and any other
/// error unchanged.
fn with_holder(
    error: StartError,
    find_free: impl FnOnce(SocketAddr) -> Option<FreePort>,
) -> StartError {
    match error {
        StartError::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
            StartError::InUse {
                holder: Holder::of(&address),
                free: address.socket_address().and_then(find_free),
                address,
            }
        }
        error => error,
    }
}

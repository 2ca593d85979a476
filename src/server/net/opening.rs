//! Opening sockets to listen on.

use super::socket::set_for_connections;
use crate::server::listen_address::ListenAddress;
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens a socket that listens on an address. Returns the address with the port that the kernel
/// chose.
pub(super) fn open(address: &ListenAddress, reuse: bool) -> io::Result<(OwnedFd, ListenAddress)> {
    match address {
        ListenAddress::Tcp(at) | ListenAddress::Tls(at) => {
            bind_tcp(*at, reuse).map(|(socket, bound)| (socket, address.at(bound)))
        }
        ListenAddress::Unix(path) => bind_unix(path),
    }
}

pub(super) fn bind_tcp(address: SocketAddr, reuse: bool) -> io::Result<(OwnedFd, SocketAddr)> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = socket2::Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    // A restart must not wait for the last packets of old connections.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse)?;
    set_for_connections(&socket)?;
    if address.is_ipv6() {
        // Otherwise, [::] might take the port of IPv4 too, depending on the system's configuration.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket.into(), bound))
}

fn bind_unix(path: &Path) -> io::Result<(OwnedFd, ListenAddress)> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    let address = SockAddr::unix(path)?;
    if let Err(error) = bind_closed(&socket, &address) {
        // bind(2) fails in this way for any existing file. Only the socket of a killed server is
        // removed.
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
            let why = "it exists already, and is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        if is_listened_on(&address)? {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        bind_closed(&socket, &address)?;
    }
    socket.listen(BACKLOG)?;
    Ok((socket.into(), ListenAddress::Unix(path.to_owned())))
}

/// Binds a socket to a path, so that only its user and group can connect, as far as the umask
/// allows. With a umask of 0 anyone could connect and act as a proxy.
fn bind_closed(socket: &socket2::Socket, address: &SockAddr) -> io::Result<()> {
    let umask = rustix::process::umask(Mode::RWXO);
    rustix::process::umask(umask | Mode::RWXO);
    let bound = socket.bind(address);
    rustix::process::umask(umask);
    bound
}

/// Returns `true` if a server listens on a Unix-domain socket, and `false` only if certainly none
/// does.
fn is_listened_on(address: &SockAddr) -> io::Result<bool> {
    // Non-blocking: a server that is too busy to answer is still a server.
    let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        // Without permission, we cannot know.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(true),
    }
}

/// The kernel reduces it to its own limit, net.core.somaxconn.
const BACKLOG: i32 = 4096;

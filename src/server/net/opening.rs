//! Opening the sockets that are listened on.

use super::socket::set_for_connections;
use crate::server::listen_address::ListenAddress;
use rustix::fd::OwnedFd;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens a socket that listens at an address: where it does, with the port that the kernel chose.
pub(super) fn open(address: &ListenAddress, reuse: bool) -> io::Result<(OwnedFd, ListenAddress)> {
    match address {
        ListenAddress::Tcp(address) => bind_tcp(*address, reuse),
        ListenAddress::Unix(path) => bind_unix(path),
    }
}

pub(super) fn bind_tcp(address: SocketAddr, reuse: bool) -> io::Result<(OwnedFd, ListenAddress)> {
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

/// The kernel cuts it to its own limit, net.core.somaxconn.
const BACKLOG: i32 = 4096;

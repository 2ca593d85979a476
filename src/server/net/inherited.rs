//! Listening sockets that the parent process has opened for the server, as systemd does for a
//! socket unit: `sd_listen_fds(3)`.

use super::socket::set_for_connections;
use crate::server::listen_address::ListenAddress;
use listenfd::ListenFd;
use rustix::fd::OwnedFd;
use rustix::net::sockopt;
use socket2::SockRef;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

/// An inherited socket.
#[derive(Debug)]
pub(crate) struct Inherited {
    pub(crate) socket: OwnedFd,
    pub(crate) address: ListenAddress,
    /// `FileDescriptorName=` of the socket unit; by default, systemd uses the name of the unit.
    pub(crate) name: String,
}

/// Takes all inherited sockets. Call this once, before any descriptor is opened; the variables that
/// describe the sockets are removed.
pub(crate) fn take() -> io::Result<Vec<Inherited>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut descriptors = ListenFd::from_env();
    let mut inherited = Vec::new();
    for index in 0..descriptors.len() {
        let name = names.next().unwrap_or_default().to_owned();
        let found = match descriptors.take_tcp_listener(index) {
            Ok(Some(listener)) => of_tcp(listener)?,
            _ => match descriptors.take_unix_listener(index)? {
                Some(listener) => of_unix(listener)?,
                None => continue,
            },
        };
        let (socket, address) = found;
        if !sockopt::socket_acceptconn(&socket)? {
            // With Accept=yes, systemd would start a server for each connection.
            return Err(io::Error::other("it does not listen; is it Accept=no?"));
        }
        inherited.push(Inherited {
            socket,
            address,
            name,
        });
    }
    Ok(inherited)
}

fn of_tcp(listener: TcpListener) -> io::Result<(OwnedFd, ListenAddress)> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let socket = OwnedFd::from(listener);
    set_for_connections(&SockRef::from(&socket))?;
    Ok((socket, ListenAddress::Tcp(address)))
}

fn of_unix(listener: UnixListener) -> io::Result<(OwnedFd, ListenAddress)> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let path = address.as_pathname().unwrap_or("(unnamed)".as_ref());
    let address = ListenAddress::Unix(path.to_owned());
    Ok((listener.into(), address))
}

//! A listening socket, and what accepting on it gives.

use super::handover::Handover;
use super::inherited::Inherited;
use super::socket::Socket;
use crate::server::listen_address::ListenAddress;
use crate::server::options::Side;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Listener {
    pub(super) socket: OwnedFd,
    pub(super) address: ListenAddress,
    pub(super) side: Side,
    /// Whether accepting may give a connection. Edge-triggered: cleared only when none is left.
    pub(super) is_ready: bool,
    /// Where the next server asks for the socket, if that may be.
    pub(super) handover: Option<Handover>,
    /// Whether another process may have the socket as well.
    pub(super) is_shared: bool,
    /// The file that was made for the socket, if one was.
    pub(super) file: Option<FileIdentity>,
    /// Whether whoever started the server has opened the socket, as systemd does.
    pub(super) is_handed_over: bool,
}

/// By which a file is known again: the device, and its number there.
pub(super) type FileIdentity = (u64, u64);

/// What accepting gave.
#[derive(Debug)]
pub(crate) enum Accepted {
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
    /// A socket that whoever started the server has opened.
    pub(super) fn inherit(inherited: Inherited) -> Self {
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

    /// Lets the poll tell of connections, and by another token of servers that want the socket.
    pub(crate) fn register(
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
    pub(crate) fn hand_over(&mut self) {
        let Some(handover) = &self.handover else {
            return;
        };
        if handover.answer(self.socket.as_fd()) > 0 {
            self.is_shared = true;
            log::info!("another server listens on {} now as well", self.address);
        }
    }

    /// Whether another server may accept what we do not.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Where it listens: with the port that the kernel chose, if it was to.
    pub(crate) fn address(&self) -> &ListenAddress {
        &self.address
    }

    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// Whether whoever started the server has opened the socket.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.is_handed_over
    }

    pub(crate) fn note_ready(&mut self) {
        self.is_ready = true;
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Accepts one connection. What is wrong with one that waits is no matter of the others'.
    pub(crate) fn accept(&mut self) -> Accepted {
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
    pub(crate) fn has_waiting(&mut self) -> bool {
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

pub(super) fn identity(path: &Path) -> Option<FileIdentity> {
    let facts = std::fs::symlink_metadata(path).ok()?;
    Some((facts.dev(), facts.ino()))
}

fn ip_of(address: &SocketAddrAny) -> Option<IpAddr> {
    SocketAddr::try_from(address.clone())
        .ok()
        .map(|address| address.ip().to_canonical())
}

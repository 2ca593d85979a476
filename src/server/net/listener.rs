//! A listening socket, and the results of accepting on it.

use super::handover::Handover;
use super::inherited::Inherited;
#[cfg(test)]
use super::memory::MemoryQueue;
use super::socket::Socket;
use crate::server::listen_address::ListenAddress;
use crate::server::options::ListenerRole;
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
    pub(super) queue: Queue,
    pub(super) address: ListenAddress,
    pub(super) role: ListenerRole,
    /// `true` if accepting may return a connection. Events are edge-triggered, so it is cleared
    /// only when no connection is left.
    pub(super) is_ready: bool,
    /// The socket at which the next server asks for this one, if that is allowed.
    pub(super) handover: Option<Handover>,
    /// `true` if another process may have the socket too.
    pub(super) is_shared: bool,
    /// The file that was created for the socket, if there is one.
    pub(super) file: Option<FileIdentity>,
    /// `true` if the socket is inherited, as from systemd.
    pub(super) is_handed_over: bool,
}

/// The queue of connections that wait to be accepted.
#[derive(Debug)]
pub(super) enum Queue {
    /// The queue of a listening socket.
    Kernel(OwnedFd),
    /// A queue that a test fills.
    #[cfg(test)]
    Memory(MemoryQueue),
}

/// The identity of a file: the device, and its number there.
pub(super) type FileIdentity = (u64, u64);

/// The result of accepting.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection, and the address of its peer, if there is one.
    Session(Socket, Option<IpAddr>),
    /// No connection waits.
    Nothing,
    /// A connection waits, but there is no descriptor for it.
    NoDescriptors,
    /// The system refuses to accept, now or permanently.
    Failed(Errno),
}

impl Listener {
    /// Creates a listener from an inherited socket.
    pub(super) fn inherit(inherited: Inherited) -> Self {
        let role = if inherited.name == "admin" {
            ListenerRole::Admin
        } else {
            ListenerRole::Public
        };
        let address = match inherited.address {
            ListenAddress::Tcp(address) if inherited.name == "https" => ListenAddress::Tls(address),
            address => address,
        };
        Self {
            queue: Queue::Kernel(inherited.socket),
            address,
            role,
            is_ready: true,
            handover: None,
            is_shared: true,
            file: None,
            is_handed_over: true,
        }
    }

    /// Creates a listener that accepts what a test puts into this queue.
    #[cfg(test)]
    pub(crate) fn in_memory(queue: MemoryQueue, role: ListenerRole) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        Self {
            queue: Queue::Memory(queue),
            address: ListenAddress::Tcp(address),
            role,
            is_ready: true,
            handover: None,
            is_shared: false,
            file: None,
            is_handed_over: false,
        }
    }

    /// Registers for events about connections and, with the other token, about servers that ask for
    /// the socket.
    pub(crate) fn register(
        &self,
        registry: &Registry,
        token: Token,
        control: Token,
    ) -> io::Result<()> {
        let register = |descriptor: i32, token| {
            registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
        };
        match &self.queue {
            Queue::Kernel(socket) => register(socket.as_raw_fd(), token)?,
            #[cfg(test)]
            Queue::Memory(queue) => queue.register(token),
        }
        match &self.handover {
            Some(handover) => register(handover.descriptor(), control),
            None => Ok(()),
        }
    }

    /// Passes the socket to servers that ask for it.
    pub(crate) fn hand_over(&mut self) {
        let Some(handover) = &self.handover else {
            return;
        };
        let answered = match &self.queue {
            Queue::Kernel(socket) => handover.answer(socket.as_fd()),
            #[cfg(test)]
            Queue::Memory(_) => 0,
        };
        if answered > 0 {
            self.is_shared = true;
            log::info!("another server listens on {} now as well", self.address);
        }
    }

    /// Returns `true` if another server may accept connections that we do not.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the address, with the port that the kernel chose if it did.
    pub(crate) fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Returns `true` if its connections use TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.address.is_tls()
    }

    pub(crate) fn role(&self) -> ListenerRole {
        self.role
    }

    /// Returns `true` if the socket is inherited.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.is_handed_over
    }

    pub(crate) fn note_ready(&mut self) {
        self.is_ready = true;
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Accepts one connection. An error of one waiting connection does not affect the others.
    pub(crate) fn accept(&mut self) -> Accepted {
        while self.is_ready {
            match self.queue.accept() {
                Ok((socket, peer)) => {
                    // Cheaper than a failing accept, which allocates a socket before it checks.
                    self.has_waiting();
                    return Accepted::Session(socket, peer);
                }
                Err(Errno::AGAIN) => self.is_ready = false,
                // accept(2) fails in this way even if no connection waits.
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    if self.has_waiting() {
                        return Accepted::NoDescriptors;
                    }
                }
                // accept(2): errors of the connection itself or the network; the next one is
                // independent.
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

    /// Returns `true` if a connection waits to be accepted.
    pub(crate) fn has_waiting(&mut self) -> bool {
        self.is_ready = self.queue.has_waiting();
        self.is_ready
    }
}

impl Queue {
    /// Accepts a connection. Returns also the address of its peer, if there is one.
    fn accept(&self) -> Result<(Socket, Option<IpAddr>), Errno> {
        match self {
            Self::Kernel(listener) => {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let (socket, peer) = rustix::net::acceptfrom_with(listener, flags)?;
                Ok((Socket::new(socket), peer.as_ref().and_then(ip_of)))
            }
            #[cfg(test)]
            Self::Memory(queue) => {
                let (socket, peer) = queue.accept()?;
                Ok((Socket::in_memory(socket), peer))
            }
        }
    }

    fn has_waiting(&self) -> bool {
        match self {
            Self::Kernel(listener) => {
                let mut listener = [PollFd::new(listener, PollFlags::IN)];
                let ready = rustix::event::poll(&mut listener, Some(&Timespec::default()));
                // If poll fails, accepting is tried.
                ready != Ok(0)
            }
            #[cfg(test)]
            Self::Memory(queue) => queue.has_waiting(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let ListenAddress::Unix(path) = &self.address
            && !self.is_shared
            // Another server may have put its own socket in this place.
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

//! Passing listening sockets from one server to the next, so that a restart loses no connection.
//!
//! With `SO_REUSEPORT` alone, each server has its own queue, and the kernel keeps filling that of a
//! server which is about to stop. Connections in the queue, and those in the middle of the TCP
//! handshake, are reset when it is closed. So the next server does not open its own socket but asks
//! the running server for its socket. Then there is one queue, which exists as long as any server
//! has it open.
//!
//! Servers find each other through an abstract Unix-domain socket with a name that contains the
//! address. Like ports, these names belong to a network namespace. The owner of the name receives
//! the requests, so the name is passed on together with the listening socket. Any process can
//! connect to it, and can take the name before us, so both sides check the user of the other one.
//! If the kernel shows a user as one of many ([`peer_user`](super::peer_user)), that user gets
//! nothing.

use super::peer_user::PeerUsers;
use crate::server::listen_address::ListenAddress;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use rustix::process::{Uid, geteuid};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;

/// The socket at which other servers ask for the listening socket of an address.
#[derive(Debug)]
pub(crate) struct Handover {
    socket: OwnedFd,
    users: PeerUsers,
}

/// The result of a search for a server that uses an address.
#[derive(Debug)]
pub(crate) enum Predecessor {
    /// There is none. From now on, other servers ask us.
    None(Handover),
    /// It has passed on its socket, and the socket for requests.
    Found(OwnedFd, Handover),
}

impl Predecessor {
    /// Searches for a server that uses this address.
    pub(crate) fn find(address: &ListenAddress) -> io::Result<Self> {
        for _ in 0..ATTEMPTS_MAX {
            match Handover::open(address) {
                Ok(handover) => return Ok(Self::None(handover)),
                Err(Errno::ADDRINUSE) => {}
                Err(errno) => return Err(errno.into()),
            }
            match ask(address) {
                // It has ended in the meantime.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
                Ok((socket, handover)) => return Ok(Self::Found(socket, handover)),
            }
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

impl Handover {
    /// Takes the name of an address, so that the next server finds us.
    pub(crate) fn open(address: &ListenAddress) -> Result<Self, Errno> {
        let socket = socket()?;
        rustix::net::bind(&socket, &name(address)?)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self::of(socket))
    }

    fn of(socket: OwnedFd) -> Self {
        // Before the sandbox closes /proc.
        let users = PeerUsers::read();
        Self { socket, users }
    }

    pub(crate) fn descriptor(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// Passes the socket to all servers that ask for it and are allowed to have it. Returns their
    /// number.
    pub(crate) fn answer(&self, listener: BorrowedFd<'_>) -> usize {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let mut handed_over = 0;
        for _ in 0..ANSWERED_A_TICK_MAX {
            let asking = match rustix::net::accept_with(&self.socket, flags) {
                Ok(asking) => asking,
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(_) => break,
            };
            match self.hand_over(&asking, listener) {
                Ok(()) => handed_over += 1,
                Err(errno) => log::debug!("a listening socket is not handed over: {errno}"),
            }
        }
        handed_over
    }

    fn hand_over(&self, asking: &OwnedFd, listener: BorrowedFd<'_>) -> Result<(), Errno> {
        let uid = self.users.of(asking)?;
        // The user that started us, before privileges were dropped.
        if !uid.is_root() && uid != self.users.of(&self.socket)? {
            return Err(Errno::PERM);
        }
        let descriptors = [listener, self.socket.as_fd()];
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        // Descriptors need at least one byte of data. It fits, because it is the first.
        let byte = [IoSlice::new(b".")];
        rustix::net::sendmsg(asking, &byte, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
    }
}

/// Asks the server that uses an address for its socket.
fn ask(address: &ListenAddress) -> io::Result<(OwnedFd, Handover)> {
    let socket = socket()?;
    rustix::net::connect(&socket, &name(address)?)?;
    if !PeerUsers::read().of(&socket).is_ok_and(is_trusted) {
        return Err(io::Error::other("another user's program has its name"));
    }
    let mut answer = [PollFd::new(&socket, PollFlags::IN)];
    if rustix::event::poll(&mut answer, Some(&ANSWER_TIMEOUT))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC;
    rustix::net::recvmsg(
        &socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        flags,
    )?;
    let mut descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    match (descriptors.next(), descriptors.next()) {
        (Some(listener), Some(handover)) if sockopt::socket_acceptconn(&listener)? => {
            Ok((listener, Handover::of(handover)))
        }
        _ => Err(io::Error::other(
            "the program that has it does not hand it over",
        )),
    }
}

fn is_trusted(uid: Uid) -> bool {
    uid.is_root() || uid == geteuid()
}

fn socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Returns the name at which the server that uses this address is asked.
fn name(address: &ListenAddress) -> Result<SocketAddrUnix, Errno> {
    let name = match address {
        ListenAddress::Tcp(address) | ListenAddress::Tls(address) => format!("millpond/{address}"),
        // A path may be longer than a name.
        ListenAddress::Unix(path) => {
            let path = std::path::absolute(path).map_err(|_| Errno::NOENT)?;
            format!("millpond/{}", blake3::hash(path.as_os_str().as_bytes()))
        }
    };
    SocketAddrUnix::new_abstract_name(name.as_bytes())
}

/// The time that a running server may take to answer. Its ticks take milliseconds.
const ANSWER_TIMEOUT: Timespec = Timespec {
    tv_sec: 3,
    tv_nsec: 0,
};

/// The number of attempts if two servers start at once, or one has just ended.
const ATTEMPTS_MAX: usize = 3;

/// The most servers that ask at once. Usually there is one.
const BACKLOG: i32 = 8;

/// More than can wait, but limited, so that endless requests do not keep the server from its work.
const ANSWERED_A_TICK_MAX: usize = 64;

/// For the listening socket, and for the socket at which it is requested.
const SPACE: usize = rustix::cmsg_space!(ScmRights(2));

//! Listening sockets that one server hands to the next, so that a restart loses no connection.
//!
//! With `SO_REUSEPORT` alone each server has a queue of its own, and the kernel goes on filling the
//! one of a server that is about to stop. What is in it when it is closed, and who is halfway
//! through the handshake then, is reset. So the next server does not open a socket of its own but
//! asks for that of the one before: there is one queue, which lives as long as anybody has it open.
//!
//! Servers find each other by an abstract Unix-domain socket whose name tells the address. Like
//! ports, these names belong to a network namespace. To have one is to be asked, so it is handed
//! on together with what it is about. Anybody can connect to it, and anybody can take the name
//! before us: both sides look at who the other one is.

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

/// Where a server is asked for the listening socket of an address.
#[derive(Debug)]
pub(crate) struct Handover(OwnedFd);

/// What came of a look for a server that has an address.
#[derive(Debug)]
pub(crate) enum Predecessor {
    /// There is none, and we are asked from now on.
    None(Handover),
    /// It has handed over its socket, and the place where we are asked as well.
    Found(OwnedFd, Handover),
}

impl Predecessor {
    /// Looks for a server that has this address.
    pub(crate) fn find(address: &ListenAddress) -> io::Result<Self> {
        for _ in 0..ATTEMPTS_MAX {
            match Handover::open(address) {
                Ok(handover) => return Ok(Self::None(handover)),
                Err(Errno::ADDRINUSE) => {}
                Err(errno) => return Err(errno.into()),
            }
            match ask(address) {
                // It has gone in the meantime.
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
        Ok(Self(socket))
    }

    pub(crate) fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Hands the socket to whoever asks for it and may have it: how many have got it.
    pub(crate) fn answer(&self, listener: BorrowedFd<'_>) -> usize {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let mut handed_over = 0;
        for _ in 0..ANSWERED_A_TICK_MAX {
            let asking = match rustix::net::accept_with(&self.0, flags) {
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
        // Whoever started us, before privileges were dropped.
        let starter = sockopt::socket_peercred(&self.0)?.uid;
        let uid = sockopt::socket_peercred(asking)?.uid;
        if uid != starter && !uid.is_root() {
            return Err(Errno::PERM);
        }
        let descriptors = [listener, self.0.as_fd()];
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        // Descriptors travel with bytes, of which there has to be one. It fits: it is the first.
        let byte = [IoSlice::new(b".")];
        rustix::net::sendmsg(asking, &byte, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
    }
}

/// Asks the server that has an address for its socket.
fn ask(address: &ListenAddress) -> io::Result<(OwnedFd, Handover)> {
    let socket = socket()?;
    rustix::net::connect(&socket, &name(address)?)?;
    let server = sockopt::socket_peercred(&socket)?.uid;
    if !is_trusted(server) {
        return Err(io::Error::other("another user's program has its name"));
    }
    let mut answer = [PollFd::new(&socket, PollFlags::IN)];
    if rustix::event::poll(&mut answer, Some(&PATIENCE))? == 0 {
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
            Ok((listener, Handover(handover)))
        }
        _ => Err(io::Error::other(
            "the program that has it does not part with it",
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

/// The name under which the server that has this address is asked.
fn name(address: &ListenAddress) -> Result<SocketAddrUnix, Errno> {
    let name = match address {
        ListenAddress::Tcp(address) => format!("millpond/{address}"),
        // A path can be longer than a name.
        ListenAddress::Unix(path) => {
            let path = std::path::absolute(path).map_err(|_| Errno::NOENT)?;
            format!("millpond/{}", blake3::hash(path.as_os_str().as_bytes()))
        }
    };
    SocketAddrUnix::new_abstract_name(name.as_bytes())
}

/// How long a server that runs may take to answer. Its turns take milliseconds.
const PATIENCE: Timespec = Timespec {
    tv_sec: 3,
    tv_nsec: 0,
};

/// How often to ask again when two servers start at once, or one has just gone.
const ATTEMPTS_MAX: usize = 3;

/// Next servers at once. There is one.
const BACKLOG: i32 = 8;

/// Some more than can wait, lest whoever asks without end keeps the server from its work.
const ANSWERED_A_TICK_MAX: usize = 64;

/// For the listening socket, and for the one by which it is found.
const SPACE: usize = rustix::cmsg_space!(ScmRights(2));

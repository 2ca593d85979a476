//! A connected socket of any family, and the calls that are made on it.

use super::progress::Delivery;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Socket {
    descriptor: OwnedFd,
    /// Whether the kernel may hold back what was sent last.
    holds_back: Cell<bool>,
}

/// What follows the bytes that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Perhaps nothing for now, so they leave as soon as they can.
    Unknown,
    /// More bytes or the end, in the next call: they share a segment with it.
    AtOnce,
}

impl Socket {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            holds_back: Cell::new(false),
        }
    }

    pub(crate) fn descriptor(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }

    /// How many bytes came; 0 is the end.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        retry_on_intr(|| {
            rustix::net::recv(&self.descriptor, &mut *buffer, RecvFlags::empty())
                .map(|(count, _)| count)
        })
    }

    /// Sends one run of bytes after another, as one if there is room.
    pub(crate) fn send(&self, first: &[u8], second: &[u8], next: Next) -> Result<usize> {
        self.holds_back.set(next == Next::AtOnce);
        let flags = match next {
            Next::Unknown => SendFlags::NOSIGNAL,
            Next::AtOnce => SendFlags::NOSIGNAL | SendFlags::MORE,
        };
        if second.is_empty() {
            return retry_on_intr(|| rustix::net::send(&self.descriptor, first, flags));
        }
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        retry_on_intr(|| {
            let mut none = SendAncillaryBuffer::default();
            rustix::net::sendmsg(&self.descriptor, &slices, &mut none, flags)
        })
    }

    /// Sends a run of a file, from the page cache to the socket. 0: the file ends before it.
    pub(crate) fn send_file(&self, file: impl AsFd, offset: u64, length: usize) -> Result<usize> {
        self.holds_back.set(false);
        let mut at = offset;
        retry_on_intr(|| {
            rustix::fs::sendfile(&self.descriptor, file.as_fd(), Some(&mut at), length)
        })
    }

    /// Sends what is held back, with the end: to close the socket would drop it if something has
    /// come that was not received.
    pub(crate) fn let_go(&self) -> Result<()> {
        if self.holds_back.get() {
            self.shut_down_sending()?;
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shut_down_sending(&self) -> Result<()> {
        rustix::net::shutdown(&self.descriptor, Shutdown::Write)
    }

    /// What the kernel knows of what the peer was sent.
    pub(crate) fn delivery(&self) -> Delivery {
        Delivery::of(&self.descriptor)
    }

    /// Sets how much the kernel may hold beyond what is on its way before it asks for no more. Other
    /// sockets than those of TCP have no such limit.
    pub(crate) fn set_unsent_bytes_max(&self, bytes: u32) {
        if let Err(error) = socket2::SockRef::from(&self.descriptor).set_tcp_notsent_lowat(bytes) {
            log::debug!("what is left with the kernel could not be limited: {error}");
        }
    }

    /// Makes the close to come a reset, so that the peer does not take what it has for the whole.
    pub(crate) fn reset_on_close(&self) {
        let linger = socket2::SockRef::from(&self.descriptor).set_linger(Some(Duration::ZERO));
        if let Err(error) = linger {
            log::debug!("a connection could not be set to be reset: {error}");
        }
    }
}

/// Sets what connections inherit, so that none needs a call of its own.
pub(crate) fn set_for_connections(listener: &socket2::Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    listener.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
}

/// What may be left with the kernel for most clients, in bytes. Little, so that a thousand clients
/// that do not read cannot use up its memory for all sockets.
pub(crate) const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Whether an error means that the call is to be made again when the socket is ready.
pub(crate) fn is_not_ready(errno: Errno) -> bool {
    errno == Errno::AGAIN || errno == Errno::WOULDBLOCK
}

/// Whether an error says that the peer, or the way to it, is no more.
pub(crate) fn is_of_the_peer(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::PIPE
            | Errno::CONNRESET
            | Errno::CONNABORTED
            | Errno::TIMEDOUT
            | Errno::NOTCONN
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTUNREACH
    )
}

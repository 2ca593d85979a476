//! A connected socket of any family, and the calls that are made on it.

use super::progress::{Delivery, Progress};
use super::unsent::{Lack, LargeSend, UNSENT_BYTES_MAX};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::cell::Cell;
use std::io::IoSlice;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    /// Whether the kernel may hold back what was sent last.
    holds_back: Cell<bool>,
    pub(super) lack: Lack,
    /// Since when the kernel has had no room for more of the present response, if it has none.
    pub(super) lacked_since: Option<Instant>,
    /// How the peer has got on while there was no room; `None` if that was never for long.
    pub(super) progress: Option<Box<Progress>>,
    /// Whether the peer was quick to make room, the last time that it lacked.
    pub(super) is_quick: bool,
    /// Leave to leave much with the kernel, while a large file is sent.
    pub(super) large_send: Option<LargeSend>,
}

/// What follows the bytes that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Perhaps nothing for now, so they leave as soon as they can.
    Unknown,
    /// More bytes or the end, in the next call: they share a segment with it.
    AtOnce,
}

impl Socket {
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            holds_back: Cell::new(false),
            lack: Lack::Never,
            lacked_since: None,
            progress: None,
            is_quick: false,
            large_send: None,
        }
    }

    pub(super) fn descriptor(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }

    /// How many bytes came; 0 is the end.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        retry_on_intr(|| {
            rustix::net::recv(&self.descriptor, &mut *buffer, RecvFlags::empty())
                .map(|(count, _)| count)
        })
    }

    /// Sends one run of bytes after another, as one if there is room.
    pub(super) fn send(&self, first: &[u8], second: &[u8], next: Next) -> Result<usize> {
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
    pub(super) fn send_file(&self, file: impl AsFd, offset: u64, length: usize) -> Result<usize> {
        self.holds_back.set(false);
        let mut at = offset;
        retry_on_intr(|| {
            rustix::fs::sendfile(&self.descriptor, file.as_fd(), Some(&mut at), length)
        })
    }

    /// Sends what is held back, with the end: to close the socket would drop it if something has
    /// come that was not received.
    pub(super) fn let_go(&self) -> Result<()> {
        if self.holds_back.get() {
            self.shut_down_sending()?;
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub(super) fn shut_down_sending(&self) -> Result<()> {
        rustix::net::shutdown(&self.descriptor, Shutdown::Write)
    }

    /// When to look whether the peer takes what it was sent, if the kernel has no room for more.
    pub(super) fn next_look(&self, timeout: Duration) -> Option<Instant> {
        let since = self.lacked_since?;
        let look = Progress::next_look(self.progress.as_deref(), since, timeout);
        Some(look)
    }

    /// Looks whether the peer has stalled, if the kernel has no room for more.
    pub(super) fn is_stalled(&mut self, now: Instant, timeout: Duration) -> bool {
        let Some(since) = self.lacked_since else {
            // It is its connection that knows when it is late.
            return true;
        };
        let delivery = Delivery::of(&self.descriptor);
        let progress = self
            .progress
            .get_or_insert_with(|| Box::new(Progress::new(delivery, since)));
        progress.is_stalled(delivery, since, now, timeout)
    }

    /// A large file has been sent; what comes next is nothing special.
    pub(super) fn end_large_send(&mut self) {
        if self.large_send.take().is_some() {
            self.set_unsent_bytes_max(UNSENT_BYTES_MAX);
        }
    }

    /// Sets how much the kernel may hold beyond what is on its way before it asks for no more. Other
    /// sockets than those of TCP have no such limit.
    pub(super) fn set_unsent_bytes_max(&self, bytes: u32) {
        if let Err(error) = socket2::SockRef::from(&self.descriptor).set_tcp_notsent_lowat(bytes) {
            log::debug!("what is left with the kernel could not be limited: {error}");
        }
    }

    /// Makes the close to come a reset, so that the peer does not take what it has for the whole.
    pub(super) fn reset_on_close(&self) {
        let linger = socket2::SockRef::from(&self.descriptor).set_linger(Some(Duration::ZERO));
        if let Err(error) = linger {
            log::debug!("a connection could not be set to be reset: {error}");
        }
    }
}

/// Whether an error means that the call is to be made again when the socket is ready.
pub(super) fn is_not_ready(errno: Errno) -> bool {
    errno == Errno::AGAIN || errno == Errno::WOULDBLOCK
}

/// Whether an error says that the peer, or the way to it, is no more.
pub(super) fn is_of_the_peer(errno: Errno) -> bool {
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

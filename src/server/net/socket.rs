//! A connected socket of any family, and its system calls.

#[cfg(test)]
use super::memory::MemorySocket;
use super::progress::Delivery;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Socket {
    end: End,
    /// `true` if the kernel may hold back the bytes sent last.
    holds_back: Cell<bool>,
}

/// Our end of a connection.
#[derive(Debug)]
enum End {
    Kernel(OwnedFd),
    /// A connection without a kernel: the test plays it, and the peer.
    #[cfg(test)]
    Memory(MemorySocket),
}

/// The data that follows the sent bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Perhaps nothing for now, so the bytes leave as soon as possible.
    Unknown,
    /// More bytes or the end, in the next call: they share a segment with it.
    AtOnce,
}

impl Socket {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self {
            end: End::Kernel(descriptor),
            holds_back: Cell::new(false),
        }
    }

    #[cfg(test)]
    pub(crate) fn in_memory(socket: MemorySocket) -> Self {
        Self {
            end: End::Memory(socket),
            holds_back: Cell::new(false),
        }
    }

    /// Lets the poll report these events by a token.
    pub(crate) fn register(
        &self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match &self.end {
            End::Kernel(descriptor) => {
                registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, interest)
            }
            #[cfg(test)]
            End::Memory(socket) => {
                socket.register(token, interest);
                Ok(())
            }
        }
    }

    /// Lets the poll report these events in place of those that it reports so far.
    pub(crate) fn reregister(
        &self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        match &self.end {
            End::Kernel(descriptor) => {
                registry.reregister(&mut SourceFd(&descriptor.as_raw_fd()), token, interest)
            }
            #[cfg(test)]
            End::Memory(socket) => {
                socket.register(token, interest);
                Ok(())
            }
        }
    }

    /// Receives bytes. Returns their number; 0 is the end.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        match &self.end {
            End::Kernel(descriptor) => retry_on_intr(|| {
                rustix::net::recv(descriptor, &mut *buffer, RecvFlags::empty())
                    .map(|(count, _)| count)
            }),
            #[cfg(test)]
            End::Memory(socket) => socket.receive(buffer),
        }
    }

    /// Sends two runs of bytes, together if there is room.
    #[inline]
    pub(crate) fn send(&self, first: &[u8], second: &[u8], next: Next) -> Result<usize> {
        self.holds_back.set(next == Next::AtOnce);
        match &self.end {
            End::Kernel(descriptor) => send(descriptor, first, second, next),
            #[cfg(test)]
            End::Memory(socket) => socket.send(first, second, next == Next::AtOnce),
        }
    }

    /// Sends a part of a file from the page cache. Returns 0 if the file ends before that part.
    pub(crate) fn send_file(&self, file: impl AsFd, offset: u64, length: usize) -> Result<usize> {
        self.holds_back.set(false);
        let mut at = offset;
        match &self.end {
            End::Kernel(descriptor) => retry_on_intr(|| {
                rustix::fs::sendfile(descriptor, file.as_fd(), Some(&mut at), length)
            }),
            #[cfg(test)]
            End::Memory(socket) => socket.send_file(file, at, length),
        }
    }

    /// Sends held-back bytes together with the end. Closing the socket would drop them if unread
    /// bytes have arrived.
    pub(crate) fn flush_and_close(&self) -> Result<()> {
        if self.holds_back.get() {
            self.shut_down_sending()?;
        }
        Ok(())
    }

    /// Announces that nothing more will be sent.
    pub(crate) fn shut_down_sending(&self) -> Result<()> {
        match &self.end {
            End::Kernel(descriptor) => rustix::net::shutdown(descriptor, Shutdown::Write),
            #[cfg(test)]
            End::Memory(socket) => socket.shut_down_sending(),
        }
    }

    /// Returns the kernel's knowledge about the sent data.
    pub(crate) fn delivery(&self) -> Delivery {
        match &self.end {
            End::Kernel(descriptor) => Delivery::of(descriptor),
            #[cfg(test)]
            End::Memory(socket) => socket.delivery(),
        }
    }

    /// Sets how much unsent data the kernel holds before it asks for no more. Only TCP sockets have
    /// this limit.
    pub(crate) fn set_unsent_bytes_max(&self, bytes: u32) {
        let set = match &self.end {
            End::Kernel(descriptor) => {
                socket2::SockRef::from(descriptor).set_tcp_notsent_lowat(bytes)
            }
            #[cfg(test)]
            End::Memory(socket) => {
                socket.use_large_buffer(bytes > UNSENT_BYTES_MAX);
                Ok(())
            }
        };
        if let Err(error) = set {
            log::debug!("cannot limit the send buffer: {error}");
        }
    }

    /// Turns the coming close into a reset, so that the peer does not take its part for the whole.
    pub(crate) fn reset_on_close(&self) {
        let set = match &self.end {
            End::Kernel(descriptor) => {
                socket2::SockRef::from(descriptor).set_linger(Some(Duration::ZERO))
            }
            #[cfg(test)]
            End::Memory(socket) => {
                socket.reset_on_close();
                Ok(())
            }
        };
        if let Err(error) = set {
            log::debug!("a connection could not be set to be reset: {error}");
        }
    }
}

#[inline]
fn send(descriptor: &OwnedFd, first: &[u8], second: &[u8], next: Next) -> Result<usize> {
    let flags = match next {
        Next::Unknown => SendFlags::NOSIGNAL,
        Next::AtOnce => SendFlags::NOSIGNAL | SendFlags::MORE,
    };
    if second.is_empty() {
        return retry_on_intr(|| rustix::net::send(descriptor, first, flags));
    }
    let slices = [IoSlice::new(first), IoSlice::new(second)];
    retry_on_intr(|| {
        let mut none = SendAncillaryBuffer::default();
        rustix::net::sendmsg(descriptor, &slices, &mut none, flags)
    })
}

/// Sets options that connections inherit, so that none needs its own call.
pub(crate) fn set_for_connections(listener: &socket2::Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    listener.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
}

/// The most unsent data in the kernel for most clients, in bytes. It is small, so that a thousand
/// clients that do not read cannot exhaust the kernel's memory for sockets.
pub(crate) const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Returns `true` if the error means that the call should be repeated when the socket is ready.
pub(crate) fn would_block(errno: Errno) -> bool {
    errno == Errno::AGAIN || errno == Errno::WOULDBLOCK
}

/// Returns `true` if the error means that the peer, or the way to it, has vanished.
pub(crate) fn is_peer_error(errno: Errno) -> bool {
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

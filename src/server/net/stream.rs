//! The bytes that a session reads and writes, plain or over TLS.

use super::socket::{Next, Socket};
use super::tls::{TlsShared, TlsStream};
use super::transfer::{Batch, Received};
use rustix::fd::AsFd;
use rustix::io::Result;

/// The bytes of one connection, in both directions.
#[derive(Debug)]
pub(crate) enum Stream {
    /// The bytes of the socket.
    Plain(Socket),
    /// Bytes that are encrypted on the wire.
    Tls(TlsStream),
}

/// The way in which requests arrive, as far as the response depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    /// Plain HTTP over a Unix-domain socket, from a proxy that knows the original scheme.
    Local,
    Https,
    /// Plain HTTP on a port for HTTPS.
    Mistaken,
}

impl Stream {
    /// Returns the underlying socket.
    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.socket(),
        }
    }

    pub(crate) fn scheme(&self) -> Scheme {
        match self {
            Self::Plain(_) => Scheme::Http,
            Self::Tls(tls) if tls.is_plain() => Scheme::Mistaken,
            Self::Tls(_) => Scheme::Https,
        }
    }

    /// Returns `true` if a TLS handshake is pending or in progress, which takes much more work than
    /// a request.
    pub(crate) fn has_to_shake_hands(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.has_to_shake_hands(),
        }
    }

    /// Returns `true` if something is in progress that the session does not see: a handshake, or a
    /// partly received record.
    pub(crate) fn has_begun(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.has_begun(),
        }
    }

    /// Returns `true` if there is data to send that the session does not know.
    pub(crate) fn has_unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.has_unsent(),
        }
    }

    /// Sends that data.
    pub(crate) fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Receives once.
    pub(crate) fn receive(&mut self, room: &mut [u8], shared: &mut TlsShared) -> Result<Received> {
        match self {
            Self::Plain(socket) => Received::from_socket(socket, room),
            Self::Tls(tls) => tls.receive(room, shared),
        }
    }

    /// Sends two runs of bytes. Returns the number of bytes accepted. If the socket is full, the
    /// same bytes must be offered again, with or without more after them.
    #[inline]
    pub(crate) fn send(
        &mut self,
        first: &[u8],
        second: &[u8],
        next: Next,
        batch: impl FnOnce() -> Batch,
        shared: &mut TlsShared,
    ) -> Result<usize> {
        match self {
            Self::Plain(socket) => socket.send(first, second, next),
            Self::Tls(tls) => tls.send([first, second], next, batch(), shared),
        }
    }

    /// Sends a part of a file in the same way. Returns 0 if the file ends before that part.
    pub(crate) fn send_file(
        &mut self,
        file: impl AsFd,
        offset: u64,
        length: usize,
        batch: impl FnOnce() -> Batch,
        shared: &mut TlsShared,
    ) -> Result<usize> {
        match self {
            Self::Plain(socket) => socket.send_file(file, offset, length),
            Self::Tls(tls) => tls.send_file(file, offset, length, batch(), shared),
        }
    }

    /// Announces that nothing more will be sent. If the socket is full, call this again.
    pub(crate) fn shut_down_sending(&mut self) -> Result<()> {
        match self {
            Self::Plain(socket) => socket.shut_down_sending(),
            Self::Tls(tls) => tls.shut_down_sending(),
        }
    }

    /// Sends everything that is held back, before the socket is closed.
    pub(crate) fn finish(&mut self) -> Result<()> {
        match self {
            Self::Plain(socket) => socket.flush_and_close(),
            Self::Tls(tls) => tls.finish(),
        }
    }
}

//! One connection to a port with TLS: the bytes that its session reads and writes.
//!
//! rustls does no input or output. Received bytes go into a buffer that is lent to one connection
//! at a time, and the decrypted bytes are passed to the session. Outgoing data is encrypted into
//! another lent buffer, some records at a time, and sent in one call. Records that the kernel has
//! no room for stay with the [`Layer`]. As long as they do, their plaintext does not count as sent:
//! the session offers it again, and is then informed. So after a session has handed over a
//! response, nothing of it is left here, and all its deadlines apply.
//!
//! A handshake counts towards the time for the first request. Its messages are sent as soon as they
//! are made, except the last ones, the tickets: if a request arrives with the end of the handshake,
//! they leave with the response.
//!
//! No part of it is inlined into the path of plain connections.

use super::super::socket::{Next, Socket, would_block};
use super::super::transfer::{Batch, Received};
use super::counters::TlsCounters;
use super::failure::Failure;
use super::layer::{Decrypted, Layer, note};
use super::shared::{TlsShared, at_least};
use rustix::fd::AsFd;
use rustix::io::{self, Errno, retry_on_intr};
use rustls::server::ServerConfig;
use std::sync::Arc;

/// A connection to a port with TLS.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: Socket,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No data has arrived. This state costs no more than the socket.
    Untouched(Arc<ServerConfig>),
    Tls(Box<Layer>),
    /// The client uses plain HTTP, and gets an explanation.
    Plain,
    /// Nothing more can be sent.
    Failed,
}

impl TlsStream {
    /// Creates the stream of a connection that was just accepted.
    pub(crate) fn new(socket: Socket, config: Arc<ServerConfig>) -> Self {
        Self {
            socket,
            state: State::Untouched(config),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Returns `true` if the client used plain HTTP, so the connection has no TLS.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// Returns `true` if a handshake is still to be done, which takes much work.
    pub(crate) fn has_to_shake_hands(&self) -> bool {
        match &self.state {
            State::Untouched(_) => true,
            State::Tls(layer) => !layer.is_open,
            State::Plain | State::Failed => false,
        }
    }

    /// Returns `true` if a handshake is in progress, or a record is partly received.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(&self.state, State::Tls(layer) if !layer.is_open || !layer.partial.is_empty())
    }

    /// Returns `true` if the layer has bytes of its own to send.
    pub(crate) fn has_unsent(&self) -> bool {
        matches!(&self.state, State::Tls(layer) if layer.owed == 0 && !layer.unsent.is_empty())
    }

    /// Sends the layer's own bytes, if there are any.
    #[inline(never)]
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Tls(layer) if layer.owed == 0 => layer.flush(&self.socket, Next::Unknown),
            _ => Ok(()),
        }
    }

    /// Receives once, and decrypts the data.
    #[inline(never)]
    pub(crate) fn receive(
        &mut self,
        room: &mut [u8],
        shared: &mut TlsShared,
    ) -> io::Result<Received> {
        let kept = match &self.state {
            State::Plain => return Received::from_socket(&self.socket, room),
            State::Failed => return Ok(END),
            State::Tls(layer) if layer.is_input_closed => return Ok(END),
            State::Tls(layer) => layer.partial.as_slice(),
            State::Untouched(_) => &[],
        };
        let TlsShared {
            incoming, counters, ..
        } = shared;
        // Decrypted data is shorter, so it fits.
        let buffer = at_least(incoming, room.len());
        let (before, free) = buffer
            .split_at_mut_checked(kept.len())
            .ok_or(Errno::OVERFLOW)?;
        before.copy_from_slice(kept);
        let kept = kept.len();
        let count = self.socket.receive(free)?;
        let has_more = count == free.len();
        if count == 0 {
            self.note_end(counters);
            return Ok(END);
        }
        // Bytes after our end are read only so that closing does not reset the connection.
        if matches!(&self.state, State::Tls(layer) if layer.is_output_closed) {
            return Ok(dropped(count, has_more));
        }
        let filled = buffer.get_mut(..kept + count).unwrap_or_default();
        if self.is_plain_http(filled) {
            counters.note_failure(Failure::PlainHttp);
            self.state = State::Plain;
            if let Some(room) = room.get_mut(..count) {
                room.copy_from_slice(filled);
            }
            return Ok(Received {
                bytes: count,
                work_bytes: count,
                is_end: false,
                has_more,
            });
        }
        let decrypted = self
            .layer()
            .and_then(|layer| layer.receive(filled, room, counters));
        match decrypted {
            Ok(Decrypted { bytes, work_bytes }) => {
                if bytes == 0 {
                    self.flush_if_ready()?;
                }
                // The end, if it has arrived, is returned separately.
                let has_more = has_more || self.is_input_closed();
                Ok(Received {
                    bytes,
                    work_bytes: work_bytes + count,
                    is_end: false,
                    has_more,
                })
            }
            Err(failure) => {
                counters.note_failure(failure);
                self.fail();
                Err(Errno::PROTO)
            }
        }
    }

    /// Encrypts and sends two runs of bytes, at most `batch_bytes` at once. Returns the number of
    /// bytes on their way.
    #[inline(never)]
    pub(crate) fn send(
        &mut self,
        [first, second]: [&[u8]; 2],
        next: Next,
        batch: Batch,
        shared: &mut TlsShared,
    ) -> io::Result<usize> {
        let layer = match &mut self.state {
            State::Tls(layer) => layer,
            State::Plain => return self.socket.send(first, second, next),
            State::Untouched(_) | State::Failed => return Err(Errno::PROTO),
        };
        if let Some(settled) = layer.settle(&self.socket)? {
            return Ok(settled);
        }
        let TlsShared {
            records, plaintext, ..
        } = shared;
        layer.begin_batch(records, batch.now);
        let all = first.len() + second.len();
        let end = all.min(batch.bytes_max);
        let mut taken = 0;
        while taken < end {
            let wanted = layer.pace.record_bytes().min(end - taken);
            let of_first = first.get(taken..).unwrap_or_default();
            let of_second = second
                .get(taken.saturating_sub(first.len())..)
                .unwrap_or_default();
            taken += wanted;
            if let Some(whole) = of_first.get(..wanted) {
                layer.seal(whole, records)?;
            } else if of_first.is_empty() {
                layer.seal(of_second.get(..wanted).unwrap_or_default(), records)?;
            } else {
                plaintext.clear();
                plaintext.extend_from_slice(of_first);
                let rest = wanted - of_first.len();
                plaintext.extend_from_slice(of_second.get(..rest).unwrap_or_default());
                layer.seal(plaintext, records)?;
            }
        }
        let next = if taken == all { next } else { Next::Unknown };
        layer.send_batch(&self.socket, records, taken, next)
    }

    /// Reads a part of a file, encrypts and sends it in the same way. Returns 0 if the file ends
    /// before that part.
    #[inline(never)]
    pub(crate) fn send_file(
        &mut self,
        file: impl AsFd,
        offset: u64,
        length: usize,
        batch: Batch,
        shared: &mut TlsShared,
    ) -> io::Result<usize> {
        let layer = match &mut self.state {
            State::Tls(layer) => layer,
            State::Plain => return self.socket.send_file(file, offset, length),
            State::Untouched(_) | State::Failed => return Err(Errno::PROTO),
        };
        if let Some(settled) = layer.settle(&self.socket)? {
            return Ok(settled);
        }
        let TlsShared {
            records, plaintext, ..
        } = shared;
        let buffer = at_least(plaintext, length.min(batch.bytes_max));
        let read = retry_on_intr(|| io::pread(file.as_fd(), &mut *buffer, offset))?;
        let mut rest = buffer.get(..read).unwrap_or_default();
        if rest.is_empty() {
            return Ok(0);
        }
        layer.begin_batch(records, batch.now);
        while !rest.is_empty() {
            let (record, behind) = rest.split_at(layer.pace.record_bytes().min(rest.len()));
            layer.seal(record, records)?;
            rest = behind;
        }
        layer.send_batch(&self.socket, records, read, Next::Unknown)
    }

    /// Announces that nothing more will be sent, so that the client knows that it has the whole
    /// (RFC 8446 §6.1), and shuts the socket's sending side.
    #[inline(never)]
    pub(crate) fn shut_down_sending(&mut self) -> io::Result<()> {
        self.close_output(Next::AtOnce)?;
        self.socket.shut_down_sending()
    }

    /// Announces the end before the socket is closed.
    #[inline(never)]
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.close_output(Next::Unknown)?;
        self.socket.flush_and_close()
    }

    fn close_output(&mut self, next: Next) -> io::Result<()> {
        match &mut self.state {
            State::Tls(layer) => {
                layer.queue_close_notify();
                layer.flush(&self.socket, next)
            }
            State::Untouched(_) | State::Plain | State::Failed => Ok(()),
        }
    }

    /// Returns `true` if this is the start of a plain HTTP request. No TLS record starts with a
    /// letter or a line end.
    fn is_plain_http(&self, filled: &[u8]) -> bool {
        let is_text = |first: &u8| first.is_ascii_alphabetic() || matches!(first, b'\r' | b'\n');
        matches!(self.state, State::Untouched(_)) && filled.first().is_some_and(is_text)
    }

    fn is_input_closed(&self) -> bool {
        matches!(&self.state, State::Tls(layer) if layer.is_input_closed)
    }

    fn layer(&mut self) -> Result<&mut Layer, Failure> {
        if let State::Untouched(config) = &self.state {
            let layer = Layer::new(config).map_err(|error| note(&error))?;
            self.state = State::Tls(Box::new(layer));
        }
        match &mut self.state {
            State::Tls(layer) => Ok(layer),
            State::Untouched(_) | State::Plain | State::Failed => Err(Failure::Internal),
        }
    }

    /// Records that the socket has ended without `close_notify` of the client.
    fn note_end(&self, counters: &mut TlsCounters) {
        match &self.state {
            State::Tls(layer) if layer.is_open => {
                log::debug!("a TLS connection was cut off: it ended without close_notify");
            }
            // The server has left first, after a timeout.
            State::Tls(layer) if layer.is_output_closed => {}
            State::Tls(_) => counters.note_failure(Failure::Left),
            State::Untouched(_) | State::Plain | State::Failed => {}
        }
    }

    /// Sends the alert with the reason, if the kernel has room, and nothing after it.
    fn fail(&mut self) {
        if let State::Tls(layer) = &mut self.state {
            layer.take_alert();
            let sent = layer.flush(&self.socket, Next::AtOnce);
            let ended = sent.and_then(|()| self.socket.shut_down_sending());
            if let Err(errno) = ended {
                log::debug!("a TLS alert could not be sent: {errno}");
            }
        }
        self.state = State::Failed;
    }

    fn flush_if_ready(&mut self) -> io::Result<()> {
        match self.flush() {
            Err(errno) if would_block(errno) => Ok(()),
            flushed => flushed,
        }
    }
}

/// Bytes came that nobody reads.
fn dropped(work_bytes: usize, has_more: bool) -> Received {
    Received {
        bytes: 0,
        work_bytes,
        is_end: false,
        has_more,
    }
}

/// The result when the client sends no more.
const END: Received = Received {
    bytes: 0,
    work_bytes: 0,
    is_end: true,
    has_more: false,
};

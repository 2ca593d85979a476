//! TLS on one connection: records on one side, HTTP bytes on the other.
//!
//! Between two calls, it only stores the start of an incomplete record, and records that the kernel
//! had no room for.

use super::super::socket::{Next, Socket, would_block};
use super::counters::{Handshake, TlsCounters};
use super::failure::Failure;
use super::pace::{Pace, RECORD_BYTES_MAX};
use super::shared::Records;
use rustix::io::{self, Errno};
use rustls::server::{ServerConfig, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{Error, HandshakeKind, ProtocolVersion};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The TLS layer of a connection.
pub(super) struct Layer {
    tls: UnbufferedServerConnection,
    /// The received bytes of an incomplete record or handshake message.
    pub(super) partial: Vec<u8>,
    /// Records that the kernel had no room for, or handshake messages that may wait for more data.
    pub(super) unsent: Vec<u8>,
    /// The amount of plaintext in `unsent` that is not yet reported to the session as sent.
    pub(super) owed: usize,
    pub(super) pace: Pace,
    /// `true` if the client has announced that it sends no more.
    pub(super) is_input_closed: bool,
    /// `true` if the handshake is complete.
    pub(super) is_open: bool,
    /// `true` if we send no more.
    pub(super) is_output_closed: bool,
    /// The reason why nothing more can be received, if sending has found the error in `partial`.
    failure: Option<Failure>,
}

impl Layer {
    pub(super) fn new(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(Arc::clone(config))?,
            partial: Vec::new(),
            unsent: Vec::new(),
            owed: 0,
            pace: Pace::new(),
            is_input_closed: false,
            is_open: false,
            is_output_closed: false,
            failure: None,
        })
    }

    /// Processes received bytes together with the stored ones, and stores the incomplete rest.
    pub(super) fn receive(
        &mut self,
        filled: &mut [u8],
        room: &mut [u8],
        counters: &mut TlsCounters,
    ) -> Result<Decrypted, Failure> {
        // rustls must not be asked again after an error.
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let was_answered = !self.unsent.is_empty() || self.is_open;
        let (used, bytes) = self.decrypt(filled, room).map_err(|error| note(&error))?;
        let rest = filled.get(used..).unwrap_or_default();
        if rest.len() > PARTIAL_BYTES_MAX {
            log::debug!("TLS failed: a message of more than {PARTIAL_BYTES_MAX} bytes");
            return Err(Failure::Oversized);
        }
        if rest.is_empty() {
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.extend_from_slice(rest);
        }
        if !self.is_open && !self.tls.is_handshaking() {
            self.is_open = true;
            let is_tls13 = self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3);
            let is_resumed = self.tls.handshake_kind() == Some(HandshakeKind::Resumed);
            counters.note_handshake(Handshake::new(is_tls13, is_resumed));
        }
        let has_answered = !was_answered && !self.unsent.is_empty();
        Ok(Decrypted {
            bytes,
            work_bytes: if has_answered { HANDSHAKE_BYTES } else { 0 },
        })
    }

    /// Decrypts records. Returns the amounts of ciphertext used and plaintext produced.
    fn decrypt(&mut self, filled: &mut [u8], room: &mut [u8]) -> Result<(usize, usize), Error> {
        let (mut used, mut bytes) = (0, 0);
        loop {
            let rest = filled.get_mut(used..).unwrap_or_default();
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(rest);
            let mut is_done = false;
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        used += record.discard;
                        let end = bytes + record.payload.len();
                        if let Some(room) = room.get_mut(bytes..end) {
                            room.copy_from_slice(record.payload);
                            bytes = end;
                        }
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.unsent, |room| data.encode(room));
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.is_input_closed = true,
                _ => is_done = true,
            }
            used += discard;
            if is_done {
                return Ok((used, bytes));
            }
        }
    }

    /// Sends the pending records.
    pub(super) fn flush(&mut self, socket: &Socket, next: Next) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let sent = socket.send(&self.unsent, &[], next)?;
        if sent < self.unsent.len() {
            self.unsent.drain(..sent);
            return Err(Errno::AGAIN);
        }
        self.unsent = Vec::new();
        Ok(())
    }

    /// Sends plaintext that was encrypted before and had to wait. Returns its length.
    pub(super) fn settle(&mut self, socket: &Socket) -> io::Result<Option<usize>> {
        if self.owed == 0 {
            return Ok(None);
        }
        self.flush(socket, Next::Unknown)?;
        Ok(Some(std::mem::take(&mut self.owed)))
    }

    /// Begins records that are sent in one call, after those that wait.
    pub(super) fn begin_batch(&mut self, records: &mut Records, now: Instant) {
        records.clear();
        records.extend(&self.unsent);
        self.unsent = Vec::new();
        self.pace.begin(now);
    }

    /// Encrypts one record.
    pub(super) fn seal(&mut self, plaintext: &[u8], records: &mut Records) -> io::Result<()> {
        self.pace.note(plaintext.len());
        let mut traffic = match self.tls.process_tls_records(&mut self.partial).state {
            Ok(ConnectionState::WriteTraffic(traffic)) => traffic,
            Ok(_) => return Err(Errno::PROTO),
            Err(error) => {
                self.failure = Some(note(&error));
                return Err(Errno::PROTO);
            }
        };
        let mut room_bytes = plaintext.len() + OVERHEAD_BYTES_MAX;
        loop {
            match traffic.encrypt(plaintext, records.room(room_bytes)) {
                Ok(written) => {
                    records.commit(written);
                    return Ok(());
                }
                // A message about new keys comes before it.
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                    if required_size > room_bytes =>
                {
                    room_bytes = required_size;
                }
                Err(_) => return Err(Errno::PROTO),
            }
        }
    }

    /// Sends the records of a batch, which contain this much plaintext.
    pub(super) fn send_batch(
        &mut self,
        socket: &Socket,
        records: &Records,
        taken: usize,
        next: Next,
    ) -> io::Result<usize> {
        let records = records.as_slice();
        let sent = match socket.send(records, &[], next) {
            Ok(sent) if sent == records.len() => return Ok(taken),
            Ok(sent) => sent,
            Err(errno) if would_block(errno) => 0,
            Err(errno) => return Err(errno),
        };
        self.unsent = records.get(sent..).unwrap_or_default().to_vec();
        self.owed = taken;
        Err(Errno::AGAIN)
    }

    /// Appends `close_notify`, unless it was sent already or the handshake is not complete.
    pub(super) fn queue_close_notify(&mut self) {
        let was_closed = std::mem::replace(&mut self.is_output_closed, true);
        if was_closed || !self.is_open || self.failure.is_some() {
            return;
        }
        match self.tls.process_tls_records(&mut self.partial).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                append(&mut self.unsent, |room| {
                    traffic
                        .queue_close_notify(room)
                        .map_err(|error| match error {
                            EncryptError::InsufficientSize(size) => {
                                EncodeError::InsufficientSize(size)
                            }
                            EncryptError::EncryptExhausted => EncodeError::AlreadyEncoded,
                        })
                });
            }
            Ok(_) => {}
            Err(error) => {
                self.failure = Some(note(&error));
                self.take_alert();
            }
        }
    }

    /// Appends the alert that an error has caused, after the pending records.
    pub(super) fn take_alert(&mut self) {
        while self.tls.wants_write() {
            let state = self.tls.process_tls_records(&mut self.partial).state;
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else {
                return;
            };
            append(&mut self.unsent, |room| data.encode(room));
        }
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Layer")
            .field("partial", &self.partial.len())
            .field("unsent", &self.unsent.len())
            .field("owed", &self.owed)
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}

/// The result of receiving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decrypted {
    /// The length of the plaintext.
    pub(super) bytes: usize,
    /// The cost in a turn, besides the received bytes.
    pub(super) work_bytes: usize,
}

/// Appends the output of `write`, in a space that is as large as necessary.
fn append(buffer: &mut Vec<u8>, mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) {
    let end = buffer.len();
    let mut room_bytes = OVERHEAD_BYTES_MAX;
    // The first attempt may return the necessary size.
    for _ in 0..2 {
        buffer.resize(end + room_bytes, 0);
        match write(buffer.get_mut(end..).unwrap_or_default()) {
            Ok(written) => {
                buffer.truncate(end + written);
                return;
            }
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                room_bytes = required_size;
            }
            Err(EncodeError::AlreadyEncoded) => break,
        }
    }
    buffer.truncate(end);
}

/// Logs an error, and returns its kind.
pub(super) fn note(error: &Error) -> Failure {
    log::debug!("TLS failed: {error}");
    Failure::of(error)
}

/// The overhead of a record, with a margin: 5 bytes of header, 8 of a nonce, 16 of a tag and 1 of a
/// type (RFC 8446 §5.2, RFC 5288 §3), and messages about keys.
const OVERHEAD_BYTES_MAX: usize = 128;

/// The length of the longest record (RFC 5246 §6.2.3: 2^14 + 2048 bytes and a header), and the
/// limit for handshake messages. Real clients send messages of a few hundred bytes, or of two
/// thousand with a quantum-safe key exchange.
const PARTIAL_BYTES_MAX: usize = RECORD_BYTES_MAX + 2048 + 5;

/// The cost of a response to a `ClientHello` in a turn: a signature and a key exchange take as long
/// as sending some hundred kilobytes. So each step of a tick completes two of them.
const HANDSHAKE_BYTES: usize = 512 * 1024;

//! The shared state of TLS connections: buffers that are lent to one at a time, and counters.

use super::counters::TlsCounters;

/// The buffers and counters of all TLS connections. The buffers are allocated at their first use.
#[derive(Debug, Default)]
pub(crate) struct TlsShared {
    /// Received ciphertext.
    pub(super) incoming: Vec<u8>,
    /// Plaintext to encrypt that is not contiguous, or comes from a file.
    pub(super) plaintext: Vec<u8>,
    /// Records to send.
    pub(super) records: Records,
    pub(crate) counters: TlsCounters,
}

/// Encrypted records, one after another, in a larger buffer.
#[derive(Debug, Default)]
pub(super) struct Records {
    buffer: Vec<u8>,
    filled: usize,
}

impl Records {
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room(bytes.len()).get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.filled += bytes.len();
        }
    }

    /// Returns the space after the present records: at least this many bytes.
    pub(super) fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.filled + bytes;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// Records that this many bytes were written into the space.
    pub(super) fn commit(&mut self, bytes: usize) {
        self.filled = self.buffer.len().min(self.filled + bytes);
    }
}

/// Returns this many bytes of a buffer, which grows if necessary and never shrinks.
pub(super) fn at_least(buffer: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if buffer.len() < bytes {
        buffer.resize(bytes, 0);
    }
    buffer.get_mut(..bytes).unwrap_or_default()
}

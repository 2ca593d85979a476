//! A client that sends exactly the given bytes.

use super::{PATIENCE, Response};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts"))
    }

    /// Creates a client with an existing connection.
    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the server receives the bytes");
        self
    }

    /// Sends bytes that the server may no longer accept. Returns `true` if it accepted all of them.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends the bytes repeatedly until the server has accepted none for this duration.
    pub(crate) fn send_until_stalled(&mut self, bytes: &[u8], duration: Duration) {
        self.stream
            .set_write_timeout(Some(duration))
            .expect("a timeout can be set");
        while self.stream.write(bytes).is_ok() {}
        self.stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
    }

    /// Waits for the beginning of a response, or for the end. Returns `true` for a response.
    pub(crate) fn is_answered(&mut self) -> bool {
        uninterrupted(|| self.stream.peek(&mut [0])).is_ok_and(|count| count > 0)
    }

    /// Returns `true` once after the server has reset the connection.
    pub(crate) fn is_reset(&self) -> bool {
        let error = self.stream.take_error().expect("a socket has a state");
        error.is_some_and(|error| error.kind() == ErrorKind::ConnectionReset)
    }

    /// Half-closes the connection: nothing more is sent, but bytes can still be received.
    pub(crate) fn finish_sending(&mut self) -> &mut Self {
        // A server that has closed already may have closed our side too.
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Receives one response, without any byte after it.
    #[track_caller]
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        loop {
            match Response::parse(&self.received, method) {
                Ok(Some((response, length))) => {
                    self.received.drain(..length);
                    return response;
                }
                Ok(None) => assert!(self.receive_more(), "the connection ended in a response"),
                Err(problem) => panic!("{problem} in {:?}", Shown(&self.received)),
            }
        }
    }

    /// Receives until `count` bytes are available, and leaves them to be received again.
    #[track_caller]
    pub(crate) fn await_bytes(&mut self, count: usize) {
        while self.received.len() < count {
            assert!(
                self.receive_more(),
                "the connection ended before {count} bytes"
            );
        }
    }

    /// Receives the next bytes, or nothing at the end, whatever kind of end it is.
    #[track_caller]
    pub(crate) fn receive_some(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 64 * 1024];
        match uninterrupted(|| self.stream.read(&mut buffer)) {
            Ok(count) => buffer.truncate(count),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => buffer.clear(),
            Err(error) => panic!("{error}"),
        }
        buffer
    }

    /// Receives until the server closes.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.receive_more() {}
        std::mem::take(&mut self.received)
    }

    /// Receives until the connection ends in any way, including a reset. A connection that stays
    /// open is a failure.
    #[track_caller]
    pub(crate) fn rest_or_reset(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.received);
        // A reset does not discard the bytes before it.
        if let Err(error) = self.stream.read_to_end(&mut bytes) {
            assert_ne!(error.kind(), ErrorKind::WouldBlock, "it stays open");
        }
        bytes
    }

    /// Receives until the server resets the connection. Any other end is a failure.
    #[track_caller]
    pub(crate) fn until_reset(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.received);
        let end = self.stream.read_to_end(&mut bytes);
        let error = end.expect_err("a reset in place of an end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        bytes
    }

    /// Returns `true` if the server sends nothing and keeps the connection open for this duration.
    pub(crate) fn is_silent_for(&mut self, duration: Duration) -> bool {
        self.stream
            .set_read_timeout(Some(duration))
            .expect("a timeout can be set");
        let peeked = uninterrupted(|| self.stream.peek(&mut [0]));
        self.stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        match peeked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            other => {
                eprintln!("in place of silence: {other:?}");
                false
            }
        }
    }

    /// Sends the pieces, half-closes, and returns everything that the server sends until it closes.
    ///
    /// Sending and receiving happen at the same time, so neither side waits for the other. A reset
    /// fails the test: whatever the bytes are, the last response must reach the client.
    #[track_caller]
    pub(crate) fn exchange<'bytes>(
        mut self,
        pieces: impl Iterator<Item = &'bytes [u8]> + Send,
    ) -> Vec<u8> {
        let mut sender = self.stream.try_clone().expect("a socket can be cloned");
        thread::scope(|scope| {
            scope.spawn(move || {
                // A server that has sent its last response need not accept the rest.
                let _ = pieces
                    .map(|piece| sender.write_all(piece))
                    .find(Result::is_err);
                let _ = sender.shutdown(Shutdown::Write);
            });
            self.rest()
        })
    }

    #[track_caller]
    fn receive_more(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        match uninterrupted(|| self.stream.read(&mut buffer)) {
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) => panic!("{error} after {:?}", Shown(&self.received)),
        }
    }
}

/// Repeats a call while it is interrupted. On a socket with a timeout, this happens after the
/// machine has slept (signal(7)).
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Bytes in readable form; only the last ones if there are many.
struct Shown<'bytes>(&'bytes [u8]);

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hidden, shown) = self.0.split_at(self.0.len().saturating_sub(1024));
        write!(
            formatter,
            "{} bytes and \"{}\"",
            hidden.len(),
            shown.escape_ascii()
        )
    }
}

//! A client and a server stream, joined by a socket pair, whose actions are determined by bytes.
//!
//! Tests and the fuzz target hold such conversations: messages of any size, cut into pieces of any
//! size on their way, corrupted, ended on either side, or not TLS at all. In every case, what one
//! side has received is what the other has sent so far, in order.

use super::super::socket::{Next, Socket, would_block};
use super::super::transfer::Batch;
use super::shared::TlsShared;
use super::stream::TlsStream;
use rcgen::{CertificateParams, KeyPair};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustls::client::ClientConnection;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::ServerConfig;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

/// Holds the conversation that the bytes describe. Panics if data is lost, duplicated or invented.
///
/// The first byte determines the version, and whether the client speaks TLS. A client that does not
/// speak TLS sends the other bytes as they are. Otherwise, every two bytes are an action and its
/// size.
#[cfg_attr(
    not(fuzzing),
    expect(unreachable_pub, reason = "the fuzz target calls it")
)]
pub fn converse(input: &[u8]) {
    let Some((manner, rest)) = input.split_first() else {
        return;
    };
    if manner & 2 != 0 {
        return send_anything(rest);
    }
    let version = if manner & 1 == 0 { &TLS12 } else { &TLS13 };
    let mut pair = Pair::new(version);
    if manner & 4 == 0 {
        pair.settle();
        assert!(!pair.client.is_handshaking(), "the handshake ends");
    }
    for step in rest.chunks_exact(2) {
        let &[kind, size] = step else { continue };
        pair.step(kind, usize::from(size));
    }
    pair.settle();
    pair.check_end();
}

/// Sends bytes that are no TLS, or pretend to be.
fn send_anything(bytes: &[u8]) {
    let mut server = Server::new();
    let piece = bytes.first().map_or(1, |first| usize::from(*first) + 1);
    for piece in bytes.chunks(piece) {
        if server.wire.write_all(piece).is_err() {
            break;
        }
        server.receive();
    }
    let is_plain = server.stream.is_plain();
    assert!(is_plain || server.received.is_empty(), "nothing decrypts");
}

/// Both sides of one connection. The client's records are held back in `outgoing`.
struct Pair {
    client: ClientConnection,
    client_output: ClientOutput,
    outgoing: Vec<u8>,
    /// The number of bytes of [`pattern`] that the client has written.
    written: usize,
    client_received: Vec<u8>,
    server: Server,
    /// The number of bytes of [`pattern`] that the server has sent.
    sent: usize,
    /// The number of bytes offered when the kernel had no room. The next offer is never smaller.
    offered: usize,
    is_corrupted: bool,
    server_output: ServerOutput,
    /// The client has received `close_notify`.
    has_end: bool,
}

/// The state of the client's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientOutput {
    Open,
    /// It has sent `close_notify`.
    Ended,
    /// The client has received bytes that are not valid TLS.
    Failed,
}

/// The state of the server's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerOutput {
    Open,
    /// It ends as soon as the kernel has room for `close_notify`.
    Ending,
    /// It has sent `close_notify`.
    Ended,
    /// It has ended within the handshake, which has no `close_notify`.
    Cut,
}

/// The server's side: the stream under test, and the other end of its socket.
struct Server {
    stream: TlsStream,
    wire: UnixStream,
    shared: TlsShared,
    received: Vec<u8>,
    has_failed: bool,
}

impl Server {
    fn new() -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        let (ours, theirs) = pair.expect("a socket pair");
        Self {
            stream: TlsStream::new(Socket::new(ours), Arc::clone(&CONFIGS.server)),
            wire: UnixStream::from(theirs),
            shared: TlsShared::default(),
            received: Vec::new(),
            has_failed: false,
        }
    }

    /// Receives until the socket is empty.
    fn receive(&mut self) {
        let mut room = vec![0; ROOM_BYTES];
        while !self.has_failed {
            match self.stream.receive(&mut room, &mut self.shared) {
                Ok(received) if received.is_end => return,
                Ok(received) => self.received.extend_from_slice(&room[..received.bytes]),
                Err(errno) if would_block(errno) => return,
                Err(_) => self.has_failed = true,
            }
        }
    }
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let provider = Arc::new(default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(CONFIGS.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("a.test").expect("a name");
        Self {
            client: ClientConnection::new(Arc::new(config), name).expect("a client"),
            client_output: ClientOutput::Open,
            outgoing: Vec::new(),
            written: 0,
            client_received: Vec::new(),
            server: Server::new(),
            sent: 0,
            offered: 0,
            is_corrupted: false,
            server_output: ServerOutput::Open,
            has_end: false,
        }
    }

    fn step(&mut self, kind: u8, size: usize) {
        match kind % 8 {
            0 => self.write(size * 97),
            1 => self.deliver(size),
            2 => self.deliver(usize::MAX),
            3 => self.send(size * 211, size * 3),
            4 => self.read(),
            5 => self.corrupt(size),
            6 => {
                // In a handshake, the server takes this for a message that it cannot decode.
                self.is_corrupted |= self.client.is_handshaking();
                self.client.send_close_notify();
                self.client_output = ClientOutput::Ended;
                self.collect();
            }
            _ => self.close(),
        }
    }

    /// Lets the client write.
    fn write(&mut self, bytes: usize) {
        if self.client_output != ClientOutput::Open {
            return;
        }
        let data = pattern(self.written..self.written + bytes);
        // Before the handshake, rustls keeps a limited amount.
        self.written += self.client.writer().write(&data).unwrap_or_default();
        self.collect();
    }

    fn collect(&mut self) {
        while self.client.wants_write() {
            let written = self.client.write_tls(&mut self.outgoing);
            written.expect("a vector takes everything");
        }
    }

    /// Delivers this many of the client's bytes to the server, which receives them.
    fn deliver(&mut self, bytes: usize) {
        self.collect();
        let bytes = bytes.min(self.outgoing.len()).min(ROOM_BYTES);
        if let Ok(count) = self.server.wire.write(&self.outgoing[..bytes]) {
            self.outgoing.drain(..count);
        }
        self.server.receive();
    }

    fn corrupt(&mut self, place: usize) {
        let length = self.outgoing.len();
        if let Some(byte) = self.outgoing.get_mut(place % length.max(1)) {
            *byte ^= 1;
            self.is_corrupted = true;
        }
    }

    /// Lets the server send two runs of bytes.
    fn send(&mut self, first: usize, second: usize) {
        let total = (first + second).max(self.offered);
        let is_open = !self.server.stream.has_to_shake_hands();
        let is_open = is_open && self.server_output == ServerOutput::Open;
        if !is_open || self.server.has_failed || total == 0 {
            return;
        }
        let data = pattern(self.sent..self.sent + total);
        let (first, second) = data.split_at(first.min(total));
        let batch = Batch {
            bytes_max: BATCH_BYTES,
            now: *NOW,
        };
        let Server { stream, shared, .. } = &mut self.server;
        self.offered = 0;
        match stream.send([first, second], Next::Unknown, batch, shared) {
            Ok(taken) => self.sent += taken,
            Err(errno) if would_block(errno) => self.offered = total,
            Err(_) => self.server.has_failed = true,
        }
    }

    /// Ends the server's output. The bytes that it still owes go first, as in a session.
    fn close(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.offered == 0 {
                break;
            }
            self.read();
            self.send(0, 0);
        }
        let is_open = !self.server.stream.has_to_shake_hands();
        self.server_output = match self.server.stream.shut_down_sending() {
            Err(Errno::AGAIN) => ServerOutput::Ending,
            Ok(()) if is_open => ServerOutput::Ended,
            _ => ServerOutput::Cut,
        };
    }

    /// Lets the client read everything that has arrived.
    fn read(&mut self) {
        let mut buffer = vec![0; ROOM_BYTES];
        while let Ok(count @ 1..) = self.server.wire.read(&mut buffer) {
            let mut records = &buffer[..count];
            while !records.is_empty() {
                // rustls asserts that no error follows its own end.
                let is_over = match self.client_output {
                    ClientOutput::Open => false,
                    ClientOutput::Ended => self.is_corrupted,
                    ClientOutput::Failed => true,
                };
                if is_over || self.client.read_tls(&mut records).is_err() {
                    return;
                }
                if let Err(error) = self.client.process_new_packets() {
                    assert!(
                        self.is_corrupted,
                        "the client received invalid TLS: {error}"
                    );
                    self.client_output = ClientOutput::Failed;
                    return;
                }
                let read = self.client.reader().read_to_end(&mut self.client_received);
                // An error says that there is nothing more for now.
                self.has_end |= read.is_ok();
            }
        }
    }

    /// Lets everything that is under way arrive.
    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            let before = (self.outgoing.len(), self.server.received.len(), self.sent);
            let was_read = self.client_received.len();
            self.deliver(usize::MAX);
            // An error says that the kernel has no room yet, or that the client has gone.
            let _ = self.server.stream.flush();
            if self.offered > 0 {
                self.send(0, 0);
            }
            if self.server_output == ServerOutput::Ending {
                self.close();
            }
            self.read();
            self.collect();
            let after = (self.outgoing.len(), self.server.received.len(), self.sent);
            let is_idle = before == after && was_read == self.client_received.len();
            let is_idle = is_idle && self.server_output != ServerOutput::Ending;
            if is_idle && self.outgoing.is_empty() && !self.client.wants_write() {
                return;
            }
            if self.server.has_failed {
                return;
            }
        }
    }

    /// Requires that each side has received what the other has sent: all of it, unless some was
    /// corrupted.
    fn check_end(&self) {
        let [received, client_received] = [&self.server.received, &self.client_received];
        assert!(*received == pattern(0..received.len()), "in order");
        assert!(*client_received == pattern(0..client_received.len()));
        assert!(received.len() <= self.written);
        // Records that had to wait leave with the alert, if the server fails before it reports them.
        assert!(client_received.len() <= self.sent + self.offered);
        if self.is_corrupted {
            return;
        }
        // A server that ends its output drops what arrives later, and completes no handshake.
        if self.server_output == ServerOutput::Open {
            assert!(!self.server.has_failed, "the server failed");
            assert_eq!(received.len(), self.written, "all that was written");
        }
        if !self.client.is_handshaking() {
            assert_eq!(client_received.len(), self.sent, "all that was sent");
            let is_ended = self.server_output == ServerOutput::Ended;
            assert_eq!(self.has_end, is_ended, "the end, if it was sent");
        }
    }
}

/// Returns content in which no two parts look alike.
fn pattern(range: std::ops::Range<usize>) -> Vec<u8> {
    let byte = |place: usize| u8::try_from((place * 31 + place / 251) % 256).unwrap_or_default();
    range.map(byte).collect()
}

struct Configs {
    server: Arc<ServerConfig>,
    roots: RootCertStore,
}

/// A certificate costs more than a conversation, so there is one.
static CONFIGS: LazyLock<Configs> = LazyLock::new(|| {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a root");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a key that fits");
    Configs {
        server: Arc::new(server),
        roots,
    }
});

static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The most that a session receives at once.
const ROOM_BYTES: usize = 64 * 1024;

const BATCH_BYTES: usize = 64 * 1024;

/// More than any conversation takes to settle.
const STEPS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::converse;
    use proptest::prelude::*;

    #[test]
    fn both_versions_carry_messages_in_both_directions() {
        for version in [0, 1] {
            converse(&[version, 0, 200, 2, 0, 3, 255, 4, 0, 0, 3, 1, 7, 3, 9]);
        }
    }

    #[test]
    fn an_end_on_either_side_loses_nothing_before_it() {
        for version in [0, 1] {
            converse(&[version, 3, 255, 3, 255, 7, 0]);
            converse(&[version, 0, 255, 6, 0, 2, 0]);
        }
    }

    #[test]
    fn an_end_that_the_kernel_has_no_room_for_loses_nothing_before_it() {
        for version in [0, 1] {
            // The bytes that the client has sent before arrive after the end, and are dropped.
            converse(&[version, 0, 118, 6, 0, 3, 255, 3, 255, 3, 255, 3, 251, 7, 0]);
        }
    }

    #[test]
    fn records_that_had_to_wait_leave_before_the_alert_of_a_failure() {
        for version in [0, 1] {
            let much = [3, 255].repeat(5);
            converse(&[&[version, 0, 5, 5, 8], &*much, &[4, 0, 2, 0, 4, 0]].concat());
        }
    }

    #[test]
    fn corrupted_data_is_not_delivered() {
        for version in [0, 1] {
            converse(&[version, 0, 255, 5, 77, 2, 0]);
        }
    }

    #[test]
    fn bytes_that_are_no_tls_decrypt_to_nothing() {
        converse(b"\x02\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
        converse(b"\x02\x80\x2e\x01\x03\x01");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_conversation_loses_data(input in prop::collection::vec(any::<u8>(), 0..60)) {
            converse(&input);
        }
    }
}

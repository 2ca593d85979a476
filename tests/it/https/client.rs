//! A TLS client that can report everything about the connection.

use super::authority::Authority;
use crate::support::{PATIENCE, Response, uninterrupted};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion, crypto::ring, pki_types::ServerName,
};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

/// The configuration and state that connections share, such as sessions to resume.
#[derive(Clone)]
pub(crate) struct Browser {
    config: Arc<ClientConfig>,
}

/// One connection.
pub(crate) struct TlsClient {
    stream: StreamOwned<ClientConnection, TcpStream>,
    received: Vec<u8>,
}

impl Browser {
    pub(crate) fn new(authority: &Authority) -> Self {
        Self::with(authority, rustls::ALL_VERSIONS, &["http/1.1"])
    }

    pub(crate) fn with(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Self {
            config: Arc::new(config),
        }
    }

    /// Returns a connection whose handshake is complete.
    #[track_caller]
    pub(crate) fn connect(&self, address: SocketAddr, name: &str) -> TlsClient {
        self.try_connect(address, name).expect("a handshake")
    }

    pub(crate) fn try_connect(&self, address: SocketAddr, name: &str) -> io::Result<TlsClient> {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(TlsClient {
            stream: StreamOwned::new(tls, socket),
            received: Vec::new(),
        })
    }
}

impl TlsClient {
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let sent = self.stream.write_all(bytes.as_ref());
        sent.and_then(|()| self.stream.flush())
            .expect("the server receives the bytes");
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
                Ok(None) => {
                    let count = self.receive().expect("more of a response");
                    assert!(count > 0, "the connection ended in a response");
                }
                Err(problem) => panic!("{problem}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n"))
            .response_to("GET")
    }

    /// Receives once. Returns 0 after the server has announced the end.
    pub(crate) fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = vec![0; 64 * 1024];
        let count = uninterrupted(|| self.stream.read(&mut buffer))?;
        self.received.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Receives until the server announces the end.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.receive()? > 0 {}
        Ok(std::mem::take(&mut self.received))
    }

    /// Announces the end of the sent data.
    pub(crate) fn finish_sending(&mut self) -> &mut Self {
        self.stream.conn.send_close_notify();
        self.stream.flush().expect("the server takes an end");
        self
    }

    pub(crate) fn kind(&self) -> HandshakeKind {
        self.stream.conn.handshake_kind().unwrap()
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.stream.conn.protocol_version().unwrap()
    }

    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.stream.conn.alpn_protocol()
    }

    /// Returns the server's certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.stream.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// Returns the encrypted record for these bytes without sending it.
    pub(crate) fn record(&mut self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.stream.conn.writer().write_all(bytes.as_ref()).unwrap();
        let mut record = Vec::new();
        self.stream.conn.write_tls(&mut record).unwrap();
        record
    }

    /// Returns the underlying socket, for misbehaviour that the TLS library does not allow.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.stream.sock
    }
}

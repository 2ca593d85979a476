//! Handshakes: versions, protocols, resumed sessions, and misbehaving clients.

use super::{client::Browser, server::Https};
use crate::support::{Client, Signal, Site, poll_until};
use rustls::HandshakeKind;
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

#[test]
fn http_1_1_is_negotiated_and_clients_of_other_protocols_get_an_alert() {
    let site = Site::small();
    let https = Https::start(&site);
    let browser =
        |protocols: &[&str]| Browser::with(&https.authority, rustls::ALL_VERSIONS, protocols);
    let client = browser(&["h2", "http/1.1"]).connect(https.address, "a.test");
    assert_eq!(client.protocol(), Some(&b"http/1.1"[..]));
    let client = browser(&[]).connect(https.address, "a.test");
    assert_eq!(client.protocol(), None);
    let refused = browser(&["h2"]).try_connect(https.address, "a.test");
    let error = refused.err().expect("no handshake").to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    assert_eq!(
        https.metric("millpond_tls_failures_total{reason=\"nothing_in_common\"}"),
        1
    );
}

#[test]
fn a_session_is_resumed_by_its_ticket_also_after_a_reload() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.expecting(&["settings reloaded"]));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let browser = Browser::with(&https.authority, &[version], &["http/1.1"]);
        let kind = || {
            let mut client = browser.connect(https.address, "a.test");
            assert_eq!(client.get("/a.txt").content, b"alpha\n");
            client.kind()
        };
        assert_eq!(kind(), HandshakeKind::Full);
        assert_eq!(kind(), HandshakeKind::Resumed);
        https.server.process.signal(Signal::HUP);
        thread::sleep(Duration::from_millis(200));
        assert_eq!(kind(), HandshakeKind::Resumed, "{version:?}");
    }
    let count = |version: &str, kind: &str| {
        https.metric(&format!(
            "millpond_tls_handshakes_total{{version=\"{version}\",kind=\"{kind}\"}}"
        ))
    };
    for version in ["1.2", "1.3"] {
        assert_eq!((count(version, "full"), count(version, "resumed")), (1, 2));
    }
}

#[test]
fn an_unfinished_handshake_is_closed_by_the_head_timeout() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.args(["--header-timeout", "1s"]));
    // The start of a ClientHello with a declared length of 512 bytes.
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
    for count in [0, 1, 5, hello.len()] {
        let begun = Instant::now();
        let mut client = Client::connect(https.address);
        client.send(&hello[..count]);
        assert_eq!(client.rest_or_reset(), b"", "{count} bytes");
        let taken = begun.elapsed();
        assert!(taken >= Duration::from_millis(900), "{taken:?}");
        assert!(taken < Duration::from_secs(5), "{taken:?}");
    }
}

#[test]
fn a_handshake_that_took_too_long_is_not_counted_as_a_client_that_left() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.args(["--header-timeout", "1s"]));
    let mut client = Client::connect(https.address);
    client.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
    assert_eq!(client.rest_or_reset(), b"");
    drop(client);
    // The server has seen the end when no connection is left.
    poll_until("the connection to be closed", || {
        let open =
            ["new", "linger"].map(|phase| format!("millpond_connections{{phase=\"{phase}\"}}"));
        open.iter().all(|it| https.metric(it) == 0).then_some(())
    });
    assert_eq!(https.metric("millpond_timeouts_total{phase=\"new\"}"), 1);
    assert_eq!(
        https.metric("millpond_tls_failures_total{reason=\"client_left\"}"),
        0
    );
}

#[test]
fn bytes_that_trickle_do_not_extend_the_time_for_a_handshake() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.args(["--header-timeout", "1s"]));
    let begun = Instant::now();
    let mut client = TcpStream::connect(https.address).unwrap();
    client
        .write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc])
        .unwrap();
    while client.write_all(&[0]).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(8), "it stays open");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_invalid_handshake_is_refused_with_an_alert() {
    let site = Site::small();
    let https = Https::start(&site);
    // A record of an unknown type, one that is too long, an alert, application data, SSL 2, and a
    // ClientHello that is too short.
    for bytes in [
        &[0x05, 3, 3, 0, 1, 0][..],
        &[0x16, 3, 1, 0xff, 0xff, 1],
        &[0x15, 3, 3, 0, 2, 2, 40],
        &[0x17, 3, 3, 0, 4, 1, 2, 3, 4],
        &[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10],
        &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0],
    ] {
        let mut client = Client::connect(https.address);
        client.send(bytes);
        let said = client.rest_or_reset();
        assert!(said.is_empty() || said[0] == 0x15, "{bytes:?} got {said:?}");
    }
    // The next client is served.
    assert_eq!(https.connect().get("/a.txt").status, 200);
}

#[test]
fn a_handshake_message_of_many_records_is_not_buffered_without_limit() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = TcpStream::connect(https.address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    // A ClientHello of 60,000 bytes, in records of 1,000.
    let message = [&[1, 0, 0xea, 0x60][..], &vec![0; 60_000]].concat();
    for part in message.chunks(1_000) {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        let record = [&[0x16, 3, 1][..], &length, part].concat();
        if client.write_all(&record).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let mut end = Vec::new();
    // An end or a reset, without waiting for more.
    let _ = client.read_to_end(&mut end);
    poll_until("the failure to be counted", || {
        let oversized = https.metric("millpond_tls_failures_total{reason=\"oversized\"}");
        (oversized == 1).then_some(())
    });
}

#[test]
fn a_client_that_leaves_during_a_handshake_is_counted() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = Client::connect(https.address);
    client.send([0x16, 3, 1, 2, 0, 1]).finish_sending();
    assert_eq!(client.rest_or_reset(), b"");
    assert_eq!(
        https.metric("millpond_tls_failures_total{reason=\"client_left\"}"),
        1
    );
}

#[test]
fn a_record_that_was_modified_in_transit_ends_the_connection() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = https.connect();
    client.get("/a.txt");
    let mut record = client.record("GET /a.txt HTTP/1.1\r\nHost: a.test\r\n\r\n");
    record[20] ^= 1;
    client.socket().write_all(&record).unwrap();
    let error = client.rest().expect_err("no announced end").to_string();
    assert!(error.contains("BadRecordMac"), "{error}");
    assert_eq!(
        https.metric("millpond_tls_failures_total{reason=\"decryption\"}"),
        1
    );
}

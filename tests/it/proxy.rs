//! Behind a proxy: the client address in the access log.

use crate::support::{Launch, Server, Site, assert_all};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

fn trusting(site: &Site, proxies: &[&str]) -> Server {
    let arguments = proxies
        .iter()
        .flat_map(|proxy| ["--trusted-proxies", proxy]);
    Launch::of(site.root()).args(arguments).start()
}

/// Returns the client in the log line of a request with this `X-Forwarded-For`.
fn client(server: &Server, forwarded_for: &str) -> String {
    let before = server.process.stdout().lines().count() - 1;
    server.request("GET", "/a.txt", &[("X-Forwarded-For", forwarded_for)]);
    let records = server.records(before + 1);
    let (client, _) = records[before].split_once(' ').expect("columns");
    client.to_owned()
}

#[test]
fn the_client_address_comes_from_a_trusted_proxy() {
    let site = Site::small();
    let server = trusting(&site, &["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
    let table = [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1, 10.1.2.3, fd00::1", "192.0.2.1"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("192.0.2.1:55555", "192.0.2.1"),
        ("[2001:db8::1]:55555", "2001:db8::1"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("6.6.6.6, unknown", "127.0.0.1"),
        ("6.6.6.6\" 200 1", "127.0.0.1"),
    ];
    let table = table.map(|(value, expected)| (value, expected.to_owned()));
    assert_all(table, |value| client(&server, value));
}

#[test]
fn forwarded_and_x_real_ip_name_the_client_too() {
    let site = Site::small();
    let server = trusting(&site, &["127.0.0.1", "10.0.0.0/8"]);
    let table = [
        ("Forwarded: for=192.0.2.1", "192.0.2.1"),
        (
            "Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:80\";proto=https, for=10.1.2.3",
            "2001:db8::1",
        ),
        ("Forwarded: for=\"6.6.6.6, for=192.0.2.1", "192.0.2.1"),
        ("X-Real-IP: 192.0.2.1", "192.0.2.1"),
        (
            "X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.7\r\nX-Forwarded-For: 192.0.2.1",
            "192.0.2.1",
        ),
    ];
    let table = table.map(|(lines, expected)| (lines, expected.to_owned()));
    assert_all(table, |lines| {
        let before = server.process.stdout().lines().count() - 1;
        server.exchange(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"));
        let (client, _) = server.records(before + 1)[before]
            .split_once(' ')
            .map(|(client, rest)| (client.to_owned(), rest.to_owned()))
            .expect("columns");
        client
    });
}

#[test]
fn other_peers_cannot_set_the_client_address() {
    let site = Site::small();
    for proxies in [&[][..], &["10.0.0.0/8"], &["::/0"], &["unix"]] {
        let server = trusting(&site, proxies);
        assert_eq!(client(&server, "6.6.6.6"), "127.0.0.1", "{proxies:?}");
    }
}

#[test]
fn several_lines_of_the_field_are_one_list() {
    let site = Site::small();
    let server = trusting(&site, &["127.0.0.1", "10.0.0.0/8"]);
    let lines = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 192.0.2.1, 10.0.0.1\r\n";
    server.exchange(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    assert!(server.records(1)[0].starts_with("192.0.2.1 - - ["));
}

#[test]
fn every_format_has_the_client_address() {
    let site = Site::small();
    for (format, expected) in [
        ("common", "192.0.2.1 - - ["),
        ("combined", "192.0.2.1 - - ["),
        ("json", "\"client\":\"192.0.2.1\""),
    ] {
        let launch = Launch::of(site.root()).args(["--trusted-proxies", "127.0.0.0/8"]);
        let server = launch.args(["--access-log-format", format]).start();
        server.request("GET", "/a.txt", &[("X-Forwarded-For", "192.0.2.1")]);
        let record = &server.records(1)[0];
        assert!(record.contains(expected), "{record}");
    }
}

#[test]
fn a_peer_at_a_unix_socket_is_trusted_if_the_setting_includes_unix() {
    let site = Site::small();
    let socket = site.outside("socket");
    let listen = format!("unix:{}", socket.display());
    for (trusted, expected) in [("unix", "192.0.2.1 "), ("127.0.0.1", "- ")] {
        let launch = Launch::of(site.root()).args(["--listen", &listen]);
        let server = launch.args(["--trusted-proxies", trusted]).start();
        let mut stream = UnixStream::connect(&socket).expect("the socket is there");
        let request = "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                       X-Forwarded-For: 192.0.2.1\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        let record = &server.records(1)[0];
        assert!(record.starts_with(expected), "{trusted}: {record}");
    }
}

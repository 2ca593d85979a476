//! `--redirect-https`.

use super::server::Https;
use crate::support::Site;
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

#[test]
fn plain_http_is_redirected_to_https_except_for_certificate_authorities() {
    let site = Site::small();
    site.file(".well-known/acme-challenge/token", "proof\n");
    let socket = site.outside("plain.sock");
    let https = Https::launch(&site, |launch| {
        launch
            .arg("--redirect-https")
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
    });
    let port = https.address.port();
    let response = https.server.get("/a.txt?b=c");
    assert_eq!(response.status, 308);
    let expected = format!("https://a.example:{port}/a.txt?b=c");
    assert_eq!(response.field("location"), Some(expected.as_str()));
    let response = https.server.get("/.well-known/acme-challenge/token");
    assert_eq!(
        (response.status, &*response.content),
        (200, &b"proof\n"[..])
    );
    let nothing = https.server.get("/missing");
    assert_eq!(nothing.status, 308);
    // Over HTTPS, and from a proxy on this machine.
    assert_eq!(https.connect().get("/a.txt").status, 200);
    let mut stream = UnixStream::connect(socket).unwrap();
    stream
        .write_all(b"GET /a.txt HTTP/1.0\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_request_without_a_host_is_not_redirected() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.arg("--redirect-https"));
    let response = https
        .server
        .response_to("GET", "GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(response.status, 400);
}

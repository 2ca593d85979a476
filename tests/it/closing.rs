//! The end of connections: half-closed, lingering, or with a peer that has vanished.

use crate::support::{Server, Site, noise, poll_until, responses};
use std::{
    fs::{self, File},
    iter,
    path::PathBuf,
};

const REQUEST: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_client_that_half_closes_after_its_request_still_gets_the_response() {
    let site = Site::small();
    let large = noise(8_000_000);
    site.file("large.bin", &large);
    let server = Server::start(site.root());
    for (target, content) in [("/a.txt", b"alpha\n".as_slice()), ("/large.bin", &large)] {
        let mut client = server.connect();
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .finish_sending();
        let response = client.response_to("GET");
        assert_eq!(
            (response.status, response.content == content),
            (200, true),
            "{target}"
        );
        assert_eq!(client.rest(), b"", "the server closes in its turn");
    }
}

#[test]
fn a_client_that_half_closes_after_many_requests_gets_every_response() {
    let site = Site::small();
    site.file("medium.bin", noise(300_000));
    let server = Server::start(site.root());
    let request = "GET /medium.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20);
    let output = server.exchange(request);
    let all = responses(&output, iter::repeat("GET"));
    assert_eq!(all.len(), 20);
    assert!(
        all.iter()
            .all(|response| response.content == all[0].content)
    );
}

#[test]
fn a_client_that_half_closes_within_a_request_is_dropped() {
    let site = Site::small();
    let server = Server::start(site.root());
    let beginnings = [
        "",
        "G",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\n",
        "POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
        "POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ];
    for beginning in beginnings {
        let output = server.exchange(beginning);
        let all = responses(&output, ["GET"]);
        let refused = all
            .iter()
            .all(|response| response.status >= 400 && response.closes());
        assert!(refused, "{beginning:?} gives {all:?}");
    }
}

#[test]
fn nothing_is_answered_after_a_response_that_closes() {
    let site = Site::small();
    let server = Server::start(site.root());
    let closing = "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for last in [closing, "GET /a.txt HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n"] {
        let output = server.exchange(format!("{REQUEST}{last}{REQUEST}"));
        let all = responses(&output, ["GET"; 3]);
        let closes: Vec<_> = all.iter().map(crate::support::Response::closes).collect();
        assert_eq!(closes, [false, true], "{last:?}");
    }
}

#[test]
fn a_client_that_keeps_sending_receives_the_whole_error() {
    // If the socket were closed with unread bytes, a reset would overtake the response.
    let site = Site::small();
    let server = Server::start(site.root());
    let heads = [
        (
            "POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
            413,
        ),
        (
            "POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            400,
        ),
        (
            "POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            400,
        ),
        ("POST /a.txt HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("nonsense\r\n\r\n", 400),
    ];
    for (head, status) in heads {
        let mut client = server.connect();
        client.send(head);
        for _ in 0..64 {
            client.try_send(vec![b'x'; 64 * 1024]);
        }
        let output = client.finish_sending().rest();
        assert_eq!(responses(&output, ["POST"])[0].status, status, "{head:?}");
    }
}

#[test]
fn a_client_that_keeps_sending_receives_the_whole_closing_response() {
    let site = Site::small();
    site.file("medium.bin", noise(1_000_000));
    let server = Server::start(site.root());
    let mut request = b"GET /medium.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec();
    request.extend(REQUEST.repeat(20_000).into_bytes());
    let output = server.exchange(request);
    let all = responses(&output, ["GET"]);
    assert_eq!((all.len(), all[0].content.len()), (1, 1_000_000));
}

#[test]
fn a_closing_response_is_not_lost_to_bytes_that_cross_the_close() {
    // If the response were still unsent when the socket is closed with unread bytes, it would be
    // lost.
    let site = Site::small();
    let server = Server::start(site.root());
    for _ in 0..500 {
        let mut client = server.connect();
        client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        for _ in 0..10 {
            client.try_send("x");
        }
        let output = client.rest_or_reset();
        assert_eq!(responses(&output, ["GET"]).len(), 1, "the response is lost");
    }
}

#[test]
fn a_peer_that_vanishes_is_not_logged_as_an_error() {
    let site = Site::small();
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let server = Server::start(site.root());
    let descriptors = format!("/proc/{}/fd", server.process.id());
    let sockets = || {
        let links = fs::read_dir(&descriptors).unwrap().flatten();
        let targets = links.filter_map(|entry| fs::read_link(entry.path()).ok());
        let is_socket = |target: &PathBuf| target.to_string_lossy().starts_with("socket:");
        targets.filter(is_socket).count()
    };
    // The server may have inherited some from another test.
    let sockets_before = sockets();
    for _ in 0..20 {
        // Closing the client's socket with unread bytes sends a reset.
        let mut client = server.connect();
        client
            .send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            .await_bytes(1);
        drop(client);
        drop(server.connect());
        server.connect().send("GET /a.txt HT");
        server
            .connect()
            .send("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
        server.connect().send(REQUEST.repeat(50));
    }
    assert_eq!(server.get("/a.txt").status, 200);
    poll_until("every connection to be closed", || {
        (sockets() <= sockets_before).then_some(())
    });
    // The end of the server asserts that standard error is empty.
}

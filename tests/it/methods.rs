//! Methods (RFC 9110 §9): their responses, and that nothing is echoed, stored or tunnelled.

use crate::support::{Launch, Server, Site, assert_all, noise};
use std::{fs, io::ErrorKind, net::TcpListener};

const ALLOW: &str = "GET, HEAD, OPTIONS";

#[test]
fn get_gives_the_file_and_its_fields() {
    let site = Site::small();
    let response = Server::start(site.root()).get("/a.txt");
    assert_eq!((response.status, response.reason.as_str()), (200, "OK"));
    assert_eq!(response.text(), "alpha\n");
    assert_eq!(response.field("content-length"), Some("6"));
}

#[test]
fn head_has_exactly_the_fields_of_get_and_no_content() {
    let site = Site::small();
    site.directory("bare")
        .file("large.bin", noise(2_000_000))
        .file("empty", "");
    let server = Launch::ahead(site.root())
        .expecting(&["no index file"])
        .start();
    let etag = server.await_strong_etag("/large.bin");
    let unmatched = ("If-Match", "\"other\"");
    let requests = [
        ("/", None, 200),
        ("/a.txt", None, 200),
        ("/empty", None, 200),
        ("/large.bin", None, 200),
        ("/bare", None, 301),
        ("/large.bin", Some(("If-None-Match", etag.as_str())), 304),
        ("/missing", None, 404),
        ("/bare/", None, 404),
        ("/a.txt", Some(unmatched), 412),
        ("/%zz", None, 400),
    ];
    for (target, field, status) in requests {
        let get = server.request("GET", target, field.as_slice());
        let head = server.request("HEAD", target, field.as_slice());
        assert_eq!(
            (get.status, head.status),
            (status, status),
            "{target} {field:?}"
        );
        assert_eq!(
            head.fields_without_date(),
            get.fields_without_date(),
            "{target} {field:?}"
        );
        assert_eq!(head.content, b"");
    }
}

#[test]
fn head_keeps_the_framing_of_later_responses_intact() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    client.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response_to("HEAD").content, b"");
    assert_eq!(client.response_to("GET").content, b"alpha\n");
}

#[test]
fn options_gives_204_and_the_allowed_methods() {
    let site = Site::small();
    let server = Server::start(site.root());
    for target in ["*", "/", "/a.txt", "http://a.example/a.txt"] {
        let response = server.request("OPTIONS", target, &[]);
        assert_eq!(
            (response.status, response.field("allow")),
            (204, Some(ALLOW)),
            "{target}"
        );
    }
}

#[test]
fn every_unsupported_method_gives_405_and_the_allowed_methods() {
    let site = Site::small();
    let server = Server::start(site.root());
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        for target in ["/", "/a.txt", "/missing"] {
            let response = server.request(method, target, &[]);
            let outcome = (response.status, response.field("allow"));
            assert_eq!(outcome, (405, Some(ALLOW)), "{method} {target}");
        }
    }
    let response = server.request("CONNECT", "a.example:443", &[]);
    assert_eq!(
        (response.status, response.field("allow")),
        (405, Some(ALLOW))
    );
}

#[test]
fn trace_echoes_nothing() {
    let site = Site::small();
    let response =
        Server::start(site.root()).request("TRACE", "/a.txt", &[("X-Secret", "echo-of-a-field")]);
    assert!(!response.text().contains("echo-of-a-field"), "{response:?}");
    assert!(
        !response
            .fields
            .iter()
            .any(|(_, value)| value.contains("echo-of-a-field"))
    );
    assert_ne!(response.field("content-type"), Some("message/http"));
}

#[test]
fn nothing_is_stored_or_deleted() {
    let site = Site::small();
    let server = Server::start(site.root());
    for (method, target) in [("PUT", "/new.txt"), ("POST", "/a.txt"), ("PATCH", "/a.txt")] {
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nchange");
        assert_eq!(server.response_to(method, request).status, 405);
    }
    assert_eq!(server.request("DELETE", "/a.txt", &[]).status, 405);
    assert!(!site.path("new.txt").exists());
    assert_eq!(fs::read(site.path("a.txt")).unwrap(), b"alpha\n");
}

#[test]
fn connect_tunnels_nothing() {
    let site = Site::small();
    let server = Server::start(site.root());
    let destination = TcpListener::bind("127.0.0.1:0").unwrap();
    destination.set_nonblocking(true).unwrap();
    let authority = destination.local_addr().unwrap().to_string();
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    assert_eq!(server.response_to("CONNECT", request).status, 405);
    let nobody = destination
        .accept()
        .expect_err("no connection to the destination");
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
}

#[test]
fn any_other_token_gives_501() {
    let site = Site::small();
    let server = Server::start(site.root());
    let tokens = [
        "BREW",
        "PROPFIND",
        "MKCOL",
        "LOCK",
        "get",
        "Get",
        "GETS",
        "GE",
        "HEAD1",
        "M-SEARCH",
        "!#$%&'*+-.^_`|~",
        "A23456789012345678901234567890123456789012345678901234567890",
    ];
    assert_all(tokens.map(|token| (token, 501)), |token| {
        server.request(token, "/", &[]).status
    });
}

#[test]
fn a_method_that_is_not_a_token_gives_400() {
    let site = Site::small();
    let server = Server::start(site.root());
    let methods = [
        "G@T", "GE(T)", "G\"ET\"", "GET,", "GET/", "GÉT", "G{T", "[GET]",
    ];
    assert_all(methods.map(|method| (method, 400)), |method| {
        server.request(method, "/", &[]).status
    });
}

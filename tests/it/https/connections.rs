//! Data over TLS, and the end of connections.

use super::{client::Browser, server::Https};
use crate::support::{Client, Launch, Signal, Site, noise, responses};
use std::{
    fs::File,
    io::{ErrorKind, Write},
    iter,
    net::Shutdown,
    thread,
    time::Duration,
};

const BOTH: [&rustls::SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

#[test]
fn files_of_all_sizes_arrive_complete_over_both_versions() {
    let site = Site::new();
    // Around the sizes of packets, records, and responses sent in one piece or from memory.
    let sizes = [
        0, 1, 1_399, 1_400, 1_401, 8_192, 8_193, 16_383, 16_384, 16_385, 32_768, 32_769, 65_535,
        65_536, 65_537, 131_073, 1_000_000, 9_000_000,
    ];
    let files = sizes.map(|size| (format!("/{size}.bin"), noise(size)));
    for (name, content) in &files {
        site.file(&name[1..], content);
    }
    let https = Https::start(&site);
    for version in BOTH {
        let browser = Browser::with(&https.authority, &[version], &["http/1.1"]);
        let mut client = browser.connect(https.address, "a.test");
        assert_eq!(client.version(), version.version);
        for (name, content) in &files {
            let response = client.get(name);
            assert_eq!(response.status, 200, "{name}");
            assert!(response.content == *content, "{name} over {version:?}");
        }
    }
}

#[test]
fn a_range_of_a_large_file_is_sent_over_tls() {
    let site = Site::new();
    let content = noise(3_000_000);
    site.file("a.bin", &content);
    let https = Https::start(&site);
    let mut client = https.connect();
    client.send(
        "GET /a.bin HTTP/1.1\r\nHost: a.test\r\nRange: bytes=100000-2500000\r\n\r\n\
         GET /a.bin HTTP/1.1\r\nHost: a.test\r\nRange: bytes=5-9,2000000-2900000\r\n\r\n",
    );
    let one = client.response_to("GET");
    assert_eq!(one.status, 206);
    assert!(one.content == content[100_000..=2_500_000]);
    let several = client.response_to("GET");
    assert_eq!(several.status, 206);
    let part = &content[2_000_000..=2_900_000];
    assert!(several.content.windows(part.len()).any(|it| it == part));
}

#[test]
fn pipelined_requests_are_answered_in_order_over_tls() {
    let site = Site::small();
    site.file("large.bin", noise(300_000));
    let https = Https::start(&site);
    let mut client = https.connect();
    let pair = "GET /a.txt HTTP/1.1\r\nHost: a.test\r\n\r\n\
                GET /large.bin HTTP/1.1\r\nHost: a.test\r\n\r\n";
    client.send(pair.repeat(40)).finish_sending();
    let all = client.rest().expect("an end that is announced");
    let all = responses(&all, iter::repeat("GET"));
    assert_eq!(all.len(), 80);
    for pair in all.chunks(2) {
        assert_eq!(pair[0].content, b"alpha\n");
        assert_eq!(pair[1].content.len(), 300_000);
    }
}

#[test]
fn a_client_that_reads_slowly_gets_every_byte() {
    let site = Site::new();
    let content = noise(6_000_000);
    site.file("a.bin", &content);
    let https = Https::start(&site);
    let mut client = https.connect();
    client.send("GET /a.bin HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let mut count = 0;
    loop {
        if count % 40 == 0 {
            thread::sleep(Duration::from_millis(20));
        }
        count += 1;
        if client.receive().expect("more") == 0 {
            break;
        }
    }
    let all = client.rest().unwrap();
    let response = responses(&all, ["GET"]).pop().unwrap();
    assert!(response.content == content);
}

#[test]
fn a_request_in_many_small_records_is_one_request() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = https.connect();
    for byte in b"GET /a.txt HTTP/1.1\r\nHost: a.test\r\n\r\n" {
        client.send([*byte]);
    }
    assert_eq!(client.response_to("GET").content, b"alpha\n");
}

#[test]
fn a_record_that_arrives_byte_by_byte_is_read() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = https.connect();
    let record = client.record("GET /a.txt HTTP/1.1\r\nHost: a.test\r\n\r\n");
    for byte in record {
        client.socket().write_all(&[byte]).unwrap();
    }
    assert_eq!(client.response_to("GET").content, b"alpha\n");
}

#[test]
fn the_end_is_announced_however_the_connection_ends() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| launch.args(["--idle-timeout", "1s"]));
    let request = "GET /a.txt HTTP/1.1\r\nHost: a.test\r\n";
    for (request, close) in [
        // The client asks for it, or half-closes, or the server closes on its own.
        (format!("{request}Connection: close\r\n\r\n"), false),
        (format!("{request}\r\n"), true),
        (format!("{request}\r\n"), false),
        ("GARBAGE\r\n\r\n".to_owned(), false),
    ] {
        for version in BOTH {
            let browser = Browser::with(&https.authority, &[version], &[]);
            let mut client = browser.connect(https.address, "a.test");
            client.send(&request);
            if close {
                client.finish_sending();
            }
            let all = client.rest().expect("an end that is announced");
            assert_eq!(responses(&all, ["GET"]).len(), 1, "{request}");
        }
    }
}

#[test]
fn an_idle_connection_that_makes_room_for_another_ends_with_close_notify() {
    let site = Site::small();
    let https = Https::launch(&site, |launch| {
        launch
            .args(["--connections-max", "2"])
            .expecting(&["connections"])
    });
    let mut clients: Vec<_> = iter::repeat_with(|| https.connect()).take(2).collect();
    for client in &mut clients {
        client.get("/a.txt");
    }
    assert_eq!(https.connect().get("/a.txt").status, 200);
    assert_eq!(clients[0].rest().expect("an end that is announced"), b"");
}

#[test]
fn a_truncated_response_has_no_announced_end() {
    let site = Site::new();
    site.file("a.bin", noise(20_000_000));
    let https = Https::launch(&site, |launch| {
        launch.expecting(&["a file was truncated while it was sent"])
    });
    let mut client = https.connect();
    client.send("GET /a.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.receive().unwrap();
    File::options()
        .write(true)
        .open(site.path("a.bin"))
        .and_then(|file| file.set_len(1_000_000))
        .unwrap();
    let error = client.rest().expect_err("no announced end");
    let kind = error.kind();
    assert!(
        matches!(kind, ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
        "{error}"
    );
}

#[test]
fn a_truncated_request_is_not_answered() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = https.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a.test\r\n");
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn requests_in_progress_over_tls_are_completed_when_the_server_stops() {
    let site = Site::small();
    let content = noise(8_000_000);
    site.file("a.bin", &content);
    let mut https = Https::start(&site);
    let mut idle = https.connect();
    idle.get("/a.txt");
    let mut client = https.connect();
    client.send("GET /a.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.receive().unwrap();
    https.server.process.signal(Signal::TERM);
    let all = client.rest().expect("an end that is announced");
    let response = responses(&all, ["GET"]).pop().unwrap();
    assert!(response.content == content);
    assert_eq!(idle.rest().expect("an end that is announced"), b"");
    assert!(https.server.process.wait().success());
}

#[test]
fn plain_http_on_a_port_for_https_gets_a_400_that_explains_it() {
    let site = Site::small();
    let https = Https::start(&site);
    let mut client = Client::connect(https.address);
    client.send("GET /a.txt HTTP/1.1\r\nHost: a.test:1234\r\n\r\n");
    let response = client.response_to("GET");
    assert_eq!(response.status, 400);
    let page = String::from_utf8(response.content).unwrap();
    assert!(page.contains("This port speaks HTTPS"), "{page}");
    assert!(page.contains("https://a.test:1234/"), "{page}");
    client.send("HEAD /a.txt HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(client.response_to("HEAD").status, 400);
    assert_eq!(
        https.metric("millpond_tls_failures_total{reason=\"plain_http\"}"),
        1
    );
}

#[test]
fn the_health_check_works_with_https_alone() {
    let site = Site::small();
    let https = Https::start(&site);
    let check = |address: std::net::SocketAddr| {
        Launch::bare()
            .args(["--health", "--listen"])
            .arg(format!("https://{address}"))
            .spawn()
    };
    let mut process = check(https.address);
    assert_eq!(process.wait().code(), Some(0));
    let said = "speaks HTTPS and answers";
    process.await_stdout(said, |stdout| stdout.contains(said).then_some(()));
    let gone = https.address;
    drop(https);
    assert_eq!(check(gone).wait().code(), Some(1));
}

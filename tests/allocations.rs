//! How often the hot path allocates: not at all.
//!
//! The server runs in a thread of this process, whose allocator counts. The client allocates
//! nothing while it is counted, so that every allocation is the server's.

mod support;

use millpond::process::SandboxMode;
use millpond::server::{Bound, ListenAddress, LogDestination, Options};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use support::Site;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_cache_hit_allocates_nothing() {
    let site = Site::new();
    site.file("small.html", [b'x'; 1024]);
    // Beside it, so that a browser gets it instead: as long, to be received in the same way.
    site.file("coded.html", "plain")
        .file("coded.html.br", [b'x'; 1024]);
    // Only a file that has been left alone for two seconds stays in the cache from tick to tick.
    thread::sleep(std::time::Duration::from_millis(2_100));
    let mut client = TcpStream::connect(serve(&site)).expect("connect");
    for request in [
        "GET /small.html HTTP/1.1\r\nHost: pond\r\n\r\n",
        "GET /coded.html HTTP/1.1\r\nHost: pond\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n",
    ] {
        exchange(&mut client, request, 100);
        let region = Region::new(ALLOCATOR);
        exchange(&mut client, request, 10_000);
        let change = region.change();
        // Once a second the date is rendered, and once in a while the root is looked at.
        let allocations = change.allocations + change.reallocations;
        println!("{allocations} allocations for 10,000 requests");
        assert!(allocations < 100, "{change:?}");
        assert!(change.bytes_allocated < 10_000, "{change:?}");
    }
}

fn serve(site: &Site) -> SocketAddr {
    let options = Options {
        listen: vec![ListenAddress::Tcp((Ipv4Addr::LOCALHOST, 0).into())],
        site: millpond::site::Options {
            root: site.root(),
            ..Default::default()
        },
        access_log: LogDestination::Off,
        // It would hold the server's thread alone, and a process of several is refused one.
        sandbox: SandboxMode::Off,
        ..Options::default()
    };
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let bound = Bound::listen(options).expect("listen");
        let address = bound.addresses().remove(0).to_string();
        tell.send(address).expect("tell");
        let server = bound.confine().expect("confine");
        server.run(&|| Err("no settings".to_owned()))
    });
    let url = told.recv().expect("an address");
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    address.parse().expect("an address")
}

/// Makes that many requests, one after the other.
fn exchange(client: &mut TcpStream, request: &str, requests: usize) {
    let mut response = [0; 4096];
    for _ in 0..requests {
        client.write_all(request.as_bytes()).expect("send");
        let mut received = 0;
        while !response[..received].ends_with(&[b'x'; 1024]) {
            let count = client.read(&mut response[received..]).expect("receive");
            assert!(count > 0, "the server closed the connection");
            received += count;
        }
        assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

//! Allocations on the hot path: none.
//!
//! The server runs in a thread of this process, whose allocator counts. The client allocates
//! nothing while counting is on, so every allocation is the server's.

use crate::{ALLOCATOR, Root, alone};
use millpond::process::SandboxMode;
use millpond::server::{Bound, ListenAddress, LogDestination, Options};
use stats_alloc::Region;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

#[test]
fn a_cache_hit_allocates_nothing() {
    let _alone = alone();
    let site = Root::new("allocations");
    site.file("small.html", [b'x'; 1024]);
    // A precompressed file, which a browser gets instead. It has the same length, so it is received
    // in the same way.
    site.file("coded.html", "plain")
        .file("coded.html.br", [b'x'; 1024]);
    let mut client = TcpStream::connect(serve(&site)).expect("connect");
    for request in [
        "GET /small.html HTTP/1.1\r\nHost: pond\r\n\r\n",
        "GET /coded.html HTTP/1.1\r\nHost: pond\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n",
    ] {
        exchange(&mut client, request, 100);
        let region = Region::new(ALLOCATOR);
        exchange(&mut client, request, 1_000);
        let change = region.change();
        // Once a second the date is formatted, and now and then the root is checked.
        let allocations = change.allocations + change.reallocations;
        println!("{allocations} allocations for 1,000 requests");
        assert!(allocations < 50, "{change:?}");
        assert!(change.bytes_allocated < 10_000, "{change:?}");
    }
}

fn serve(site: &Root) -> SocketAddr {
    let options = Options {
        listen: vec![ListenAddress::Tcp((Ipv4Addr::LOCALHOST, 0).into())],
        site: millpond::site::Options {
            root: site.0.clone(),
            ..Default::default()
        },
        access_log: LogDestination::Off,
        // It would confine only the server's thread, and a process with several threads cannot
        // enter it.
        sandbox: SandboxMode::Off,
        ..Options::default()
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let bound = Bound::listen(options).expect("listen");
        let address = bound.addresses().remove(0).to_string();
        sender.send(address).expect("tell");
        let mut server = bound.confine().expect("confine");
        // Files that are new to the server do not stay in its cache after the tick.
        server.set_time_of_day(|| SystemTime::now() + Duration::from_hours(1));
        server.run(&|| Err("no settings".to_owned()))
    });
    let url = receiver.recv().expect("an address");
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    address.parse().expect("an address")
}

/// Makes this many requests, one after another.
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

//! The end of a server that crashes, in a sandbox that kills it for any other system call. It must
//! end by the signal of the crash, and not by the sandbox's signal.

use crate::support::{Launch, Server, Signal, Site, poll_until};
use rustix::process::{Resource, Rlimit, prlimit};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::process::ExitStatusExt,
};

#[test]
fn a_server_without_memory_reports_it_and_aborts() {
    let site = Site::small();
    for number in 0..100 {
        site.file(format!("{number}.txt"), vec![b'a'; 60 * 1024]);
    }
    let mut server = Launch::of(site.root())
        // With this variable it looks for its own symbols, in files that it may not open.
        .env("RUST_BACKTRACE", "1")
        .expecting(&["memory allocation of", "backtrace", "note: "])
        .start();
    server.get("/a.txt");
    let status = fs::read_to_string(format!("/proc/{}/statm", server.process.id())).unwrap();
    let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
    let limit = Some(pages * 4096);
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    prlimit(Some(server.process.pid()), Resource::As, limit).unwrap();
    for number in 0..100 {
        // After a while, nobody answers.
        let request = format!("GET /{number}.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        if let Ok(mut stream) = TcpStream::connect(server.address) {
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    assert_eq!(server.process.wait().signal(), Some(Signal::ABORT.as_raw()));
    assert!(server.process.end().contains("memory allocation of"));
}

#[test]
fn a_server_with_a_segmentation_fault_ends_by_that_signal() {
    let site = Site::small();
    let mut server = Server::start(site.root());
    // The first signal is taken for an accidental fault, whose instruction is retried.
    poll_until("the end", || {
        server.process.signal(Signal::SEGV);
        (!server.process.is_running()).then_some(())
    });
    assert_eq!(server.process.wait().signal(), Some(Signal::SEGV.as_raw()));
}

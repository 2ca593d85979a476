//! Signals: how a server stops.

use crate::support::{
    Client, Launch, Process, Response, Server, Signal, Site, noise, poll_until, responses,
    unavailable,
};
use rustix::process::{Pid, kill_process};
use std::{
    fs::{self, File},
    iter,
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Much shorter than the default deadline of 10 s for requests in progress.
const AT_ONCE: Duration = Duration::from_secs(7);

/// Returns a client that has received a part of a file.
fn downloading(server: &Server, name: &str) -> Client {
    let mut client = server.connect();
    client
        .send(format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await_bytes(100_000);
    client
}

/// Sends the stop signal, and waits until new connections are rejected.
fn begin_to_stop(server: &Server) {
    server.process.signal(Signal::TERM);
    poll_until("the listener to close", || {
        TcpStream::connect(server.address).err()
    });
}

#[test]
fn term_and_int_end_the_server_with_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = Site::small();
        let mut server = Server::start(site.root());
        assert_eq!(server.get("/a.txt").status, 200);
        assert_eq!(server.stop(signal).code(), Some(0), "{signal:?}");
    }
}

#[test]
fn idle_connections_are_closed_at_once() {
    let site = Site::small();
    let mut server = Server::start(site.root());
    let mut fresh = server.connect();
    let mut used = server.connect();
    used.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    let start = Instant::now();
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert_eq!(
        (fresh.rest_or_reset(), used.rest_or_reset()),
        (vec![], vec![])
    );
}

#[test]
fn a_response_in_progress_is_finished() {
    let site = Site::small();
    let content = noise(30_000_000);
    site.file("large.bin", &content);
    let mut server = Server::start(site.root());
    let mut client = downloading(&server, "large.bin");
    begin_to_stop(&server);
    assert!(server.process.is_running());
    assert!(client.response_to("GET").content == content);
    assert_eq!(client.rest(), b"");
    assert_eq!(server.process.wait().code(), Some(0));
}

#[test]
fn a_slow_reader_gets_whole_responses_and_the_last_one_closes() {
    const COUNT: usize = 5_000;
    let site = Site::small();
    site.file("8k.bin", noise(8_000));
    let mut server = Server::start(site.root());
    let mut client = server.connect();
    client.send("GET /8k.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(COUNT));
    // More than the kernel accepts for a client that does not read, so it is not finished.
    thread::sleep(Duration::from_millis(300));
    server.process.signal(Signal::TERM);
    thread::sleep(Duration::from_millis(700));
    let responses = responses(&client.rest(), iter::repeat_n("GET", COUNT));
    assert!(responses.len() < COUNT, "it was done before the signal");
    let last = responses.iter().position(Response::closes);
    assert_eq!(last, Some(responses.len() - 1));
    drop(client);
    assert_eq!(server.process.wait().code(), Some(0));
}

#[test]
fn one_more_request_after_a_download_is_answered() {
    let site = Site::small();
    site.file("large.bin", noise(30_000_000));
    let mut server = Server::start(site.root());
    let mut client = downloading(&server, "large.bin");
    begin_to_stop(&server);
    // Sent before the end of the download, so that it is certainly in time.
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        !client.response_to("GET").closes(),
        "it had begun before the signal"
    );
    let next = client.response_to("GET");
    assert_eq!((next.status, next.closes()), (200, true));
    drop(client);
    assert_eq!(server.process.wait().code(), Some(0));
}

#[test]
fn responses_that_exceed_the_drain_timeout_are_cut() {
    let site = Site::small();
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let launch = Launch::of(site.root()).args(["--shutdown-timeout", "300ms"]);
    let mut server = launch.start();
    let mut client = downloading(&server, "huge.bin");
    let start = Instant::now();
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < AT_ONCE);
    assert!(client.rest_or_reset().len() < 1 << 30);
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let site = Site::small();
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let mut server = Server::start(site.root());
    let _client = downloading(&server, "huge.bin");
    let start = Instant::now();
    begin_to_stop(&server);
    assert!(
        server.process.is_running(),
        "the first one waits for what is under way"
    );
    server.process.await_stderr("what it waits for", |said| {
        let told = "in progress: 1, with up to 10s to finish; another signal stops at once";
        said.contains(told).then_some(())
    });
    server.stop(Signal::TERM);
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

#[test]
fn a_server_can_be_started_again_on_its_port_at_once() {
    let site = Site::small();
    let mut first = Server::start(site.root());
    let mut client = first.connect();
    client
        .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    first.stop(Signal::TERM);
    // The server closed first, so its side of the connection stays in TIME_WAIT.
    let address = first.address.to_string();
    let second = Launch::bare()
        .arg(site.root())
        .args(["--listen", &address])
        .start();
    assert_eq!(second.get("/a.txt").status, 200);
}

/// Returns the children of a process, including zombies.
fn children(id: u32) -> Vec<u32> {
    let path = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    children
        .split_whitespace()
        .map(|id| id.parse().expect("a number"))
        .collect()
}

fn pid(id: u32) -> Pid {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    id.expect("the number of a process")
}

#[test]
fn process_1_handles_signals_and_reaps_orphans() {
    let unshare = [
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
    ];
    let can = Command::new("unshare").args(unshare).arg("true").output();
    if !can.is_ok_and(|it| it.status.success()) {
        return unavailable("a namespace of processes (unshare)");
    }
    let site = Site::small();
    // The shell becomes the server, which inherits an orphan that it does not know.
    let script = "(sleep 60 &); exec \"$0\" \"$1\" --listen 127.0.0.1:0";
    let mut outer = Process::spawn(
        Command::new("unshare")
            .args(unshare)
            .args(["sh", "-c", script, env!("CARGO_BIN_EXE_millpond")])
            .arg(site.root()),
    );
    outer.await_stdout("the address", |said| said.contains("http://").then_some(()));
    let [server] = children(outer.id())[..] else {
        panic!("unshare has one child");
    };
    let [orphan] = children(server)[..] else {
        panic!("the orphan is here");
    };
    kill_process(pid(orphan), Signal::KILL).unwrap();
    poll_until("the orphan to go", || {
        children(server).is_empty().then_some(())
    });
    kill_process(pid(server), Signal::TERM).unwrap();
    assert_eq!(outer.wait().code(), Some(0));
}

//! The time that a peer may take for each part of a request and its response.

use crate::support::{Launch, PATIENCE, Server, Signal, Site, poll_until, responses, unsent_bytes};
use socket2::{Domain, Socket, Type};
use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(400);

/// Starts a server with one short timeout, and all others at their long defaults.
fn impatient(site: &Site, timeout: &str) -> Server {
    Launch::of(site.root()).args([timeout, "400ms"]).start()
}

#[test]
fn a_head_that_takes_too_long_gives_408() {
    let site = Site::small();
    let server = impatient(&site, "--header-timeout");
    for beginning in [
        "G",
        "GET /a.txt HTTP/1.1\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\n",
    ] {
        let start = Instant::now();
        let mut client = server.connect();
        let response = client.send(beginning).response_to("GET");
        assert_eq!(
            (response.status, response.closes()),
            (408, true),
            "{beginning:?}"
        );
        assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
    }
}

#[test]
fn a_head_of_head_that_takes_too_long_gives_408_without_content() {
    let site = Site::small();
    let server = impatient(&site, "--header-timeout");
    let mut client = server.connect();
    client.send("HEAD /a.txt HTTP/1.1\r\n");
    let responses = responses(&client.rest(), ["HEAD"]);
    assert_eq!(responses[0].status, 408);
}

/// A head is not late while the server does not read it.
#[test]
fn a_slow_reader_may_have_sent_half_a_head_long_ago() {
    let site = Site::small();
    let server = impatient(&site, "--header-timeout");
    let mut client = server.connect();
    // Long enough that everything received at once is answered, except the head at its end.
    let request = format!(
        "HEAD /a.txt HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(400)
    );
    client.send_until_stalled(request.repeat(1_000).as_bytes(), SHORT);
    thread::sleep(2 * SHORT);
    client.finish_sending();
    assert!(client.rest().ends_with(b"\r\n\r\n"));
}

#[test]
fn trickled_bytes_do_not_extend_the_deadline_of_a_head() {
    let site = Site::small();
    let server = impatient(&site, "--header-timeout");
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n");
    let start = Instant::now();
    while client.is_silent_for(Duration::from_millis(50)) {
        client.try_send("X: y\r\n");
        assert!(start.elapsed() < PATIENCE, "trickling keeps the head alive");
    }
    assert_eq!(client.response_to("GET").status, 408);
}

#[test]
fn a_head_after_a_response_has_its_own_deadline() {
    let site = Site::small();
    let server = impatient(&site, "--header-timeout");
    let mut client = server.connect();
    for _ in 0..3 {
        client
            .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            .response_to("GET");
        // Between requests the idle timeout runs, not that of the head.
        assert!(client.is_silent_for(SHORT + Duration::from_millis(200)));
    }
    let response = client.send("GET /a").response_to("GET");
    assert_eq!((response.status, response.closes()), (408, true));
}

/// It has as long for its first request as that may take.
#[test]
fn a_connection_that_sends_nothing_is_closed_without_a_response() {
    let site = Site::small();
    let server = impatient(&site, "--header-timeout");
    let start = Instant::now();
    assert_eq!(server.connect().rest(), b"");
    assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
}

#[test]
fn an_idle_connection_is_closed_without_a_response() {
    let site = Site::small();
    let server = impatient(&site, "--idle-timeout");
    let mut client = poll_until("a request in time", || {
        let mut client = server.connect();
        let is_sent = client.try_send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        (is_sent && client.is_answered()).then_some(client)
    });
    assert_eq!(client.response_to("GET").status, 200);
    assert_eq!(client.rest(), b"");
}

#[test]
fn content_that_stalls_ends_its_connection() {
    let site = Site::small();
    let server = impatient(&site, "--body-timeout");
    let beginnings = [
        "Content-Length: 5\r\n\r\n",
        "Content-Length: 5\r\n\r\nhel",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: a\r\n",
    ];
    for beginning in beginnings {
        let start = Instant::now();
        let mut client = server.connect();
        client.send(format!("POST /a.txt HTTP/1.1\r\nHost: a\r\n{beginning}"));
        let output = client.rest();
        assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
        let statuses: Vec<_> = responses(&output, ["POST"])
            .iter()
            .map(|it| it.status)
            .collect();
        assert_eq!(statuses, [408], "{beginning:?}");
    }
}

#[test]
fn a_response_without_progress_ends_its_connection() {
    let site = Site::small();
    let length = 1 << 30;
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(length)
        .unwrap();
    let server = impatient(&site, "--send-timeout");
    let mut client = server.connect();
    client.send("GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    // The log line is written at the end.
    server.records(1);
    let received = client.until_reset();
    assert!(
        (received.len() as u64) < length,
        "the connection ended early"
    );
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn a_slow_reader_that_makes_progress_is_not_cut() {
    let site = Site::small();
    File::create(site.path("large.bin"))
        .unwrap()
        .set_len(40_000_000)
        .unwrap();
    let server = Launch::of(site.root())
        .args(["--send-timeout", "1s"])
        .start();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    // Longer in total than the timeout, but never as long without a byte.
    for count in (1..=20).map(|step| step * 1_500_000) {
        thread::sleep(Duration::from_millis(100));
        client.await_bytes(count);
    }
    assert_eq!(client.response_to("GET").content.len(), 40_000_000);
}

/// For example a player that has buffered enough, or a connection that has become slow. The kernel
/// then holds much data, and reports no progress for a long time.
#[test]
fn a_reader_that_becomes_slow_is_not_cut_either() {
    const QUICKLY: usize = 20_000_000;
    let site = Site::small();
    let server = serving_large_files(&site, "600ms");
    let mut stream = connect_with_buffer(&server, 64 * 1024);
    ask_for(&mut stream, "/large.bin");
    let mut buffer = vec![0; QUICKLY];
    stream.read_exact(&mut buffer).unwrap();
    // 200 kB a second: half of 2 MiB is read in five seconds.
    for _ in 0..50 {
        thread::sleep(Duration::from_millis(50));
        stream.read_exact(&mut buffer[..10_000]).unwrap();
    }
}

/// 1 KiB a second with a timeout of 60 s corresponds to 100 KiB a second with one of 0.6 s. Whatever
/// its buffer size, the server gets no request for more data within the timeout, because reading
/// half of what the kernel holds takes longer.
#[test]
fn a_steady_reader_at_60_kib_a_timeout_is_not_cut_whatever_its_buffer_holds() {
    let site = Site::small();
    let server = serving_large_files(&site, "600ms");
    let buffers = [4 * 1024, 32 * 1024, 128 * 1024];
    let mut readers: Vec<_> = buffers.map(|it| connect_with_buffer(&server, it)).into();
    for stream in &mut readers {
        ask_for(stream, "/large.bin");
    }
    let start = Instant::now();
    in_parallel(&readers, |mut stream| {
        let mut piece = [0; 5 * 1024];
        for number in 1..=60 {
            let due = start + Duration::from_millis(50) * number;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            stream.read_exact(&mut piece).unwrap();
        }
    });
}

#[test]
fn a_steady_reader_at_a_unix_socket_is_not_cut_and_a_silent_one_is() {
    let site = Site::small();
    fill(&site, "large.bin", 40_000_000);
    let path = site.outside("socket");
    let _server = Launch::of(site.root())
        .args(["--send-timeout", "600ms", "--listen"])
        .arg(format!("unix:{}", path.display()))
        .start();
    let connect = || {
        let mut stream = UnixStream::connect(&path).unwrap();
        let request = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).unwrap();
        stream
    };
    let (mut steady, mut silent) = (connect(), connect());
    let mut piece = [0; 5 * 1024];
    for _ in 0..50 {
        thread::sleep(Duration::from_millis(50));
        steady.read_exact(&mut piece).unwrap();
    }
    // It gets only the data that the kernel holds for it.
    let mut received = Vec::new();
    let _ = silent.read_to_end(&mut received);
    assert!(received.len() < 2_000_000, "{}", received.len());
}

/// It frees room byte by byte, and does not hold its connection for longer that way.
#[test]
fn a_client_that_reads_almost_nothing_is_cut() {
    let site = Site::small();
    let server = serving_large_files(&site, "400ms");
    let mut stream = connect_with_buffer(&server, 4 * 1024);
    ask_for(&mut stream, "/large.bin");
    let start = Instant::now();
    while stream.read_exact(&mut [0; 50]).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it is still served");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() > SHORT);
}

fn fill(site: &Site, name: &str, length: u64) {
    let file = File::create(site.path(name)).unwrap();
    file.set_len(length).unwrap();
}

fn serving_large_files(site: &Site, send_stall_timeout: &str) -> Server {
    fill(site, "large.bin", 40_000_000);
    Launch::of(site.root())
        .args(["--send-timeout", send_stall_timeout])
        .start()
}

/// Connects a client with a receive buffer of this size, which limits the data that it can already
/// have.
fn connect_with_buffer(server: &Server, bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.connect(&server.address.into()).unwrap();
    TcpStream::from(socket)
}

fn ask_for(stream: &mut TcpStream, target: &str) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
}

/// For example while a container or a virtual machine was paused.
#[test]
fn a_client_with_buffer_space_is_not_cut_because_the_server_is_late() {
    let site = Site::small();
    File::create(site.path("large.bin"))
        .unwrap()
        .set_len(200_000)
        .unwrap();
    let server = Launch::of(site.root())
        .args(["--send-timeout", "1s"])
        .start();
    let connect = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // A buffer so small that not everything can be sent before something is read.
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.connect(&server.address.into()).unwrap();
        TcpStream::from(socket)
    };
    let mut downloads: Vec<_> = (0..10).map(|_| connect()).collect();
    for stream in &mut downloads {
        let request = b"GET /large.bin HTTP/1.0\r\n\r\n";
        stream.write_all(request).unwrap();
    }
    for stream in &downloads {
        stream.peek(&mut [0]).unwrap();
    }
    let stopped = Instant::now();
    server.process.pause();
    let received = in_parallel(&downloads, read_all_that_was_sent);
    thread::sleep(Duration::from_millis(1_100).saturating_sub(stopped.elapsed()));
    server.process.signal(Signal::CONT);
    let rest = in_parallel(&downloads, |mut stream| {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap()
    });
    for (before, after) in received.into_iter().zip(rest) {
        assert!(before + after > 200_000);
    }
}

/// Returns the result for each stream. All run at once, so none waits for another.
fn in_parallel<T: Send>(streams: &[TcpStream], act: impl Fn(&TcpStream) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let acting = streams.iter().map(|stream| scope.spawn(|| act(stream)));
        let acting: Vec<_> = acting.collect();
        acting.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

/// Reads until the kernel has sent everything that the server has handed over. Returns the number
/// of bytes.
fn read_all_that_was_sent(mut stream: &TcpStream) -> usize {
    let server = stream.peer_addr().unwrap().port();
    let client = stream.local_addr().unwrap().port();
    let brief = Some(Duration::from_millis(50));
    stream.set_read_timeout(brief).unwrap();
    let mut bytes = Vec::new();
    poll_until("all to be taken", || {
        assert!(stream.read_to_end(&mut bytes).is_err(), "more is to come");
        (unsent_bytes(server, Some(client)) == 0).then_some(())
    });
    bytes.len()
}

#[test]
fn a_lingering_close_ends_at_its_timeout() {
    let site = Site::small();
    let server = impatient(&site, "--linger-timeout");
    let mut client = server.connect();
    let response = client.send("nonsense\r\n\r\n").response_to("GET");
    assert_eq!(response.status, 400);
    assert_eq!(client.rest(), b"", "the server's side is shut");
    let start = Instant::now();
    while client.try_send("more nonsense\r\n") {
        assert!(start.elapsed() < PATIENCE, "the server still listens");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn slow_peers_do_not_delay_others() {
    let site = Site::small();
    File::create(site.path("huge.bin"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let server = Server::start(site.root());
    let mut slow = Vec::new();
    for _ in 0..50 {
        for beginning in [
            "",
            "GET /a.txt HTTP/1.1\r\n",
            "POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
            "GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let mut client = server.connect();
            client.send(beginning);
            slow.push(client);
        }
    }
    for _ in 0..50 {
        assert_eq!(server.get("/a.txt").status, 200);
    }
}

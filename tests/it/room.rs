//! The connection limit: which connections are closed when it is reached, and which wait.

use crate::support::{
    Client, Launch, Server, Site, noise, poll_until, uninterrupted, unsent_bytes,
};
use rustix::process::{Resource, Rlimit, prlimit};
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// Starts a server with this connection limit.
fn server(site: &Site, option: &str, connections: usize) -> Server {
    Launch::of(site.root())
        .args([option, &connections.to_string()])
        .start()
}

/// Sets the limit of open files to 64.
fn with_few_descriptors(launch: Launch) -> Launch {
    launch.within(|command| {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
        limited.arg(command.get_program()).args(command.get_args());
        limited
    })
}

/// Returns `true` if the server has a descriptor with this number.
fn is_open(server: &Server, number: u64) -> bool {
    fs::symlink_metadata(format!("/proc/{}/fd/{number}", server.process.id())).is_ok()
}

/// Returns a connection that has completed a request and may send another.
fn idle(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(client.send(GET).response_to("GET").status, 200);
    client
}

/// Returns a download that stalls because the client does not read.
fn half_a_download(server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(8 * 1024).expect("a size");
    socket.connect(&server.address.into()).expect("a server");
    let mut stream = TcpStream::from(socket);
    let request = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request).expect("a connection");
    stream.peek(&mut [0]).expect("the beginning");
    stream
}

/// Reads until nothing more arrives.
fn read_available(stream: &mut TcpStream) {
    let timeout = Some(Duration::from_millis(50));
    stream.set_read_timeout(timeout).expect("a timeout");
    let mut buffer = [0; 16 * 1024];
    while uninterrupted(|| stream.read(&mut buffer)).is_ok_and(|count| count > 0) {}
}

/// Returns `true` if a new connection is closed without a response.
fn is_rejected(server: &Server) -> bool {
    let mut client = server.connect();
    client.try_send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.rest_or_reset().is_empty()
}

/// Returns a connection with a request in progress.
fn busy(server: &Server) -> Client {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
    let mut client = server.connect();
    // The response to the first request is sent after the second has been read.
    client.send(GET.to_owned() + post);
    assert_eq!(client.response_to("GET").status, 200);
    client
}

#[test]
fn the_longest_idle_connection_is_closed_for_a_new_one() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 3);
    let mut first = idle(&server);
    let mut others = [idle(&server), idle(&server)];
    let mut newcomer = idle(&server);
    assert_eq!(first.rest(), b"", "the longest idle is closed");
    for client in others.iter_mut().chain([&mut newcomer]) {
        assert_eq!(client.send(GET).response_to("GET").status, 200);
    }
}

#[test]
fn a_connection_with_a_request_in_progress_is_not_closed() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 2);
    let mut busy = busy(&server);
    let mut idle_one = idle(&server);
    let _newcomer = idle(&server);
    assert_eq!(idle_one.rest(), b"");
    assert_eq!(busy.send("x").response_to("POST").status, 405);
}

#[test]
fn a_new_connection_waits_while_all_others_are_busy() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-max", "2"])
        .expecting(&["accepting pauses"])
        .start();
    let mut busy = [busy(&server), busy(&server)];
    let mut newcomer = server.connect();
    newcomer.send(GET);
    assert!(newcomer.is_silent_for(Duration::from_millis(200)));
    let [first, _] = &mut busy;
    assert_eq!(first.send("x").response_to("POST").status, 405);
    assert_eq!(newcomer.response_to("GET").status, 200);
}

#[test]
fn slow_requests_are_closed_for_new_connections_if_none_is_idle() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-max", "2"])
        .expecting(&["accepting pauses"])
        .start();
    let mut slow_head = server.connect();
    slow_head.send("GET / HT");
    let mut slow_content = busy(&server);
    // Long before the deadlines of either.
    for _ in 0..2 {
        let mut newcomer = server.connect();
        newcomer.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(newcomer.response_to("GET").status, 200);
    }
    assert_eq!(slow_head.rest_or_reset(), b"", "the longest makes room");
    assert_eq!(slow_content.send("x").response_to("POST").status, 405);
}

#[test]
fn an_idle_connection_is_closed_before_one_whose_request_is_arriving() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-max", "2"])
        .expecting(&["accepting pauses"])
        .start();
    let mut arriving = server.connect();
    arriving.send("GET /a.txt HT");
    let mut busy = busy(&server);
    let mut newcomer = server.connect();
    newcomer.send(GET);
    assert!(newcomer.is_silent_for(Duration::from_millis(100)));
    assert_eq!(busy.send("x").response_to("POST").status, 405);
    assert_eq!(newcomer.response_to("GET").status, 200);
    assert_eq!(busy.rest(), b"", "it has fallen idle");
    let arrived = arriving.send("TP/1.0\r\n\r\n").response_to("GET");
    assert_eq!(arrived.status, 200);
}

#[test]
fn a_connection_that_may_still_close_does_not_prevent_closing_an_idle_one() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 2);
    let mut told = server.connect();
    assert_eq!(told.send("nonsense\r\n\r\n").response_to("GET").status, 400);
    let _idle = idle(&server);
    // Without a pause that would cause a warning.
    let _newcomer = idle(&server);
}

#[test]
fn many_idle_connections_do_not_block_new_ones() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 10);
    let mut holders = Vec::new();
    for _ in 0..200 {
        holders.push(server.connect());
    }
    for _ in 0..20 {
        idle(&server);
    }
}

#[test]
fn new_connections_are_not_closed_for_one_another_before_they_are_answered() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 3);
    let exchange = || {
        let mut client = server.connect();
        // As late as over a connection with a latency of some milliseconds.
        thread::sleep(Duration::from_millis(3));
        client.try_send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.rest_or_reset().starts_with(b"HTTP/1.1 200 ")
    };
    let answered: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..30)
            .map(|_| scope.spawn(|| (0..10).filter(|_| exchange()).count()))
            .collect();
        clients.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert!(answered > 250, "only {answered} of 300 were answered");
}

#[test]
fn one_client_cannot_exceed_its_connection_limit() {
    let site = Site::small();
    let server = server(&site, "--connections-per-client-max", 2);
    let first = idle(&server);
    let _second = idle(&server);
    assert!(is_rejected(&server));
    drop(first);
    let _third = poll_until("the first to be gone", || {
        let mut client = server.connect();
        (client.try_send(GET) && client.is_answered()).then_some(client)
    });
    assert!(is_rejected(&server), "one made room for one");
}

/// The kernel gives no address for them.
#[test]
fn connections_of_a_unix_socket_have_no_limit_for_each_client() {
    let site = Site::small();
    let path = site.outside("socket");
    for workers in ["1", "2"] {
        let _server = Launch::of(site.root())
            .args(["--connections-per-client-max", "1"])
            .args(["--workers", workers])
            .arg(format!("--listen=unix:{}", path.display()))
            .start();
        let mut connections = [(); 5].map(|()| UnixStream::connect(&path).unwrap());
        // All of them are open when each is answered.
        for stream in &mut connections {
            stream.write_all(GET.as_bytes()).unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200");
        }
    }
}

#[test]
fn a_closed_admin_connection_does_not_count_for_a_client_at_the_same_address() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-per-client-max", "1"])
        .args(["--admin", "127.0.0.1:0"])
        .start();
    let _only = idle(&server);
    let mut operator = Client::connect(server.admin_address());
    operator.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(operator.rest().starts_with(b"HTTP/1.1 200 "));
    assert!(is_rejected(&server));
}

#[test]
fn the_kernel_buffers_little_for_a_client_that_does_not_read() {
    let site = Site::small();
    site.file("large.bin", noise(20_000_000));
    let server = Server::start(site.root());
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut last = 0;
    let held = poll_until("the server to have sent what it can", || {
        thread::sleep(Duration::from_millis(100));
        let before = std::mem::replace(&mut last, unsent_bytes(server.address.port(), None));
        (last > 0 && last == before).then_some(last)
    });
    assert!((100_000..500_000).contains(&held), "{held} bytes");
    assert_eq!(client.response_to("GET").content.len(), 20_000_000);
}

#[test]
fn a_client_that_does_not_close_after_its_last_response_is_closed_for_a_new_one() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-max", "1", "--linger-timeout", "1h"])
        .expecting(&["accepting pauses"])
        .start();
    let mut told = server.connect();
    assert_eq!(told.send("nonsense\r\n\r\n").response_to("GET").status, 400);
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn half_an_empty_line_does_not_prevent_closing_a_connection() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 1);
    let mut first = idle(&server);
    first.send("\r");
    assert!(first.is_silent_for(Duration::from_millis(50)));
    assert_eq!(server.get("/a.txt").status, 200);
}

/// Each request opens and reads a file, although little is sent.
#[test]
fn many_requests_on_one_connection_do_not_delay_others() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--cache-entries-max", "0"])
        .start();
    let (mut many, mut one) = (server.connect(), idle(&server));
    server.process.pause();
    many.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n".repeat(400));
    one.send(GET);
    server.resume_with(2);
    assert_eq!(one.response_to("GET").status, 200);
    let records = server.records(402);
    let place = records.iter().rposition(|record| record.contains("\"GET"));
    assert!(place.is_some_and(|place| place < 200), "{place:?}");
}

/// Each download has sent more in the meantime: the end of its input, or another request.
#[test]
fn a_request_is_answered_before_downloads_in_progress_continue() {
    let site = Site::small();
    site.file("large.bin", noise(200_000));
    let server = Server::start(site.root());
    let mut one = idle(&server);
    let mut downloads: Vec<_> = (0..30).map(|_| half_a_download(&server)).collect();
    server.process.pause();
    for (number, download) in downloads.iter_mut().enumerate() {
        read_available(download);
        if number % 2 == 0 {
            download.shutdown(Shutdown::Write).expect("a connection");
        } else {
            download.write_all(GET.as_bytes()).expect("a connection");
        }
    }
    one.send("GET /?one HTTP/1.1\r\nHost: a\r\n\r\n");
    server.resume_with(30 + 1);
    assert_eq!(one.response_to("GET").status, 200);
    let records = server.records(1 + 30 + 15 + 1);
    let place = records.iter().position(|record| record.contains("/?one"));
    assert!(place.is_some_and(|place| place < 10), "{place:?}");
}

#[test]
fn a_small_request_is_answered_before_many_large_ones() {
    let site = Site::small();
    site.file("large.bin", noise(100_000));
    let server = Server::start(site.root());
    let mut many: Vec<_> = (0..40).map(|_| idle(&server)).collect();
    let mut one = idle(&server);
    server.process.pause();
    for client in &mut many {
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    one.send("GET /?one HTTP/1.1\r\nHost: a\r\n\r\n");
    server.resume_with(40 + 1);
    assert_eq!(one.response_to("GET").status, 200);
    for client in &mut many {
        assert_eq!(client.response_to("GET").content.len(), 100_000);
    }
    let records = server.records(2 * (40 + 1));
    let place = records.iter().position(|record| record.contains("/?one"));
    assert!(place.is_some_and(|place| place < 41 + 20), "{place:?}");
}

#[test]
fn downloads_in_turns_arrive_whole_with_small_requests_in_between() {
    let site = Site::small();
    site.file("large.bin", noise(20_000_000));
    let server = Server::start(site.root());
    let port = server.address.port();
    // The clients do not read before all of the downloads are under way.
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    poll_until("the downloads to be under way", || {
        (unsent_bytes(port, None) > 1_000_000).then_some(())
    });
    let downloads: Vec<_> = clients
        .into_iter()
        .map(|mut client| thread::spawn(move || client.response_to("GET").content.len()))
        .collect();
    let mut client = server.connect();
    for _ in 0..100 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response_to("GET").status, 200);
    }
    for download in downloads {
        assert_eq!(download.join().expect("a download"), 20_000_000);
    }
}

#[test]
fn a_connection_limit_above_the_descriptor_limit_causes_a_warning() {
    const WARNING: &str = "connections-max is 32 instead of 100: \
                           the limit on open files leaves no room for more";
    let site = Site::small();
    let launch = Launch::of(site.root())
        .args(["--connections-max", "100"])
        .expecting(&[WARNING]);
    let server = with_few_descriptors(launch).start();
    assert_eq!(server.get("/a.txt").status, 200);
    server
        .process
        .await_stderr("the warning", |said| said.contains(WARNING).then_some(()));
}

#[test]
fn files_held_open_are_closed_for_clients() {
    let site = Site::small();
    for number in 0..30 {
        site.file(format!("{number}.bin"), noise(70_000));
    }
    let server = with_few_descriptors(Launch::ahead(site.root())).start();
    assert_eq!(server.get("/a.txt").status, 200);
    // Each is hashed at its first request, and cached at its second.
    for number in (0..30).chain(0..30) {
        assert_eq!(server.get(&format!("/{number}.bin")).status, 200);
    }
    // From now on, hardly any more descriptors are available.
    let highest = (0..64).rfind(|number| is_open(&server, *number));
    let limit = Rlimit {
        current: highest.map(|highest| highest + 1),
        maximum: Some(64),
    };
    prlimit(Some(server.process.pid()), Resource::Nofile, limit).unwrap();
    // By the second round, all of them are connected at once.
    let mut clients: Vec<_> = (0..5).map(|_| idle(&server)).collect();
    for client in &mut clients {
        assert_eq!(client.send(GET).response_to("GET").status, 200);
    }
}

#[test]
fn files_held_open_leave_descriptors_for_a_swapped_root() {
    let site = Site::new();
    let large = noise(70_000);
    for number in 0..60 {
        site.file(format!("v1/{number}"), &large);
    }
    site.file("v2/new", "two").symlink("current", "v1");
    let server = with_few_descriptors(Launch::of(site.path("current")))
        .expecting(&["is now another directory"])
        .start();
    let mut client = server.connect();
    let mut status = |number: usize| {
        let request = format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(request).response_to("GET").status
    };
    let last = (0..60).find(|number| {
        assert_eq!(status(*number), 200);
        (0..64).all(|number| is_open(&server, number))
    });
    Site::swap_symlink(&site.path("current"), "v2");
    let mut is_swapped = || status(last.unwrap_or(59)) == 404;
    poll_until("the new release", || is_swapped().then_some(()));
}

#[test]
fn the_slowest_reader_is_closed_for_a_new_connection_and_a_steady_one_is_not() {
    const LARGE: &str = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    let site = Site::small();
    site.file("large.bin", noise(16 << 20));
    let server = Launch::of(site.root())
        .args(["--connections-max", "4"])
        .expecting(&["accepting pauses"])
        .start();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // 256 KiB a second, which the kernel acknowledges in lumps. They come often enough for a
        // machine on which this thread has to wait for its turn.
        let steady = scope.spawn(|| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(LARGE.as_bytes()).unwrap();
            let (mut bytes, begun) = ([0; 13_107], Instant::now());
            let mut steps = 0;
            while !is_over.load(Ordering::Relaxed) {
                stream.read_exact(&mut bytes).expect("it continues");
                steps += 1;
                let due = begun + Duration::from_millis(50) * steps;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            steps
        });
        let _over = Over(&is_over);
        thread::sleep(Duration::from_secs(1));
        let mut unread = Vec::new();
        for _ in 0..6 {
            while unread.len() < 3 {
                let mut client = server.connect();
                client.send(LARGE);
                unread.push(client);
            }
            // Until the kernel has no room for more of their data.
            thread::sleep(Duration::from_millis(200));
            let begun = Instant::now();
            let mut newcomer = server.connect();
            assert_eq!(newcomer.send(GET).response_to("GET").status, 200);
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(5), "{waited:?}");
            // Of the connections that read nothing, one is reset.
            let cut = poll_until("a reset", || unread.iter().position(Client::is_reset));
            unread.remove(cut);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(steady.join().unwrap() > 120);
    });
}

/// A guard that ends the threads of a test, even if it panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

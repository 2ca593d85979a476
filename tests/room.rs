//! Room for connections: who goes when there are too many, and who waits.

mod support;

use rustix::process::{Resource, Rlimit, prlimit};
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Command,
    thread,
    time::Duration,
};
use support::{Client, Launch, Server, Signal, Site, noise, poll_until, unsent_bytes};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server for so many connections at once.
fn server(site: &Site, option: &str, connections: usize) -> Server {
    Launch::of(site.root())
        .args([option, &connections.to_string()])
        .start()
}

/// The same, with room for 64 open files.
fn with_few_descriptors(launch: Launch) -> Launch {
    launch.within(|command| {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
        limited.arg(command.get_program()).args(command.get_args());
        limited
    })
}

/// Whether the server has a descriptor of this number.
fn is_open(server: &Server, number: u64) -> bool {
    fs::symlink_metadata(format!("/proc/{}/fd/{number}", server.process.id())).is_ok()
}

/// A connection that has made a request and may make another.
fn idle(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(client.send(GET).response_to("GET").status, 200);
    client
}

/// A download that stops before its end, as it is not read.
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

/// Reads until nothing comes any more.
fn take_what_is_here(stream: &mut TcpStream) {
    let timeout = Some(Duration::from_millis(50));
    stream.set_read_timeout(timeout).expect("a timeout");
    while stream
        .read(&mut [0; 16 * 1024])
        .is_ok_and(|count| count > 0)
    {}
}

/// Whether a newcomer gets no answer, but the end.
fn is_turned_away(server: &Server) -> bool {
    let mut client = server.connect();
    client.try_send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.rest_or_reset().is_empty()
}

/// A connection with a request under way.
fn busy(server: &Server) -> Client {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
    let mut client = server.connect();
    // The answer to the first request leaves when the second is read already.
    client.send(GET.to_owned() + post);
    assert_eq!(client.response_to("GET").status, 200);
    client
}

#[test]
fn the_longest_idle_connection_makes_room_for_a_new_one() {
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
fn a_connection_with_something_under_way_does_not_make_room() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 2);
    let mut busy = busy(&server);
    let mut idle_one = idle(&server);
    let _newcomer = idle(&server);
    assert_eq!(idle_one.rest(), b"");
    assert_eq!(busy.send("x").response_to("POST").status, 405);
}

#[test]
fn who_comes_when_all_are_busy_waits_until_one_ends() {
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
fn requests_that_take_long_to_arrive_make_room_where_nobody_is_idle() {
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
fn who_falls_idle_makes_room_rather_than_one_whose_request_is_arriving() {
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
fn who_may_still_close_keeps_nobody_idle_from_making_room() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 2);
    let mut told = server.connect();
    assert_eq!(told.send("nonsense\r\n\r\n").response_to("GET").status, 400);
    let _idle = idle(&server);
    // Without a pause that is worth a warning.
    let _newcomer = idle(&server);
}

#[test]
fn many_idle_connections_lock_nobody_out() {
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
fn newcomers_do_not_drive_out_one_another_before_they_are_answered() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 3);
    let exchange = || {
        let mut client = server.connect();
        // As late as on a way of some milliseconds.
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
fn one_client_has_no_more_connections_than_it_may_have() {
    let site = Site::small();
    let server = server(&site, "--connections-per-client-max", 2);
    let first = idle(&server);
    let _second = idle(&server);
    assert!(is_turned_away(&server));
    drop(first);
    let _third = poll_until("the first to be gone", || {
        let mut client = server.connect();
        (client.try_send(GET) && client.is_answered()).then_some(client)
    });
    assert!(is_turned_away(&server), "one made room for one");
}

#[test]
fn an_operator_who_leaves_makes_no_room_for_a_client_at_the_same_address() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-per-client-max", "1"])
        .args(["--admin", "127.0.0.1:0"])
        .start();
    let _only = idle(&server);
    let mut operator = Client::connect(server.admin_address());
    operator.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(operator.rest().starts_with(b"HTTP/1.1 200 "));
    assert!(is_turned_away(&server));
}

#[test]
fn the_kernel_holds_little_for_a_client_that_does_not_read() {
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
fn who_has_been_told_all_and_does_not_close_makes_room() {
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
fn half_an_empty_line_keeps_nobody_from_making_room() {
    let site = Site::small();
    let server = server(&site, "--connections-max", 1);
    let mut first = idle(&server);
    first.send("\r");
    assert!(first.is_silent_for(Duration::from_millis(50)));
    assert_eq!(server.get("/a.txt").status, 200);
}

/// Each of them opens and reads a file, though little is sent.
#[test]
fn many_requests_on_one_connection_leave_others_their_turn() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--cache-entries-max", "0"])
        .start();
    let (mut many, mut one) = (server.connect(), idle(&server));
    server.process.signal(Signal::STOP);
    many.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n".repeat(400));
    one.send(GET);
    server.process.signal(Signal::CONT);
    assert_eq!(one.response_to("GET").status, 200);
    let records = server.records(402);
    let place = records.iter().rposition(|record| record.contains("\"GET"));
    assert!(place.is_some_and(|place| place < 200), "{place:?}");
}

/// Whatever else they have sent: its end, or another request.
#[test]
fn who_asks_for_something_comes_before_all_who_have_room_for_more() {
    let site = Site::small();
    site.file("large.bin", noise(200_000));
    let server = Server::start(site.root());
    let mut one = idle(&server);
    let mut downloads: Vec<_> = (0..30).map(|_| half_a_download(&server)).collect();
    server.process.signal(Signal::STOP);
    for (number, download) in downloads.iter_mut().enumerate() {
        take_what_is_here(download);
        if number % 2 == 0 {
            download.shutdown(Shutdown::Write).expect("a connection");
        } else {
            download.write_all(GET.as_bytes()).expect("a connection");
        }
    }
    one.send("GET /?one HTTP/1.1\r\nHost: a\r\n\r\n");
    server.process.signal(Signal::CONT);
    assert_eq!(one.response_to("GET").status, 200);
    let records = server.records(1 + 30 + 15 + 1);
    let place = records.iter().position(|record| record.contains("/?one"));
    assert!(place.is_some_and(|place| place < 10), "{place:?}");
}

#[test]
fn who_asks_for_little_is_answered_before_all_who_ask_for_much_at_once() {
    let site = Site::small();
    site.file("large.bin", noise(100_000));
    let server = Server::start(site.root());
    let mut many: Vec<_> = (0..40).map(|_| idle(&server)).collect();
    let mut one = idle(&server);
    server.process.signal(Signal::STOP);
    for client in &mut many {
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    one.send("GET /?one HTTP/1.1\r\nHost: a\r\n\r\n");
    server.process.signal(Signal::CONT);
    assert_eq!(one.response_to("GET").status, 200);
    for client in &mut many {
        assert_eq!(client.response_to("GET").content.len(), 100_000);
    }
    let records = server.records(2 * (40 + 1));
    let place = records.iter().position(|record| record.contains("/?one"));
    assert!(place.is_some_and(|place| place < 41 + 20), "{place:?}");
}

#[test]
fn downloads_that_share_turns_come_whole_and_small_requests_in_between() {
    let site = Site::small();
    site.file("large.bin", noise(50_000_000));
    let server = Server::start(site.root());
    let port = server.address.port();
    let downloads: Vec<_> = (0..8)
        .map(|_| {
            let mut client = server.connect();
            thread::spawn(move || {
                client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
                client.response_to("GET").content.len()
            })
        })
        .collect();
    poll_until("the downloads to be under way", || {
        (unsent_bytes(port, None) > 1_000_000).then_some(())
    });
    let mut client = server.connect();
    for _ in 0..100 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response_to("GET").status, 200);
    }
    for download in downloads {
        assert_eq!(download.join().expect("a download"), 50_000_000);
    }
}

#[test]
fn more_connections_than_files_may_be_open_are_warned_of() {
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
fn files_that_are_kept_open_make_room_for_clients() {
    let site = Site::small();
    for number in 0..30 {
        site.file(format!("{number}.bin"), noise(70_000));
    }
    // Only what has been left alone for two seconds is kept, and not opened again.
    thread::sleep(Duration::from_millis(2_100));
    let server = with_few_descriptors(Launch::of(site.root())).start();
    assert_eq!(server.get("/a.txt").status, 200);
    // Each is hashed when it is first asked for, and kept when it is asked for again.
    for number in (0..30).chain(0..30) {
        assert_eq!(server.get(&format!("/{number}.bin")).status, 200);
    }
    // From now on there are hardly more descriptors than are taken.
    let highest = (0..64).rfind(|number| is_open(&server, *number));
    let limit = Rlimit {
        current: highest.map(|highest| highest + 1),
        maximum: Some(64),
    };
    prlimit(Some(server.process.pid()), Resource::Nofile, limit).unwrap();
    // By the second round, all of them are there at once.
    let mut clients: Vec<_> = (0..5).map(|_| idle(&server)).collect();
    for client in &mut clients {
        assert_eq!(client.send(GET).response_to("GET").status, 200);
    }
}

#[test]
fn files_that_are_kept_open_leave_descriptors_for_a_root_that_is_swapped() {
    let site = Site::new();
    let large = noise(70_000);
    for number in 0..60 {
        site.file(format!("v1/{number}"), &large);
    }
    site.file("v2/new", "two").symlink("current", "v1");
    let server = with_few_descriptors(Launch::of(site.path("current")))
        .expecting(&["leads to another directory now"])
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

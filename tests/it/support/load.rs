//! Requests of many clients at once, and their outcomes.

use super::{PATIENCE, Response, Server, Site, noise, poll_until, uninterrupted};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Files of many sizes: some that replicas keep in memory, and some that they send from the disk.
pub(crate) fn files_of_many_sizes() -> Files {
    let sizes = [
        0, 100, 1_500, 10_000, 40_000, 65_536, 65_537, 100_000, 300_000,
    ];
    let small = (0..99).zip(sizes.into_iter().cycle()).map(|(n, size)| {
        let mut content = noise(size);
        // Each file has unique content, so that no file is mistaken for another.
        content.splice(0..size.min(8), format!("{n:08}").into_bytes());
        (format!("/{n}.bin"), content)
    });
    small
        .chain([(LARGE_FILE.to_owned(), noise(8 << 20))])
        .collect()
}

/// Returns a site of these files.
pub(crate) fn site_of_many_files() -> (Site, Files) {
    let (site, files) = (Site::new(), files_of_many_sizes());
    for (target, content) in &files {
        site.file(&target[1..], content);
    }
    (site, files)
}

/// Too large for the buffers between a replica and a slow client.
pub(crate) const LARGE_FILE: &str = "/large.bin";

/// Files by their request targets.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Clients that request one file after another until they are stopped.
#[derive(Default)]
pub(crate) struct Load {
    is_over: AtomicBool,
    sent: AtomicUsize,
    /// A description of each request without a complete response.
    lost: Mutex<Vec<String>>,
}

/// The behaviour of a client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Sends one request after another on one connection.
    Persistent,
    /// Uses a new connection for each request.
    OneRequestEach,
    /// Requests the large file, and receives it slowly.
    Slow,
}

impl Load {
    /// Clients of all kinds request files while `act` runs.
    pub(crate) fn put_on(address: SocketAddr, files: &Files, act: impl FnOnce(&Self)) -> Self {
        let load = Self::default();
        thread::scope(|scope| {
            for (number, habit) in CLIENTS.into_iter().enumerate() {
                // Each begins with another file.
                let first = number * files.len() / CLIENTS.len();
                let load = &load;
                scope.spawn(move || load.ask_on(address, files, habit, first));
            }
            // Ends the clients even after a panic.
            let _end = End(&load);
            act(&load);
        });
        load
    }

    fn ask_on(&self, address: SocketAddr, files: &Files, habit: Habit, first: usize) {
        let mut connection = None;
        let mut targets = files.keys().cycle().skip(first);
        while !self.is_over.load(Ordering::Relaxed) {
            let target = match habit {
                Habit::Slow => LARGE_FILE,
                _ => targets.next().expect("there are files"),
            };
            let problem = match ask(&mut connection, address, target, habit) {
                Err(problem) => Some(problem),
                Ok(response) if response.status != 200 => Some(response.status.to_string()),
                Ok(response) => {
                    (response.content != files[target]).then(|| "other content".to_owned())
                }
            };
            self.sent.fetch_add(1, Ordering::Relaxed);
            if let Some(problem) = problem {
                let mut lost = self.lost.lock().expect("no client panics");
                lost.push(format!("{target}: {problem}"));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asserts that each request had a complete response, and prints how many there were since
    /// `start`.
    #[track_caller]
    pub(crate) fn assert_nothing_lost(&self, during: &str, start: Instant) {
        let (sent, lost) = (self.sent(), self.lost());
        let seconds = start.elapsed().as_secs_f32();
        println!(
            "{during}, {sent} requests in {seconds:.1} s, {} lost",
            lost.len()
        );
        assert_eq!(lost, <[String; 0]>::default());
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> Vec<String> {
        self.lost.lock().expect("no client panics").clone()
    }

    /// Waits until this many more requests have been sent.
    pub(crate) fn await_more(&self, count: usize) {
        let enough = self.sent() + count;
        poll_until("more requests", || (self.sent() >= enough).then_some(()));
    }
}

/// A guard that ends the load when it is dropped.
struct End<'load>(&'load Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// Returns how long the response to a long request takes, and how long one of many small requests
/// waits at most in the meantime.
#[track_caller]
pub(crate) fn waits_during(server: &Server, long: &str, small: &str) -> (Duration, Duration) {
    let (mut one, mut others) = (server.connect(), server.connect());
    let begun = Instant::now();
    one.send(long);
    let making = thread::spawn(move || {
        one.await_bytes(1);
        let whole = begun.elapsed();
        assert_eq!(one.response_to("GET").status, 200);
        whole
    });
    let mut longest = Duration::ZERO;
    while !making.is_finished() {
        let asked = Instant::now();
        let response = others.send(small).response_to("GET");
        assert_eq!(response.status, 200);
        longest = longest.max(asked.elapsed());
    }
    let whole = making.join().expect("the long request is answered");
    println!("{whole:?} in all; a small request waited for {longest:?} at most");
    (whole, longest)
}

/// Makes one request, on the connection if there is one. Keeps the connection if it can be used
/// again.
fn ask(
    connection: &mut Option<TcpStream>,
    address: SocketAddr,
    target: &str,
    habit: Habit,
) -> Result<Response, String> {
    let mut stream = match connection.take().filter(is_open) {
        Some(stream) => stream,
        None => connect(address).map_err(|error| format!("no connection: {error}"))?,
    };
    let field = match habit {
        Habit::OneRequestEach => "Connection: close\r\n",
        Habit::Persistent | Habit::Slow => "",
    };
    let head = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{field}\r\n");
    stream
        .write_all(head.as_bytes())
        .map_err(|error| format!("not sent: {error}"))?;
    let response = receive(&mut stream, habit)?;
    if !response.closes() {
        *connection = Some(stream);
    }
    Ok(response)
}

/// Returns `true` if a connection may be used again. A client that does not check this before it
/// sends gets no response on a closed connection; RFC 9112 §9.3.1 makes it retry. A request that
/// crosses the close is lost here anyway.
fn is_open(stream: &TcpStream) -> bool {
    let peeked = stream
        .set_nonblocking(true)
        .and_then(|()| stream.peek(&mut [0]));
    let is_silent = peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    is_silent && stream.set_nonblocking(false).is_ok()
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn receive(stream: &mut TcpStream, habit: Habit) -> Result<Response, String> {
    let mut received = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match uninterrupted(|| stream.read(&mut buffer)) {
            Ok(0) => return Err(format!("the end after {} bytes", received.len())),
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(format!("{error} after {} bytes", received.len())),
        }
        match Response::parse(&received, "GET")? {
            Some((response, length)) if length == received.len() => return Ok(response),
            Some(_) => return Err("more than was asked for".to_owned()),
            None if habit == Habit::Slow => thread::sleep(Duration::from_millis(5)),
            None => {}
        }
    }
}

const CLIENTS: [Habit; 7] = [
    Habit::Persistent,
    Habit::OneRequestEach,
    Habit::Slow,
    Habit::Persistent,
    Habit::OneRequestEach,
    Habit::Slow,
    Habit::Persistent,
];

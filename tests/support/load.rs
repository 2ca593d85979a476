//! What many clients ask for at once, and what comes of it.

use super::{PATIENCE, Response, Server, noise, poll_until};
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

/// Of many sizes: what replicas keep in memory, and what they send from the disk.
pub(crate) fn files_of_many_sizes() -> Files {
    let sizes = [
        0, 100, 1_500, 10_000, 40_000, 65_536, 65_537, 100_000, 300_000,
    ];
    let small = (0..99).zip(sizes.into_iter().cycle()).map(|(n, size)| {
        let mut content = noise(size);
        // No other file has it, lest one be taken for another.
        content.splice(0..size.min(8), format!("{n:08}").into_bytes());
        (format!("/{n}.bin"), content)
    });
    small
        .chain([(LARGE_FILE.to_owned(), noise(8 << 20))])
        .collect()
}

/// Too much for what the system holds between a replica and a client that is slow.
pub(crate) const LARGE_FILE: &str = "/large.bin";

/// Files by the targets that they are asked for by.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Clients that ask for one file after the other, until they are told that it is enough.
#[derive(Default)]
pub(crate) struct Load {
    is_over: AtomicBool,
    sent: AtomicUsize,
    /// What became of each request that was not answered with all that it asked for.
    lost: Mutex<Vec<String>>,
}

/// How a client asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// One request after the other over one connection.
    Persistent,
    /// Each over a connection of its own.
    OneRequestEach,
    /// For the large file, which it takes its time to receive.
    Slow,
}

impl Load {
    /// Clients of all habits ask for the files while something is done.
    pub(crate) fn put_on(address: SocketAddr, files: &Files, act: impl FnOnce(&Self)) -> Self {
        let load = Self::default();
        thread::scope(|scope| {
            for (number, habit) in CLIENTS.into_iter().enumerate() {
                // Each begins elsewhere.
                let first = number * files.len() / CLIENTS.len();
                let load = &load;
                scope.spawn(move || load.ask_on(address, files, habit, first));
            }
            // Whatever goes wrong, the clients must come to an end.
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
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self) -> Vec<String> {
        self.lost.lock().expect("no client panics").clone()
    }

    /// Waits until so many more requests have been sent.
    pub(crate) fn await_more(&self, count: usize) {
        let enough = self.sent() + count;
        poll_until("more requests", || (self.sent() >= enough).then_some(()));
    }
}

/// Ends the load when it goes.
struct End<'load>(&'load Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// How long the answer to a long request is made, and how long at most one of many small requests
/// waits for its own in the meantime.
#[track_caller]
pub(crate) fn waits_beside(server: &Server, long: &str, small: &str) -> (Duration, Duration) {
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

/// One exchange, over the connection if there is one; it is kept if it can be used again.
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

/// Whether a connection may be used again. A client that does not look before it sends gets no
/// answer where one was never to come (RFC 9112 §9.3.1 has it ask again); what crosses the close is
/// lost here all the same.
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
        match stream.read(&mut buffer) {
            Ok(0) => return Err(format!("the end after {} bytes", received.len())),
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
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

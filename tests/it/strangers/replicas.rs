//! Several replicas behind `HAProxy`, which runs with the file that the project provides: together
//! they act as one server, and each can be replaced under load.

use crate::strangers::programs::{program, tools};
use crate::support::{
    Client, Files, LARGE_FILE, Launch, Load, Process, Server, Signal, Site, files_of_many_sizes,
    poll_until, rounds,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process,
    sync::atomic::{AtomicU8, Ordering},
    thread,
    time::Instant,
};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/haproxy.cfg");

/// The number of replicas in the file.
const REPLICAS: usize = 3;

#[test]
fn all_replicas_give_a_file_the_same_fields_and_entity_tag() {
    let Some(pond) = Pond::open() else {
        return;
    };
    for replica in &pond.replicas {
        replica.server.await_strong_etag(LARGE_FILE);
    }
    for (target, content) in &pond.files {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        let direct = pond.replicas.iter().map(|replica| replica.server.address);
        let answers = direct
            .chain([pond.address])
            .map(|address| Client::connect(address).send(&head).response_to("GET"));
        let answers: Vec<_> = answers.collect();
        for answer in &answers {
            assert_eq!(answer.status, 200, "{target}");
            assert!(answer.content == *content, "{target} has other content");
            let tag = answer.field("etag").expect("a file has an entity tag");
            assert!(tag.starts_with('"'), "{target}: {tag} is weak");
        }
        let first = answers[0].fields_without_date();
        for answer in &answers[1..] {
            // HAProxy may change the case of field names, and writes them in lower case.
            let fields = answer.fields_without_date();
            assert_eq!(lowercase(&fields), lowercase(&first), "{target}");
        }
    }
    assert_eq!(pond.files.len(), 100);
}

fn lowercase(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let fields = fields.iter();
    fields
        .map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned()))
        .collect()
}

#[test]
fn replacing_each_replica_in_turn_under_load_loses_no_request() {
    let Some(mut pond) = Pond::open() else {
        return;
    };
    let replacements = rounds(2, 2) * REPLICAS;
    let (files, address) = (pond.files.clone(), pond.address);
    let start = Instant::now();
    let load = Load::put_on(address, &files, |load| {
        for number in (0..REPLICAS).cycle().take(replacements) {
            load.await_more(100);
            pond.replicas[number].replace();
            pond.await_all_up();
        }
        load.await_more(100);
    });
    let (sent, lost) = (load.sent(), load.lost());
    eprintln!(
        "{sent} requests sent and {} lost in {replacements} replacements, {:?}",
        lost.len(),
        start.elapsed()
    );
    assert!(lost.is_empty(), "were lost:\n{}", lost.join("\n"));
}

/// Three replicas, each with its own copy of the site, and `HAProxy` in front of them.
struct Pond {
    files: Files,
    replicas: Vec<Replica>,
    address: SocketAddr,
    status: SocketAddr,
    proxy: Process,
}

struct Replica {
    site: Site,
    server: Server,
}

impl Replica {
    fn start(address: SocketAddr, site: Site) -> Self {
        let server = start(address, &site);
        Self { site, server }
    }

    /// Stops the replica as its operator would, and starts another one in its place.
    fn replace(&mut self) {
        let address = self.server.address;
        assert_eq!(self.server.stop(Signal::TERM).code(), Some(0));
        self.server = start(address, &self.site);
    }
}

impl Pond {
    /// Returns `None` if there is no `HAProxy`.
    fn open() -> Option<Self> {
        if !tools(&["haproxy"]) {
            return None;
        }
        let (shore, files) = (Shore::new(), files_of_many_sizes());
        let replicas = (0..REPLICAS).map(|n| Replica::start(shore.replica(n), site_of(&files)));
        let replicas: Vec<_> = replicas.collect();
        let (address, status) = (shore.address(0, 8080), shore.address(0, 8404));
        let mut command = program("haproxy", &replicas[0].site.outside("."));
        command
            .args(["-db", "-f", CONFIG])
            .env("LISTEN", address.to_string())
            .env("STATUS_LISTEN", status.to_string());
        for (n, replica) in (1..).zip(&replicas) {
            command.env(format!("MILLPOND_{n}"), replica.server.address.to_string());
        }
        let pond = Self {
            files,
            replicas,
            address,
            status,
            proxy: Process::spawn(&mut command),
        };
        pond.await_all_up();
        Some(pond)
    }

    /// Waits until `HAProxy` uses all replicas.
    fn await_all_up(&self) {
        poll_until("all replicas to be up", || {
            let table = self.table();
            let ups = table.lines().filter(|line| is_replica_up(line)).count();
            (ups == REPLICAS).then_some(())
        });
    }

    /// Returns the status page for programs, which has a line for each replica.
    fn table(&self) -> String {
        let mut table = Vec::new();
        // It may not listen yet.
        if let Ok(mut stream) = TcpStream::connect(self.status) {
            let _ = stream.write_all(b"GET /;csv HTTP/1.0\r\n\r\n");
            let _ = stream.read_to_end(&mut table);
        }
        String::from_utf8_lossy(&table).into_owned()
    }
}

/// Returns `true` for a line `millpond,millpond-1,…` with the status UP in the 18th column.
fn is_replica_up(line: &str) -> bool {
    line.starts_with("millpond,millpond-") && line.split(',').nth(17) == Some("UP")
}

impl Drop for Pond {
    fn drop(&mut self) {
        self.proxy.end();
        if thread::panicking() {
            eprintln!("HAProxy said:\n{}", self.proxy.stdout());
        }
    }
}

fn start(address: SocketAddr, site: &Site) -> Server {
    Launch::bare()
        .arg(site.root())
        .args(["--listen", &address.to_string()])
        .args(["--admin", &SocketAddr::new(address.ip(), 9090).to_string()])
        .start()
}

/// Loopback addresses that belong only to this process and this instance, so that nobody takes the
/// address of a replica while it is being replaced.
#[derive(Clone, Copy)]
struct Shore {
    first: Ipv4Addr,
}

impl Shore {
    fn new() -> Self {
        static MADE: AtomicU8 = AtomicU8::new(0);
        let [high, low] = [process::id() / 250 % 250, process::id() % 250]
            .map(|part| u8::try_from(part + 1).expect("at most 250"));
        let last = MADE.fetch_add(10, Ordering::Relaxed);
        Self {
            first: Ipv4Addr::new(127, high, low, last),
        }
    }

    fn replica(self, number: usize) -> SocketAddr {
        self.address(u8::try_from(number + 1).expect("few replicas"), 8080)
    }

    fn address(self, offset: u8, port: u16) -> SocketAddr {
        let [a, b, c, d] = self.first.octets();
        SocketAddr::from(([a, b, c, d + offset], port))
    }
}

fn site_of(files: &Files) -> Site {
    let site = Site::small();
    for (target, content) in files {
        site.file(target.trim_start_matches('/'), content);
    }
    site
}

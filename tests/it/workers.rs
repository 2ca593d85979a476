//! Several event loops: everything that applies to one applies to all of them together.

#![expect(
    clippy::float_cmp,
    reason = "what is compared are counts, which are exact"
)]

use crate::support::{
    Client, Launch, Load, Response, Server, Signal, Site, noise, poll_until, quoted, rounds,
    site_of_many_files,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::Instant,
};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// Returns the launch of a server with this many workers and an admin port.
fn of(root: impl AsRef<Path>, workers: usize) -> Launch {
    Launch::of(root).args(["--admin", "127.0.0.1:0", "--workers", &workers.to_string()])
}

fn ask_admin(server: &Server, target: &str) -> Response {
    Client::connect(server.admin_address())
        .send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .response_to("GET")
}

/// Returns the samples of `/metrics` or `/metrics/workers`, by name and labels.
fn scrape(server: &Server, target: &str) -> BTreeMap<String, f64> {
    let response = ask_admin(server, target);
    assert_eq!(response.status, 200);
    let lines = response.text().lines().filter(|it| !it.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    samples.collect()
}

/// Returns the number of connections of each worker.
fn connections(server: &Server) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for (name, value) in scrape(server, "/metrics/workers") {
        if let Some(labels) = name.strip_prefix("millpond_connections{") {
            let (_, worker) = labels.split_once("worker=\"").unwrap();
            let worker = worker.trim_end_matches("\"}").to_owned();
            *counts.entry(worker).or_insert(0.0) += value;
        }
    }
    counts
}

/// Returns this many connections, each after a response.
fn answered(server: &Server, count: usize) -> Vec<Client> {
    let clients = (0..count).map(|_| {
        let mut client = server.connect();
        assert_eq!(client.send(GET).response_to("GET").status, 200);
        client
    });
    clients.collect()
}

#[test]
fn connections_are_spread_evenly_however_few_there_are() {
    let site = Site::small();
    for workers in [2, 4] {
        let server = of(site.root(), workers).start();
        for count in [workers, 32] {
            let clients = answered(&server, count);
            let counts = connections(&server);
            assert_eq!(counts.len(), workers);
            let share = u32::try_from(count / workers).unwrap();
            assert!(
                counts.values().all(|it| *it == f64::from(share)),
                "{counts:?}"
            );
            drop(clients);
            poll_until("the end of all connections", || {
                let left: f64 = connections(&server).values().sum();
                (left == 0.0).then_some(())
            });
        }
    }
}

#[test]
fn metrics_cover_all_workers_or_each_of_them() {
    let site = Site::small();
    site.file("large.bin", noise(300_000));
    let server = of(site.root(), 4).start();
    for target in ["/a.txt", "/large.bin", "/missing"] {
        for _ in 0..8 {
            server.get(target);
        }
    }
    poll_until("the end of all connections", || {
        let left: f64 = connections(&server).values().sum();
        (left == 0.0).then_some(())
    });
    let (all, each) = (
        scrape(&server, "/metrics"),
        scrape(&server, "/metrics/workers"),
    );
    assert_eq!(all["millpond_workers"], 4.0);
    assert_eq!(
        all["millpond_responses_total{class=\"2xx\",code=\"200\"}"],
        16.0
    );
    let mut sums = BTreeMap::new();
    for (name, value) in &each {
        if let Some((before, _)) = name.split_once("worker=\"") {
            let name = match before.trim_end_matches([',', '{']) {
                bare if bare.contains('{') => format!("{bare}}}"),
                bare => bare.to_owned(),
            };
            *sums.entry(name).or_insert(0.0) += value;
        }
    }
    assert!(sums.len() > 50, "{sums:?}");
    for (name, sum) in sums {
        // The loops have run in the meantime.
        if name != "millpond_turns_total" {
            // Sums of seconds depend on the order in which they are added.
            assert!((all[&name] - sum).abs() < 1e-9, "{name}: {sum}");
        }
    }
}

#[test]
fn limits_on_connections_hold_for_the_whole_server() {
    let site = Site::small();
    let server = of(site.root(), 4).args(["--connections-max", "6"]).start();
    let clients = answered(&server, 12);
    let total: f64 = connections(&server).values().sum();
    assert!((3.0..=6.0).contains(&total), "{total}");
    drop(clients);

    let server = of(site.root(), 4)
        .args(["--connections-per-client-max", "3"])
        .start();
    let clients = answered(&server, 3);
    assert!(server.connect().rest().is_empty(), "the fourth");
    drop(clients);
    poll_until("room for others", || {
        let mut client = server.connect();
        (client.try_send(GET) && client.is_answered()).then_some(())
    });
}

#[test]
fn a_finished_connection_of_any_worker_makes_room() {
    let site = Site::small();
    let server = of(site.root(), 4).args(["--connections-max", "4"]).start();
    for _ in 0..3 {
        // One connection has a request in progress, whichever worker has it, and stays open.
        let mut busy = server.connect();
        busy.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n");
        let clients = answered(&server, 20);
        assert_eq!(busy.send("\r\n").response_to("GET").status, 200);
        drop(clients);
    }
}

#[test]
fn a_reload_applies_to_all_workers_or_none() {
    let site = Site::small();
    fs::create_dir(site.outside("etc")).unwrap();
    let settings = site.outside("etc/millpond.toml");
    fs::write(&settings, "cache-control = 'max-age=1'\n").unwrap();
    let server = of(site.root(), 4)
        .args(["--config".as_ref(), settings.as_os_str()])
        .in_default_sandbox()
        .expecting(&["server::reload: "])
        .start();
    let mut clients = answered(&server, 8);
    let mut shown = || {
        let shown = clients.iter_mut().map(|client| {
            let response = client.send(GET).response_to("GET");
            response.field("cache-control").unwrap().to_owned()
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(shown(), ["max-age=1"; 8]);
    for number in 2..20 {
        fs::write(&settings, format!("cache-control = 'max-age={number}'\n")).unwrap();
        server.process.signal(Signal::HUP);
        server.process.await_stderr("a reload", |said| {
            (said.matches("settings reloaded").count() == number - 1).then_some(())
        });
        assert_eq!(shown(), vec![format!("max-age={number}"); 8]);
    }
    let missing = quoted(site.outside("missing/log"));
    for (number, wrong) in ["headers = 7", &format!("access-log = {missing}")]
        .iter()
        .enumerate()
    {
        fs::write(&settings, format!("cache-control = 'max-age=0'\n{wrong}\n")).unwrap();
        server.process.signal(Signal::HUP);
        server.process.await_stderr("a refusal", |said| {
            (said.matches("keeping the previous settings").count() == number + 1).then_some(())
        });
        assert_eq!(shown(), ["max-age=19"; 8]);
    }
}

#[test]
fn a_lower_limit_for_each_client_counts_existing_connections() {
    let site = Site::small();
    fs::create_dir(site.outside("etc")).unwrap();
    let settings = site.outside("etc/millpond.toml");
    fs::write(&settings, "").unwrap();
    let server = of(site.root(), 3)
        .args(["--config".as_ref(), settings.as_os_str()])
        .in_default_sandbox()
        .expecting(&["server::reload: "])
        .start();
    let mut clients = answered(&server, 6);
    fs::write(&settings, "connections-per-client-max = 6\n").unwrap();
    server.process.signal(Signal::HUP);
    server.process.await_stderr("a reload", |said| {
        said.contains("settings reloaded").then_some(())
    });
    // All workers have applied it when each has answered.
    for client in &mut clients {
        client.send(GET).response_to("GET");
    }
    assert!(server.connect().rest().is_empty(), "the seventh");
    clients.pop();
    poll_until("room for one", || {
        let mut client = server.connect();
        (client.try_send(GET) && client.is_answered()).then_some(())
    });
}

#[test]
fn responses_of_all_workers_are_finished_before_the_end() {
    let site = Site::small();
    let large = noise(8 << 20);
    site.file("large.bin", &large);
    let mut server = of(site.root(), 4).start();
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let idle = answered(&server, 4);
    for client in &mut clients {
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        client.await_bytes(1);
    }
    server.process.signal(Signal::TERM);
    server.process.await_stderr("what is under way", |said| {
        said.contains("requests in progress: 8,").then_some(())
    });
    assert_eq!(ask_admin(&server, "/healthz").status, 503);
    for mut client in idle {
        assert!(client.rest().is_empty());
    }
    for client in &mut clients {
        assert_eq!(client.response_to("GET").content, large);
    }
    assert_eq!(server.process.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_all_workers_at_once_and_each_request_has_its_line() {
    let site = Site::small();
    site.file("large.bin", noise(8 << 20));
    let mut server = of(site.root(), 4).start();
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        client.await_bytes(1);
    }
    let begun = Instant::now();
    server.process.signal(Signal::TERM);
    server.process.await_stderr("what is under way", |said| {
        said.contains("requests in progress: 8,").then_some(())
    });
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    assert!(begun.elapsed().as_secs() < 5);
    let records = server.records(8);
    assert_eq!(records.len(), 8, "{records:?}");
}

/// More than a pipe accepts at once, so the lines of two workers could be mixed.
const LONG: usize = 5000;

/// Sends requests from several clients at once, each for another URL. Returns the URLs.
fn ask_for_many(server: &Server) -> Vec<String> {
    thread::scope(|scope| {
        let clients = (0..8).map(|number| {
            scope.spawn(move || {
                let mut client = server.connect();
                let targets = (0..40).map(|request| {
                    let target = format!("/a.txt?{number}-{request}-{}", "x".repeat(LONG));
                    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
                    assert_eq!(client.send(head).response_to("GET").status, 200);
                    target
                });
                targets.collect::<Vec<_>>()
            })
        });
        let clients: Vec<_> = clients.collect();
        let all = clients.into_iter().flat_map(|it| it.join().unwrap());
        all.collect()
    })
}

/// Asserts that each request has one complete line, and that those of a connection are in order.
#[track_caller]
fn assert_logged(text: &str, targets: &[String]) {
    let mut logged = Vec::new();
    for line in text.lines().filter(|it| !it.starts_with("millpond ")) {
        let (_, rest) = line.split_once("\"GET ").expect(line);
        let (target, rest) = rest.split_once(" HTTP/1.1\" 200 6 ").expect(line);
        assert!(rest.parse::<f64>().is_ok(), "{line}");
        logged.push(target);
    }
    assert_eq!(logged.len(), targets.len());
    for number in 0..8 {
        let of_client = |it: &&str| it.starts_with(&format!("/a.txt?{number}-"));
        let expected = targets.iter().map(String::as_str).filter(of_client);
        let logged = logged.iter().copied().filter(of_client);
        assert!(logged.eq(expected), "{number}");
    }
}

#[test]
fn log_lines_of_several_workers_are_complete_in_a_pipe_and_in_a_file() {
    let site = Site::small();
    let server = of(site.root(), 4).start();
    let targets = ask_for_many(&server);
    server.records(targets.len());
    assert_logged(&server.process.stdout(), &targets);

    fs::create_dir(site.outside("log")).unwrap();
    let log = site.outside("log/access.log");
    let server = of(site.root(), 4)
        .args(["--access-log".as_ref(), log.as_os_str()])
        .expecting(&["reopened the access log"])
        .start();
    let targets = ask_for_many(&server);
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    poll_until("all lines", || {
        (read(&log).lines().count() == targets.len()).then_some(())
    });
    assert_logged(&read(&log), &targets);

    // From the renaming on, all workers write to the new file.
    let rotated = site.outside("log/access.log.1");
    fs::rename(&log, &rotated).unwrap();
    let before = read(&rotated);
    server.process.signal(Signal::USR1);
    server.process.await_stderr("the new log", |said| {
        said.contains("reopened the access log").then_some(())
    });
    let targets = ask_for_many(&server);
    poll_until("all lines", || {
        (read(&log).lines().count() == targets.len()).then_some(())
    });
    assert_logged(&read(&log), &targets);
    assert_eq!(read(&rotated), before);
}

#[test]
fn a_unix_socket_is_served_by_all_workers() {
    let site = Site::small();
    let path = site.outside("socket");
    let server = of(site.root(), 4)
        .args(["--listen", &format!("unix:{}", path.display())])
        .start();
    let ask = || {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(GET.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200");
        stream
    };
    let streams: Vec<_> = (0..8).map(|_| ask()).collect();
    let counts = connections(&server);
    assert!(counts.values().all(|it| *it == 2.0), "{counts:?}");
    drop(streams);
}

#[test]
fn every_thread_is_confined() {
    let site = Site::small();
    let server = of(site.root(), 4).args(["--sandbox", "require"]).start();
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process.id())).unwrap();
    let tasks: Vec<_> = tasks.map(|it| it.unwrap().path()).collect();
    assert_eq!(tasks.len(), 4);
    for task in tasks {
        let status = fs::read_to_string(task.join("status")).unwrap();
        for expected in ["NoNewPrivs:\t1\n", "Seccomp:\t2\n"] {
            assert!(status.contains(expected), "{expected} {status}");
        }
    }
}

#[test]
fn there_are_as_many_workers_as_usable_processors() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--admin", "127.0.0.1:0", "--workers", "auto"])
        .within(|command| {
            let mut within = std::process::Command::new("taskset");
            within.args(["-c", "0"]).arg(command.get_program());
            within.args(command.get_args());
            within
        })
        .start();
    assert_eq!(scrape(&server, "/metrics")["millpond_workers"], 1.0);
    let tasks = fs::read_dir(format!("/proc/{}/task", server.process.id())).unwrap();
    assert_eq!(tasks.count(), 1);
}

/// The requests between two rounds, so that each round happens during some.
const REQUESTS_A_ROUND: usize = 50;

#[test]
fn no_restart_with_another_number_of_workers_loses_a_request() {
    let (site, files) = site_of_many_files();
    let rounds = rounds(2, 5);
    let launch = |listen: &str, workers: usize| {
        Launch::bare()
            .arg(site.root())
            .args(["--listen", listen, "--reuse-port", "--access-log", "off"])
            .args(["--workers", &workers.to_string()])
            .expecting(&["another server listens on"])
            .start()
    };
    let mut numbers = [4, 2, 4, 4, 1].into_iter().cycle();
    let mut server = launch("127.0.0.1:0", 1);
    let (address, start): (SocketAddr, _) = (server.address, Instant::now());
    let load = Load::put_on(address, &files, |load| {
        for _ in 0..rounds {
            let next = launch(&address.to_string(), numbers.next().unwrap());
            load.await_more(REQUESTS_A_ROUND);
            assert_eq!(server.stop(Signal::TERM).code(), Some(0));
            server = next;
            load.await_more(REQUESTS_A_ROUND);
        }
    });
    load.assert_nothing_lost(
        &format!("{rounds} restarts with other numbers of workers"),
        start,
    );
}

#[test]
fn no_reload_with_several_workers_loses_a_request() {
    let (site, files) = site_of_many_files();
    let rounds = rounds(2, 5);
    fs::create_dir(site.outside("etc")).unwrap();
    let settings = site.outside("etc/millpond.toml");
    let text = |round: usize| format!("cache-control = 'max-age={round}'\n");
    fs::write(&settings, text(0)).unwrap();
    let server = of(site.root(), 4)
        .args(["--config".as_ref(), settings.as_os_str()])
        .args(["--access-log", "off"])
        .in_default_sandbox()
        .expecting(&["server::reload: "])
        .start();
    let start = Instant::now();
    let load = Load::put_on(server.address, &files, |load| {
        for round in 1..=rounds {
            fs::write(&settings, text(round)).unwrap();
            server.process.signal(Signal::HUP);
            load.await_more(REQUESTS_A_ROUND);
            let field = format!("max-age={round}");
            poll_until("the new settings", || {
                let response = server.get("/0.bin");
                (response.field("cache-control") == Some(&field)).then_some(())
            });
        }
    });
    load.assert_nothing_lost(&format!("{rounds} reloads with four workers"), start);
}

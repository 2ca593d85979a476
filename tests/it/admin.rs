//! The admin port: `/healthz` and `/metrics`, and nothing else. No other port answers them.

mod exposition;

use crate::support::{
    Client, Launch, Response, Server, Signal, Site, noise, poll_until, responses,
};
use exposition::Exposition;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    time::{Duration, SystemTime},
};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// Starts a server with an admin port.
fn started(launch: Launch) -> (Server, SocketAddr) {
    let server = launch.args(["--admin", "127.0.0.1:0"]).start();
    let address = server.admin_address();
    (server, address)
}

fn small() -> (Site, Server, SocketAddr) {
    let site = Site::small();
    let (server, admin) = started(Launch::of(site.root()));
    (site, server, admin)
}

fn ask(admin: SocketAddr, method: &str, target: &str, host: &str) -> Response {
    let mut client = Client::connect(admin);
    client
        .send(format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ))
        .response_to(method)
}

fn scrape(admin: SocketAddr) -> Exposition {
    let response = ask(admin, "GET", "/metrics", "127.0.0.1");
    assert_eq!(response.status, 200);
    let format = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(response.field("content-type"), Some(format));
    exposition::parse(response.text()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Returns the number of connections in each phase.
fn phases(admin: SocketAddr) -> BTreeMap<&'static str, u64> {
    let exposition = scrape(admin);
    let count = |phase| exposition["millpond_connections"].count(&[("phase", phase)]);
    ["new", "idle", "head", "content", "send", "linger"]
        .into_iter()
        .map(|phase| (phase, count(phase)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[test]
fn health_is_reported_only_at_the_admin_port() {
    let (_site, server, admin) = small();
    let response = ask(admin, "GET", "/healthz", "localhost");
    assert_eq!((response.status, response.text()), (200, "ok\n"));
    assert_eq!(response.field("cache-control"), Some("no-store"));
    for target in ["/healthz", "/metrics"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    for target in ["/", "/a.txt", "/healthz/", "/healthz/x", "/metric"] {
        let response = ask(admin, "GET", target, "localhost");
        assert_eq!(response.status, 404, "{target}");
        assert!(response.text().contains("only /healthz, /metrics and"));
    }
    assert_eq!(ask(admin, "GET", "/metrics?a=b", "localhost").status, 200);
}

#[test]
fn the_admin_port_is_off_by_default() {
    let site = Site::small();
    let server = Server::start(site.root());
    assert!(!server.process.stdout().contains("operator"));
    assert_eq!(server.get("/metrics").status, 404);
}

#[test]
fn the_admin_port_follows_http_like_the_site() {
    let (_site, _server, admin) = small();
    let head = ask(admin, "HEAD", "/healthz", "localhost");
    assert_eq!(
        (head.status, head.field("content-length")),
        (200, Some("3"))
    );
    let refused = ask(admin, "POST", "/healthz", "localhost");
    assert_eq!(refused.status, 405);
    assert_eq!(refused.field("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(ask(admin, "BREW", "/healthz", "localhost").status, 501);
    assert_eq!(ask(admin, "OPTIONS", "/healthz", "localhost").status, 204);
    assert_eq!(ask(admin, "GET", "/%zz", "localhost").status, 400);

    let mut client = Client::connect(admin);
    let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(one.repeat(100)).finish_sending();
    let all = responses(&client.rest(), std::iter::repeat_n("GET", 100));
    assert_eq!(all.len(), 100);
    assert!(all.iter().all(|response| response.text() == "ok\n"));

    let mut client = Client::connect(admin);
    let response = client.send("\u{1}\r\n\r\n").response_to("GET");
    assert_eq!((response.status, response.closes()), (400, true));
    // The default request of HAProxy.
    let mut client = Client::connect(admin);
    let response = client
        .send("GET /healthz HTTP/1.0\r\n\r\n")
        .response_to("GET");
    assert_eq!((response.status, response.closes()), (200, true));
}

#[test]
fn a_web_page_elsewhere_cannot_read_metrics_through_its_own_host_name() {
    let site = Site::small();
    let (_server, admin) =
        started(Launch::of(site.root()).args(["--allowed-hosts", "ops.example"]));
    for host in [
        "127.0.0.1:9090",
        "[::1]",
        "localhost:9090",
        "millpond:9090",
        "ops.example",
    ] {
        assert_eq!(ask(admin, "GET", "/metrics", host).status, 200, "{host}");
    }
    for host in ["rebound.example:9090", "127.0.0.1.rebound.example"] {
        let response = ask(admin, "GET", "/metrics", host);
        assert_eq!(response.status, 421, "{host}");
        assert!(response.text().contains("allowed-hosts"));
    }
}

#[test]
fn the_counters_match_the_requests() {
    let (site, server, admin) = small();
    let large = noise(300_000);
    site.file("large.bin", &large);
    // A new file is not cached beyond its tick, and a large one is hashed first.
    let hits = || scrape(admin)["millpond_cache_hits_total"].total();
    for path in ["/a.txt", "/large.bin"] {
        poll_until("a hit", || {
            let before = hits();
            server.get(path);
            (hits() > before).then_some(())
        });
    }
    let before = scrape(admin);
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(GET).response_to("GET");
    }
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    assert_eq!(server.get("/missing").status, 404);
    assert_eq!(server.exchange("nonsense\r\n\r\n")[9..12], *b"400");
    let after = scrape(admin);

    let grown = |name: &str, labels: &[(&str, &str)]| {
        after[name].count(labels) - before[name].count(labels)
    };
    let responses = |class, code| {
        grown(
            "millpond_responses_total",
            &[("class", class), ("code", code)],
        )
    };
    assert_eq!(responses("2xx", "200"), 4);
    assert_eq!(responses("4xx", "404"), 1);
    assert_eq!(responses("4xx", "400"), 1);
    assert_eq!(responses("5xx", "500"), 0);
    assert_eq!(grown("millpond_connections_accepted_total", &[]), 3);
    let sent = grown("millpond_sent_bytes_total", &[]);
    assert!((300_000..310_000).contains(&sent), "{sent}");
    let received = grown("millpond_received_bytes_total", &[]);
    assert!((150..500).contains(&received), "{received}");
    assert_eq!(grown("millpond_cache_hits_total", &[]), 4);
    // The missing file, and the error page that the site might have.
    assert_eq!(grown("millpond_cache_misses_total", &[]), 2);
    assert_eq!(after["millpond_cache_entries"].total(), 2);
    assert_eq!(after["millpond_cache_descriptors"].total(), 1);
    let all = after["millpond_responses_total"].total();
    let timed = after["millpond_response_duration_seconds"].count(&[("le", "+Inf")]);
    assert_eq!(timed, all, "every response is timed, and no scrape is");
}

#[test]
fn lost_log_lines_are_counted() {
    let site = Site::small();
    let (server, admin) = started(
        Launch::of(site.root())
            .args(["--access-log", "/dev/full"])
            .expecting(&["access log lines lost"]),
    );
    let lost = || scrape(admin)["millpond_access_log_lines_lost_total"].count(&[]);
    assert_eq!(lost(), 0);
    for count in 1..=3 {
        assert_eq!(server.get("/a.txt").status, 200);
        poll_until("the count", || (lost() == count).then_some(()));
    }
}

#[test]
fn connections_are_counted_by_phase() {
    let (site, server, admin) = small();
    site.file("large.bin", noise(30_000_000));
    assert_eq!(phases(admin), BTreeMap::new());
    let mut clients: Vec<_> = std::iter::repeat_with(|| server.connect())
        .take(5)
        .collect();
    let [_new, idle, head, content, send] = clients.as_mut_slice() else {
        unreachable!("there are five");
    };
    idle.send(GET).response_to("GET");
    head.send("GET / HT");
    content.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1");
    send.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(1);
    let expected = ["new", "idle", "head", "content", "send"].map(|phase| (phase, 1));
    poll_until("one connection in each phase", || {
        (phases(admin) == BTreeMap::from(expected)).then_some(())
    });
    drop(clients);
    poll_until("all connections to be gone", || {
        phases(admin).is_empty().then_some(())
    });
}

#[test]
fn passed_deadlines_are_counted_by_kind() {
    let site = Site::small();
    // Long enough for a slow client to be in time.
    let timeouts = ["header", "idle", "body"].map(|it| format!("--{it}-timeout"));
    let launch = Launch::of(site.root()).args(timeouts.iter().flat_map(|it| [it, "500ms"]));
    let (server, admin) = started(launch.args(["--linger-timeout", "100ms"]));
    let timeouts =
        |phase: &str| scrape(admin)["millpond_timeouts_total"].count(&[("phase", phase)]);
    let mut clients = Vec::new();
    for (phase, bytes) in [
        ("new", ""),
        ("idle", GET),
        ("head", "GET / HT"),
        (
            "content",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1",
        ),
    ] {
        let before = timeouts(phase);
        let mut client = server.connect();
        client.send(bytes);
        clients.push(client);
        poll_until(phase, || (timeouts(phase) == before + 1).then_some(()));
    }
    // No client closes, so the server keeps each connection lingering.
    poll_until("all to have lingered", || {
        (timeouts("linger") == 4).then_some(())
    });
}

#[test]
fn the_admin_port_answers_while_the_connection_limit_is_reached() {
    let site = Site::small();
    let (server, admin) = started(
        Launch::of(site.root())
            .args(["--connections-max", "2"])
            .expecting(&["accepting pauses"]),
    );
    let idle = [server.connect(), server.connect()];
    let busy = idle.each_ref().map(|_| {
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
        let mut client = server.connect();
        // The response to the first request is sent after the second has been read.
        client.send(GET.to_owned() + post).response_to("GET");
        client
    });
    let mut waiting = server.connect();
    waiting.send(GET);
    assert!(waiting.is_silent_for(Duration::from_millis(100)));
    for _ in 0..3 {
        assert_eq!(ask(admin, "GET", "/healthz", "localhost").status, 200);
    }
    let exposition = scrape(admin);
    assert_eq!(exposition["millpond_connections_max"].total(), 2);
    assert_eq!(exposition["millpond_connections"].total(), 2);
    assert!(exposition["millpond_accept_pauses_total"].total() >= 1);
    assert_eq!(exposition["millpond_connections_evicted_total"].total(), 2);
    drop(busy);
    assert_eq!(waiting.response_to("GET").status, 200);
}

#[test]
fn admin_connections_do_not_count_towards_the_limit_and_evict_one_another() {
    let site = Site::small();
    let (server, admin) = started(Launch::of(site.root()).args([
        "--connections-max",
        "1",
        "--connections-per-client-max",
        "1",
    ]));
    let mut public = server.connect();
    public.send(GET).response_to("GET");
    let mut operators: Vec<_> = std::iter::repeat_with(|| {
        let mut client = Client::connect(admin);
        client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea");
        assert_eq!(client.response_to("GET").status, 200);
        client
    })
    .take(17)
    .collect();
    assert_eq!(operators[0].rest_or_reset(), b"", "the first makes room");
    let second = operators[1].send("lthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(second.response_to("GET").status, 200);
    assert_eq!(public.send(GET).response_to("GET").status, 200);
}

#[test]
fn a_draining_server_reports_it_until_it_ends() {
    let site = Site::small();
    let content = noise(30_000_000);
    site.file("large.bin", &content);
    let (mut server, admin) = started(Launch::of(site.root()));
    let mut kept = Client::connect(admin);
    let health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(kept.send(health).response_to("GET").status, 200);
    let mut client = server.connect();
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(100_000);
    server.process.signal(Signal::TERM);
    poll_until("the public listener to close", || {
        TcpStream::connect(server.address).err()
    });
    for response in [
        kept.send(health).response_to("GET"),
        ask(admin, "GET", "/healthz", "localhost"),
    ] {
        assert_eq!((response.status, response.text()), (503, "draining\n"));
    }
    assert_eq!(scrape(admin)["millpond_draining"].total(), 1);
    assert_eq!(client.response_to("GET").content, content);
    assert_eq!(server.process.wait().code(), Some(0));
    assert_eq!(kept.rest_or_reset(), b"");
}

#[test]
fn requests_to_the_admin_port_are_not_logged() {
    let (_site, server, admin) = small();
    scrape(admin);
    server.get("/a.txt");
    let records = server.records(1);
    let logged = records.iter().filter(|record| record.contains("\"GET "));
    assert_eq!(logged.count(), 1, "{records:?}");
}

#[test]
fn the_admin_port_can_be_a_unix_socket() {
    let site = Site::small();
    let directory = site.outside("admin");
    fs::create_dir(&directory).unwrap();
    let path = directory.join("admin.sock");
    let mut server = Launch::of(site.root())
        .args(["--admin", &format!("unix:{}", path.display())])
        .start();
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut output = Vec::new();
    stream.read_to_end(&mut output).unwrap();
    assert_eq!(responses(&output, ["GET"])[0].text(), "ok\n");
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    assert!(!path.exists(), "the socket is gone with its server");
}

#[test]
fn process_metrics_work_in_the_sandbox() {
    let (_site, server, admin) = small();
    let before = scrape(admin)["process_open_fds"].total();
    let _idle = server.connect();
    poll_until("one more descriptor", || {
        (scrape(admin)["process_open_fds"].total() > before).then_some(())
    });
    let exposition = scrape(admin);
    let resident = exposition["process_resident_memory_bytes"].total();
    assert!((1_000_000..1_000_000_000).contains(&resident), "{resident}");
    assert!(exposition["process_max_fds"].total() >= 64);
    let started = exposition["process_start_time_seconds"].value();
    let age = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(started))
        .expect("it has started");
    assert!(age < Duration::from_mins(5), "{age:?}");
    assert!(exposition["process_cpu_seconds_total"].value() < 300.0);
}

#[test]
fn an_admin_port_that_others_can_reach_causes_a_warning() {
    let site = Site::small();
    for (address, concerns) in [("127.0.0.1:9", 0), ("[::1]:9", 0), ("0.0.0.0:9", 1)] {
        let mut process = Launch::of(site.root())
            .args(["--admin", address, "--check"])
            .spawn();
        assert!(process.wait().success());
        let said = process.end();
        let warned = said
            .lines()
            .filter(|line| line.contains("admin port"))
            .count();
        assert_eq!(warned, concerns, "{address}: {said}");
        let lines = format!("millpond would serve the admin port at http://{address}/\n");
        assert!(process.stdout().contains(&lines), "{}", process.stdout());
    }
}

#[test]
fn the_docs_list_all_metrics() {
    let (_site, _server, admin) = small();
    let lines: BTreeSet<_> = scrape(admin)
        .iter()
        .map(|(name, family)| {
            let labels: Vec<_> = family.label_names().into_iter().collect();
            let labels = match name.as_str() {
                // No server in these tests has a certificate, so no sample shows this label.
                exposition::OF_CERTIFICATES => "file".to_owned(),
                "millpond_site_root_available" => "site".to_owned(),
                "millpond_site_responses_total" => "class, site".to_owned(),
                _ => labels.join(", "),
            };
            let (kind, help) = (&family.kind, &family.help);
            format!("| `{name}` | {kind} | {labels} | {help} |")
        })
        .collect();
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let is_metric = |line: &&str| {
        ["| `millpond_", "| `process_"]
            .iter()
            .any(|it| line.starts_with(it))
    };
    let listed: BTreeSet<_> = page.lines().filter(is_metric).map(str::to_owned).collect();
    assert_eq!(listed, lines);
}

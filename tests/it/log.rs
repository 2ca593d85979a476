//! Log lines: one for each request, which no client can forge.

use crate::support::{Hearing, Launch, Server, Signal, Site, noise, poll_until};
use std::{fs, time::Duration};

/// Splits a log line as readers of the Common Log Format do: at spaces, except within brackets or
/// quotes, in which a backslash escapes the next character.
#[track_caller]
fn columns(record: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut closing = None;
    let mut chars = record.chars();
    while let Some(char) = chars.next() {
        let column = columns.last_mut().expect("there is always one");
        match (closing, char) {
            (None, ' ') => columns.push(String::new()),
            (None, '[') if column.is_empty() => closing = Some(']'),
            (None, '"') if column.is_empty() => closing = Some('"'),
            (Some('"'), '\\') => {
                column.push(char);
                column.extend(chars.next());
            }
            (Some(end), char) if end == char => closing = None,
            _ => column.push(char),
        }
    }
    assert_eq!(closing, None, "an open quote in {record}");
    columns
}

/// Asserts that a log line is one line that any terminal and any log reader can handle.
#[track_caller]
fn assert_plain(record: &str) {
    assert!(
        record.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{record:?}"
    );
}

/// Returns the status for raw bytes on a separate connection.
#[track_caller]
fn status_of(server: &Server, request: &[u8]) -> String {
    let output = server.exchange(request);
    let status = output
        .get(9..12)
        .unwrap_or_else(|| panic!("no answer to {request:?}"));
    String::from_utf8_lossy(status).into_owned()
}

#[test]
fn a_request_leaves_one_log_line_with_peer_method_target_status_bytes_and_time() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    let requests = [
        ("GET", "/a.txt?x=y", "200"),
        ("HEAD", "/a.txt", "200"),
        ("GET", "/missing", "404"),
        ("POST", "/a.txt", "405"),
        ("OPTIONS", "*", "204"),
    ];
    for (number, (method, target, status)) in (1..).zip(requests) {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let content = client.response_to(method).content;
        let records = server.records(number);
        assert_eq!(records.len(), number, "{records:?}");
        let record = &records[number - 1];
        let columns = columns(record);
        assert_eq!(columns[0], "127.0.0.1", "{record}");
        assert_eq!(
            columns[4],
            format!("{method} {target} HTTP/1.1"),
            "{record}"
        );
        assert_eq!(columns[5], status, "{record}");
        let bytes = if columns[6] == "-" { "0" } else { &columns[6] };
        assert_eq!(bytes, content.len().to_string(), "{record}");
        let seconds: f64 = columns[7].parse().expect("the time in seconds");
        assert!((0.0..20.0).contains(&seconds), "{record}");
    }
}

#[test]
fn pipelined_requests_leave_one_log_line_each_in_order() {
    let site = Site::small();
    let server = Server::start(site.root());
    let request_to = |n| format!("GET /a.txt?{n} HTTP/1.1\r\nHost: a\r\n\r\n");
    server.exchange((0..100).map(request_to).collect::<String>());
    let lines: Vec<_> = server
        .records(100)
        .iter()
        .map(|record| columns(record)[4].clone())
        .collect();
    let expected: Vec<_> = (0..100)
        .map(|n| format!("GET /a.txt?{n} HTTP/1.1"))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn an_interrupted_response_leaves_a_log_line_with_the_bytes_sent() {
    let site = Site::small();
    site.file("large.bin", noise(30_000_000));
    let server = Server::start(site.root());
    let mut client = server.connect();
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(100_000);
    drop(client);
    let columns = columns(&server.records(1)[0]);
    let bytes: usize = columns[6].parse().unwrap();
    assert!((50_000..30_000_000).contains(&bytes), "{columns:?}");
}

/// Its planned response is never sent.
#[test]
fn a_request_whose_content_never_ends_leaves_a_log_line_without_a_status() {
    const POST: &str = "POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx";
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--connections-max", "1"])
        .start();
    let mut evicted = server.connect();
    evicted.send(POST);
    assert!(evicted.is_silent_for(Duration::from_millis(2_100)));
    assert_eq!(server.get("/a.txt").status, 200);
    let mut broken = server.connect();
    // Closing with unread bytes causes a reset.
    broken.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    server.records(3);
    broken.send(POST);
    assert!(!broken.is_silent_for(Duration::from_millis(50)));
    drop(broken);
    let said: Vec<_> = server
        .records(4)
        .iter()
        .map(|record| columns(record)[4..7].join(" "))
        .collect();
    let (get, post) = ("GET /a.txt HTTP/1.1 200", "POST /a.txt HTTP/1.1 - 0");
    assert!(said[0] == post && said[3] == post, "{said:?}");
    assert!(
        said[1].starts_with(get) && said[2].starts_with(get),
        "{said:?}"
    );
}

#[test]
fn bytes_that_are_no_request_leave_one_plain_log_line() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .expecting(&["a client uses HTTPS"])
        .start();
    let requests: [&[u8]; 6] = [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\x1b[31mred HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\x1b]0;title\x07: a\r\n\r\n",
    ];
    for (number, request) in (1..).zip(requests) {
        assert_eq!(status_of(&server, request), "400");
        let records = server.records(number);
        assert_eq!(records.len(), number, "{records:?}");
        assert_plain(&records[number - 1]);
        assert_eq!(columns(&records[number - 1])[5], "400");
    }
}

#[test]
fn a_request_cannot_forge_a_line_or_a_column() {
    let site = Site::small();
    let server = Server::start(site.root());
    let targets: [&[u8]; 10] = [
        b"/\"",
        b"/a\\",
        b"/a\\\"",
        b"/\"-\"200\"9999",
        b"/%0a127.0.0.1%20-%20-%20[x]%20%22GET%20/%20HTTP/1.1%22%20200%201%200",
        b"/%0d%0a",
        b"/%1b[2J",
        b"/%22%20200%201%20%22",
        b"/caf\xe9\"\xff",
        b"/?\"200\"\\",
    ];
    for (number, target) in (1..).zip(targets) {
        let request = [b"GET ".as_slice(), target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let status = status_of(&server, &request);
        let records = server.records(number);
        assert_eq!(records.len(), number, "{records:?}");
        let record = &records[number - 1];
        assert_plain(record);
        let columns = columns(record);
        assert_eq!((columns.len(), &columns[5]), (8, &status), "{record}");
    }
}

#[test]
fn combined_log_lines_escape_the_quoted_fields() {
    let site = Site::small();
    let format = ["--access-log-format", "combined"];
    let server = Launch::of(site.root()).args(format).start();
    let values: [&[u8]; 5] = [
        b"plain",
        b"\" 500 1 \"",
        b"back\\",
        b"tab\tand latin \xe9",
        b"\\\" \\\\\" x",
    ];
    for (number, value) in (1..).zip(values) {
        let head = b"GET /a.txt HTTP/1.1\r\nHost: a\r\n".as_slice();
        let fields = [b"Referer: ", value, b"\r\nUser-Agent: ", value, b"\r\n\r\n"].concat();
        assert_eq!(status_of(&server, &[head, &fields].concat()), "200");
        let record = server.records(number).pop().unwrap();
        assert_plain(&record);
        let columns = columns(&record);
        assert_eq!(
            (columns.len(), columns[5].as_str()),
            (10, "200"),
            "{record}"
        );
        // The referrer and the agent are equal in the request, so they must be equal in the log
        // line.
        let same = columns
            .windows(2)
            .any(|pair| pair[0] == pair[1] && pair[0] != "-");
        assert!(same, "{record}");
    }
}

#[test]
fn successful_health_checks_are_left_out() {
    let site = Site::small();
    site.file("healthz", "ok").file("index.html", "index");
    let settings = site.outside("etc/millpond.toml");
    fs::create_dir(site.outside("etc")).unwrap();
    let exclude =
        |what: &str| fs::write(&settings, format!("access-log-exclude = {what}\n")).unwrap();
    exclude("['/healthz', '/probes/*', 'kube-probe', 'millpond-health']");
    let server = Launch::of(site.root())
        .arg("--config")
        .arg(&settings)
        .expecting(&["settings reloaded"])
        .start();
    let from = |agent: &str, target: &str| {
        let response = server.request("GET", target, &[("User-Agent", agent)]);
        response.status
    };
    let check = Launch::bare()
        .arg("--health")
        .arg(format!("http://{}/", server.address));
    assert!(check.spawn().wait().success());
    assert_eq!(from("curl/8", "/healthz?x=y"), 200);
    assert_eq!(from("kube-probe/1.30", "/"), 200);
    // Failures are worth a log line.
    assert_eq!(from("curl/8", "/probes/live"), 404);
    assert_eq!(from("kube-probe/1.30", "/missing"), 404);
    assert_eq!(from("Mozilla/5.0", "/"), 200);
    let requests = |count| {
        let records = server.records(count);
        let request = |record: &String| columns(record)[4..6].join(" ");
        records.iter().map(request).collect::<Vec<_>>()
    };
    let logged = [
        "GET /probes/live HTTP/1.1 404",
        "GET /missing HTTP/1.1 404",
        "GET / HTTP/1.1 200",
    ];
    assert_eq!(requests(3), logged);

    exclude("[]");
    server.process.signal(Signal::HUP);
    server.process.await_stderr("the reload", |said| {
        said.contains("settings reloaded").then_some(())
    });
    assert_eq!(from("kube-probe/1.30", "/"), 200);
    assert_eq!(requests(4)[3], "GET / HTTP/1.1 200");
}

/// The request takes several ticks: its head arrives first, and its content later.
#[test]
fn an_excluded_request_may_span_several_ticks() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--access-log-exclude", "/a.txt"])
        .start();
    let mut client = server.connect();
    client.send("OPTIONS /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    assert!(client.is_silent_for(Duration::from_millis(50)));
    assert_eq!(client.send("x").response_to("OPTIONS").status, 204);
    assert_eq!(server.get("/missing").status, 404);
    assert!(server.records(1)[0].contains("/missing"));
}

#[test]
fn the_log_goes_to_the_configured_destination() {
    let site = Site::small();
    let get = |server: &Server| assert_eq!(server.get("/a.txt").status, 200);

    let mut server = Launch::of(site.root())
        .args(["--access-log", "off"])
        .start();
    get(&server);
    server.stop(Signal::TERM);
    server.process.end();
    let lines = server.process.stdout().lines().count();
    assert_eq!(lines, 1, "the address and nothing else");

    let server = Launch::of(site.root())
        .args(["--access-log", "stderr"])
        .expecting(&["GET /a.txt"])
        .start();
    get(&server);
    server.process.await_stderr("a record", |stderr| {
        stderr.contains("\"GET /a.txt").then_some(())
    });

    let path = site.outside("access.log");
    fs::write(&path, "what stood there\n").unwrap();
    let server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&path)
        .start();
    get(&server);
    poll_until("a record in the file", || {
        let log = fs::read_to_string(&path).unwrap();
        (log.starts_with("what stood there\n") && log.contains("\"GET /a.txt")).then_some(())
    });
}

#[test]
fn rust_log_affects_log_lines_unless_it_is_empty() {
    let site = Site::small();
    for (asked, records) in [
        ("", 1),
        ("info", 1),
        ("millpond::access", 1),
        ("warn", 0),
        ("millpond::site=debug", 0),
    ] {
        let mut server = Launch::of(site.root()).env("RUST_LOG", asked).start();
        assert_eq!(server.get("/a.txt").status, 200);
        server.stop(Signal::TERM);
        server.process.end();
        let lines = server.process.stdout().lines().count();
        assert_eq!(lines, 1 + records, "RUST_LOG={asked}");
    }
}

#[test]
fn a_log_whose_reader_has_gone_does_not_end_the_server() {
    let site = Site::small();
    let mut server = Launch::of(site.root())
        .hearing(Hearing::OneLine)
        .expecting(&["log lines lost"])
        .start();
    for _ in 0..10 {
        assert_eq!(server.get("/a.txt").status, 200);
    }
    assert!(server.process.is_running());
}

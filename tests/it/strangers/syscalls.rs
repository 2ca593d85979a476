//! The system calls of a running server: only those listed in docs/sandbox.md; and the effects of
//! failing calls.

use crate::strangers::programs::tools;
use crate::support::{Launch, Process, Server, Signal, Site, noise, poll_until, unavailable};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md");

#[test]
fn a_server_that_answers_calls_for_nothing_that_the_page_does_not_name() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    site.file("large.bin", noise(3_000_000))
        .file("page.html", "word ".repeat(10_000))
        .file("listed/a.txt", "a")
        .symlink("link.html", "page.html");
    fs::create_dir(site.outside("log")).unwrap();
    fs::create_dir(site.outside("run")).unwrap();
    fs::create_dir(site.outside("etc")).unwrap();
    fs::create_dir(site.outside("pid")).unwrap();
    let settings = site.outside("etc/millpond.toml");
    fs::write(&settings, "listing = true\nadmin = '127.0.0.1:0'\n").unwrap();
    let (log, socket) = (site.outside("log/access.log"), site.outside("run/socket"));
    let mut server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&log)
        .args(["--listen", &format!("unix:{}", socket.display())])
        .arg("--config")
        .arg(&settings)
        .arg("--reuse-port")
        .arg("--pid-file")
        .arg(site.outside("pid/millpond.pid"))
        .expecting(&["reopened", "reloaded", "another server listens on"])
        .start();
    let trace = site.outside("trace");
    let Some(mut tracer) = attach(&server, &trace) else {
        return unavailable("the right to trace a process");
    };
    put_to_work(&server);
    fs::rename(&log, site.outside("log/access.log.1")).unwrap();
    for signal in [Signal::USR1, Signal::HUP] {
        server.process.signal(signal);
        let message = if signal == Signal::USR1 {
            "reopened"
        } else {
            "reloaded"
        };
        server
            .process
            .await_stderr(message, |said| said.contains(message).then_some(()));
    }
    assert_eq!(server.get("/a.txt").status, 200);
    let next = Launch::bare()
        .arg(site.root())
        .args(["--listen", &server.address.to_string(), "--reuse-port"])
        .start();
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    drop(next);
    tracer.wait();

    let trace = fs::read_to_string(trace).unwrap();
    let mut calls = BTreeMap::new();
    for name in trace.lines().filter_map(call) {
        *calls.entry(name).or_insert(0) += 1;
    }
    eprintln!("{calls:?}");
    assert!(
        calls.contains_key("sendfile") && calls.len() > 10,
        "{calls:?}"
    );
    let page = fs::read_to_string(PAGE).unwrap();
    let mut named = named(&page);
    if cfg!(debug_assertions) {
        // The standard library checks that a descriptor is open before it closes it.
        named.insert("fcntl");
    }
    let unnamed: Vec<_> = calls.keys().filter(|name| !named.contains(*name)).collect();
    assert!(unnamed.is_empty(), "the page does not name {unnamed:?}");
}

#[test]
fn a_client_is_watched_for_room_only_while_it_lacks_some() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    site.file("large.bin", noise(20_000_000));
    let mut server = Server::start(site.root());
    let trace = site.outside("trace");
    let Some(mut tracer) = attach(&server, &trace) else {
        return unavailable("the right to trace a process");
    };
    let lines = |what: &str| -> Vec<_> {
        let trace = fs::read_to_string(&trace).unwrap();
        let is_it = |line: &&str| call(line) == Some(what);
        trace.lines().filter(is_it).map(str::to_owned).collect()
    };
    let mut client = server.connect();
    let mut ask = |target: &str, wait: &dyn Fn()| {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        wait();
        assert_eq!(client.response_to("GET").status, 200, "{target}");
    };
    for target in ["/a.txt", "/a.txt", "/large.bin", "/a.txt", "/a.txt"] {
        ask(target, &|| {
            if target == "/large.bin" {
                poll_until("the server to have sent what it can", || {
                    lines("sendfile").last()?.contains("EAGAIN").then_some(())
                });
            }
        });
    }
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    tracer.wait();

    let changes = lines("epoll_ctl");
    let watched: Vec<_> = changes
        .iter()
        .filter(|line| !line.contains("EPOLL_CTL_DEL"))
        .map(|line| line.contains("EPOLLOUT"))
        .collect();
    assert_eq!(watched, [false, true, false], "{changes:#?}");
}

#[test]
fn a_file_of_one_mib_is_sent_in_one_call_where_there_is_room() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    site.file("large.bin", noise(1024 * 1024));
    let mut server = Server::start(site.root());
    let trace = site.outside("trace");
    let Some(mut tracer) = attach(&server, &trace) else {
        return unavailable("the right to trace a process");
    };
    assert_eq!(server.get("/large.bin").content.len(), 1024 * 1024);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    tracer.wait();

    let trace = fs::read_to_string(&trace).unwrap();
    let first = trace.lines().find(|line| call(line) == Some("sendfile"));
    let first = first.expect("the file is sent");
    assert!(first.contains(", [0] => ["), "{first}");
    assert!(first.contains(", 1048576) = "), "{first}");
}

#[test]
fn errors_of_accept_are_reported() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    let mut server = Launch::of(site.root())
        .in_default_sandbox()
        .expecting(&["no connection can be accepted: Operation not permitted"])
        .start();
    let fault = "accept4:error=EPERM:when=1..3";
    let Some(_tracer) = tamper(&server, &site.outside("trace"), fault) else {
        return unavailable("the right to trace a process");
    };
    // The connection has waited, and is not lost.
    assert_eq!(server.get("/a.txt").status, 200);
    let message = server.process.end();
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn a_signal_that_interrupts_a_file_system_does_not_affect_the_client() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    for call in ["openat2", "statx"] {
        let server = Launch::of(site.root()).in_default_sandbox().start();
        let fault = format!("{call}:error=EINTR:when=1..9+2");
        let Some(_tracer) = tamper(&server, &site.outside("trace"), &fault) else {
            return unavailable("the right to trace a process");
        };
        assert_eq!(server.get("/a.txt").status, 200, "{call}");
        assert_eq!(server.get("/missing").status, 404, "{call}");
    }
}

#[test]
fn a_name_that_the_file_system_can_give_no_file_is_not_there() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    for error in ["EINVAL", "EILSEQ"] {
        let server = Launch::of(site.root()).in_default_sandbox().start();
        let fault = format!("openat2:error={error}");
        let Some(_tracer) = tamper(&server, &site.outside("trace"), &fault) else {
            return unavailable("the right to trace a process");
        };
        assert_eq!(server.get("/%ff").status, 404, "{error}");
    }
}

/// For example if a container is paused after the server has received ready events from the kernel,
/// and before it reads the clock.
#[test]
fn a_client_with_buffer_space_is_not_cut_by_a_server_paused_with_pending_events() {
    if !tools(&["strace"]) {
        return;
    }
    let site = Site::small();
    site.file("large.bin", noise(20_000_000));
    let mut server = Launch::of(site.root())
        .args(["--send-timeout", "5s"])
        .start();
    let mut other = server.connect();
    other.send(GET).response_to("GET");
    let mut client = server.connect();
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(1);
    let pause = "?epoll_wait,?epoll_pwait:delay_exit=6000000:when=1";
    let Some(mut tracer) = tamper(&server, &site.outside("trace"), pause) else {
        return unavailable("the right to trace a process");
    };
    other.send(GET);
    // By now, the server only knows that this client has sent something.
    thread::sleep(Duration::from_millis(500));
    assert_eq!(client.response_to("GET").content.len(), 20_000_000);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    tracer.wait();
}

fn attach(server: &Server, output: &Path) -> Option<Process> {
    trace(server, output, &[])
}

/// Makes system calls fail as `fault` describes, in the syntax of strace's `inject`. strace
/// replaces them by calls that do not exist, which end a server whose sandbox is required.
fn tamper(server: &Server, output: &Path, fault: &str) -> Option<Process> {
    trace(server, output, &["-e", &format!("inject={fault}")])
}

fn trace(server: &Server, output: &Path, options: &[&str]) -> Option<Process> {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-p", &server.process.id().to_string()])
        .args(options)
        .arg("-o")
        .arg(output);
    let mut tracer = Process::spawn(&mut command);
    poll_until("strace to begin or to end", || {
        let is_attached = tracer.stderr().contains("attached");
        if is_attached {
            Some(Some(()))
        } else {
            (!tracer.is_running()).then_some(None)
        }
    })?;
    Some(tracer)
}

/// Requests everything that the server offers, and missing files.
fn put_to_work(server: &Server) {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for target in [
                    "/",
                    "/a.txt",
                    "/large.bin",
                    "/link.html",
                    "/listed",
                    "/listed/",
                    "/missing",
                    "/../x",
                ] {
                    server.get(target);
                    server.request("HEAD", target, &[]);
                }
            });
        }
    });
    server.request("GET", "/large.bin", &[("Range", "bytes=5-900,1000-2000")]);
    server.request("GET", "/page.html", &[("Accept-Encoding", "gzip")]);
    server.request(
        "GET",
        "/a.txt",
        &[("If-Modified-Since", crate::support::LAST_MODIFIED)],
    );
    server.request("PUT", "/a.txt", &[("Content-Length", "0")]);
    server.exchange("nonsense\r\n\r\n");
    server.exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
}

/// Returns the name of the call in `1234 sendto(7, …`, or `None` for `1234 <... ppoll resumed>`,
/// whose first half has been counted.
fn call(line: &str) -> Option<&str> {
    let line = line
        .trim_start_matches(|byte: char| byte.is_ascii_digit())
        .trim_start();
    let (name, _) = line.split_once('(')?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(is_name).then_some(name)
}

/// Returns the calls in the page's table.
fn named(page: &str) -> BTreeSet<&str> {
    let (_, section) = page
        .split_once("## System calls")
        .expect("the page has a section on them");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

//! The kernel's response when a running server is forced to do what no server does. Each attempt is
//! a system call that the server makes under ptrace, as injected code would. The table in
//! docs/sandbox.md must match the results here.

mod table;

use crate::support::{Argument, Launch, Outcome, Process, Site, Tracee, unavailable};
use nix::errno::Errno;
use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    io::ErrorKind,
    net::TcpListener,
    os::unix::{ffi::OsStrExt, net::UnixDatagram},
    path::Path,
    process::Command,
};
use table::{ATTEMPTS, Value};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md");

const HEAD: &str = "| to | attempts | outcome |\n| --- | --- | --- |\n";

#[test]
fn the_kernel_refuses_calls_that_no_running_server_makes() {
    let Some(outcomes) = outcomes("auto") else {
        return unavailable("the right to trace a process");
    };
    let mut rows = HEAD.to_owned();
    for (aim, _) in ATTEMPTS {
        let mut names = BTreeMap::<_, Vec<_>>::new();
        for (_, name, outcome) in outcomes.iter().filter(|it| it.0 == *aim) {
            names.entry(outcome).or_default().push(*name);
        }
        for (outcome, names) in names {
            writeln!(rows, "| {aim} | {} | {outcome} |", names.join(", ")).unwrap();
        }
    }
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page
        .split_once(HEAD)
        .expect("the page has a table of attempts");
    let (_, after) = rest.split_once("\n\n").expect("it ends");
    let expected = format!("{before}{rows}\n{after}");
    if env::var_os("UPDATE").is_some() {
        fs::write(PAGE, expected).unwrap();
    } else {
        assert_eq!(
            page, expected,
            "UPDATE=1 cargo test --test it sandbox_attempts writes it"
        );
    }
    let is_refused = |it: &&(_, _, String)| ["`EPERM`", "`EACCES`"].contains(&it.2.as_str());
    assert_eq!(outcomes.iter().filter(is_refused).count(), outcomes.len());
}

/// Otherwise, something other than the sandbox might refuse it.
#[test]
fn the_same_calls_succeed_as_root_without_a_sandbox() {
    if !has_all_powers() {
        return unavailable("all powers of root");
    }
    let Some(outcomes) = outcomes("off") else {
        return unavailable("the right to trace a process");
    };
    let is_refused = |it: &&(_, _, String)| ["`EPERM`", "`EACCES`"].contains(&it.2.as_str());
    let refused: Vec<_> = outcomes.iter().filter(is_refused).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

/// Makes a running server attempt everything. Returns the purpose, the attempt and the result of
/// each, or `None` if this test lacks the privileges.
fn outcomes(sandbox: &str) -> Option<Vec<(&'static str, &'static str, String)>> {
    let site = Site::small();
    let (outside, datagrams) = (site.outside("other"), site.outside("datagrams"));
    fs::write(&outside, "").unwrap();
    let _socket = UnixDatagram::bind(&datagrams).unwrap();
    let manager = site.outside("manager");
    let _manager = UnixDatagram::bind(&manager).unwrap();
    let server = Launch::of(site.root())
        .args(["--sandbox", sandbox])
        .env("NOTIFY_SOCKET", manager.to_str().unwrap())
        .start();
    let other = Process::spawn(Command::new("sleep").arg("60"));
    let mut tracee = Tracee::attach(server.process.pid())?;
    let notifier = datagrams_of(server.process.id());
    let mut outcomes = Vec::new();
    let all = ATTEMPTS
        .iter()
        .flat_map(|(aim, attempts)| attempts.iter().map(move |it| (aim, it)));
    for (aim, attempt) in all {
        let arguments = attempt.arguments.iter().map(|value| match value {
            Value::Number(value) => number(*value),
            Value::Bytes(bytes) => Argument::Bytes(bytes.to_vec()),
            Value::Text(value) => text(value),
            Value::Room => Argument::Bytes(vec![0; 128]),
            Value::Outside => path(&outside),
            Value::Datagrams => unix_address(&datagrams),
            Value::Notifier => number(notifier),
            Value::Other => number(other.id().into()),
        });
        let outcome = match tracee.call(attempt.number, &arguments.collect::<Vec<_>>()) {
            Outcome::Failed(errno) => format!("`{errno:?}`"),
            other => format!("{other:?}"),
        };
        println!("{}: {outcome}", attempt.name);
        outcomes.push((*aim, attempt.name, outcome));
    }
    drop(tracee);
    if sandbox != "off" {
        assert_eq!(server.get("/a.txt").status, 200);
    }
    Some(outcomes)
}

/// Returns `true` if this process is root with all capabilities except that for resource limits,
/// and unfiltered.
fn has_all_powers() -> bool {
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let has = field("CapEff:").and_then(|it| u64::from_str_radix(it, 16).ok());
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    let all = (2_u64 << last.trim().parse::<u32>().unwrap()) - 1;
    has.is_some_and(|has| has | CAP_SYS_RESOURCE == all) && field("Seccomp:") == Some("0")
}

#[test]
fn a_listener_that_was_shut_down_cannot_connect_by_tcp_fast_open() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--sandbox", "auto"])
        .expecting(&["no connection can be accepted"])
        .start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let Some(mut tracee) = Tracee::attach(server.process.pid()) else {
        return unavailable("the right to trace a process");
    };
    let listener = listener_of(server.process.id(), server.address.port());
    let shut = tracee.call(nr::SHUTDOWN, &[number(listener), number(2)]);
    assert_eq!(shut, Outcome::Done(0));
    let port = elsewhere.local_addr().unwrap().port();
    let mut address = vec![2, 0];
    address.extend(port.to_be_bytes());
    address.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let sent = tracee.call(
        nr::SENDTO,
        &[
            number(listener),
            text("stolen"),
            number(6),
            number(0x2000_4000),
            Argument::Bytes(address),
            number(16),
        ],
    );
    drop(tracee);
    assert_eq!(sent, Outcome::Failed(Errno::EPERM));
    let came = elsewhere.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(ErrorKind::WouldBlock));
}

#[test]
fn a_refused_call_ends_the_server_if_the_sandbox_is_required() {
    for mode in ["require", "strict"] {
        let site = Site::small();
        let mut server = Launch::of(site.root())
            .args(["--sandbox", mode])
            .expecting(&["allows nothing around it"])
            .start();
        let Some(mut tracee) = Tracee::attach(server.process.pid()) else {
            return unavailable("the right to trace a process");
        };
        // AF_UNIX and SOCK_DGRAM.
        let outcome = tracee.call(nr::SOCKET, &[number(1), number(2), number(0)]);
        assert_eq!(
            outcome,
            Outcome::Killed(nix::sys::signal::Signal::SIGSYS),
            "{mode}"
        );
        drop(tracee);
        server.process.end();
    }
}

/// The numbers of the system calls that tests make individually.
mod nr {
    pub(super) const SOCKET: i64 = 41;
    pub(super) const SENDTO: i64 = 44;
    pub(super) const SHUTDOWN: i64 = 48;
}

fn number(number: u64) -> Argument {
    Argument::Number(number)
}

/// Returns the text with a terminating NUL.
fn text(text: &str) -> Argument {
    Argument::Bytes([text.as_bytes(), b"\0"].concat())
}

fn path(path: &Path) -> Argument {
    Argument::Bytes([path.as_os_str().as_bytes(), b"\0"].concat())
}

/// Returns a `sockaddr_un`.
fn unix_address(path: &Path) -> Argument {
    let mut address = vec![1, 0];
    address.extend(path.as_os_str().as_bytes());
    address.resize(110, 0);
    Argument::Bytes(address)
}

/// Returns the descriptor on which a process listens at a port.
fn listener_of(process: u32, port: u16) -> u64 {
    let place = format!(":{port:04X}");
    let is_it = |row: &[&str]| row[1].ends_with(&place) && row[3] == "0A";
    let sockets = sockets(process, "tcp", is_it, 9);
    descriptor_of(process, &sockets).expect("it listens")
}

/// Returns the descriptor through which a process sends datagrams to another.
fn datagrams_of(process: u32) -> u64 {
    let sockets = sockets(process, "unix", |row| row[4] == "0002", 6);
    descriptor_of(process, &sockets).expect("it has one")
}

/// Returns the inodes in a table of sockets whose rows match `is_it`.
fn sockets(
    process: u32,
    table: &str,
    is_it: impl Fn(&[&str]) -> bool,
    inode: usize,
) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap();
    let rows = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| is_it(row))
        .map(|row| row[inode].to_owned())
        .collect()
}

/// Returns the descriptor of a process for one of the sockets, which are identified by inode.
fn descriptor_of(process: u32, sockets: &[String]) -> Option<u64> {
    let sockets: Vec<_> = sockets.iter().map(|it| format!("socket:[{it}]")).collect();
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let mut entries = entries.map(|entry| entry.unwrap());
    let entry = entries.find(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        sockets
            .iter()
            .any(|socket| target.as_os_str() == socket.as_str())
    })?;
    entry.file_name().to_str()?.parse().ok()
}

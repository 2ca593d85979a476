//! The real binary on a free port.

use super::{Client, Hearing, Process, Response, poll_until, responses};
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::{FdFlags, fcntl_setfd},
    process::Signal,
};
use std::{
    env,
    ffi::OsStr,
    fs, iter,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
};

/// How a server is to be started.
pub(crate) struct Launch {
    command: Command,
    expected: &'static [&'static str],
    hearing: Hearing,
}

impl Launch {
    /// The binary with nothing but what a test adds.
    pub(crate) fn bare() -> Self {
        Self::by(Command::new(binary()))
    }

    /// The binary on a free port of the loopback, serving `root`.
    pub(crate) fn of(root: impl AsRef<Path>) -> Self {
        Self::bare()
            .arg(root.as_ref())
            .args(["--listen", "127.0.0.1:0"])
    }

    /// As [`Launch::of`], by a user whom file permissions bind.
    ///
    /// Root drops to the customary `nobody`, who can reach a copy of the binary beside the site;
    /// anybody else is bound already.
    pub(crate) fn unprivileged(root: &Path) -> Self {
        let mut command = Command::new(binary());
        if rustix::process::geteuid().is_root() {
            let copy = root.with_file_name("millpond");
            // Not by us: what another test forks meanwhile would have it open to write to, and so
            // keep it from being executed.
            let mut cp = Command::new("cp");
            let copied = cp.arg("--force").arg(binary()).arg(&copy).status();
            assert!(copied.is_ok_and(|status| status.success()));
            command = Command::new(copy);
            command.uid(65534).gid(65534);
        }
        Self::by(command)
            .arg(root)
            .args(["--listen", "127.0.0.1:0"])
    }

    /// The binary with sockets that are open already, each with a name, as systemd hands them over.
    pub(crate) fn inheriting(sockets: &[(&str, BorrowedFd<'_>)]) -> Self {
        let mut command = Command::new("bash");
        let (mut redirections, mut names) = (Vec::new(), Vec::new());
        for ((name, socket), number) in sockets.iter().zip(3..) {
            // It stays open across exec. A child of another test that gets it too is none the wiser.
            fcntl_setfd(socket, FdFlags::empty()).expect("a descriptor can be inherited");
            redirections.push(format!("{number}<&{}", socket.as_raw_fd()));
            names.push(*name);
        }
        let script = format!(
            "export LISTEN_PID=$$; exec \"$0\" \"$@\" {}",
            redirections.join(" ")
        );
        command
            .args(["-c".as_ref(), script.as_ref(), binary().as_os_str()])
            .env("LISTEN_FDS", sockets.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"));
        Self::by(command)
    }

    fn by(mut command: Command) -> Self {
        // Nothing of the tester's own environment may change what is tested.
        for (name, _) in env::vars_os() {
            let is_ours = name.as_encoded_bytes().starts_with(b"MILLPOND_");
            if is_ours || name == "RUST_LOG" || name == "PORT" {
                command.env_remove(name);
            }
        }
        Self {
            command,
            expected: &[],
            hearing: Hearing::All,
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Lets another program start the server, which is to end up in its place.
    pub(crate) fn within(mut self, wrap: impl FnOnce(&mut Command) -> Command) -> Self {
        self.command = Self::by(wrap(&mut self.command)).command;
        self
    }

    /// Lets the server write lines with one of these phrases to standard error, where any other
    /// fails the test.
    pub(crate) fn expecting(mut self, phrases: &'static [&'static str]) -> Self {
        self.expected = phrases;
        self
    }

    /// How much of standard output is read.
    pub(crate) fn hearing(mut self, hearing: Hearing) -> Self {
        self.hearing = hearing;
        self
    }

    /// Starts the server and waits until it says where it listens.
    #[track_caller]
    pub(crate) fn start(mut self) -> Server {
        let process = Process::spawn_and_hear(&mut self.command, self.hearing);
        let address = process.await_stdout("a line with the address", |stdout| {
            let (_, rest) = stdout.split_once(" at http://")?;
            let (address, _) = rest.split_once("/\n")?;
            Some(address.parse().expect("an address follows \"http://\""))
        });
        Server {
            process,
            address,
            expected: self.expected,
        }
    }

    /// Starts what may end by itself, or say something else.
    pub(crate) fn spawn(mut self) -> Process {
        Process::spawn_and_hear(&mut self.command, self.hearing)
    }
}

/// A server that runs as long as its test. What it says on standard error fails the test.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    expected: &'static [&'static str],
}

impl Server {
    /// A server of `root` with every option at its default.
    #[track_caller]
    pub(crate) fn start(root: impl AsRef<Path>) -> Self {
        Launch::of(root).start()
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Where the operator is answered, of a server that was told to.
    #[track_caller]
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.process
            .await_stdout("the operator's address", |stdout| {
                let (_, rest) = stdout.split_once(" its operator at http://")?;
                let (address, _) = rest.split_once("/\n")?;
                address.parse().ok()
            })
    }

    /// Sends the bytes at once, half-closes, and gives all that comes back.
    #[track_caller]
    pub(crate) fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.connect().exchange(iter::once(bytes.as_ref()))
    }

    /// Sends the bytes one by one, half-closes, and gives all that comes back.
    #[track_caller]
    pub(crate) fn exchange_byte_by_byte(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.connect().exchange(bytes.as_ref().chunks(1))
    }

    /// The response to a request of its own connection.
    #[track_caller]
    pub(crate) fn request(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        let lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let lines = lines.concat();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n");
        self.response_to(method, head)
    }

    /// The response to `GET` of a target.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[])
    }

    /// The one response to one raw request.
    #[track_caller]
    pub(crate) fn response_to(&self, method: &str, request: impl AsRef<[u8]>) -> Response {
        let output = self.exchange(request);
        let mut all = responses(&output, [method]);
        all.pop().expect("a request is answered")
    }

    /// Waits until a file has been unchanged for so long that its entity tag is strong.
    #[track_caller]
    pub(crate) fn await_strong_etag(&self, target: &str) -> String {
        poll_until("a strong entity tag", || {
            let response = self.request("HEAD", target, &[]);
            let etag = response.field("etag").expect("a file has an entity tag");
            (!etag.starts_with("W/")).then(|| etag.to_owned())
        })
    }

    /// Waits until there are `count` access records, and gives them.
    #[track_caller]
    pub(crate) fn records(&self, count: usize) -> Vec<String> {
        self.process.await_stdout("access records", |stdout| {
            let lines = stdout.split_terminator('\n');
            let is_record = |line: &&str| !line.starts_with("millpond serves ");
            let records: Vec<_> = lines.filter(is_record).map(str::to_owned).collect();
            (records.len() >= count && stdout.ends_with('\n')).then_some(records)
        })
    }

    /// The most memory that the server has had resident so far.
    #[track_caller]
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.expect("a peak")
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub(crate) fn stop(&mut self, signal: Signal) -> ExitStatus {
        self.process.signal(signal);
        self.process.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let said = self.process.end();
        if thread::panicking() {
            let stdout = self.process.stdout();
            let last = stdout.lines().rev().take(8).collect::<Vec<_>>();
            eprintln!(
                "the server said:\n{said}\nand logged last, backwards:\n{}",
                last.join("\n")
            );
        } else {
            let is_expected = |line: &&str| {
                let mut phrases = self.expected.iter().chain(&[ON_STOPPING]);
                phrases.any(|phrase| line.contains(phrase))
            };
            let unexpected: Vec<_> = said.lines().filter(|line| !is_expected(line)).collect();
            assert!(
                unexpected.is_empty(),
                "on standard error:\n{}",
                unexpected.join("\n")
            );
        }
    }
}

/// Whether a server that is told to stop has something under way, and says so, is up to chance.
const ON_STOPPING: &str = "stopping: exchanges under way: ";

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_millpond"))
}

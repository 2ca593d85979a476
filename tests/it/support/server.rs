//! The real binary on a free port.

use super::kernel::unread_connections;
use super::{Client, Hearing, Process, Response, ahead, poll_until, responses};
use millpond::{commands::confinement, process::SandboxMode, server::Options};
use rustix::{
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
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
    sync::LazyLock,
    thread,
};

/// The command line and environment of a server to start.
pub(crate) struct Launch {
    command: Command,
    expected: &'static [&'static str],
    hearing: Hearing,
    /// What is open until the server has been started.
    inherited: Vec<OwnedFd>,
}

impl Launch {
    /// Launches the binary with only the arguments that a test adds.
    pub(crate) fn bare() -> Self {
        Self::by(Command::new(binary()))
    }

    /// Launches the binary on a free loopback port, serving `root`.
    pub(crate) fn of(root: impl AsRef<Path>) -> Self {
        Self::bare()
            .arg(root.as_ref())
            .args(["--listen", "127.0.0.1:0"])
    }

    /// Launches a server like [`Launch::of`], with a clock that is an hour ahead: no file is new to
    /// it, so it caches files, and its entity tags are strong.
    pub(crate) fn ahead(root: impl AsRef<Path>) -> Self {
        Self::by(ahead::command())
            .arg(root.as_ref())
            .args(["--listen", "127.0.0.1:0"])
    }

    /// Launches a server like [`Launch::of`], as a user who is subject to file permissions.
    ///
    /// Root becomes the usual `nobody`, who can access the binary beside the site. Any
    /// other user is already subject to permissions.
    pub(crate) fn unprivileged(root: &Path) -> Self {
        Self::by_nobody(Command::new(binary()), root)
    }

    /// Launches a server like [`Launch::unprivileged`], with the clock of [`Launch::ahead`].
    pub(crate) fn unprivileged_ahead(root: &Path) -> Self {
        Self::by_nobody(ahead::command(), root)
    }

    fn by_nobody(mut command: Command, root: &Path) -> Self {
        if rustix::process::geteuid().is_root() {
            let copy = root.with_file_name("millpond");
            let _ = fs::remove_file(&copy);
            if fs::hard_link(command.get_program(), &copy).is_err() {
                // Not written by this process: another test may fork in the meantime, and its child
                // would have the file open for writing, which prevents executing it.
                let mut cp = Command::new("cp");
                let copied = cp.arg(command.get_program()).arg(&copy);
                assert!(copied.status().is_ok_and(|status| status.success()));
            }
            let mut copied = Command::new(copy);
            copied.args(command.get_args()).uid(65534).gid(65534);
            command = copied;
        }
        Self::by(command)
            .arg(root)
            .args(["--listen", "127.0.0.1:0"])
    }

    /// Launches the binary with inherited sockets, each with a name, in the way that systemd passes
    /// them.
    pub(crate) fn inheriting(sockets: &[(&str, BorrowedFd<'_>)]) -> Self {
        let mut command = Command::new("bash");
        let (mut redirections, mut names, mut inherited) = (Vec::new(), Vec::new(), Vec::new());
        for ((name, socket), number) in sockets.iter().zip(3..) {
            // A copy with a number that no redirection replaces, and which stays open across exec.
            // It does not matter if the child of another test gets it too.
            let copy = fcntl_dupfd_cloexec(socket, 100).expect("a descriptor can be copied");
            fcntl_setfd(&copy, FdFlags::empty()).expect("a descriptor can be inherited");
            redirections.push(format!("{number}<&{}-", copy.as_raw_fd()));
            names.push(*name);
            inherited.push(copy);
        }
        let script = format!(
            "export LISTEN_PID=$$; exec \"$0\" \"$@\" {}",
            redirections.join(" ")
        );
        command
            .args(["-c".as_ref(), script.as_ref(), binary().as_os_str()])
            .env("LISTEN_FDS", sockets.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"));
        Self {
            inherited,
            ..Self::by(command)
        }
    }

    fn by(mut command: Command) -> Self {
        // The tester's own environment must not affect the test.
        for (name, _) in env::vars_os() {
            let is_ours = name.as_encoded_bytes().starts_with(b"MILLPOND_");
            if is_ours || name == "RUST_LOG" || name == "PORT" {
                command.env_remove(name);
            }
        }
        if let Some(workers) = env::var_os("MILLPOND_TEST_WORKERS") {
            command.env("MILLPOND_WORKERS", workers);
        }
        if can_require_sandbox() {
            // A system call that the filter does not allow then fails the test, whichever test it
            // is in.
            command.env(SANDBOX, "require");
        }
        Self {
            command,
            expected: &[],
            hearing: Hearing::All,
            inherited: Vec::new(),
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

    /// Uses the default sandbox, or that of the settings file.
    pub(crate) fn in_default_sandbox(mut self) -> Self {
        self.command.env_remove(SANDBOX);
        self
    }

    pub(crate) fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Starts the server through another program, which must end up being the server.
    pub(crate) fn within(mut self, wrap: impl FnOnce(&mut Command) -> Command) -> Self {
        self.command = Self::by(wrap(&mut self.command)).command;
        self
    }

    /// Allows the server to write lines with one of these phrases to standard error. Any other line
    /// fails the test.
    pub(crate) fn expecting(mut self, phrases: &'static [&'static str]) -> Self {
        self.expected = phrases;
        self
    }

    /// Sets the part of standard output that is read.
    pub(crate) fn hearing(mut self, hearing: Hearing) -> Self {
        self.hearing = hearing;
        self
    }

    /// Starts the server and waits until it prints its address.
    #[track_caller]
    pub(crate) fn start(mut self) -> Server {
        let process = Process::spawn_and_hear(&mut self.command, self.hearing);
        drop(self.inherited);
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

    /// Starts a process that may end by itself, or print something else.
    pub(crate) fn spawn(mut self) -> Process {
        let process = Process::spawn_and_hear(&mut self.command, self.hearing);
        drop(self.inherited);
        process
    }
}

/// A server that runs as long as its test. Any output on standard error fails the test.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    expected: &'static [&'static str],
}

impl Server {
    /// Starts a server of `root` with every option at its default.
    #[track_caller]
    pub(crate) fn start(root: impl AsRef<Path>) -> Self {
        Launch::of(root).start()
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Returns the address of the admin port, if the server has one.
    #[track_caller]
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.process
            .await_stdout("the operator's address", |stdout| {
                let (_, rest) = stdout.split_once(" the admin port at http://")?;
                let (address, _) = rest.split_once("/\n")?;
                address.parse().ok()
            })
    }

    /// Sends the bytes at once, half-closes, and returns all of the output.
    #[track_caller]
    pub(crate) fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.connect().exchange(iter::once(bytes.as_ref()))
    }

    /// Sends the bytes one by one, half-closes, and returns all of the output.
    #[track_caller]
    pub(crate) fn exchange_byte_by_byte(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.connect().exchange(bytes.as_ref().chunks(1))
    }

    /// Returns the response to a request on a new connection.
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

    /// Returns the response to `GET` of a target.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[])
    }

    /// Returns the only response to a raw request.
    #[track_caller]
    pub(crate) fn response_to(&self, method: &str, request: impl AsRef<[u8]>) -> Response {
        let output = self.exchange(request);
        let mut all = responses(&output, [method]);
        all.pop().expect("a request is answered")
    }

    /// Waits until a file has settled, so that its entity tag is strong, and returns the tag.
    #[track_caller]
    pub(crate) fn await_strong_etag(&self, target: &str) -> String {
        poll_until("a strong entity tag", || {
            let response = self.request("HEAD", target, &[]);
            let etag = response.field("etag").expect("a file has an entity tag");
            (!etag.starts_with("W/")).then(|| etag.to_owned())
        })
    }

    /// Resumes a paused server as soon as something has arrived on this many connections, so that
    /// it finds all of it at once.
    #[track_caller]
    pub(crate) fn resume_with(&self, unread: usize) {
        poll_until("all that was sent to arrive", || {
            (unread_connections(self.address.port()) == unread).then_some(())
        });
        self.process.signal(Signal::CONT);
    }

    /// Waits until there are `count` log lines, and returns them.
    #[track_caller]
    pub(crate) fn records(&self, count: usize) -> Vec<String> {
        self.process.await_stdout("access records", |stdout| {
            let lines = stdout.split_terminator('\n');
            let is_record = |line: &&str| {
                !line.starts_with("millpond serves ") && !ahead::is_of_the_harness(line)
            };
            let records: Vec<_> = lines.filter(is_record).map(str::to_owned).collect();
            (records.len() >= count && stdout.ends_with('\n')).then_some(records)
        })
    }

    /// Returns the peak resident memory of the server so far.
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

/// Whether a request is in progress when a server stops, which it reports, depends on timing.
const ON_STOPPING: &str = "shutting down: requests in progress: ";

const SANDBOX: &str = "MILLPOND_SANDBOX";

/// Returns `true` if this kernel supports everything that a server can require.
fn can_require_sandbox() -> bool {
    static CAN: LazyLock<bool> = LazyLock::new(|| {
        let options = Options {
            sandbox: SandboxMode::Require,
            ..Options::default()
        };
        confinement(&options).is_ok()
    });
    *CAN
}

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_millpond"))
}

//! A server in the background, and the file with its process id.

use crate::support::{Client, Launch, Process, Signal, Site, poll_until, quoted, unavailable};
use rustix::process::{Pid, getsid, kill_process};
use std::{
    fs::{self, File},
    net::TcpListener,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A server in the background that ends with its test.
struct Daemon(Pid);

impl Daemon {
    /// Returns the daemon with the process id in this file.
    #[track_caller]
    fn of(pid_file: &Path) -> Self {
        Self(pid_in(pid_file).expect("a running daemon has written its process id"))
    }

    #[track_caller]
    fn stop(&self) {
        kill_process(self.0, Signal::TERM).unwrap();
        poll_until("the daemon to end", || self.has_ended().then_some(()));
    }

    /// Returns `true` if the process has ended. If the first process of a container does not wait
    /// for orphans, an ended process remains as a zombie.
    fn has_ended(&self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.0.as_raw_nonzero())).map_or(true, |stat| {
            stat.rsplit_once(") ").unwrap().1.starts_with('Z')
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = kill_process(self.0, Signal::KILL);
    }
}

fn pid_in(pid_file: &Path) -> Option<Pid> {
    let text = fs::read_to_string(pid_file).ok()?;
    Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
}

fn pid_file(site: &Site) -> PathBuf {
    fs::create_dir_all(site.outside("run")).unwrap();
    site.outside("run/millpond.pid")
}

fn address_in(stdout: &str) -> std::net::SocketAddr {
    let (_, rest) = stdout.split_once(" at http://").expect("an address");
    rest.split_once("/\n").unwrap().0.parse().unwrap()
}

#[test]
fn the_command_ends_when_the_daemon_answers() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    // By relative paths, which have the same meaning in the background.
    let launch = Launch::bare()
        .current_dir(site.outside("."))
        .args(["root", "--listen", "127.0.0.1:0", "--daemon"])
        .args([
            "--pid-file",
            "run/millpond.pid",
            "--access-log",
            "millpond.log",
        ]);
    let mut command = launch.spawn();
    assert_eq!(command.wait().code(), Some(0));
    // Nothing keeps the streams open, so a shell that reads to their end does not hang.
    assert_eq!(command.end(), "");
    let address = address_in(&command.stdout());
    let daemon = Daemon::of(&pid_file);
    let response = Client::connect(address)
        .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    assert_eq!(response.text(), "alpha\n");
    assert_eq!(
        getsid(Some(daemon.0)).unwrap(),
        daemon.0,
        "a session of its own"
    );
    for stream in 0..=2 {
        let path = format!("/proc/{}/fd/{stream}", daemon.0.as_raw_nonzero());
        assert_eq!(fs::read_link(path).unwrap(), Path::new("/dev/null"));
    }
    daemon.stop();
    assert!(!pid_file.exists(), "it is removed at the end");
    let log = fs::read_to_string(site.outside("millpond.log")).unwrap();
    assert!(log.contains("GET /a.txt"));
}

#[test]
fn a_daemon_is_detached_from_its_terminal() {
    if Command::new("script").arg("--version").output().is_err() {
        return unavailable("script (bsdutils)");
    }
    let site = Site::small();
    let (pid_file, log) = (pid_file(&site), site.outside("log/access.log"));
    fs::create_dir(site.outside("log")).unwrap();
    let command = format!(
        "{} {} --listen 127.0.0.1:0 --daemon --pid-file {} --access-log {}",
        quoted(env!("CARGO_BIN_EXE_millpond")),
        quoted(site.root()),
        quoted(&pid_file),
        quoted(&log),
    );
    let mut terminal = Process::spawn(Command::new("script").args([
        "--quiet",
        "--command",
        &command,
        "/dev/null",
    ]));
    assert_eq!(terminal.wait().code(), Some(0));
    let daemon = Daemon::of(&pid_file);
    fs::rename(&log, log.with_extension("1")).unwrap();
    kill_process(daemon.0, Signal::HUP).unwrap();
    poll_until("a new log", || log.exists().then_some(()));
    daemon.stop();
}

#[test]
fn a_daemon_that_cannot_start_reports_the_reason_and_the_command_fails() {
    let site = Site::small();
    let other = Launch::of(site.root()).start();
    let mut command = Launch::bare()
        .arg(site.root())
        .args(["--listen", &other.address.to_string(), "--daemon"])
        .spawn();
    assert_eq!(command.wait().code(), Some(1));
    let said = command.end();
    assert!(
        said.starts_with("error: ") && said.lines().count() == 1,
        "{said}"
    );
    let running = format!(
        "is already running at http://{}/ as process {}; ",
        other.address,
        other.process.id()
    );
    assert!(said.contains(&running), "{said}");
}

#[test]
fn a_daemon_that_is_killed_before_it_answers_is_reported() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    // It waits for a reader.
    let log = site.outside("fifo");
    make_fifo(&log);
    let mut command = Launch::of(site.root())
        .args(["--daemon", "--access-log"])
        .arg(&log)
        .arg("--pid-file")
        .arg(&pid_file)
        .spawn();
    poll_until("its process id", || pid_in(&pid_file));
    drop(Daemon::of(&pid_file));
    assert_eq!(command.wait().code(), Some(1));
    let said = command.end();
    let word = "error: the background server was killed by signal 9 before it was ready\n";
    assert!(said.ends_with(word), "{said}");
}

#[test]
fn inherited_sockets_belong_to_the_daemon() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Launch::inheriting(&[("", listener.as_fd())])
        .arg(site.root())
        .args(["--daemon", "--pid-file"])
        .arg(&pid_file)
        .spawn();
    assert_eq!(command.wait().code(), Some(0));
    let daemon = Daemon::of(&pid_file);
    command.end();
    let address = listener.local_addr().unwrap();
    assert_eq!(address_in(&command.stdout()), address);
    drop(listener);
    let response = Client::connect(address)
        .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    assert_eq!(response.status, 200);
    daemon.stop();
}

#[test]
fn a_stream_redirected_to_a_file_stays_open() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    let out = site.outside("run/out");
    let status = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg(site.root())
        .args(["--listen", "127.0.0.1:0", "--daemon", "--pid-file"])
        .arg(&pid_file)
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let daemon = Daemon::of(&pid_file);
    Client::connect(address_in(&fs::read_to_string(&out).unwrap()))
        .send("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .response_to("GET");
    poll_until("a record", || {
        fs::read_to_string(&out)
            .unwrap()
            .contains("GET /a.txt")
            .then_some(())
    });
    daemon.stop();
}

#[test]
fn a_pid_file_belongs_to_one_running_server() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    let launch = || Launch::of(site.root()).arg("--pid-file").arg(&pid_file);
    // The file of a server that was killed does not matter, whichever process has its id now.
    fs::write(&pid_file, "1\nand more\n").unwrap();
    let mut first = launch().start();
    assert_eq!(pid_in(&pid_file), Some(first.process.pid()));
    let mut second = launch().spawn();
    assert_eq!(second.wait().code(), Some(1));
    let said = second.end();
    let id = first.process.id();
    let running = format!("error: millpond is already running as process {id} (pid file ");
    assert!(said.starts_with(&running), "{said}");
    assert!(
        said.ends_with(&format!("; stop it with: kill {id}\n")),
        "{said}"
    );
    first.stop(Signal::TERM);
    assert!(!pid_file.exists());
}

#[test]
fn a_second_daemon_reports_the_process_id_of_the_running_one() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    let daemon = |listen: &str, pid_file: &Path| {
        let launch = Launch::bare().arg(site.root()).arg("--daemon");
        let launch = launch.args(["--listen", listen, "--pid-file"]);
        let mut command = launch.arg(pid_file).spawn();
        (command.wait().code(), command.end(), command.stdout())
    };
    let (code, _, stdout) = daemon("127.0.0.1:0", &pid_file);
    assert_eq!(code, Some(0));
    let first = Daemon::of(&pid_file);
    let address = address_in(&stdout);
    let id = first.0.as_raw_nonzero();
    for (listen, pid_file, expected) in [
        (
            address.to_string(),
            pid_file.clone(),
            format!("error: millpond is already running at http://{address}/ as process {id}; "),
        ),
        (
            address.to_string(),
            pid_file.with_extension("other"),
            format!("error: millpond is already running at http://{address}/ as process {id}; "),
        ),
        (
            "127.0.0.1:0".to_owned(),
            pid_file.clone(),
            format!("error: millpond is already running as process {id} (pid file "),
        ),
    ] {
        let (code, said, _) = daemon(&listen, &pid_file);
        assert_eq!(code, Some(1));
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&format!("kill {id}")), "{said}");
    }
    first.stop();
}

#[test]
fn a_server_that_takes_over_also_takes_over_the_pid_file() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    let launch = |listen: &str| {
        Launch::bare()
            .arg(site.root())
            .args(["--listen", listen, "--reuse-port", "--pid-file"])
            .arg(&pid_file)
            .expecting(&["another server listens on"])
    };
    let mut first = launch("127.0.0.1:0").start();
    let second = launch(&first.address.to_string()).start();
    assert_eq!(pid_in(&pid_file), Some(second.process.pid()));
    first.stop(Signal::TERM);
    assert_eq!(pid_in(&pid_file), Some(second.process.pid()));
    let entries = fs::read_dir(site.outside("run")).unwrap();
    assert_eq!(entries.count(), 1, "nothing else is left");
}

#[test]
fn a_pid_file_that_cannot_be_removed_is_emptied() {
    // The sandbox does not allow removing files from a shared directory.
    let site = Site::small();
    let pid_file = pid_file(&site);
    fs::write(site.outside("run/other"), "").unwrap();
    let launch = || Launch::of(site.root()).arg("--pid-file").arg(&pid_file);
    let mut first = launch().start();
    first.stop(Signal::TERM);
    assert_eq!(pid_in(&pid_file), None);
    assert_eq!(launch().start().get("/a.txt").status, 200);
}

#[test]
fn a_special_file_at_the_path_of_a_pid_file_is_not_touched() {
    let site = Site::small();
    let pid_file = pid_file(&site);
    let precious = site.outside("precious");
    fs::write(&precious, "kept").unwrap();
    let places: [&dyn Fn(&Path); 3] = [
        &|path| std::os::unix::fs::symlink(&precious, path).unwrap(),
        // A special file like /dev/null, which a server started by root must not remove.
        &make_fifo,
        &|path| fs::create_dir(path).unwrap(),
    ];
    for (make, number) in places.into_iter().zip(0..) {
        let pid_file = pid_file.with_extension(number.to_string());
        make(&pid_file);
        let type_of = |path| {
            fs::symlink_metadata(path)
                .map(|facts| facts.file_type())
                .ok()
        };
        let before = type_of(&pid_file);
        for reuse_port in ["false", "true"] {
            let mut process = Launch::of(site.root())
                .arg(format!("--reuse-port={reuse_port}"))
                .arg("--pid-file")
                .arg(&pid_file)
                .spawn();
            assert_eq!(process.wait().code(), Some(1));
            let said = process.end();
            assert!(said.contains("is not a regular file"), "{said}");
            assert_eq!(type_of(&pid_file), before, "{reuse_port}");
        }
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
}

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

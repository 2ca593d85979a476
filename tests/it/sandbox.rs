//! Actions that the kernel denies the server, whatever an attacker makes its code do.

use crate::support::{Launch, Process, Signal, Site, poll_until, unavailable};
use millpond::commands::confinement;
use millpond::process::{CallFilter, CallRefusal, SandboxMode};
use millpond::server::{LogDestination, Options, sandbox};
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with},
    process::{Pid, getppid, kill_process},
};
use std::{
    env, fs,
    fs::OpenOptions,
    io::{self, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            fs::symlink,
            net::{SocketAddr, UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    process::Command,
};

/// The variable with the site of the second process.
const DIRECTORY: &str = "MILLPOND_TEST_DIRECTORY";

/// The variable with the sandbox of the second process: `strict`, the default (`auto`), or none
/// (`free`).
const ROLE: &str = "MILLPOND_TEST_ROLE";

/// Returns the options of the server that the sandbox is for.
fn options(directory: &Path, sandbox: SandboxMode) -> Options {
    let mut options = Options {
        sandbox,
        access_log: LogDestination::File(directory.join("log/access.log")),
        ..Options::default()
    };
    options.site.root = directory.join("root");
    options
}

/// Returns `true` if the kernel can refuse everything that is tried here.
fn has_landlock() -> bool {
    let site = Site::small();
    fs::create_dir(site.outside("log")).unwrap();
    let confinement = confinement(&options(&site.outside("."), SandboxMode::Auto)).unwrap();
    let mut lines = confinement.lines();
    lines.any(|line| line.starts_with("the sandbox refuses") && line.contains("signals to others"))
}

#[test]
fn the_kernel_refuses_accesses_without_a_path_check() {
    if !has_landlock() {
        return unavailable("Landlock as Linux 6.12 has it");
    }
    for role in ["strict", "auto"] {
        refuses_accesses_without_a_path_check(role);
    }
}

fn refuses_accesses_without_a_path_check(role: &str) {
    let site = site_with_surroundings();
    println!("{}", actions_in_a_separate_process(&site, role));
    for (name, content) in [
        ("log/access.log", "kept++"),
        ("log/access.log.1", "kept"),
        ("log/access.log.new", "++"),
        ("root/a.txt", "alpha\n"),
    ] {
        let found = fs::read_to_string(site.outside(name)).unwrap();
        assert_eq!(found, content, "{name}");
    }
}

#[test]
fn the_same_accesses_succeed_without_a_sandbox() {
    let output = actions_in_a_separate_process(&site_with_surroundings(), "free");
    let is_refused = |line: &&str| line.ends_with("denied") || line.ends_with("permitted");
    assert_eq!(output.lines().find(is_refused), None);
    assert!(output.contains("connect out: done\n"), "{output}");
}

fn site_with_surroundings() -> Site {
    let site = Site::small();
    fs::create_dir(site.outside("log")).unwrap();
    for name in ["secret.txt", "log/access.log", "log/access.log.1"] {
        fs::write(site.outside(name), "kept").unwrap();
    }
    site.symlink("escape", "../secret.txt");
    site
}

/// Runs a second process of this program as the other half of a test, and returns its output.
fn actions_in_a_separate_process(site: &Site, role: &str) -> String {
    let directory = site.outside(".");
    // Either would allow access.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    fs::write(directory.join("port"), port.to_string()).unwrap();
    let _abstract_listener = UnixListener::bind_addr(&abstract_address(&directory)).unwrap();

    let mut process = Process::spawn(
        Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "sandbox::the_other_half",
                "--nocapture",
                "--ignored",
            ])
            .env(DIRECTORY, &directory)
            .env(ROLE, role),
    );
    let status = process.wait();
    let said = process.end();
    assert!(status.success(), "{}\n{said}", process.stdout());
    process.stdout()
}

#[test]
#[ignore = "is run by the tests above, in a process of its own"]
fn the_other_half() {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return println!("nothing by itself");
    };
    let confined = match env::var(ROLE).as_deref() {
        Ok("strict") => Some(SandboxMode::Strict),
        Ok("auto") => Some(SandboxMode::Auto),
        _ => None,
    };
    do_everything(Path::new(&directory), confined);
}

/// An action that makes a system call directly, as injected code would.
type Action = (&'static str, Box<dyn Fn() -> io::Result<()>>);

fn action<T>(name: &'static str, act: impl Fn() -> io::Result<T> + 'static) -> Action {
    (name, Box::new(move || act().map(drop)))
}

/// Performs each action, with or without the sandbox, and prints the results.
fn do_everything(directory: &Path, confined: Option<SandboxMode>) {
    let is_confined = confined.is_some();
    // A build may replace the root, so the directory around it may be read, but nothing more.
    let beside = match confined {
        Some(SandboxMode::Strict) => "Permission denied",
        _ => "done",
    };
    let (root, log) = (directory.join("root"), directory.join("log"));
    let port = fs::read_to_string(directory.join("port")).unwrap();
    let actions = [
        ("done", actions_of_a_server(&root, &log)),
        (beside, actions_of_a_reader_beside(directory)),
        ("Permission denied", actions_of_a_reader()),
        (
            "Permission denied",
            actions_of_a_caller(port.parse().unwrap()),
        ),
        (
            "Operation not permitted",
            actions_across(abstract_address(directory)),
        ),
        ("Permission denied", actions_of_a_writer(&root, &log)),
    ];
    if let Some(mode) = confined {
        // The test harness has other threads, but only this one performs the actions.
        let sandbox = sandbox(&options(directory, mode)).unwrap();
        sandbox.restrict_thread().unwrap();
    }
    let mut wrong = wrong_outcomes(actions.into(), is_confined);
    // Created before, like the sockets that a server listens on or has accepted.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    if is_confined {
        CallFilter::new(CallRefusal::Fails).install().unwrap();
    }
    let actions = vec![
        ("done", actions_of_a_server(&root, &log)),
        ("Operation not permitted", actions_around_landlock(socket)),
    ];
    wrong.extend(wrong_outcomes(actions, is_confined));
    assert!(wrong.is_empty(), "wrong outcomes: {wrong:?}");
}

/// Performs each action and prints its result. Returns the names of actions with the wrong result.
fn wrong_outcomes(actions: Vec<(&str, Vec<Action>)>, is_confined: bool) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    for (expected, actions) in actions {
        for (name, act) in actions {
            let outcome = act().map_or_else(|error| error.to_string(), |()| "done".to_owned());
            // `Permission denied (os error 13)`
            let outcome = outcome.split(" (").next().unwrap_or_default();
            println!("{name}: {outcome}");
            if is_confined && outcome != expected {
                wrong.push(name);
            }
        }
    }
    wrong
}

fn actions_of_a_server(root: &Path, log: &Path) -> Vec<Action> {
    let (file, directory) = (root.join("a.txt"), root.to_owned());
    let append = |path: PathBuf| {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        move || options.open(&path)?.write_all(b"+")
    };
    vec![
        action("read the site", move || fs::read(&file)),
        action("list the site", move || fs::read_dir(&directory)),
        action("append to the log", append(log.join("access.log"))),
        action(
            "open the log again after it was renamed",
            append(log.join("access.log.new")),
        ),
    ]
}

fn actions_of_a_reader_beside(directory: &Path) -> Vec<Action> {
    let read = |path: PathBuf| move || fs::read(&path);
    let root = directory.join("root");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let descriptor = openat(CWD, &root, flags, Mode::empty()).unwrap();
    let from_descriptor = move || {
        let opened = openat(&descriptor, "../secret.txt", OFlags::RDONLY, Mode::empty());
        opened.map_err(io::Error::from)
    };
    vec![
        action("read beside the site", read(directory.join("secret.txt"))),
        action(
            "read beside the site through a link",
            read(root.join("escape")),
        ),
        action("read beside the site from its descriptor", from_descriptor),
        action("read the log", read(directory.join("log/access.log"))),
    ]
}

fn actions_of_a_reader() -> Vec<Action> {
    let read = |path: &'static str| move || fs::read(path);
    vec![
        action("read /etc/passwd", read("/etc/passwd")),
        action("read the environment", read("/proc/self/environ")),
        action("list /", || fs::read_dir("/")),
        action("run a program", || Command::new("/bin/true").status()),
    ]
}

fn actions_of_a_writer(root: &Path, log: &Path) -> Vec<Action> {
    let write = |path: PathBuf| move || fs::write(&path, "");
    let rename = |from: &Path, to: PathBuf| {
        let from = from.to_owned();
        move || fs::rename(&from, &to)
    };
    let (file, new, record) = (root.join("a.txt"), root.join("new"), log.join("access.log"));
    let beside = root.with_file_name("new");
    let (directory, link, removed) = (new.clone(), new.clone(), file.clone());
    vec![
        action("cut the log", write(record.clone())),
        action("remove the log", move || fs::remove_file(&record)),
        action("write to the site", write(file.clone())),
        action("create in the site", write(new)),
        action("create beside the site", write(beside)),
        action("make a directory in the site", move || {
            fs::create_dir(&directory)
        }),
        action("make a link in the site", move || symlink("/", &link)),
        action("rename in the site", rename(&file, root.join("b.txt"))),
        action("move out of the site", rename(&file, log.join("a.txt"))),
        action("remove from the site", move || fs::remove_file(&removed)),
    ]
}

fn actions_of_a_caller(port: u16) -> Vec<Action> {
    vec![
        action("connect out", move || {
            TcpStream::connect(("127.0.0.1", port))
        }),
        action("listen", || TcpListener::bind("127.0.0.1:0")),
    ]
}

/// Actions that Landlock allows, as of Linux 6.18.
fn actions_around_landlock(socket: UdpSocket) -> Vec<Action> {
    let tcp = |protocol| {
        let flags = SocketFlags::CLOEXEC;
        move || {
            let made = socket_with(AddressFamily::INET, SocketType::STREAM, flags, protocol);
            made.map_err(io::Error::from)
        }
    };
    vec![
        action("connect a socket that was there", move || {
            socket.connect("127.0.0.1:9")
        }),
        action("make a socket for UDP", || UdpSocket::bind("127.0.0.1:0")),
        // With sendto it can connect too (MSG_FASTOPEN).
        action("make a socket for TCP", tcp(None)),
        action("make a socket for Multipath TCP", tcp(Some(ipproto::MPTCP))),
        action("run a program", || Command::new("/bin/true").status()),
    ]
}

fn actions_across(address: SocketAddr) -> Vec<Action> {
    let signal = || kill_process(getppid().unwrap_or(Pid::INIT), Signal::CONT);
    vec![
        action("connect to an abstract socket", move || {
            UnixStream::connect_addr(&address)
        }),
        action("signal the parent", move || {
            signal().map_err(io::Error::from)
        }),
    ]
}

/// Returns an abstract address that no other test uses.
fn abstract_address(directory: &Path) -> SocketAddr {
    SocketAddr::from_abstract_name(directory.as_os_str().as_bytes()).unwrap()
}

#[test]
fn a_log_beside_the_site_gives_no_access_to_it_and_continues_after_a_reload() {
    if !has_landlock() {
        return unavailable("Landlock as Linux 6.12 has it");
    }
    let site = Site::small();
    let (log, renamed) = (site.outside("access.log"), site.outside("access.log.1"));
    let server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&log)
        .expecting(&["cannot open the access log", "a directory of its own"])
        .start();
    fs::rename(&log, &renamed).unwrap();
    server.process.signal(Signal::USR1);
    server.process.await_stderr("the reason", |output| {
        output.contains("a directory of its own").then_some(())
    });
    assert_eq!(server.get("/a.txt").status, 200);
    poll_until("the record", || {
        fs::read_to_string(&renamed)
            .unwrap()
            .contains("/a.txt")
            .then_some(())
    });
    assert!(!log.exists());
}

#[test]
fn the_check_shows_what_the_sandbox_enforces() {
    if !has_landlock() {
        return unavailable("Landlock as Linux 6.12 has it");
    }
    let site = Site::small();
    let settings = site.outside("etc/millpond.toml");
    fs::create_dir(site.outside("etc")).unwrap();
    fs::write(&settings, "user = '54321:54322'\nsandbox = 'require'\n").unwrap();
    let check = Launch::of(site.root())
        .arg("--check")
        .args([
            "--access-log".as_ref(),
            site.outside("access.log").as_os_str(),
        ])
        .args(["--config".as_ref(), settings.as_os_str()]);
    let mut process = check.spawn();
    assert!(process.wait().success(), "{}", process.end());
    process.end();
    let home = site.outside(".").canonicalize().unwrap();
    let home = home.display();
    let expected = format!(
        "as user 54321 in group 54322, without capabilities\n\
         the sandbox allows writing {home}/access.log\n\
         the sandbox allows reading and listing below {home}\n\
         the sandbox refuses all other files, truncation, new TCP listeners and connections, "
    );
    let output = process.stdout();
    assert!(output.contains(&expected), "{output}");
    assert!(
        output.ends_with("a system call that a running server does not need ends it\n"),
        "{output}"
    );
}

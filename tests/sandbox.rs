//! What the kernel refuses the server, whatever its own code might be brought to try.

mod support;

use millpond::commands::confinement;
use millpond::process::{SandboxMode, refuse_calls};
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
use support::{Launch, Process, Signal, Site, poll_until, unavailable};

/// Where a test's other half finds its site.
const DIRECTORY: &str = "MILLPOND_TEST_DIRECTORY";

/// Whether it is `strict`ly confined, or as by default (`auto`), or `free`.
const ROLE: &str = "MILLPOND_TEST_ROLE";

/// The options of the server that would be served in the sandbox.
fn options(directory: &Path, sandbox: SandboxMode) -> Options {
    let mut options = Options {
        sandbox,
        access_log: LogDestination::File(directory.join("log/access.log")),
        ..Options::default()
    };
    options.site.root = directory.join("root");
    options
}

/// Whether the kernel can refuse all that is tried here.
fn has_landlock() -> bool {
    let site = Site::small();
    fs::create_dir(site.outside("log")).unwrap();
    let confinement = confinement(&options(&site.outside("."), SandboxMode::Auto)).unwrap();
    let mut lines = confinement.lines();
    lines.any(|line| line.starts_with("the sandbox refuses") && line.contains("signals to others"))
}

#[test]
fn the_kernel_refuses_what_no_path_check_stands_before() {
    if !has_landlock() {
        return unavailable("Landlock as Linux 6.12 has it");
    }
    for role in ["strict", "auto"] {
        refuses_what_no_path_check_stands_before(role);
    }
}

fn refuses_what_no_path_check_stands_before(role: &str) {
    let site = site_with_surroundings();
    println!("{}", deeds_in_a_process_of_their_own(&site, role));
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
fn without_a_sandbox_nothing_of_that_is_refused() {
    let told = deeds_in_a_process_of_their_own(&site_with_surroundings(), "free");
    let is_refused = |line: &&str| line.ends_with("denied") || line.ends_with("permitted");
    assert_eq!(told.lines().find(is_refused), None);
    assert!(told.contains("connect out: done\n"), "{told}");
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

/// Lets a second process of this program be the other half of a test: what it tells.
fn deeds_in_a_process_of_their_own(site: &Site, role: &str) -> String {
    let directory = site.outside(".");
    // Both would let anybody in.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    fs::write(directory.join("port"), port.to_string()).unwrap();
    let _abstract_listener = UnixListener::bind_addr(&abstract_address(&directory)).unwrap();

    let mut process = Process::spawn(
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_other_half", "--nocapture", "--ignored"])
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

/// What is done by a system call of its own, as code that was taken over would do it.
type Deed = (&'static str, Box<dyn Fn() -> io::Result<()>>);

fn deed<T>(name: &'static str, act: impl Fn() -> io::Result<T> + 'static) -> Deed {
    (name, Box::new(move || act().map(drop)))
}

/// Does each deed, within the sandbox or without it, and tells of it.
fn do_everything(directory: &Path, confined: Option<SandboxMode>) {
    let is_confined = confined.is_some();
    // A build may replace the root, so that what is around it may be read, but not more than that.
    let beside = match confined {
        Some(SandboxMode::Strict) => "Permission denied",
        _ => "done",
    };
    let (root, log) = (directory.join("root"), directory.join("log"));
    let port = fs::read_to_string(directory.join("port")).unwrap();
    let deeds = [
        ("done", deeds_of_a_server(&root, &log)),
        (beside, deeds_of_a_reader_beside(directory)),
        ("Permission denied", deeds_of_a_reader()),
        (
            "Permission denied",
            deeds_of_a_caller(port.parse().unwrap()),
        ),
        (
            "Operation not permitted",
            deeds_across(abstract_address(directory)),
        ),
        ("Permission denied", deeds_of_a_writer(&root, &log)),
    ];
    if let Some(mode) = confined {
        // The test's harness has threads of its own; what is done here is done by this one.
        let sandbox = sandbox(&options(directory, mode)).unwrap();
        sandbox.restrict_thread().unwrap();
    }
    let mut wrong = tell_of(deeds.into(), is_confined);
    // Made before, as those are that a server listens on or has accepted.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    if is_confined {
        refuse_calls().unwrap();
    }
    let deeds = vec![
        ("done", deeds_of_a_server(&root, &log)),
        ("Operation not permitted", deeds_around_landlock(socket)),
    ];
    wrong.extend(tell_of(deeds, is_confined));
    assert!(wrong.is_empty(), "not as it should be: {wrong:?}");
}

/// Does each deed and prints what came of it: the names of those that went wrong.
fn tell_of(deeds: Vec<(&str, Vec<Deed>)>, is_confined: bool) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    for (expected, deeds) in deeds {
        for (name, act) in deeds {
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

fn deeds_of_a_server(root: &Path, log: &Path) -> Vec<Deed> {
    let (file, directory) = (root.join("a.txt"), root.to_owned());
    let append = |path: PathBuf| {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        move || options.open(&path)?.write_all(b"+")
    };
    vec![
        deed("read the site", move || fs::read(&file)),
        deed("list the site", move || fs::read_dir(&directory)),
        deed("append to the log", append(log.join("access.log"))),
        deed(
            "open the log anew after it was renamed",
            append(log.join("access.log.new")),
        ),
    ]
}

fn deeds_of_a_reader_beside(directory: &Path) -> Vec<Deed> {
    let read = |path: PathBuf| move || fs::read(&path);
    let root = directory.join("root");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let descriptor = openat(CWD, &root, flags, Mode::empty()).unwrap();
    let from_descriptor = move || {
        let opened = openat(&descriptor, "../secret.txt", OFlags::RDONLY, Mode::empty());
        opened.map_err(io::Error::from)
    };
    vec![
        deed("read beside the site", read(directory.join("secret.txt"))),
        deed(
            "read beside the site through a link",
            read(root.join("escape")),
        ),
        deed("read beside the site from its descriptor", from_descriptor),
        deed("read the log", read(directory.join("log/access.log"))),
    ]
}

fn deeds_of_a_reader() -> Vec<Deed> {
    let read = |path: &'static str| move || fs::read(path);
    vec![
        deed("read /etc/passwd", read("/etc/passwd")),
        deed("read the environment", read("/proc/self/environ")),
        deed("list /", || fs::read_dir("/")),
        deed("run a program", || Command::new("/bin/true").status()),
    ]
}

fn deeds_of_a_writer(root: &Path, log: &Path) -> Vec<Deed> {
    let write = |path: PathBuf| move || fs::write(&path, "");
    let rename = |from: &Path, to: PathBuf| {
        let from = from.to_owned();
        move || fs::rename(&from, &to)
    };
    let (file, new, record) = (root.join("a.txt"), root.join("new"), log.join("access.log"));
    let beside = root.with_file_name("new");
    let (directory, link, removed) = (new.clone(), new.clone(), file.clone());
    vec![
        deed("cut the log", write(record.clone())),
        deed("remove the log", move || fs::remove_file(&record)),
        deed("write to the site", write(file.clone())),
        deed("create in the site", write(new)),
        deed("create beside the site", write(beside)),
        deed("make a directory in the site", move || {
            fs::create_dir(&directory)
        }),
        deed("make a link in the site", move || symlink("/", &link)),
        deed("rename in the site", rename(&file, root.join("b.txt"))),
        deed("move out of the site", rename(&file, log.join("a.txt"))),
        deed("remove from the site", move || fs::remove_file(&removed)),
    ]
}

fn deeds_of_a_caller(port: u16) -> Vec<Deed> {
    vec![
        deed("connect out", move || {
            TcpStream::connect(("127.0.0.1", port))
        }),
        deed("listen", || TcpListener::bind("127.0.0.1:0")),
    ]
}

/// What Landlock lets pass, as of Linux 6.18.
fn deeds_around_landlock(socket: UdpSocket) -> Vec<Deed> {
    let tcp = |protocol| {
        let flags = SocketFlags::CLOEXEC;
        move || {
            let made = socket_with(AddressFamily::INET, SocketType::STREAM, flags, protocol);
            made.map_err(io::Error::from)
        }
    };
    vec![
        deed("connect a socket that was there", move || {
            socket.connect("127.0.0.1:9")
        }),
        deed("make a socket for UDP", || UdpSocket::bind("127.0.0.1:0")),
        // By sendto, it connects as well (MSG_FASTOPEN).
        deed("make a socket for TCP", tcp(None)),
        deed("make a socket for Multipath TCP", tcp(Some(ipproto::MPTCP))),
        deed("run a program", || Command::new("/bin/true").status()),
    ]
}

fn deeds_across(address: SocketAddr) -> Vec<Deed> {
    let signal = || kill_process(getppid().unwrap_or(Pid::INIT), Signal::CONT);
    vec![
        deed("connect to an abstract socket", move || {
            UnixStream::connect_addr(&address)
        }),
        deed("signal the parent", move || {
            signal().map_err(io::Error::from)
        }),
    ]
}

/// A name that nobody else has.
fn abstract_address(directory: &Path) -> SocketAddr {
    SocketAddr::from_abstract_name(directory.as_os_str().as_bytes()).unwrap()
}

#[test]
fn a_log_beside_the_site_does_not_open_the_site_and_goes_on_where_it_was() {
    if !has_landlock() {
        return unavailable("Landlock as Linux 6.12 has it");
    }
    let site = Site::small();
    let (log, renamed) = (site.outside("access.log"), site.outside("access.log.1"));
    let server = Launch::of(site.root())
        .arg("--access-log")
        .arg(&log)
        .expecting(&["cannot be opened", "a directory of its own"])
        .start();
    fs::rename(&log, &renamed).unwrap();
    server.process.signal(Signal::USR1);
    server.process.await_stderr("the reason", |told| {
        told.contains("a directory of its own").then_some(())
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
fn the_check_says_what_is_enforced() {
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
         the sandbox allows to write {home}/access.log\n\
         the sandbox allows to read and list beneath {home}\n\
         the sandbox refuses all other files, truncation, new TCP listeners and connections, "
    );
    let told = process.stdout();
    assert!(told.contains(&expected), "{told}");
    assert!(
        told.ends_with("a filter of system calls refuses new sockets and programs\n"),
        "{told}"
    );
}

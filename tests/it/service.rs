//! The messages that a service manager receives from the server: `sd_notify(3)`, here with a
//! listening test socket.

use crate::support::{Launch, PATIENCE, Server, Signal, Site, uninterrupted};
use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
    process::Command,
};

/// A service manager that receives messages.
struct Manager(UnixDatagram);

impl Manager {
    fn listening_at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// Returns the lines of the next message.
    #[track_caller]
    fn next_message(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = uninterrupted(|| self.0.recv(&mut message)).expect("a message");
        let text = String::from_utf8(message[..length].to_vec()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn monotonic_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Follows a server from its start, through two reloads, to its end.
fn assert_all_is_notified(site: &Site, manager: &Manager, launch: Launch) {
    let settings = site.outside("etc/millpond.toml");
    fs::create_dir(site.outside("etc")).unwrap();
    fs::write(&settings, "").unwrap();
    let mut server: Server = launch
        .args(["--config".as_ref(), settings.as_os_str()])
        .expecting(&["millpond::server::reload: "])
        .start();
    let root = site.root();
    let well = format!(
        "STATUS=serves {} at http://{}/",
        root.display(),
        server.address
    );
    assert_eq!(manager.next_message(), ["READY=1", &well]);

    let before = monotonic_micros();
    server.process.signal(Signal::HUP);
    let reloading = manager.next_message();
    assert_eq!(reloading[0], "RELOADING=1");
    let when: i64 = reloading[1]
        .strip_prefix("MONOTONIC_USEC=")
        .unwrap()
        .parse()
        .unwrap();
    assert!(before <= when && when <= monotonic_micros());
    assert_eq!(manager.next_message(), ["READY=1", &well]);

    fs::write(&settings, "nonsense = 1\n").unwrap();
    server.process.signal(Signal::HUP);
    assert_eq!(manager.next_message()[0], "RELOADING=1");
    let bad = format!("{well}; the last reload failed: invalid settings");
    assert_eq!(manager.next_message(), ["READY=1", &bad]);

    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    assert_eq!(
        manager.next_message(),
        ["STOPPING=1", "STATUS=finishes requests in progress"]
    );
}

#[test]
fn a_service_manager_at_a_path_is_notified_of_start_reloads_and_end() {
    let site = Site::small();
    let path = site.outside("notify");
    let manager = Manager::listening_at(&SocketAddr::from_pathname(&path).unwrap());
    let launch = Launch::of(site.root()).env("NOTIFY_SOCKET", path.to_str().unwrap());
    assert_all_is_notified(&site, &manager, launch);
}

#[test]
fn a_service_manager_at_an_abstract_name_is_notified_too() {
    let site = Site::small();
    let name = format!("millpond-test-{}", std::process::id());
    let manager = Manager::listening_at(&SocketAddr::from_abstract_name(&name).unwrap());
    let launch = Launch::of(site.root()).env("NOTIFY_SOCKET", &format!("@{name}"));
    assert_all_is_notified(&site, &manager, launch);
}

/// Returns the output of a server without a root on a standard error that leads to a file, which
/// `JOURNAL_STREAM` describes as systemd's journal.
fn output_with_journal(stream: impl Fn(&fs::Metadata) -> String) -> String {
    let site = Site::small();
    let path = site.outside("stderr");
    let stderr = fs::File::create(&path).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_millpond"))
        .arg(site.path("missing"))
        .env_remove("RUST_LOG")
        .env("JOURNAL_STREAM", stream(&stderr.metadata().unwrap()))
        .env("MILLPOND_IDEL_TIMEOUT", "75s")
        .stderr(stderr)
        .status()
        .unwrap();
    assert!(!status.success());
    fs::read_to_string(path).unwrap()
}

#[test]
fn only_the_journal_gets_the_priority_of_a_line() {
    let said = output_with_journal(|facts| format!("{}:{}", facts.dev(), facts.ino()));
    let lines: Vec<_> = said.lines().collect();
    let [warning, error] = lines[..] else {
        panic!("{said}");
    };
    assert!(warning.starts_with("<4>2"), "{warning}");
    assert!(error.starts_with("<3>error: "), "{error}");

    let said = output_with_journal(|facts| format!("{}:{}", facts.dev(), facts.ino() + 1));
    assert!(!said.contains('<'), "{said}");
}

/// Returns a unit file that the project provides for systemd.
pub(crate) fn unit(name: &str) -> String {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    fs::read_to_string(config.join(name)).unwrap()
}

/// Returns the socket unit that docs/systemd.md adds, which passes its socket to the service.
pub(crate) fn admin_socket() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systemd.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("\n```ini\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```\n").next());
    let unit = blocks.find(|block| block.contains("FileDescriptorName=admin"));
    unit.expect("a socket for the operator").to_owned()
}

#[test]
fn the_unit_allows_the_system_calls_that_keep_files_beneath_the_root() {
    let unit = unit("millpond.service");
    // systemd.exec(5): each of them blocks openat2, whose arguments a filter cannot inspect.
    for option in ["RestrictSUIDSGID=", "DynamicUser="] {
        assert!(
            !unit.lines().any(|line| line.starts_with(option)),
            "{option}"
        );
    }
}

#[test]
fn the_unit_sets_no_limit_on_restarts() {
    let unit = unit("millpond.service");
    let (about_all, about_services) = unit.split_once("[Service]").expect("a section");
    // systemd.socket(5): when a service reaches its limit, its sockets are closed.
    assert!(about_all.contains("\nStartLimitIntervalSec=0\n"));
    assert!(about_services.contains("\nRestart=on-failure\nRestartSec="));
}

/// A running service accepts no additional socket, so its start has to open this one. A socket that
/// stays open would start a stopped service again at the next health check.
#[test]
fn the_admin_socket_opens_with_the_service_and_closes_with_its_other_sockets() {
    let unit = admin_socket();
    for line in [
        "Service=millpond.service",
        "WantedBy=millpond.service",
        "PartOf=millpond.socket",
    ] {
        assert!(
            unit.lines().any(|it| it == line),
            "{line} is not in\n{unit}"
        );
    }
}

#[test]
fn the_watchdog_is_notified_at_half_of_its_timeout() {
    let site = Site::small();
    let path = site.outside("notify");
    let manager = Manager::listening_at(&SocketAddr::from_pathname(&path).unwrap());
    // Before the start of the server, because a slow reader finds several messages at once.
    let start = monotonic_micros();
    let server = Launch::of(site.root())
        .env("NOTIFY_SOCKET", path.to_str().unwrap())
        .env("WATCHDOG_USEC", "400000")
        .start();
    assert_eq!(manager.next_message()[0], "READY=1");
    for _ in 0..10 {
        assert_eq!(manager.next_message(), ["WATCHDOG=1"]);
    }
    // The first one may arrive at once, and nine intervals of 200 ms separate it from the last.
    assert!(monotonic_micros() - start > 1_700_000);
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn the_server_runs_if_the_service_manager_is_missing() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .env("NOTIFY_SOCKET", site.outside("nowhere").to_str().unwrap())
        .expecting(&["cannot notify the service manager"])
        .start();
    assert_eq!(server.get("/a.txt").status, 200);
}

//! What a service manager hears from the server: `sd_notify(3)`, here with a stand-in that listens.

mod support;

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::{Path, PathBuf},
    process::Command,
};
use support::{Launch, PATIENCE, Server, Signal, Site, unavailable};

/// A service manager that takes messages.
struct Manager(UnixDatagram);

impl Manager {
    fn listening_at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The lines of the next message.
    #[track_caller]
    fn hear(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).expect("a message");
        let text = String::from_utf8(message[..length].to_vec()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn monotonic_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Follows a server from its start over two reloads to its end.
fn assert_all_is_told(site: &Site, manager: &Manager, launch: Launch) {
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
    assert_eq!(manager.hear(), ["READY=1", &well]);

    let before = monotonic_micros();
    server.process.signal(Signal::HUP);
    let reloading = manager.hear();
    assert_eq!(reloading[0], "RELOADING=1");
    let when: i64 = reloading[1]
        .strip_prefix("MONOTONIC_USEC=")
        .unwrap()
        .parse()
        .unwrap();
    assert!(before <= when && when <= monotonic_micros());
    assert_eq!(manager.hear(), ["READY=1", &well]);

    fs::write(&settings, "nonsense = 1\n").unwrap();
    server.process.signal(Signal::HUP);
    assert_eq!(manager.hear()[0], "RELOADING=1");
    let bad = format!("{well}; the settings read last are bad");
    assert_eq!(manager.hear(), ["READY=1", &bad]);

    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
    assert_eq!(
        manager.hear(),
        ["STOPPING=1", "STATUS=finishes what is under way"]
    );
}

#[test]
fn a_manager_at_a_path_hears_of_the_start_of_reloads_and_of_the_end() {
    let site = Site::small();
    let path = site.outside("notify");
    let manager = Manager::listening_at(&SocketAddr::from_pathname(&path).unwrap());
    let launch = Launch::of(site.root()).env("NOTIFY_SOCKET", path.to_str().unwrap());
    assert_all_is_told(&site, &manager, launch);
}

#[test]
fn a_manager_at_an_abstract_name_hears_the_same() {
    let site = Site::small();
    let name = format!("millpond-test-{}", std::process::id());
    let manager = Manager::listening_at(&SocketAddr::from_abstract_name(&name).unwrap());
    let launch = Launch::of(site.root()).env("NOTIFY_SOCKET", &format!("@{name}"));
    assert_all_is_told(&site, &manager, launch);
}

/// What a server without a root says at its start on a standard error that leads to a file, where
/// systemd has connected this stream to the journal.
fn said_beside_journal(stream: impl Fn(&fs::Metadata) -> String) -> String {
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
fn the_journal_is_told_how_grave_a_line_is_and_nobody_else() {
    let said = said_beside_journal(|facts| format!("{}:{}", facts.dev(), facts.ino()));
    let lines: Vec<_> = said.lines().collect();
    let [warning, error] = lines[..] else {
        panic!("{said}");
    };
    assert!(warning.starts_with("<4>2"), "{warning}");
    assert!(error.starts_with("<3>error: "), "{error}");

    let said = said_beside_journal(|facts| format!("{}:{}", facts.dev(), facts.ino() + 1));
    assert!(!said.contains('<'), "{said}");
}

/// A copy of the units whose program is there.
fn units(site: &Site) -> Vec<PathBuf> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let copied = ["millpond.service", "millpond.socket"].map(|name| {
        let unit = fs::read_to_string(config.join(name)).unwrap();
        let installed = "/usr/local/bin/millpond";
        assert_eq!(unit.contains(installed), name == "millpond.service");
        let copy = site.outside(name);
        fs::write(
            &copy,
            unit.replace(installed, env!("CARGO_BIN_EXE_millpond")),
        )
        .unwrap();
        copy
    });
    copied.to_vec()
}

/// The socket that docs/systemd.md adds to the units, which hands it to the service.
fn admin_socket(site: &Site) -> PathBuf {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systemd.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("\n```ini\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```\n").next());
    let path = site.outside("millpond-admin.socket");
    let unit = blocks.find(|block| block.contains("FileDescriptorName=admin"));
    fs::write(&path, unit.expect("a socket for the operator")).unwrap();
    path
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units_and_little_exposed() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        return unavailable("systemd-analyze (systemd)");
    }
    let site = Site::small();
    let units = units(&site);
    let analyze = |arguments: &[&str], units: &[PathBuf]| {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .args(units)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{arguments:?}:\n{said}");
        said
    };
    let all = [&units[..], &[admin_socket(&site)]].concat();
    let said = analyze(&["verify", "--man=no"], &all);
    // The units that the machine has already are none of ours.
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("millpond"))
        .collect();
    assert_eq!(ours, <[&str; 0]>::default());
    // In tenths; the command fails above the threshold.
    analyze(&["security", "--offline=yes", "--threshold=5"], &units[..1]);
}

#[test]
fn the_unit_refuses_no_system_call_that_files_are_held_beneath_the_root_by() {
    let site = Site::small();
    let unit = fs::read_to_string(&units(&site)[0]).unwrap();
    // systemd.exec(5): each of them has openat2 refused, which cannot be looked into.
    for option in ["RestrictSUIDSGID=", "DynamicUser="] {
        assert!(
            !unit.lines().any(|line| line.starts_with(option)),
            "{option}"
        );
    }
}

#[test]
fn the_unit_sets_no_limit_to_how_often_it_is_started_again() {
    let site = Site::small();
    let unit = fs::read_to_string(&units(&site)[0]).unwrap();
    let (about_all, about_services) = unit.split_once("[Service]").expect("a section");
    // systemd.socket(5): a service that has reached its limit has its sockets closed.
    assert!(about_all.contains("\nStartLimitIntervalSec=0\n"));
    assert!(about_services.contains("\nRestart=on-failure\nRestartSec="));
}

/// A service that runs takes no other socket, so that its start has to open this one, and a socket
/// that stays open has a stopped service started again by whoever asks for its health.
#[test]
fn the_operators_socket_is_opened_with_the_service_and_closed_with_its_other_sockets() {
    let site = Site::small();
    let unit = fs::read_to_string(admin_socket(&site)).unwrap();
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
fn a_watchdog_is_fed_at_half_of_its_patience() {
    let site = Site::small();
    let path = site.outside("notify");
    let manager = Manager::listening_at(&SocketAddr::from_pathname(&path).unwrap());
    // From before the server, as whoever is late to listen finds several there at once.
    let start = monotonic_micros();
    let server = Launch::of(site.root())
        .env("NOTIFY_SOCKET", path.to_str().unwrap())
        .env("WATCHDOG_USEC", "400000")
        .start();
    assert_eq!(manager.hear()[0], "READY=1");
    for _ in 0..10 {
        assert_eq!(manager.hear(), ["WATCHDOG=1"]);
    }
    // The first one may come at once; nine times 200 ms lie between it and the last.
    assert!(monotonic_micros() - start > 1_700_000);
    assert_eq!(server.get("/a.txt").status, 200);
}

#[test]
fn a_manager_that_is_not_there_is_no_reason_not_to_serve() {
    let site = Site::small();
    let server = Launch::of(site.root())
        .env("NOTIFY_SOCKET", site.outside("nowhere").to_str().unwrap())
        .expecting(&["the service manager cannot be told anything"])
        .start();
    assert_eq!(server.get("/a.txt").status, 200);
}

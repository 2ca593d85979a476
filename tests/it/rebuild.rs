//! A root that is replaced while it is served: a build removes it and creates it again, another
//! directory is moved into its place, or a symbolic link is swapped.

use crate::support::{
    Client, Launch, Response, Server, Signal, Site, noise, poll_until, unavailable,
};
use std::{fs, process::Command, thread, time::Duration};

/// The log messages of a server whose root is replaced.
const REPLACED: &[&str] = &[
    "is now another directory",
    " is gone; it is served again as soon as it is back",
    "is available again",
    // During the build, the directory is empty for a while.
    "the directory has no index file",
];

/// An admin port on any free port.
const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

fn version(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    response.text().to_owned()
}

/// Checks that a root is lost, as a client sees it.
#[track_caller]
fn assert_lost(response: &Response) {
    assert_eq!(response.status, 503);
    assert_eq!(response.field("retry-after"), Some("1"));
    assert_eq!(response.field("cache-control"), Some("no-cache"));
}

/// A way to replace one version of a site by another.
type Replacement = (&'static str, fn(&Site));

const REPLACEMENTS: [Replacement; 4] = [
    ("removed and made again", |site| {
        fs::remove_dir_all(site.path("dist")).unwrap();
        site.file("dist/index.html", "two");
    }),
    ("moved aside for another", |site| {
        site.file("new/index.html", "two");
        fs::rename(site.path("dist"), site.path("old")).unwrap();
        fs::rename(site.path("new"), site.path("dist")).unwrap();
    }),
    ("moved over when it was empty", |site| {
        site.file("new/index.html", "two");
        fs::remove_file(site.path("dist/index.html")).unwrap();
        fs::rename(site.path("new"), site.path("dist")).unwrap();
    }),
    ("moved aside for a link", |site| {
        site.file("new/index.html", "two");
        fs::rename(site.path("dist"), site.path("old")).unwrap();
        site.symlink("dist", "new");
    }),
];

#[test]
fn a_replaced_root_is_served_at_the_next_request_with_every_default() {
    for (how, replace) in REPLACEMENTS {
        let site = Site::new();
        site.file("dist/index.html", "one");
        let server = Launch::of(site.path("dist")).expecting(REPLACED).start();
        let mut client = server.connect();
        let mut ask = || version(&client.send(GET).response_to("GET"));
        assert_eq!(ask(), "one");
        replace(&site);
        assert_eq!(ask(), "two", "{how}");
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_replaced_root_is_served_if_other_machines_can_connect_too() {
    for (how, replace) in REPLACEMENTS {
        let site = Site::new();
        site.file("dist/index.html", "one");
        let server = Launch::bare()
            .arg(site.path("dist"))
            .args(["--listen", "0.0.0.0:0"])
            .expecting(&[
                "is now another directory",
                "running as root while other machines can connect",
            ])
            .start();
        assert_eq!(version(&server.get("/")), "one");
        replace(&site);
        assert_eq!(version(&server.get("/")), "two", "{how}");
    }
}

#[test]
fn a_root_named_by_the_working_directory_is_followed_by_its_path() {
    for (how, replace) in REPLACEMENTS {
        for root in [".", "../dist"] {
            let site = Site::new();
            site.file("dist/index.html", "one");
            let launch = Launch::bare().current_dir(site.path("dist"));
            let server = launch
                .args([root, "--listen", "127.0.0.1:0"])
                .expecting(REPLACED)
                .start();
            assert_eq!(version(&server.get("/")), "one");
            replace(&site);
            assert_eq!(version(&server.get("/")), "two", "{root} {how}");
        }
    }
}

#[test]
fn reloaded_settings_refer_to_the_working_directory_by_its_path() {
    let site = Site::new();
    site.file("dist/index.html", "one");
    site.file("millpond.toml", "cache-control = 'max-age=1'\n");
    let launch = Launch::bare().current_dir(site.path("dist"));
    let server = launch
        .args([
            ".",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "../millpond.toml",
        ])
        .expecting(&[
            "is now another directory",
            " is gone; it is served again",
            "millpond::server::reload: ",
        ])
        .start();
    assert_eq!(version(&server.get("/")), "one");
    let (_, replace) = REPLACEMENTS[1];
    replace(&site);
    site.file("millpond.toml", "cache-control = 'max-age=2'\n");
    reload(&server, "settings reloaded");
    let response = server.get("/");
    assert_eq!(response.field("cache-control"), Some("max-age=2"));
    assert_eq!(version(&response), "two");
    fs::rename(site.path("dist"), site.path("gone")).unwrap();
    let said = reload(&server, "keeping the previous settings");
    let reason = format!(
        "the working directory {}, from which relative paths start, cannot be entered",
        site.path("dist")
            .canonicalize()
            .unwrap_or(site.path("dist"))
            .display()
    );
    assert!(said.contains(&reason), "{said}");
    assert_lost(&server.get("/"));
}

/// Requests a reload, waits for its outcome, and returns the log so far.
#[track_caller]
fn reload(server: &Server, outcome: &str) -> String {
    let before = server.process.stderr().matches(outcome).count();
    server.process.signal(Signal::HUP);
    server.process.await_stderr(outcome, |said| {
        (said.matches(outcome).count() > before).then(|| said.to_owned())
    })
}

#[test]
fn a_lost_root_is_answered_with_503_and_logged_once_until_it_is_back() {
    let site = Site::new();
    site.file("dist/index.html", "one")
        .file("dist/a/b.txt", "b");
    let server = Launch::of(site.path("dist"))
        .args(ADMIN)
        .args(["--listing", "--spa", "--clean-urls"])
        .expecting(REPLACED)
        .start();
    let available = || metric(&server, "millpond_root_available");
    assert_eq!(version(&server.get("/")), "one");
    assert_eq!(available(), "1");
    for round in 1..=2 {
        fs::rename(site.path("dist"), site.path("aside")).unwrap();
        for target in ["/", "/a/", "/a", "/a/b.txt", "/nothing", "/index.html"] {
            let response = server.get(target);
            assert_lost(&response);
            assert!(
                response.text().contains("The site is not available"),
                "{target}"
            );
            assert_lost(&server.request("HEAD", target, &[]));
        }
        assert_eq!(server.request("PUT", "/", &[]).status, 405);
        assert_eq!(available(), "0");
        let health = |server: &Server| {
            let url = format!("http://{}/", server.address);
            let mut asked = Launch::bare().args(["--health", &url]).spawn();
            asked.wait().success()
        };
        assert!(!health(&server));
        fs::rename(site.path("aside"), site.path("dist")).unwrap();
        assert!(health(&server));
        assert_eq!(version(&server.get("/")), "one");
        assert_eq!(server.get("/nothing.js").status, 404);
        assert_eq!(available(), "1");
        let said = server.process.await_stderr("that it is back", |said| {
            (said.matches("is available again").count() == round).then(|| said.to_owned())
        });
        assert_eq!(said.matches(" is gone; ").count(), round, "{said}");
    }
}

/// Returns the value of a metric without labels.
#[track_caller]
fn metric(server: &Server, name: &str) -> String {
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut client = Client::connect(server.admin_address());
    let response = client.send(request).response_to("GET");
    let value = |line: &str| {
        line.strip_prefix(name)?
            .strip_prefix(' ')
            .map(str::to_owned)
    };
    let found = response.text().lines().find_map(value);
    found.unwrap_or_else(|| panic!("no {name} in\n{}", response.text()))
}

#[test]
fn a_dangling_link_is_a_lost_root_until_it_leads_to_a_directory_again() {
    let site = Site::new();
    site.file("one/index.html", "one")
        .file("two/index.html", "two");
    site.symlink("current", "one");
    let server = Launch::of(site.path("current")).expecting(REPLACED).start();
    assert_eq!(version(&server.get("/")), "one");
    Site::swap_symlink(&site.path("current"), "three");
    assert_lost(&server.get("/"));
    Site::swap_symlink(&site.path("current"), "two");
    assert_eq!(version(&server.get("/")), "two");
    fs::remove_file(site.path("current")).unwrap();
    assert_lost(&server.get("/"));
    site.file("current", "no directory");
    assert_lost(&server.get("/"));
    fs::remove_file(site.path("current")).unwrap();
    // A link to itself.
    site.symlink("current", "current");
    assert_lost(&server.get("/"));
    Site::swap_symlink(&site.path("current"), "one");
    assert_eq!(version(&server.get("/")), "one");
}

#[test]
fn a_link_swapped_for_another_to_the_same_directory_is_still_followed() {
    let site = Site::new();
    site.file("one/index.html", "one")
        .file("two/index.html", "two");
    site.symlink("current", "one");
    let server = Launch::ahead(site.path("current"))
        .expecting(REPLACED)
        .start();
    let mut client = server.connect();
    let mut ask = || version(&client.send(GET).response_to("GET"));
    assert_eq!(ask(), "one");
    Site::swap_symlink(&site.path("current"), "../root/one");
    assert_eq!(ask(), "one");
    Site::swap_symlink(&site.path("current"), "two");
    assert_eq!(ask(), "two");
}

#[test]
fn a_directory_above_the_root_may_be_replaced_as_well() {
    let site = Site::new();
    site.file("app/dist/index.html", "one")
        .file("next/dist/index.html", "two");
    let server = Launch::of(site.path("app/dist"))
        .args(["--sandbox", "off"])
        .expecting(REPLACED)
        .start();
    let mut client = server.connect();
    let mut ask = || version(&client.send(GET).response_to("GET"));
    assert_eq!(ask(), "one");
    fs::rename(site.path("app"), site.path("before")).unwrap();
    fs::rename(site.path("next"), site.path("app")).unwrap();
    assert_eq!(ask(), "two");
}

#[test]
fn no_file_of_a_lost_root_is_held_open_once_the_loss_is_noticed() {
    let site = Site::new();
    site.file("dist/large.bin", noise(300_000));
    site.file("dist/index.html", "one");
    let server = Launch::ahead(site.path("dist")).expecting(REPLACED).start();
    for _ in 0..2 {
        assert_eq!(server.get("/large.bin").content.len(), 300_000);
    }
    let held = || {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", server.process.id())).unwrap();
        let places = descriptors.filter_map(|it| fs::read_link(it.unwrap().path()).ok());
        let real = site.root().canonicalize().unwrap();
        places.filter(|place| place.starts_with(&real)).count()
    };
    assert_eq!(held(), 2, "the root and a large file");
    fs::rename(site.path("dist"), site.path("aside")).unwrap();
    // No client requests anything in the meantime.
    poll_until("the descriptors to be closed", || {
        (held() == 0).then_some(())
    });
    assert_lost(&server.get("/"));
}

#[test]
fn a_moved_root_is_noticed_within_half_a_second_without_kernel_events() {
    let within = |command: &mut Command| {
        let mut outer = Command::new("unshare");
        outer
            .args(["--user", "--map-root-user", "sh", "-c"])
            .arg("echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"")
            .arg("sh")
            .arg(command.get_program())
            .args(command.get_args());
        outer
    };
    let probed = within(&mut Command::new("true")).output();
    if !probed.is_ok_and(|output| output.status.success()) {
        return unavailable("a namespace for users with limits of its own (unshare)");
    }
    let site = Site::new();
    site.file("dist/index.html", "one")
        .file("new/index.html", "two");
    let server = Launch::ahead(site.path("dist"))
        .within(within)
        .expecting(REPLACED)
        .start();
    assert_eq!(version(&server.get("/")), "one");
    fs::rename(site.path("dist"), site.path("old")).unwrap();
    fs::rename(site.path("new"), site.path("dist")).unwrap();
    thread::sleep(Duration::from_millis(510));
    assert_eq!(version(&server.get("/")), "two");
    // A missing file causes a check at once.
    fs::remove_dir_all(site.path("dist")).unwrap();
    assert_lost(&server.get("/"));
    site.file("dist/index.html", "three");
    assert_eq!(version(&server.get("/")), "three");
}

#[test]
fn a_site_from_a_config_map_is_served_and_followed_when_the_kubelet_swaps_it() {
    // The layout of the kubelet for a ConfigMap: names with two leading dots are its own.
    let site = Site::new();
    site.file("..2026_01_01/index.html", "one")
        .file("..2026_01_02/index.html", "two")
        .symlink("..data", "..2026_01_01")
        .symlink("index.html", "..data/index.html");
    let server = Launch::of(site.root()).start();
    assert_eq!(server.get("/").text(), "one");
    Site::swap_symlink(&site.path("..data"), "..2026_01_02");
    fs::remove_dir_all(site.path("..2026_01_01")).unwrap();
    assert_eq!(server.get("/").text(), "two");
    assert_eq!(server.get("/..data/index.html").status, 404);
}

//! Files that change while they are served: a response is never older than its request.

use crate::support::{Client, Launch, Server, Site, noise, poll_until, unavailable};
use rustix::process::Signal;
use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// Returns the content of a response on a persistent connection.
fn content(client: &mut Client, target: &str) -> Vec<u8> {
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let response = client.response_to("GET");
    if response.status == 200 {
        response.content
    } else {
        response.status.to_string().into()
    }
}

#[test]
fn a_changed_file_is_seen_at_once() {
    let site = Site::small();
    let server = Server::start(site.root());
    let mut client = server.connect();
    for round in 0..10 {
        let versions = [format!("in place {round}"), format!("renamed {round}")];
        fs::write(site.path("a.txt"), &versions[0]).unwrap();
        assert_eq!(content(&mut client, "/a.txt"), versions[0].as_bytes());
        site.replace("a.txt", &versions[1]);
        assert_eq!(content(&mut client, "/a.txt"), versions[1].as_bytes());
        fs::write(site.path("a.txt"), "").unwrap();
        assert_eq!(content(&mut client, "/a.txt"), b"");
        fs::remove_file(site.path("a.txt")).unwrap();
        assert_eq!(content(&mut client, "/a.txt"), b"404");
        site.file("a.txt", "made anew");
        assert_eq!(content(&mut client, "/a.txt"), b"made anew");
    }
}

/// The name of a file, a change to it, and the content expected afterwards.
type Change = (&'static str, fn(&Site, &str), &'static [u8]);

#[test]
fn a_file_cached_for_long_is_never_served_stale_under_load() {
    let site = Site::new();
    let changes: [Change; 5] = [
        (
            "in-place",
            |site, name| fs::write(site.path(name), "new").unwrap(),
            b"new",
        ),
        (
            "renamed",
            |site, name| {
                site.replace(name, "new");
            },
            b"new",
        ),
        (
            "truncated",
            |site, name| fs::write(site.path(name), "").unwrap(),
            b"",
        ),
        (
            "deleted",
            |site, name| fs::remove_file(site.path(name)).unwrap(),
            b"404",
        ),
        (
            "made-anew",
            |site, name| {
                fs::remove_file(site.path(name)).unwrap();
                site.file(name, "new");
            },
            b"new",
        ),
    ];
    for (name, _, _) in &changes {
        site.file(name, "old");
    }
    let server = Launch::ahead(site.root()).start();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = server.connect();
                let mut has_changed = [false; 5];
                while !is_over.load(Ordering::Relaxed) {
                    for ((name, _, _), has_changed) in changes.iter().zip(&mut has_changed) {
                        let is_old = content(&mut client, &format!("/{name}")) == b"old";
                        assert!(!(is_old && *has_changed), "{name} was new and is old again");
                        *has_changed |= !is_old;
                    }
                }
            });
        }
        let mut client = server.connect();
        for (name, change, expected) in &changes {
            let target = format!("/{name}");
            for _ in 0..50 {
                assert_eq!(content(&mut client, &target), b"old", "{name}");
            }
            change(&site, name);
            for _ in 0..50 {
                assert_eq!(content(&mut client, &target), *expected, "{name}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_change_of_the_same_size_and_time_is_seen() {
    let site = Site::new();
    site.file("a.txt", "one");
    let server = Server::start(site.root());
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/a.txt"), b"one");
    // The modification time is set back to its old value.
    site.file("a.txt", "two");
    assert_eq!(content(&mut client, "/a.txt"), b"two");
    site.replace("a.txt", "six");
    assert_eq!(content(&mut client, "/a.txt"), b"six");
}

#[test]
fn a_change_of_the_same_size_and_time_is_seen_even_in_a_file_cached_for_long() {
    let site = Site::new();
    let versions = |size| [noise(size), noise(size + 1).split_off(1)];
    // Some are held in memory, and some are held open.
    let files = [
        ("small.bin", versions(1_000)),
        ("large.bin", versions(100_000)),
    ];
    for (name, [first, _]) in &files {
        site.file(name, first);
    }
    let server = Launch::ahead(site.root()).start();
    let mut client = server.connect();
    for (name, [first, second]) in files {
        let target = format!("/{name}");
        for _ in 0..2 {
            assert!(content(&mut client, &target) == first, "{name}");
        }
        // The modification time is set back to its old value.
        site.file(name, &second);
        assert!(content(&mut client, &target) == second, "{name} in place");
        site.replace(name, &first);
        assert!(content(&mut client, &target) == first, "{name} renamed");
    }
}

#[test]
fn a_change_of_a_larger_file_cached_for_long_is_seen_at_once() {
    let site = Site::new();
    let sizes = [20_000, 3_000_000];
    let versions = |size| [noise(size), noise(size + 1), noise(size - 1), noise(size)];
    for size in sizes {
        site.file(format!("{size}.bin"), &versions(size)[0]);
    }
    let server = Launch::ahead(site.root()).start();
    let mut client = server.connect();
    for size in sizes {
        let (name, target) = (format!("{size}.bin"), format!("/{size}.bin"));
        let [first, longer, shorter, last] = versions(size);
        for _ in 0..2 {
            assert!(content(&mut client, &target) == first, "{name}");
        }
        site.replace(&name, &longer);
        assert!(content(&mut client, &target) == longer, "{name} is longer");
        for version in [shorter, last] {
            fs::write(site.path(&name), &version).unwrap();
            assert!(content(&mut client, &target) == version, "{name} in place");
        }
        fs::remove_file(site.path(&name)).unwrap();
        assert_eq!(content(&mut client, &target), b"404", "{name}");
    }
}

#[test]
fn a_moved_directory_moves_its_files_too() {
    let site = Site::new();
    site.file("old/a.txt", "moved");
    let server = Server::start(site.root());
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/old/a.txt"), b"moved");
    fs::rename(site.path("old"), site.path("new")).unwrap();
    assert_eq!(content(&mut client, "/old/a.txt"), b"404");
    assert_eq!(content(&mut client, "/new/a.txt"), b"moved");
}

#[test]
fn a_config_map_mount_and_its_atomic_swap_work() {
    // The layout of the kubelet: names are links through `..data`, which is swapped as a whole.
    let site = Site::new();
    site.file("..2024_01/index.html", "first")
        .file("..2024_02/index.html", "second");
    site.symlink("..data", "..2024_01")
        .symlink("index.html", "..data/index.html");
    let server = Server::start(site.root());
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/"), b"first");
    Site::swap_symlink(&site.path("..data"), "..2024_02");
    assert_eq!(content(&mut client, "/"), b"second");
    fs::remove_dir_all(site.path("..2024_01")).unwrap();
    assert_eq!(content(&mut client, "/index.html"), b"second");
    assert_eq!(content(&mut client, "/..data/index.html"), b"404");
}

#[test]
fn a_root_that_is_a_symlink_may_be_swapped_to_a_new_release() {
    let site = Site::new();
    let large = noise(30_000_000);
    site.file("v1/version", "one")
        .file("v1/large.bin", &large)
        .file("v2/version", "two");
    site.symlink("current", "v1");
    let launch = Launch::of(site.path("current"));
    let server = launch.expecting(&["is now another directory"]).start();
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/version"), b"one");

    let mut under_way = server.connect();
    under_way
        .send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .await_bytes(100_000);
    Site::swap_symlink(&site.path("current"), "v2");
    poll_until("the new release", || {
        (content(&mut client, "/version") == b"two").then_some(())
    });
    assert_eq!(content(&mut client, "/large.bin"), b"404");
    fs::remove_dir_all(site.path("v1")).unwrap();
    assert!(
        under_way.response_to("GET").content == large,
        "what is under way is unharmed"
    );
    assert_eq!(content(&mut under_way, "/version"), b"two");
}

/// Runs the command with the directory `from` mounted at `at`, as in a container.
fn mounted(from: &Path, at: &Path, command: &mut Command) -> Command {
    let mut outer = Command::new("unshare");
    outer
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg("mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"")
        .arg("sh")
        .args([from, at])
        .arg(command.get_program())
        .args(command.get_args());
    outer
}

#[test]
fn a_root_whose_mounted_directory_was_removed_is_logged_once() {
    let site = Site::new();
    let (source, root) = (site.outside("source"), site.root());
    fs::create_dir(&source).unwrap();
    fs::write(source.join("a.txt"), "alpha").unwrap();
    let probed = mounted(&source, &root, &mut Command::new("true")).status();
    if !probed.is_ok_and(|status| status.success()) {
        return unavailable("a namespace for mounts (unshare)");
    }
    let server = Launch::of(&root)
        .within(|command| mounted(&source, &root, command))
        .expecting(&["was removed"])
        .start();
    assert_eq!(server.get("/a.txt").text(), "alpha");
    fs::remove_dir_all(&source).unwrap();
    fs::create_dir(&source).unwrap();
    let warnings = || server.process.stderr().matches("was removed").count();
    for _ in 0..3 {
        let response = server.get("/a.txt");
        assert_eq!(response.status, 503);
        assert_eq!(response.field("retry-after"), Some("1"));
    }
    poll_until("the warning", || (warnings() > 0).then_some(()));
    thread::sleep(Duration::from_millis(600));
    server.get("/a.txt");
    assert_eq!(warnings(), 1);
}

#[test]
fn a_directory_that_moves_out_behind_a_link_is_lost_within_a_second() {
    let site = Site::new();
    site.file("dir/a.txt", "alpha");
    let server = Launch::ahead(site.root())
        .expecting(&["leads out of the root"])
        .start();
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/dir/a.txt"), b"alpha");
    fs::rename(site.path("dir"), site.outside("dir")).unwrap();
    site.symlink("dir", "../dir");
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(content(&mut client, "/dir/a.txt"), b"404");
}

#[test]
fn a_file_may_be_replaced_by_a_link_and_a_link_by_a_file() {
    let site = Site::new();
    site.file("dir/a.txt", "itself").file("b.txt", "another");
    fs::write(site.outside("secret"), "secret").unwrap();
    // From here on all of them stay in the cache, except the link, which is new.
    let server = Launch::ahead(site.root())
        .expecting(&["leads out of the root"])
        .start();
    let mut client = server.connect();
    let path = site.path("dir/a.txt");
    assert_eq!(content(&mut client, "/dir/a.txt"), b"itself");
    Site::swap_symlink(&path, "../b.txt");
    assert_eq!(content(&mut client, "/dir/a.txt"), b"another");
    site.replace("b.txt", "changed");
    assert_eq!(content(&mut client, "/dir/a.txt"), b"changed");
    Site::swap_symlink(&path, "../../secret");
    assert_eq!(content(&mut client, "/dir/a.txt"), b"404");
    site.replace("dir/a.txt", "itself again");
    assert_eq!(content(&mut client, "/dir/a.txt"), b"itself again");
    fs::hard_link(&path, site.outside("same")).unwrap();
    assert_eq!(content(&mut client, "/dir/a.txt"), b"itself again");
    // The same file, by a path that leads out of the root.
    Site::swap_symlink(&path, "../../same");
    assert_eq!(content(&mut client, "/dir/a.txt"), b"404");
}

#[test]
fn a_new_link_that_leads_out_is_rejected_at_once() {
    let site = Site::new();
    fs::create_dir(site.outside("directory")).unwrap();
    let targets = ["../../directory", "../../nowhere"];
    for number in 0..targets.len() {
        site.file(format!("{number}/index.htm"), "second")
            .file(format!("{number}/page.html"), "page");
    }
    let server = Launch::ahead(site.root())
        .args(["--clean-urls", "--index", "index.html"])
        .args(["--index", "index.htm"])
        .expecting(&["leads out of the root"])
        .start();
    let mut client = server.connect();
    for (number, target) in targets.iter().enumerate() {
        let (directory, page) = (format!("/{number}/"), format!("/{number}/page"));
        assert_eq!(content(&mut client, &directory), b"second");
        assert_eq!(content(&mut client, &page), b"page");
        site.symlink(format!("{number}/index.html"), target)
            .symlink(format!("{number}/page"), target);
        assert_eq!(content(&mut client, &directory), b"404", "{target}");
        assert_eq!(content(&mut client, &page), b"404", "{target}");
        // A link to a missing file within the root counts as missing.
        Site::swap_symlink(&site.path(format!("{number}/index.html")), "nothing");
        Site::swap_symlink(&site.path(format!("{number}/page")), "nothing");
        assert_eq!(content(&mut client, &directory), b"second");
        assert_eq!(content(&mut client, &page), b"page");
    }
}

#[test]
fn with_a_check_interval_a_small_file_changes_after_it_or_at_a_reload() {
    let site = Site::new();
    let (first, second) = (noise(100_000), noise(100_001));
    site.file("a.txt", "first").file("large.bin", &first);
    let server = Launch::ahead(site.root())
        .args(["--check-interval", "1h"])
        .expecting(&["settings reloaded"])
        .start();
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/a.txt"), b"first");
    assert!(content(&mut client, "/large.bin") == first);
    site.replace("a.txt", "second")
        .replace("large.bin", &second);
    assert_eq!(content(&mut client, "/a.txt"), b"first");
    assert!(content(&mut client, "/large.bin") == second);
    server.process.signal(Signal::HUP);
    poll_until("the change after a reload", || {
        (content(&mut client, "/a.txt") == b"second").then_some(())
    });

    let server = Launch::ahead(site.root())
        .args(["--check-interval", "200ms"])
        .start();
    let mut client = server.connect();
    assert_eq!(content(&mut client, "/a.txt"), b"second");
    site.replace("a.txt", "third");
    poll_until("the change after the interval", || {
        (content(&mut client, "/a.txt") == b"third").then_some(())
    });
}

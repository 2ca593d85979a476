//! A root that is replaced repeatedly under load: no old file is served, and no request is lost.

use crate::support::{Launch, Response, Server, Signal, Site, poll_until, rounds, unavailable};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

/// The log messages of a server whose root is replaced.
const REPLACED: &[&str] = &[
    "is now another directory",
    " is gone; it is served again as soon as it is back",
    "is available again",
    // During the build, the directory is empty for a while.
    "the directory has no index file",
];

/// The object that is replaced, and the way to create each version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `rm -rf dist && mkdir dist && echo … >dist/index.html`
    Remove,
    /// `mv dist old && mv new dist`
    Move,
    /// `ln -sfn`, in one step.
    Link,
}

#[test]
fn no_old_file_is_served_after_a_removal_and_no_request_is_lost() {
    replace_under_load(Way::Remove, None);
}

#[test]
fn no_old_file_is_served_after_a_move_and_no_request_is_lost() {
    replace_under_load(Way::Move, None);
}

#[test]
fn no_old_file_is_served_after_a_swapped_link_and_no_request_is_lost() {
    replace_under_load(Way::Link, None);
}

#[test]
fn no_old_file_is_served_if_the_parent_directory_is_mounted_as_in_a_container() {
    let probe = Site::new();
    let probed = mounted(&probe.root(), &probe.root(), &mut Command::new("true")).output();
    if !probed.is_ok_and(|output| output.status.success()) {
        return unavailable("a namespace for mounts (unshare)");
    }
    for way in [Way::Remove, Way::Move, Way::Link] {
        let at = Site::new();
        replace_under_load(way, Some(&at.root()));
    }
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

/// Replaces a root repeatedly while clients send requests.
fn replace_under_load(way: Way, mounted_at: Option<&Path>) {
    let rounds = rounds(4, 4);
    let builds = Builds::new(way, rounds);
    let launch = match mounted_at {
        // Files that are not new to the server stay in the cache from one tick to the next.
        None => Launch::ahead(builds.site.path("dist")),
        Some(at) => Launch::ahead(at.join("dist"))
            .within(|command| mounted(&builds.site.root(), at, command)),
    };
    let mut server = launch
        .args(["--access-log", "off"])
        .expecting(REPLACED)
        .start();
    let load = Load::default();
    thread::scope(|scope| {
        for is_persistent in [true, false, true, false] {
            let (load, server) = (&load, &server);
            scope.spawn(move || load.ask_on(server, way, is_persistent));
        }
        let _end = End(&load.is_over);
        for number in 1..=rounds {
            load.await_more(40);
            load.state.fetch_add(1, SeqCst);
            // Some requests meet the gap, and some replacements are too quick for that.
            builds.replace(number, || {
                if number.is_multiple_of(2) {
                    load.await_more(8);
                }
            });
            load.state.fetch_add(1, SeqCst);
        }
        load.await_more(40);
    });
    let [all, busy, missing] =
        [&load.answered, &load.unavailable, &load.missing].map(|count| count.load(SeqCst));
    eprintln!(
        "{way:?}{}: {rounds} replacements, {all} requests, of which {busy} got 503 and {missing} 404 \
         while there was no site; none lost, none answered with an old file",
        if mounted_at.is_some() {
            ", directory above mounted"
        } else {
            ""
        },
    );
    // A link is swapped in one step.
    assert_eq!(busy > 0, way != Way::Link);
    assert_eq!(server.stop(Signal::TERM).code(), Some(0));
}

/// Numbered versions of a site.
struct Builds {
    way: Way,
    site: Site,
}

impl Builds {
    fn new(way: Way, rounds: usize) -> Self {
        let builds = Self {
            way,
            site: Site::new(),
        };
        if way == Way::Remove {
            builds.build("dist", 0);
            return builds;
        }
        for number in 0..=rounds {
            builds.build(&format!("build-{number}"), number);
        }
        match way {
            Way::Link => symlink("build-0", builds.path("dist")).unwrap(),
            _ => fs::rename(builds.path("build-0"), builds.path("dist")).unwrap(),
        }
        builds
    }

    fn path(&self, name: &str) -> PathBuf {
        self.site.path(name)
    }

    fn build(&self, name: &str, number: usize) {
        for (target, length) in FILES {
            // This test is not about files that are still being written.
            let path = self.path(name).join(target);
            let fresh = path.with_extension("fresh");
            fs::create_dir_all(path.parent().expect("a directory")).unwrap();
            fs::write(&fresh, format!("{number}\n{}", "x".repeat(length))).unwrap();
            fs::rename(&fresh, path).unwrap();
        }
    }

    fn replace(&self, number: usize, wait: impl Fn()) {
        let (dist, new) = (self.path("dist"), format!("build-{number}"));
        match self.way {
            Way::Remove => {
                fs::remove_dir_all(&dist).unwrap();
                wait();
                self.build("dist", number);
            }
            Way::Move => {
                let old = self.path(&format!("old-{number}"));
                fs::rename(&dist, old).unwrap();
                wait();
                fs::rename(self.path(&new), dist).unwrap();
            }
            Way::Link => Site::swap_symlink(&dist, new),
        }
    }
}

/// Files that are held in memory, and files that are sent from the disk.
const FILES: [(&str, usize); 3] = [
    ("index.html", 100),
    ("sub/large.bin", 200_000),
    ("a.txt", 20_000),
];

#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    /// Twice the number of the present version, plus one while it is being replaced.
    state: AtomicUsize,
    answered: AtomicUsize,
    unavailable: AtomicUsize,
    missing: AtomicUsize,
}

impl Load {
    fn ask_on(&self, server: &Server, way: Way, is_persistent: bool) {
        let mut connection = None;
        for (file, length) in FILES.iter().cycle() {
            if self.is_over.load(SeqCst) {
                return;
            }
            let before = self.state.load(SeqCst);
            let mut client = connection.take().unwrap_or_else(|| server.connect());
            client.send(format!("GET /{file} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let response = client.response_to("GET");
            let after = self.state.load(SeqCst);
            if is_persistent {
                connection = Some(client);
            }
            self.check(&response, *length, before, after, way);
            self.answered.fetch_add(1, SeqCst);
        }
    }

    fn check(&self, response: &Response, length: usize, before: usize, after: usize, way: Way) {
        let is_quiet = before == after && before.is_multiple_of(2);
        match response.status {
            200 => {
                let text = response.text();
                let (number, rest) = text.split_once('\n').expect("a version");
                assert_eq!(rest.len(), length);
                let number: usize = number.parse().expect("a number");
                assert!(number >= before / 2, "{number} is older than {before} / 2");
                assert!(number <= after.div_ceil(2), "{number} was not there yet");
            }
            503 if !is_quiet => {
                assert_eq!(response.field("retry-after"), Some("1"));
                self.unavailable.fetch_add(1, SeqCst);
            }
            // A version that is being removed or built lacks some of its files.
            404 if !is_quiet && way == Way::Remove => {
                self.missing.fetch_add(1, SeqCst);
            }
            status => panic!("{status} with {before} before and {after} after"),
        }
    }

    fn await_more(&self, count: usize) {
        let enough = self.answered.load(SeqCst) + count;
        poll_until("more requests", || {
            (self.answered.load(SeqCst) >= enough).then_some(())
        });
    }
}

/// A guard that ends the load when it is dropped.
struct End<'load>(&'load AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

//! Files that another program writes through a memory map (`mmap`), as databases and linkers do.
//! The kernel updates the file's time only when it writes the pages back, and on some file systems
//! never.

use crate::strangers::programs::tools;
use crate::support::{Launch, Signal, Site};
use millpond::http::Limits;
use millpond::http::fields::FieldStorage;
use millpond::http::path::RequestPath;
use millpond::http::request::RequestHead;
use millpond::plan::Policy;
use millpond::site::{self, LookupTime, Options, Resolution, Source};
use std::{
    fs,
    io::{BufRead, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

/// A script that maps a file, and writes each line of its input to the start of the file.
const WRITER: &str = "
import mmap, sys
with open(sys.argv[1], 'r+b') as file:
    memory = mmap.mmap(file.fileno(), 0)
    for line in sys.stdin.buffer:
        memory[:len(line)] = line
        print('written', flush=True)
";

struct Writer {
    process: Child,
    path: PathBuf,
}

impl Writer {
    fn of(path: &Path) -> Self {
        let process = Command::new("python3")
            .args(["-c", WRITER])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 can be started");
        Self {
            process,
            path: path.to_owned(),
        }
    }

    fn write(&mut self, line: &str) {
        let mut input = self.process.stdin.as_ref().expect("piped");
        writeln!(input, "{line}").expect("it reads");
        let mut said = [0; 8];
        let output = self.process.stdout.as_mut().expect("piped");
        output.read_exact(&mut said).expect("it has written");
    }

    /// Writes a line. Returns `true` if the file's time did not change.
    fn write_unseen(&mut self, line: &str) -> bool {
        let times = |path: &Path| {
            let facts = fs::metadata(path).unwrap();
            [
                facts.mtime(),
                facts.mtime_nsec(),
                facts.ctime(),
                facts.ctime_nsec(),
            ]
        };
        let before = times(&self.path);
        self.write(line);
        before == times(&self.path)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It ends with its input. If it does not, we do not wait for it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Returns the content served as `/data` at this moment.
fn served(site: &mut site::Site, moment: &LookupTime) -> String {
    let mut storage = FieldStorage::default();
    let head = b"GET /data HTTP/1.1\r\nHost: a\r\n\r\n";
    let parsed = RequestHead::parse(head, &mut storage, &Limits::default());
    let (request, _) = parsed.unwrap().unwrap();
    let path = RequestPath::parse(b"/data").unwrap();
    let Resolution::Ready(Ok(file)) = site.resolve(&request, &path, moment) else {
        panic!("it is there");
    };
    let Source::Memory(content) = &file.source else {
        panic!("it is small");
    };
    let line = content.lines().next().unwrap().unwrap();
    line.trim_end_matches('.').to_owned()
}

/// Returns a directory for temporary files, and one in memory.
fn directories() -> Vec<PathBuf> {
    let name = format!("millpond-mapped-{}", std::process::id());
    let places = [std::env::temp_dir(), "/dev/shm".into()];
    let places = places.into_iter().filter(|place| place.is_dir());
    places.map(|place| place.join(&name)).collect()
}

#[test]
fn changes_through_a_memory_map_are_visible_within_four_seconds() {
    if !tools(&["python3"]) {
        return;
    }
    for root in directories() {
        fs::create_dir_all(&root).unwrap();
        let path = root.join("data");
        fs::write(&path, [b'.'; 1000]).unwrap();
        let mut writer = Writer::of(&path);
        // From here on the page is dirty, and the file's time does not change.
        writer.write("one");
        let options = Options {
            root: root.clone(),
            ..Options::default()
        };
        let now = Instant::now();
        let mut site = site::Site::open(&options, Policy::default(), 0, now).unwrap();
        let moment = |tick, seconds| LookupTime {
            tick,
            now: now + Duration::from_secs(seconds),
            // So late that the file has settled.
            anchor: (now, SystemTime::now() + Duration::from_mins(1)),
        };
        assert_eq!(served(&mut site, &moment(1, 0)), "one", "{root:?}");
        assert!(writer.write_unseen("two"), "{root:?}");
        assert_eq!(served(&mut site, &moment(2, 3)), "one", "it is in memory");
        assert_eq!(served(&mut site, &moment(3, 4)), "two", "{root:?}");
        assert!(writer.write_unseen("six"), "{root:?}");
        site.forget();
        assert_eq!(served(&mut site, &moment(3, 4)), "six", "{root:?}");
        fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn a_signal_to_reload_has_all_files_read_again() {
    if !tools(&["python3"]) {
        return;
    }
    let site = Site::new();
    site.file("data", [b'.'; 1000]);
    let mut writer = Writer::of(&site.path("data"));
    writer.write("one");
    let server = Launch::ahead(site.root()).expecting(&["reloaded"]).start();
    let line = || server.get("/data").text().lines().next().map(str::to_owned);
    let begun = Instant::now();
    assert_eq!(line().as_deref(), Some("one"));
    assert!(writer.write_unseen("two"));
    let before = line();
    if begun.elapsed() < Duration::from_secs(4) {
        assert_eq!(before.as_deref(), Some("one"), "it is in memory");
    }
    server.process.signal(Signal::HUP);
    server
        .process
        .await_stderr("reloaded", |said| said.contains("reloaded").then_some(()));
    assert_eq!(line().as_deref(), Some("two"));
}

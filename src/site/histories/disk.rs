//! A directory whose files have made-up times.

use super::model::Look;
use crate::site::fingerprint::{CHANGE_TIMES, Timestamp};
use crate::site::lookup_time::LookupTime;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use std::{env, process};

/// A directory that is removed in the end, and the clock that sets the times of its files.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    /// The time since the beginning.
    elapsed: Duration,
    /// The wall clock at the beginning, if it had been right from then on.
    wall: Duration,
    /// The clock that sets the times of files has steps of this length.
    step: Duration,
    tick: u64,
}

/// Only differences count.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Any time that is neither one of a tool nor the present.
const FIRST_SECOND: u64 = 1_600_000_000;

impl Disk {
    pub(super) fn new(step: Duration) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("millpond-histories-{}-{number}", process::id());
        let directory = env::temp_dir().join(name);
        for inner in ["root", "outside"] {
            fs::create_dir_all(directory.join(inner)).unwrap();
        }
        CHANGE_TIMES.with_borrow_mut(|times| *times = Some(BTreeMap::new()));
        Self {
            directory,
            elapsed: Duration::ZERO,
            wall: Duration::from_secs(FIRST_SECOND),
            step,
            tick: 0,
        }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.directory.join("outside").join(name)
    }

    /// Returns the time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the present time of the wall clock, since 1970.
    pub(super) fn wall(&self) -> Duration {
        self.wall + self.elapsed
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
    }

    /// Sets the wall clock back.
    pub(super) fn set_back(&mut self, by: Duration) {
        self.wall -= by;
    }

    /// Begins another tick of the loop.
    pub(super) fn begin_tick(&mut self) {
        self.tick += 1;
    }

    /// Returns the time of a lookup in the present tick.
    pub(super) fn moment(&self) -> LookupTime {
        let now = *BEGINNING + self.elapsed;
        LookupTime {
            tick: self.tick,
            now,
            anchor: (now, SystemTime::UNIX_EPOCH + self.wall()),
        }
    }

    /// Returns the present time as a file gets it.
    pub(super) fn file_time(&self) -> Duration {
        let nanos = self.wall().as_nanos();
        let rest = nanos % self.step.as_nanos();
        Duration::from_nanos(u64::try_from(nanos - rest).unwrap())
    }

    /// Writes a file from its start.
    pub(super) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
        self.touch(&self.path(name), self.file_time());
    }

    /// Writes a file, and gives it the time of before, as tools that keep times do.
    pub(super) fn write_keeping_time(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        let before = modified(&path);
        fs::write(&path, content).unwrap();
        self.touch(&path, before.unwrap_or_else(|| self.file_time()));
    }

    /// Puts another file in the place of a file, in one step.
    pub(super) fn replace(&self, name: &str, content: &[u8]) {
        let fresh = self.path("fresh");
        fs::write(&fresh, content).unwrap();
        self.touch(&fresh, self.file_time());
        fs::rename(&fresh, self.path(name)).unwrap();
    }

    /// Puts another file in the place of a file, with the time of that one.
    pub(super) fn replace_keeping_time(&self, name: &str, content: &[u8]) {
        let before = modified(&self.path(name));
        let fresh = self.path("fresh");
        fs::write(&fresh, content).unwrap();
        self.touch(&fresh, before.unwrap_or_else(|| self.file_time()));
        fs::rename(&fresh, self.path(name)).unwrap();
    }

    /// Changes the content of a file as a program does that has mapped it: no time changes.
    pub(super) fn write_mapped(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        let (modified, changed) = (modified(&path).unwrap(), changed(&path));
        // It cannot change the length.
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(content).unwrap();
        drop(file);
        self.touch(&path, modified);
        set_changed(&path, changed);
    }

    /// Makes a name a symbolic link to a file beneath the root, in one step.
    pub(super) fn link(&self, name: &str, target: &str) {
        self.link_to(name, Path::new(target));
    }

    /// Makes a name a symbolic link that leads out of the root.
    pub(super) fn link_outside(&self, name: &str) {
        let outside = self.outside("secret");
        fs::write(&outside, "secret").unwrap();
        self.touch(&outside, self.file_time());
        self.link_to(name, &outside);
    }

    fn link_to(&self, name: &str, target: &Path) {
        let fresh = self.path("fresh");
        symlink(target, &fresh).unwrap();
        fs::rename(&fresh, self.path(name)).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        // It may not be there.
        let _ = fs::remove_file(self.path(name));
    }

    /// Lets nobody read a file, or everybody.
    pub(super) fn set_readable(&self, name: &str, is_readable: bool) {
        let mode = if is_readable { 0o644 } else { 0 };
        let path = self.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        set_changed(&path, timestamp(self.file_time()));
    }

    /// Returns what `stat` shows of a file.
    pub(super) fn look(&self, name: &str) -> Look {
        let facts = self.path(name).metadata().unwrap();
        Look {
            inode: facts.ino(),
            size: facts.len(),
            modified: modified(&self.path(name)).unwrap(),
            changed: changed(&self.path(name)),
        }
    }

    /// Sets both times of a file that was changed just now.
    fn touch(&self, path: &Path, modified: Duration) {
        let file = File::open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + modified)
            .unwrap();
        set_changed(path, timestamp(self.file_time()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        CHANGE_TIMES.with_borrow_mut(|times| *times = None);
        // The directory is meant for temporary files.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn modified(path: &Path) -> Option<Duration> {
    let modified = path.metadata().and_then(|facts| facts.modified()).ok()?;
    modified.duration_since(SystemTime::UNIX_EPOCH).ok()
}

fn changed(path: &Path) -> Timestamp {
    let inode = path.metadata().unwrap().ino();
    CHANGE_TIMES.with_borrow(|times| times.as_ref().unwrap()[&inode])
}

fn set_changed(path: &Path, changed: Timestamp) {
    let inode = path.metadata().unwrap().ino();
    CHANGE_TIMES.with_borrow_mut(|times| {
        times.as_mut().unwrap().insert(inode, changed);
    });
}

fn timestamp(time: Duration) -> Timestamp {
    (i64::try_from(time.as_secs()).unwrap(), time.subsec_nanos())
}

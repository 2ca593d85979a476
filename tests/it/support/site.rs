//! A directory that is created for one test and removed after it.

use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    env, fs,
    fs::File,
    io::{ErrorKind, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

/// `Last-Modified` of every file in a site, unless a test changes it.
pub(crate) const LAST_MODIFIED: &str = "Tue, 02 Jan 2024 03:04:05 GMT";

/// Returns the time in [`LAST_MODIFIED`], with a fraction that the field cannot express.
pub(crate) fn settled_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_704_164_645, 123_456_789)
}

/// A directory with the served `root` inside, so that there is an outside to escape to.
pub(crate) struct Site {
    directory: PathBuf,
}

impl Site {
    /// Creates a site with an empty root.
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // A server watches all directories above its root, which takes longer the more names the
        // kernel remembers in them. It remembers many in the directory of everybody's files.
        let all = env::temp_dir().join(format!("millpond-test-{}", process::id()));
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let site = Self {
            directory: all.join(number.to_string()),
        };
        while let Err(error) = fs::create_dir_all(site.root()) {
            let was_removed = error.kind() == ErrorKind::NotFound;
            assert!(was_removed, "no temporary directory can be made: {error}");
        }
        site
    }

    /// Creates a site with a page, `index.html`, and a text, `a.txt`.
    pub(crate) fn small() -> Self {
        let site = Self::new();
        site.file("index.html", "<!doctype html><title>Start</title>")
            .file("a.txt", "alpha\n");
        site
    }

    /// Returns the served directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Returns a path beneath the root.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// Returns a path beside the root, which must never be served.
    pub(crate) fn outside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file and its parent directories, with [`settled_time`] as its time.
    pub(crate) fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a parent")).expect("can be made");
        fs::write(&path, content).expect("a file can be written");
        set_modified(&path, settled_time());
        self
    }

    pub(crate) fn directory(&self, name: impl AsRef<Path>) -> &Self {
        fs::create_dir_all(self.path(name)).expect("a directory can be made");
        self
    }

    /// Creates a symbolic link at `name`, beneath the root, to `target`.
    pub(crate) fn symlink(&self, name: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        symlink(target, self.path(name)).expect("a symbolic link can be made");
        self
    }

    /// Replaces whatever is at `path` by a symbolic link to `target`, in one step.
    pub(crate) fn swap_symlink(path: &Path, target: impl AsRef<Path>) {
        let fresh = path.with_file_name("fresh-link");
        symlink(target, &fresh).expect("a symbolic link can be made");
        fs::rename(&fresh, path).expect("a symbolic link can be renamed");
    }

    pub(crate) fn fifo(&self, name: impl AsRef<Path>) -> &Self {
        let mode = Mode::from_raw_mode(0o644);
        mknodat(CWD, self.path(name), FileType::Fifo, mode, 0).expect("a FIFO can be made");
        self
    }

    pub(crate) fn mode(&self, name: impl AsRef<Path>, mode: u32) -> &Self {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.path(name), permissions).expect("a mode can be set");
        self
    }

    pub(crate) fn modified(&self, name: impl AsRef<Path>, time: SystemTime) -> &Self {
        set_modified(&self.path(name), time);
        self
    }

    /// Replaces the file at `name` in one step, like an editor or a deployment.
    pub(crate) fn replace(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let fresh = format!("{name}.fresh");
        self.file(&fresh, content);
        fs::rename(self.path(&fresh), self.path(name)).expect("a file can be renamed");
        self
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The system cleans up temporary files that cannot be removed here.
        let _ = fs::remove_dir_all(&self.directory);
        // The last one removes the directory of all.
        let _ = self.directory.parent().map(fs::remove_dir);
    }
}

/// Returns content in which any two parts of some length differ, so that every misplaced byte is
/// noticed.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    // As much as any test has requested, because generating it takes a while.
    static MADE: Mutex<(u64, Vec<u8>)> = Mutex::new((0x9e37_79b9_7f4a_7c15, Vec::new()));
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let (state, bytes) = &mut *made;
    while bytes.len() < length {
        // Marsaglia's xorshift64: irregular enough, and the same every time.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes[..length].to_vec()
}

/// Returns a file of this length that passes for the `gzip` of another file: between its first and
/// last bytes is noise.
pub(crate) fn gzip_of(original_length: usize, length: usize) -> Vec<u8> {
    let mut bytes = noise(length);
    bytes[..3].copy_from_slice(&[0x1f, 0x8b, 8]);
    let size = u32::try_from(original_length).expect("it is small");
    bytes[length - 4..].copy_from_slice(&size.to_le_bytes());
    bytes
}

/// Returns the same for Zstandard: a frame of a single segment, with a size in four bytes.
pub(crate) fn zstandard_of(original_length: usize, length: usize) -> Vec<u8> {
    let mut bytes = noise(length);
    bytes[..5].copy_from_slice(&[0x28, 0xb5, 0x2f, 0xfd, 0xa0]);
    let size = u32::try_from(original_length).expect("it is small");
    bytes[5..9].copy_from_slice(&size.to_le_bytes());
    bytes
}

/// Returns the content, compressed with gzip.
pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(content.as_ref())
        .expect("there is memory");
    encoder.finish().expect("there is memory")
}

/// Returns a path, quoted for a shell.
pub(crate) fn quoted(path: impl AsRef<Path>) -> String {
    let path = path.as_ref().display().to_string();
    format!("'{}'", path.replace('\'', r"'\''"))
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = File::open(path).expect("a file can be opened");
    file.set_modified(time).expect("a time can be set");
}

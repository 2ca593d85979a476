//! Memory use and allocations. The allocator of the whole process counts, so these tests are in a
//! separate crate and run one after another.

mod allocations;
mod memory;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{
    alloc::System,
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Waits until no other test allocates.
fn alone() -> MutexGuard<'static, ()> {
    static COUNTING: Mutex<()> = Mutex::new(());
    COUNTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory of files that have not changed for a long time.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let name = format!("millpond-heap-{name}-{}", process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).expect("a temporary directory can be made");
        Self(root)
    }

    fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(name);
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
            fs::write(&path, content)?;
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_164_645);
            fs::File::open(&path)?.set_modified(long_ago)
        };
        write().expect("a file can be written");
        self
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // The system cleans up temporary files that cannot be removed here.
        let _ = fs::remove_dir_all(&self.0);
    }
}

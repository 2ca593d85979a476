//! Directories that were reached by steps beneath the root within the last second, so their files
//! need not be reached one by one.

use super::directory::Root;
use lru::LruCache;
use std::ffi::CString;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// The time at which each directory must be reached again.
#[derive(Debug)]
pub(crate) struct VerifiedDirs {
    due: LruCache<Box<[u8]>, Instant>,
}

impl VerifiedDirs {
    pub(crate) fn new() -> Self {
        Self {
            due: LruCache::new(VERIFIED_MAX),
        }
    }

    /// Returns `true` if the directory of a file was reached beneath the root within the last
    /// second, or can be reached now.
    pub(crate) fn is_beneath_root(&mut self, file: &[u8], now: Instant, root: &Root) -> bool {
        let Some(slash) = file.iter().rposition(|byte| *byte == b'/') else {
            // The file is in the root itself.
            return true;
        };
        let directory = file.get(..slash).unwrap_or_default();
        if self.due.get(directory).is_some_and(|due| now < *due) {
            return true;
        }
        let is_reached =
            CString::new(directory).is_ok_and(|directory| root.look_beneath(&directory).is_ok());
        if is_reached {
            self.due.put(directory.into(), now + VERIFICATION_INTERVAL);
        }
        is_reached
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }
}

/// A directory that was moved out of the root, with a link in its place, is lost within this time.
pub(crate) const VERIFICATION_INTERVAL: Duration = Duration::from_secs(1);

/// The number of directories that are remembered.
const VERIFIED_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_reached_once_a_second() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let now = Instant::now();
        let root = Root::open(path.as_ref()).unwrap();
        let elsewhere = Root::open("/proc/self/fdinfo".as_ref()).unwrap();
        let mut verified_dirs = VerifiedDirs::new();
        assert!(
            verified_dirs.is_beneath_root(b"lib.rs", now, &elsewhere),
            "the root itself"
        );
        assert!(!verified_dirs.is_beneath_root(b"http/date.rs", now, &elsewhere));
        assert!(verified_dirs.is_beneath_root(b"http/date.rs", now, &root));
        let soon = now + Duration::from_millis(999);
        assert!(
            verified_dirs.is_beneath_root(b"http/mod.rs", soon, &elsewhere),
            "remembered"
        );
        assert!(!verified_dirs.is_beneath_root(
            b"http/mod.rs",
            now + VERIFICATION_INTERVAL,
            &elsewhere
        ));
        assert!(
            !verified_dirs.is_beneath_root(b"http/../../x", now, &root),
            "it leads out"
        );
    }
}

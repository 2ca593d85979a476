//! Directories that were reached by steps beneath the root not long ago, so that many files in them
//! need not be reached one by one.

use super::root::Root;
use lru::LruCache;
use std::ffi::CString;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// When each directory is to be reached again.
#[derive(Debug)]
pub(super) struct Ways {
    due: LruCache<Box<[u8]>, Instant>,
}

impl Ways {
    pub(super) fn new() -> Self {
        Self {
            due: LruCache::new(WAYS_MAX),
        }
    }

    /// Whether the directory that a file is in was reached beneath the root within the last
    /// second, or can be now.
    pub(super) fn lead_to(&mut self, file: &[u8], now: Instant, root: &Root) -> bool {
        let Some(slash) = memchr::memrchr(b'/', file) else {
            // It is in the root itself.
            return true;
        };
        let directory = file.get(..slash).unwrap_or_default();
        if self.due.get(directory).is_some_and(|due| now < *due) {
            return true;
        }
        let is_reached =
            CString::new(directory).is_ok_and(|directory| root.look_beneath(&directory).is_ok());
        if is_reached {
            self.due.put(directory.into(), now + REACHED_EVERY);
        }
        is_reached
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
    }
}

/// A directory that has moved out, with a link in its place, is lost within a second.
pub(super) const REACHED_EVERY: Duration = Duration::from_secs(1);

/// Directories that are remembered.
const WAYS_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_reached_once_a_second() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let now = Instant::now();
        let root = Root::open(path.as_ref()).unwrap();
        let elsewhere = Root::open("/proc/self/fdinfo".as_ref()).unwrap();
        let mut ways = Ways::new();
        assert!(ways.lead_to(b"lib.rs", now, &elsewhere), "the root itself");
        assert!(!ways.lead_to(b"http/date.rs", now, &elsewhere));
        assert!(ways.lead_to(b"http/date.rs", now, &root));
        let soon = now + Duration::from_millis(999);
        assert!(ways.lead_to(b"http/mod.rs", soon, &elsewhere), "remembered");
        assert!(!ways.lead_to(b"http/mod.rs", now + REACHED_EVERY, &elsewhere));
        assert!(!ways.lead_to(b"http/../../x", now, &root), "it leads out");
    }
}

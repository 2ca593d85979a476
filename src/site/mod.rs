//! The served directory.
use std::path::PathBuf;

/// Which directory is served, and how much of it is kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// Bytes of file content that the cache may hold; 0 turns the cache off.
    pub cache_bytes_max: usize,
    /// Files that the cache may hold; 0 turns the cache off.
    pub cache_entries_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: PathBuf::from("static"),
            cache_bytes_max: 64 * 1024 * 1024,
            cache_entries_max: 16 * 1024,
        }
    }
}

//! The options of a site.

use super::lookup::Addressing;
use std::path::PathBuf;
use std::time::Duration;

/// The directory to serve, and the memory for its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// The directories outside of it that symbolic links in it may lead to. They are absolute.
    pub links: Vec<PathBuf>,
    /// The mapping of URLs to its files.
    pub addressing: Addressing,
    /// `true` if precompressed files beside a file are served in its place.
    pub precompressed: bool,
    /// `true` if files are compressed on request.
    pub compression: bool,
    /// `true` if directories without an index file are listed.
    pub listing: bool,
    /// The memory of the cache in bytes, for content and bookkeeping; 0 turns the cache off.
    pub cache_bytes_max: usize,
    /// The time for which a cached file is served without comparing it with the disk again. 0: it is
    /// compared in each tick.
    pub check_interval: Duration,
    /// The most files in the cache; 0 turns the cache off.
    pub cache_entries_max: usize,
    /// The number of sites in this process that serve the same directory, each in its own event
    /// loop. They share the limits of the process, except that of the cache.
    pub copies: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: PathBuf::from("."),
            links: Vec::new(),
            addressing: Addressing::default(),
            precompressed: true,
            compression: true,
            listing: false,
            cache_bytes_max: 64 * 1024 * 1024,
            check_interval: Duration::ZERO,
            cache_entries_max: 16 * 1024,
            copies: 1,
        }
    }
}

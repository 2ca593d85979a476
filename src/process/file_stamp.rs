//! Noticing that a file of the operator has changed: a certificate, a key or a password file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// The interval between two checks of a file.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The facts that distinguish a file from earlier ones at its path, and from its earlier content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// Returns the stamp of the file at a path, behind all links. `None` if there is no file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, process};

    #[test]
    fn a_file_that_is_replaced_rewritten_or_removed_is_noticed() {
        let path = env::temp_dir().join(format!("millpond-stamp-{}", process::id()));
        let other = path.with_extension("new");
        fs::write(&path, "one").unwrap();
        let first = FileStamp::of(&path);
        assert_eq!(FileStamp::of(&path), first);
        fs::write(&path, "other").unwrap();
        let rewritten = FileStamp::of(&path);
        assert_ne!(rewritten, first);
        fs::write(&other, "other").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_ne!(FileStamp::of(&path), rewritten);
        fs::remove_file(&path).unwrap();
        assert_eq!(FileStamp::of(&path), None);
    }
}

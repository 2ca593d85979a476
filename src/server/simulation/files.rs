//! The served files. They are real, and written once for all histories.

use super::random::Random;
use super::time::FIRST_SECOND;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{env, process};

/// A directory that is removed in the end, and what is known of its files.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) root: PathBuf,
    /// A few bytes each, all different.
    pub(super) small: Vec<ServedFile>,
    /// Text that is worth compressing.
    pub(super) text: Vec<ServedFile>,
    /// Too large for the cache, so they are sent by `sendfile`.
    pub(super) large: Vec<ServedFile>,
    /// So large that they take many turns. They have holes, and cost nothing.
    pub(super) huge: Vec<ServedFile>,
}

#[derive(Clone, Debug)]
pub(super) struct ServedFile {
    pub(super) name: String,
    pub(super) inode: u64,
    pub(super) length: u64,
    /// Its content, unless it is sent by `sendfile`.
    pub(super) content: Arc<[u8]>,
}

impl Files {
    pub(super) fn new(name: &str) -> Self {
        let root = env::temp_dir().join(format!("millpond-{name}-{}", process::id()));
        fs::create_dir_all(root.join("directory")).unwrap();
        fs::write(root.join("directory/index.html"), "index").unwrap();
        let mut files = Self {
            root,
            small: Vec::new(),
            text: Vec::new(),
            large: Vec::new(),
            huge: Vec::new(),
        };
        let mut random = Random::new(0);
        files.small = (0..16)
            .map(|number| {
                let content = format!("small {number}\n").repeat(random.between(1, 60));
                files.write(&format!("s{number}.txt"), content.into_bytes())
            })
            .collect();
        files.text = (0..4)
            .map(|number| {
                let content = format!("text {number}\n").repeat(1500 + 100 * number);
                files.write(&format!("t{number}.txt"), content.into_bytes())
            })
            .collect();
        files.large = (0..3)
            .map(|number| files.with_holes(&format!("l{number}.bin"), 66_000 + 20_000 * number))
            .collect();
        files.huge = (0..3)
            .map(|number| files.with_holes(&format!("h{number}.bin"), 17_000_000 + number))
            .collect();
        files
    }

    fn write(&self, name: &str, content: Vec<u8>) -> ServedFile {
        fs::write(self.root.join(name), &content).unwrap();
        self.finish(name, content.into())
    }

    fn with_holes(&self, name: &str, length: u64) -> ServedFile {
        let file = File::create(self.root.join(name)).unwrap();
        file.set_len(length).unwrap();
        self.finish(name, Arc::default())
    }

    /// Makes a file a day old, so that its fingerprint is trusted.
    fn finish(&self, name: &str, content: Arc<[u8]>) -> ServedFile {
        let path = self.root.join(name);
        let yesterday = SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_SECOND - 86_400);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(yesterday).unwrap();
        let facts = file.metadata().unwrap();
        ServedFile {
            name: name.to_owned(),
            inode: facts.ino(),
            length: facts.len(),
            content,
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // The directory is meant for temporary files.
        let _ = fs::remove_dir_all(&self.root);
    }
}

//! The results of searches for error pages, which many requests repeat.

use std::time::{Duration, Instant};

/// The last searches for the nearest directory with a file of some name, in no order. The next one
/// replaces the one that came first.
#[derive(Debug, Default)]
pub(crate) struct Nearest {
    entries: Vec<Entry>,
    /// The entry that came first, once there are as many as there may be.
    oldest: usize,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    /// The directory where the search began.
    directory: Box<[u8]>,
    /// The length of the path of the directory that has the file; 0 if only the root may have it.
    length: usize,
    due: Instant,
}

impl Nearest {
    /// Returns the result of a search within the last second: how much of the path of the directory
    /// is that of the nearest one with the file.
    pub(crate) fn recall(&self, name: &str, directory: &[u8], now: Instant) -> Option<usize> {
        let entry = self.entries.iter().find(|it| it.is_for(name, directory))?;
        (now < entry.due).then_some(entry.length)
    }

    /// Records the result of a search.
    pub(crate) fn note(
        &mut self,
        name: &'static str,
        directory: &[u8],
        length: usize,
        now: Instant,
    ) {
        let due = now + SEARCH_INTERVAL;
        let mut entries = self.entries.iter_mut();
        if let Some(entry) = entries.find(|it| it.is_for(name, directory)) {
            (entry.length, entry.due) = (length, due);
            return;
        }
        let entry = Entry {
            name,
            directory: directory.into(),
            length,
            due,
        };
        if self.entries.len() < REMEMBERED_MAX {
            self.entries.push(entry);
        } else if let Some(oldest) = self.entries.get_mut(self.oldest) {
            *oldest = entry;
            self.oldest = (self.oldest + 1) % REMEMBERED_MAX;
        }
    }

    /// Forgets all results.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Entry {
    fn is_for(&self, name: &str, directory: &[u8]) -> bool {
        *self.directory == *directory && self.name == name
    }
}

/// A new error page in a directory below the root is found within a second. One that is gone is
/// missed at once, as it is opened for each response.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The number of results. Most missing files are in a handful of directories.
const REMEMBERED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_remembered_for_a_second_by_its_name_and_its_directory() {
        let (mut nearest, now) = (Nearest::default(), Instant::now());
        nearest.note("404.html", b"a/b/", 2, now);
        let soon = now + Duration::from_millis(999);
        assert_eq!(nearest.recall("404.html", b"a/b/", soon), Some(2));
        assert_eq!(nearest.recall("403.html", b"a/b/", soon), None);
        assert_eq!(nearest.recall("404.html", b"a/", soon), None);
        assert_eq!(
            nearest.recall("404.html", b"a/b/", now + SEARCH_INTERVAL),
            None
        );
        nearest.note("404.html", b"a/b/", 4, soon);
        assert_eq!(
            nearest.recall("404.html", b"a/b/", now + SEARCH_INTERVAL),
            Some(4)
        );
        nearest.clear();
        assert_eq!(nearest.recall("404.html", b"a/b/", soon), None);
    }

    #[test]
    fn the_oldest_search_is_forgotten_first() {
        let (mut nearest, now) = (Nearest::default(), Instant::now());
        for number in 0..=REMEMBERED_MAX {
            nearest.note("404.html", format!("{number}/").as_bytes(), 0, now);
        }
        assert_eq!(nearest.recall("404.html", b"0/", now), None);
        assert_eq!(nearest.recall("404.html", b"1/", now), Some(0));
        assert_eq!(nearest.entries.len(), REMEMBERED_MAX);
    }
}

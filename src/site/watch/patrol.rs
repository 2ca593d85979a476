//! Looking at every file from time to time, where the kernel reports nothing.

use super::change::{Change, Kind};
use super::names::{is_absent, open, read};
use crate::site::fingerprint::Fingerprint;
use crate::site::root::Root;
use rustix::fs::FileType;
use rustix::io::{Errno, Result};
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::ops::Bound;
use std::time::{Duration, Instant};
use std::vec;

/// The directories that are looked at, with their last contents.
#[derive(Debug, Default)]
pub(super) struct Patrol {
    /// The directories by path, which ends in a slash or is empty. The value is `None` until the
    /// first look.
    directories: BTreeMap<Box<[u8]>, Option<Entries>>,
    entries: usize,
    /// The last directory of the present round.
    at: Option<Box<[u8]>>,
    /// That directory, if not all files in it have been looked at.
    visit: Option<Visit>,
    has_found: bool,
    due: Option<Instant>,
    has_reported_excess: bool,
}

/// The contents of a directory, by name.
type Entries = HashMap<Box<[u8]>, Entry>;

/// A directory whose files are being looked at.
#[derive(Debug)]
struct Visit {
    path: Box<[u8]>,
    /// `true` if it was not looked at before.
    is_first: bool,
    /// The names of the files that are left.
    names: vec::IntoIter<Box<[u8]>>,
    /// The last contents, without the files that were found again.
    before: Entries,
    after: Entries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    fingerprint: Fingerprint,
    is_directory: bool,
    /// `true` if it had changed at the last look, so that it may still be being written.
    is_fresh: bool,
}

/// The files that can be looked at.
pub(super) trait Files {
    /// Returns the names in a directory, whose path ends in a slash or is empty.
    fn names(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>>;

    /// Returns the present state of a path.
    fn entry(&self, path: &[u8]) -> Result<Entry>;
}

impl Patrol {
    /// Looks at this directory from now on.
    pub(super) fn add(&mut self, path: &[u8], now: Instant) {
        self.directories.entry(path.into()).or_default();
        self.due.get_or_insert(now);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the time of the next look.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Continues a round with a few files. Adds new directories to `found`.
    pub(super) fn step(
        &mut self,
        files: &impl Files,
        now: Instant,
        changes: &mut Vec<Change>,
        found: &mut Vec<Vec<u8>>,
    ) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        let mut left = ENTRIES_A_STEP;
        while left > 0 {
            if let Some(visit) = self.visit.take() {
                self.advance(visit, files, &mut left, changes, found);
                continue;
            }
            let Some(path) = self.next_directory() else {
                self.at = None;
                // Changed files may be half written, so the next look is soon.
                let again = std::mem::take(&mut self.has_found);
                let pause = if again { AGAIN_AFTER } else { ROUND_EVERY };
                self.due = (!self.directories.is_empty()).then_some(now + pause);
                return;
            };
            left -= 1;
            self.at = Some(path.clone());
            match files.names(&path) {
                Ok(names) => self.visit = self.begin(path, names),
                Err(errno) if is_absent(errno) => {
                    self.forget(&path);
                    changes.push(Change::Path(path, Kind::Removed));
                }
                Err(errno) => log::debug!("live: a directory cannot be read: {errno}"),
            }
        }
    }

    /// Returns the next directory of the round.
    fn next_directory(&self) -> Option<Box<[u8]>> {
        let after = self.at.as_deref();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut left = self.directories.range::<[u8], _>((after, Bound::Unbounded));
        left.next().map(|(path, _)| path.clone())
    }

    /// Forgets a directory that is gone, so that it is found again if it comes back.
    fn forget(&mut self, path: &[u8]) {
        let entries = self.directories.remove(path).flatten();
        self.entries -= entries.map_or(0, |entries| entries.len());
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let parent = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at(parent);
        if let Some(Some(entries)) = self.directories.get_mut(parent)
            && entries.remove(name).is_some()
        {
            self.entries -= 1;
        }
    }

    fn tell_excess(&mut self) {
        if !std::mem::replace(&mut self.has_reported_excess, true) {
            log::warn!(
                "live: {ENTRIES_MAX} files are checked every second, and no more: changes to the \
                 others are not noticed"
            );
        }
    }

    /// Begins to compare a directory with its last contents.
    fn begin(&mut self, path: Box<[u8]>, names: Vec<Box<[u8]>>) -> Option<Visit> {
        let kept = self.directories.get_mut(&path)?;
        let is_first = kept.is_none();
        let before = kept.take().unwrap_or_default();
        self.entries -= before.len();
        Some(Visit {
            path,
            is_first,
            names: names.into_iter(),
            before,
            after: Entries::new(),
        })
    }

    /// Looks at up to `left` files of a directory.
    fn advance(
        &mut self,
        mut visit: Visit,
        files: &impl Files,
        left: &mut usize,
        changes: &mut Vec<Change>,
        found: &mut Vec<Vec<u8>>,
    ) {
        while *left > 0 {
            let Some(name) = visit.names.next() else {
                self.end(visit, changes);
                return;
            };
            if self.entries >= ENTRIES_MAX {
                self.tell_excess();
                visit.names = Vec::new().into_iter();
                visit.before.clear();
                continue;
            }
            *left -= 1;
            let file = [&*visit.path, &*name].concat();
            let (known, mut entry) = match (visit.before.remove(&name), files.entry(&file)) {
                (known, Ok(entry)) => (known, entry),
                // It cannot be looked at now, so nothing is known to have changed.
                (Some(known), Err(errno)) if !is_absent(errno) => (Some(known), known),
                (Some(known), Err(_)) => {
                    visit.before.insert(name, known);
                    continue;
                }
                (None, Err(_)) => continue,
            };
            if entry.is_directory && known.is_none() && !visit.is_first {
                found.push([&*file, b"/"].concat());
            }
            if let Some(kind) = entry.compare(known.as_ref(), visit.is_first) {
                changes.push(Change::Path(file.into(), kind));
            }
            self.has_found |= entry.is_fresh;
            self.entries += 1;
            visit.after.insert(name, entry);
        }
        self.visit = Some(visit);
    }

    /// Reports the files that are gone.
    fn end(&mut self, visit: Visit, changes: &mut Vec<Change>) {
        for name in visit.before.keys() {
            let path = [&*visit.path, name].concat();
            changes.push(Change::Path(path.into(), Kind::Removed));
        }
        if let Some(kept) = self.directories.get_mut(&visit.path) {
            *kept = Some(visit.after);
        }
    }
}

impl Files for Root {
    fn names(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>> {
        let mut names = Vec::new();
        read(open(self, directory)?, &mut names)?;
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    fn entry(&self, path: &[u8]) -> Result<Entry> {
        let path = CString::new(path).map_err(|_| Errno::NOENT)?;
        let facts = self.look_beneath(&path)?;
        let file_type = FileType::from_raw_mode(facts.stx_mode.into());
        Ok(Entry {
            fingerprint: Fingerprint::of(&facts),
            is_directory: file_type == FileType::Directory,
            is_fresh: false,
        })
    }
}

impl Entry {
    /// Compares it with the last state, if there is one, and records whether it may still be being
    /// written. `is_first` is `true` if the directory was not looked at before.
    fn compare(&mut self, known: Option<&Self>, is_first: bool) -> Option<Kind> {
        let is_same = |known: &Self| {
            known.is_directory == self.is_directory
                && (self.is_directory || known.fingerprint == self.fingerprint)
        };
        match known {
            None if is_first => None,
            Some(known) if is_same(known) => known.is_fresh.then_some(Kind::Written),
            _ if self.is_directory => Some(Kind::Written),
            _ => {
                self.is_fresh = true;
                Some(Kind::Writing)
            }
        }
    }
}

/// The interval at which a network folder is looked at.
const ROUND_EVERY: Duration = Duration::from_secs(1);

/// The time after which a changed file is looked at again, to see whether its writer has finished.
const AGAIN_AFTER: Duration = Duration::from_millis(150);

/// The most files that are looked at in one turn of the loop. Each takes some microseconds.
const ENTRIES_A_STEP: usize = 256;

/// The most files that are looked at in all. Each takes some 200 bytes.
const ENTRIES_MAX: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in memory. Paths of directories end in a slash. Looking at a path may fail.
    #[derive(Default)]
    struct Memory {
        files: BTreeMap<String, u64>,
        failing: Vec<(&'static str, Errno)>,
    }

    impl Memory {
        fn of(paths: &[&str]) -> Self {
            let files = paths.iter().map(|path| ((*path).to_owned(), 0));
            Self {
                files: files.collect(),
                failing: Vec::new(),
            }
        }

        fn look(&self, path: &[u8]) -> Result<Option<u64>> {
            let path = str::from_utf8(path).unwrap();
            let failing = self.failing.iter().find(|(it, _)| *it == path);
            failing.map_or(Ok(self.files.get(path).copied()), |(_, errno)| Err(*errno))
        }
    }

    impl Files for Memory {
        fn names(&self, directory: &[u8]) -> Result<Vec<Box<[u8]>>> {
            let is_there = self.look(directory)?.is_some() || directory.is_empty();
            let directory = str::from_utf8(directory).unwrap();
            let inside = self.files.keys().filter_map(|path| {
                let name = path.strip_prefix(directory)?;
                let name = name.strip_suffix('/').unwrap_or(name);
                (!name.is_empty() && !name.contains('/')).then(|| name.as_bytes().into())
            });
            is_there.then(|| inside.collect()).ok_or(Errno::NOENT)
        }

        fn entry(&self, path: &[u8]) -> Result<Entry> {
            let directory = self.look(&[path, b"/"].concat())?;
            let size = directory.or(self.look(path)?).ok_or(Errno::NOENT)?;
            let mut entry = Entry {
                fingerprint: Fingerprint::default(),
                is_directory: directory.is_some(),
                is_fresh: false,
            };
            entry.fingerprint.size = size;
            Ok(entry)
        }
    }

    /// A patrol with a clock.
    struct Walk {
        patrol: Patrol,
        now: Instant,
    }

    impl Walk {
        /// Looks at these directories for the first time.
        fn begin(files: &Memory, directories: &[&str]) -> Self {
            let (mut patrol, now) = (Patrol::default(), Instant::now());
            for directory in directories {
                patrol.add(directory.as_bytes(), now);
            }
            let mut walk = Self { patrol, now };
            assert_eq!(walk.round(files), "");
            walk
        }

        /// Makes one step. Returns the changes and the new directories.
        fn step(&mut self, files: &Memory) -> Vec<String> {
            let (mut changes, mut found) = (Vec::new(), Vec::new());
            self.patrol.step(files, self.now, &mut changes, &mut found);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let changes = changes.iter().map(|change| match change {
                Change::Path(path, Kind::Removed) => format!("-{}", text(path)),
                Change::Path(path, _) => format!("+{}", text(path)),
                other => panic!("{other:?}"),
            });
            let found = found.iter().map(|path| format!("found {}", text(path)));
            changes.chain(found).collect()
        }

        /// Makes the next round. Returns all of its changes, sorted.
        fn round(&mut self, files: &Memory) -> String {
            self.now = self.patrol.due().unwrap().max(self.now);
            let mut all = Vec::new();
            while self.patrol.due().is_some_and(|due| due <= self.now) {
                all.extend(self.step(files));
            }
            all.sort();
            all.join(" ")
        }
    }

    #[test]
    fn files_that_come_change_and_go_are_noticed() {
        let mut files = Memory::of(&["a", "b", "d/", "d/c"]);
        let mut walk = Walk::begin(&files, &["", "d/"]);
        assert_eq!(walk.round(&files), "");
        *files.files.get_mut("d/c").unwrap() = 1;
        files.files.remove("a");
        files
            .files
            .extend([("e".to_owned(), 0), ("f/".to_owned(), 0)]);
        assert_eq!(walk.round(&files), "+d/c +e +f -a found f/");
        // Changed files are looked at again.
        assert_eq!(walk.round(&files), "+d/c +e");
        assert_eq!(walk.round(&files), "");
    }

    #[test]
    fn a_directory_that_cannot_be_read_for_a_moment_is_looked_at_again() {
        for errno in [Errno::MFILE, Errno::IO, Errno::STALE] {
            for failing in ["", "d/", "d/c"] {
                let mut files = Memory::of(&["a", "d/", "d/c"]);
                let mut walk = Walk::begin(&files, &["", "d/"]);
                files.failing = vec![(failing, errno)];
                assert_eq!(walk.round(&files), "", "{failing:?} {errno}");
                files.failing.clear();
                assert_eq!(walk.round(&files), "", "{failing:?} {errno}");
                *files.files.get_mut("a").unwrap() = 1;
                *files.files.get_mut("d/c").unwrap() = 1;
                assert_eq!(walk.round(&files), "+a +d/c", "{failing:?} {errno}");
            }
        }
    }

    #[test]
    fn a_directory_that_is_gone_for_a_moment_is_found_again() {
        let mut files = Memory::of(&["a", "d/", "d/c"]);
        let mut walk = Walk::begin(&files, &["", "d/"]);
        // Its parent was looked at before.
        files.failing = vec![("d/", Errno::NOENT)];
        walk.patrol.at = Some(b"".as_slice().into());
        assert_eq!(walk.round(&files), "-d/");
        files.failing.clear();
        assert_eq!(walk.round(&files), "+d found d/");
        assert_eq!(walk.patrol.entries, 2);
    }

    #[test]
    fn a_large_directory_takes_several_turns() {
        let names: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut files = Memory::of(&names);
        let mut walk = Walk::begin(&files, &[""]);
        files.files.values_mut().for_each(|size| *size += 1);
        files.files.remove("999");
        walk.now = walk.patrol.due().unwrap();
        let mut turns = Vec::new();
        while walk.patrol.due().is_some_and(|due| due <= walk.now) {
            turns.push(walk.step(&files).len());
        }
        assert_eq!(turns.iter().sum::<usize>(), 1000);
        assert!(
            turns.iter().all(|count| *count <= ENTRIES_A_STEP),
            "{turns:?}"
        );
        assert_eq!(walk.patrol.entries, 999);
    }
}

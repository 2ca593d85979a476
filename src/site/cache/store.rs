//! Files that were found before, limited in bytes and in number.
//!
//! A file from the cache is never older than the present tick: the first use of an entry in a tick
//! compares its fingerprint with the disk; with a check interval, a file in memory is compared at most
//! once in that. Some changes keep the fingerprint: a program that writes
//! through `mmap` changes it only when the kernel writes the pages back. Such a change becomes
//! visible after some seconds, because content in memory is read again every few seconds while it
//! is used. A form that was made from a file has a key that no other content has. Which entries are
//! kept affects only the speed of a response, never its bytes.

use super::budget::{CacheBudget, Usage};
use super::key::{AsKey, Key, KeyRef};
use crate::site::codings::Variants;
use crate::site::error::LookupError;
use crate::site::file::{File, Source};
use crate::site::fingerprint::Fingerprint;
use crate::site::lookup::{FoundFile, open_regular};
use crate::site::lookup_time::LookupTime;
use crate::site::root::Root;
use crate::site::root::{VERIFICATION_INTERVAL, VerifiedDirs};
use lru::LruCache;
use std::ffi::CString;
use std::iter::Sum;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Cache {
    /// `None` if the cache is off.
    entries: Option<LruCache<Key, Entry>>,
    /// The keys of the entries that hold a descriptor, in the same order. If there are too many of
    /// these, the other entries can stay.
    open: LruCache<Key, ()>,
    bytes: usize,
    budget: Rc<CacheBudget>,
    /// Its share of the used budget.
    taken: Usage,
    hits: u64,
    misses: u64,
    evictions: u64,
    verified_dirs: VerifiedDirs,
    check_interval: Duration,
}

/// The size of a cache and its effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Lookups that were answered from the cache.
    pub hits: u64,
    /// Lookups that were not: nothing was kept, or the file has changed.
    pub misses: u64,
    /// Files dropped to make room for others.
    pub evictions: u64,
    /// Cached files.
    pub entries: usize,
    /// Bytes that they take: content, fields, names and overhead.
    pub bytes: usize,
    /// Files that are held open rather than in memory.
    pub descriptors: usize,
}

/// Adds up the figures of several caches.
impl Sum for CacheFigures {
    fn sum<I: Iterator<Item = Self>>(figures: I) -> Self {
        figures.fold(Self::default(), |sum, one| Self {
            hits: sum.hits + one.hits,
            misses: sum.misses + one.misses,
            evictions: sum.evictions + one.evictions,
            entries: sum.entries + one.entries,
            bytes: sum.bytes + one.bytes,
            descriptors: sum.descriptors + one.descriptors,
        })
    }
}

#[derive(Debug)]
struct Entry {
    file: Rc<File>,
    /// The place where it was found, or `None` if a job made it.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    path_on_disk: Location,
    /// See [`FoundFile::depends_on`].
    depends_on: Vec<(CString, bool)>,
    fingerprint: Fingerprint,
    is_stable: bool,
    /// The tick in which it was last compared with the disk.
    checked: u64,
    /// The time until which the file counts as current. It has passed if files are compared in each
    /// tick.
    check_due: Instant,
    /// The time of the next check of everything that the fingerprint does not show: the content,
    /// and the precompressed files beside it.
    inspection_due: Instant,
}

/// The location of a file, relative to the root.
#[derive(Debug)]
enum Location {
    /// At the path that was requested, as most files are. It is not a link.
    Path,
    /// At another path. It is not a link either.
    Other(Box<[u8]>),
    /// Behind a symbolic link, which may change its target at any time.
    Link {
        path_on_disk: CString,
        /// The time to reach it again by steps beneath the root.
        reach_due: Instant,
    },
}

impl Cache {
    /// Creates a cache that shares a budget with others.
    pub(crate) fn new(budget: &Rc<CacheBudget>) -> Self {
        let Usage { bytes, entries, .. } = budget.max();
        budget.add_cache();
        Self {
            entries: (bytes > 0 && entries > 0).then(LruCache::unbounded),
            open: LruCache::unbounded(),
            bytes: 0,
            budget: Rc::clone(budget),
            taken: Usage::default(),
            hits: 0,
            misses: 0,
            evictions: 0,
            verified_dirs: VerifiedDirs::new(),
            check_interval: Duration::ZERO,
        }
    }

    /// Returns the same cache, which compares a file in memory with the disk at most once in this
    /// interval.
    pub(crate) fn with_check_interval(mut self, check_interval: Duration) -> Self {
        self.check_interval = check_interval;
        self
    }

    /// Returns the file with this key, if it is cached and still current.
    pub(crate) fn get(
        &mut self,
        key: KeyRef<'_>,
        moment: &LookupTime,
        root: &Root,
    ) -> Option<Rc<File>> {
        let entries = self.entries.as_mut()?;
        let Some(Entry { file, place }) = entries.get_mut(&key as &dyn AsKey) else {
            self.misses += 1;
            return None;
        };
        let is_current = place.as_mut().is_none_or(|place| {
            if place.checked == moment.tick {
                return true;
            }
            // A file that is sent from disk must be the one that its fields describe.
            if moment.now < place.check_due && !file.is_open() {
                return true;
            }
            place.check_due = moment.now + self.check_interval;
            let path = key.path().unwrap_or_default();
            place.is_current(path, moment, root, &mut self.verified_dirs)
                && place.passes_inspection(path, file, moment, root)
        });
        if is_current {
            self.hits += 1;
            if file.is_open() {
                self.open.promote(&key as &dyn AsKey);
            }
            return Some(Rc::clone(file));
        }
        self.misses += 1;
        self.remove(&key);
        None
    }

    pub(crate) fn figures(&self) -> CacheFigures {
        CacheFigures {
            hits: self.hits,
            misses: self.misses,
            evictions: self.evictions,
            entries: self.entries.as_ref().map_or(0, LruCache::len),
            bytes: self.bytes,
            descriptors: self.open.len(),
        }
    }

    /// Returns the file that a job made and that is kept under this key.
    pub(crate) fn get_made(&mut self, key: KeyRef<'_>) -> Option<Rc<File>> {
        let made = self.entries.as_mut()?.get(&key as &dyn AsKey);
        let count = if made.is_some() {
            &mut self.hits
        } else {
            &mut self.misses
        };
        *count += 1;
        made.map(|entry| Rc::clone(&entry.file))
    }

    /// Keeps a file that a job made, under a key that no other content has.
    pub(crate) fn insert_made(&mut self, key: Key, file: &Rc<File>) {
        let file = Rc::clone(file);
        self.keep(key, Entry { file, place: None });
    }

    /// Keeps a file that was just loaded. The least recently used files make room for it.
    pub(crate) fn insert(
        &mut self,
        key: KeyRef<'_>,
        loaded: FoundFile,
        moment: &LookupTime,
    ) -> Rc<File> {
        let path_on_disk = Location::of(&loaded, key.path(), moment.now);
        let file = Rc::new(loaded.file);
        let entry = Entry {
            file: Rc::clone(&file),
            place: Some(Place {
                path_on_disk,
                depends_on: loaded.depends_on,
                fingerprint: loaded.fingerprint,
                is_stable: loaded.is_stable,
                checked: moment.tick,
                check_due: moment.now + self.check_interval,
                inspection_due: moment.now + INSPECTION_INTERVAL,
            }),
        };
        self.keep(key.into(), entry);
        file
    }

    fn keep(&mut self, key: Key, entry: Entry) {
        let Some(entries) = &mut self.entries else {
            return;
        };
        // A file larger than the whole cache would empty it, and still not fit.
        if entry.bytes(&key) > self.budget.max().bytes {
            return;
        }
        let is_open = entry.file.is_open();
        self.bytes += entry.bytes(&key);
        if let Some((key_of_other, other)) = entries.push(key.clone(), entry) {
            self.forget(&key_of_other, &other);
        }
        if is_open {
            self.open.push(key, ());
        }
        self.note_usage();
        self.fit_budget();
    }

    /// Drops the least recently used files while all caches together exceed the budget and this one
    /// exceeds its share.
    pub(crate) fn fit_budget(&mut self) {
        while self.budget.lacks_descriptors(self.taken) && self.release_descriptor() {
            self.evictions += 1;
        }
        while self.budget.lacks_room(self.taken) {
            let Some((key, evicted)) = self.entries.as_mut().and_then(LruCache::pop_lru) else {
                break;
            };
            self.evictions += 1;
            self.forget(&key, &evicted);
        }
    }

    /// Reports the present usage of this cache to the budget.
    fn note_usage(&mut self) {
        let now = Usage {
            bytes: self.bytes,
            entries: self.entries.as_ref().map_or(0, LruCache::len),
            descriptors: self.open.len(),
        };
        self.budget.note(self.taken, now);
        self.taken = now;
    }

    pub(crate) fn clear(&mut self) {
        if let Some(entries) = &mut self.entries {
            entries.clear();
        }
        self.open.clear();
        self.bytes = 0;
        self.note_usage();
        self.verified_dirs.clear();
    }

    /// Drops all files that are held open. Returns `true` if there was one.
    pub(crate) fn release_descriptors(&mut self) -> bool {
        let is_any = self.release_descriptor();
        while self.release_descriptor() {}
        is_any
    }

    /// Drops the one that was not used for the longest time. Returns `true` if there was one.
    fn release_descriptor(&mut self) -> bool {
        let key = self.open.pop_lru().map(|(key, ())| key);
        key.is_some_and(|key| {
            self.remove(&key);
            true
        })
    }

    fn remove(&mut self, key: &dyn AsKey) {
        if let Some(entry) = self.entries.as_mut().and_then(|entries| entries.pop(key)) {
            self.forget(key, &entry);
        }
    }

    fn forget(&mut self, key: &dyn AsKey, entry: &Entry) {
        self.bytes -= entry.bytes(key);
        if entry.file.is_open() {
            self.open.pop(key);
        }
        self.note_usage();
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.budget.note(self.taken, Usage::default());
        self.budget.remove_cache();
    }
}

impl Place {
    /// Returns the memory that the place uses, without its own size.
    fn bytes(&self) -> usize {
        let path_on_disk = match &self.path_on_disk {
            Location::Path => 0,
            Location::Other(path_on_disk) => path_on_disk.len(),
            Location::Link { path_on_disk, .. } => path_on_disk.count_bytes(),
        };
        let depends_on: usize = self
            .depends_on
            .iter()
            .map(|(place, _)| place.count_bytes())
            .sum();
        path_on_disk + depends_on + self.depends_on.capacity() * size_of::<(CString, bool)>()
    }

    /// Compares the cached file for a path with the disk.
    fn is_current(
        &mut self,
        path: &[u8],
        moment: &LookupTime,
        root: &Root,
        verified_dirs: &mut VerifiedDirs,
    ) -> bool {
        if !self.is_stable {
            return false;
        }
        self.checked = moment.tick;
        let is_as_before = |(place, was_file): &(CString, bool)| root.has_file(place) == *was_file;
        self.depends_on.iter().all(is_as_before)
            && self
                .path_on_disk
                .fingerprint(path, moment, root, verified_dirs)
                == Some(self.fingerprint)
    }

    /// Returns `true` if the content in memory is still that of the file, and the precompressed
    /// files beside it are still those that were found. Checks this only every few seconds.
    fn passes_inspection(
        &mut self,
        path: &[u8],
        file: &File,
        moment: &LookupTime,
        root: &Root,
    ) -> bool {
        if moment.now < self.inspection_due {
            return true;
        }
        self.inspection_due = moment.now + INSPECTION_INTERVAL;
        let variants = file.variants.as_ref();
        self.has_content(path, &file.source, root)
            && variants.is_none_or(|variants| variants.are_current(root))
    }

    /// Returns `true` if the file has this content now. Content that is sent from the file itself
    /// is always current.
    fn has_content(&self, path: &[u8], source: &Source, root: &Root) -> bool {
        let Source::Memory(content) = source else {
            return true;
        };
        let path_on_disk = match &self.path_on_disk {
            Location::Path => path,
            Location::Other(path_on_disk) => path_on_disk,
            Location::Link { path_on_disk, .. } => path_on_disk.as_bytes(),
        };
        let path_on_disk = CString::new(path_on_disk).map_err(|_| LookupError::Nothing);
        let read = path_on_disk.and_then(|path_on_disk| open_regular(root, &path_on_disk));
        read.is_ok_and(|opened| matches!(opened.source, Source::Memory(read) if read == content))
    }
}

impl Location {
    fn of(loaded: &FoundFile, path: Option<&[u8]>, now: Instant) -> Self {
        let path_on_disk = &loaded.path_on_disk;
        if loaded.is_link {
            Self::Link {
                path_on_disk: path_on_disk.clone(),
                reach_due: now + VERIFICATION_INTERVAL,
            }
        } else if Some(path_on_disk.as_bytes()) == path {
            Self::Path
        } else {
            Self::Other(path_on_disk.as_bytes().into())
        }
    }

    /// Returns the present fingerprint of the file. It is read by the path and, once a second, by
    /// steps beneath the root, at least to the directory. So if a directory is replaced by a link
    /// that leads out of the root to the same file, this is found within a second. If the path had
    /// no link, none is followed.
    fn fingerprint(
        &mut self,
        path: &[u8],
        moment: &LookupTime,
        root: &Root,
        verified_dirs: &mut VerifiedDirs,
    ) -> Option<Fingerprint> {
        let path_on_disk = match self {
            Self::Path => path,
            Self::Other(path_on_disk) => path_on_disk,
            Self::Link {
                path_on_disk,
                reach_due,
            } => {
                if moment.now < *reach_due {
                    return root.fingerprint(path_on_disk).ok();
                }
                *reach_due = moment.now + VERIFICATION_INTERVAL;
                return root.fingerprint_beneath(path_on_disk).ok();
            }
        };
        let leads = verified_dirs.is_beneath_root(path_on_disk, moment.now, root);
        leads
            .then(|| root.fingerprint_itself(path_on_disk).ok())
            .flatten()
    }
}

impl Entry {
    /// Returns the memory that the entry takes: content, fields, names and overhead.
    fn bytes(&self, key: &dyn AsKey) -> usize {
        let File {
            representation,
            source,
            path_on_disk,
            variants,
            ..
        } = &*self.file;
        let content = match source {
            Source::Memory(content) => content.len(),
            Source::Descriptor(_) | Source::Coded => 0,
        };
        let names = key.bytes()
            + path_on_disk.len()
            + variants.as_ref().map_or(0, Variants::bytes)
            + self.place.as_ref().map_or(0, Place::bytes);
        content + representation.bytes() + names + OVERHEAD_BYTES
    }
}

/// A new precompressed file only makes responses smaller, so it can wait. Each check takes three
/// system calls. Reading a file again takes four, some 20 µs.
const INSPECTION_INTERVAL: Duration = Duration::from_secs(4);

/// The entry itself, its key, its place in the order, its metadata, and the allocator's overhead
/// for each piece of memory. tests/heap/memory.rs measures it.
const OVERHEAD_BYTES: usize = 1120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::path::RequestPath;
    use crate::plan::Policy;
    use crate::site::codings::VariantFinder;
    use crate::site::lookup::Addressing;
    use crate::site::lookup::Digests;
    use crate::site::lookup::Lookup;
    use crate::site::options::Options;
    use std::time::SystemTime;

    /// Returns the sources of this crate as a root with some files.
    fn root() -> Root {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        Root::open(path.as_ref()).unwrap()
    }

    fn moment() -> LookupTime {
        LookupTime {
            tick: 1,
            now: Instant::now(),
            anchor: (Instant::now(), SystemTime::now()),
        }
    }

    fn insert(cache: &mut Cache, root: &Root, name: &str) {
        let path = RequestPath::parse(name.as_bytes()).unwrap();
        let look = Lookup {
            root,
            addressing: &Addressing::default(),
            finder: &VariantFinder::new(&Options::default()),
            policy: &Policy::default(),
            digests: &Digests::new(),
            seeks_precompressed: false,
            wall: SystemTime::now(),
        };
        let loaded = look.load(&path).unwrap();
        cache.insert(KeyRef::of_path(path.as_bytes()), loaded, &moment());
    }

    /// Inserts a copy of a cached file that is held open.
    fn insert_open(cache: &mut Cache, root: &Root, key: &str) {
        let descriptor = root.open_beneath(c"lib.rs").unwrap();
        let file = cache
            .get(KeyRef::of_path(b"lib.rs"), &moment(), root)
            .unwrap();
        let open = Rc::new(File {
            origin: file.origin,
            representation: file.representation.clone(),
            source: Source::Descriptor(Rc::new(descriptor)),
            path_on_disk: file.path_on_disk.clone(),
            variants: None,
        });
        cache.insert_made(KeyRef::of_path(key.as_bytes()).into(), &open);
    }

    fn budget(bytes: usize, entries: usize, descriptors: usize) -> Rc<CacheBudget> {
        let options = Options {
            cache_bytes_max: bytes,
            cache_entries_max: entries,
            ..Options::default()
        };
        Rc::new(CacheBudget::new(&options, descriptors))
    }

    fn cache(bytes: usize, entries: usize, descriptors: usize) -> Cache {
        Cache::new(&budget(bytes, entries, descriptors))
    }

    #[test]
    fn caches_with_one_budget_drop_files_beyond_their_shares() {
        let root = root();
        let budget = budget(1 << 20, 3, 2);
        let (mut one, mut other) = (Cache::new(&budget), Cache::new(&budget));
        for name in ["/lib.rs", "/main.rs", "/http/mod.rs"] {
            insert(&mut one, &root, name);
        }
        assert_eq!((one.figures().entries, budget.is_exceeded()), (3, false));
        // A new entry stays in a cache below its share, and the other cache has to make room.
        insert(&mut other, &root, "/lib.rs");
        assert_eq!((other.figures().entries, budget.is_exceeded()), (1, true));
        one.fit_budget();
        assert_eq!((one.figures().entries, budget.is_exceeded()), (2, false));
        assert_eq!((one.figures().evictions, other.figures().evictions), (1, 0));
        // Their files are separate.
        let found = other.get(KeyRef::of_path(b"http/mod.rs"), &moment(), &root);
        assert!(found.is_none());
        drop(other);
        insert(&mut one, &root, "/lib.rs");
        assert_eq!((one.figures().entries, budget.is_exceeded()), (3, false));
    }

    #[test]
    fn used_entries_stay_and_the_others_are_dropped() {
        let root = root();
        let mut cache = cache(1 << 20, 2, 0);
        insert(&mut cache, &root, "/lib.rs");
        insert(&mut cache, &root, "/main.rs");
        assert!(
            cache
                .get(KeyRef::of_path(b"lib.rs"), &moment(), &root)
                .is_some()
        );
        insert(&mut cache, &root, "/http/mod.rs");
        assert!(
            cache
                .get(KeyRef::of_path(b"lib.rs"), &moment(), &root)
                .is_some(),
            "used since"
        );
        assert!(
            cache
                .get(KeyRef::of_path(b"main.rs"), &moment(), &root)
                .is_none()
        );
        assert!(
            cache
                .get(KeyRef::of_path(b"http/mod.rs"), &moment(), &root)
                .is_some()
        );
        let figures = cache.figures();
        assert_eq!((figures.hits, figures.misses), (3, 1));
        assert_eq!((figures.evictions, figures.entries), (1, 2));
    }

    #[test]
    fn the_bytes_are_limited_and_add_up() {
        let root = root();
        let mut cache = cache(4 * OVERHEAD_BYTES, 100, 0);
        for name in [
            "/lib.rs",
            "/http/mod.rs",
            "/http/date.rs",
            "/http/mod.rs",
            "/lib.rs",
        ] {
            insert(&mut cache, &root, name);
            assert!(cache.bytes <= 4 * OVERHEAD_BYTES);
        }
        for name in ["lib.rs", "http/mod.rs", "http/date.rs"] {
            cache.remove(&KeyRef::of_path(name.as_bytes()));
        }
        assert_eq!((cache.bytes, cache.open.len()), (0, 0));
    }

    #[test]
    fn only_open_files_make_room_for_newly_opened_ones() {
        let root = root();
        let mut cache = cache(1 << 20, 100, 2);
        insert(&mut cache, &root, "/main.rs");
        insert(&mut cache, &root, "/lib.rs");
        insert_open(&mut cache, &root, "first");
        insert_open(&mut cache, &root, "second");
        assert!(
            cache
                .get(KeyRef::of_path(b"first"), &moment(), &root)
                .is_some()
        );
        insert_open(&mut cache, &root, "another");
        let figures = cache.figures();
        assert_eq!((figures.evictions, figures.entries), (1, 4));
        assert_eq!(figures.descriptors, 2);
        for (key, is_kept) in [("main.rs", true), ("first", true), ("second", false)] {
            let found = cache.get(KeyRef::of_path(key.as_bytes()), &moment(), &root);
            assert_eq!(found.is_some(), is_kept, "{key}");
        }
    }

    #[test]
    fn files_in_memory_stay_when_descriptors_are_short() {
        let root = root();
        let mut cache = cache(1 << 20, 100, 1);
        insert(&mut cache, &root, "/lib.rs");
        assert!(!cache.release_descriptors(), "there is none");
        insert_open(&mut cache, &root, "open");
        assert!(cache.release_descriptors());
        let figures = cache.figures();
        assert_eq!((figures.entries, figures.descriptors), (1, 0));
        assert!(
            cache
                .get(KeyRef::of_path(b"lib.rs"), &moment(), &root)
                .is_some()
        );
    }

    #[test]
    fn a_cache_that_is_off_stays_empty() {
        let root = root();
        for (bytes, entries) in [(0, 10), (1 << 20, 0)] {
            let mut cache = cache(bytes, entries, 1);
            insert(&mut cache, &root, "/lib.rs");
            assert!(
                cache
                    .get(KeyRef::of_path(b"lib.rs"), &moment(), &root)
                    .is_none()
            );
        }
    }
}

//! Files that were looked at before, bounded in bytes and in number.
//!
//! What comes out is never older than the present turn of the loop: the first use of an entry in a
//! turn compares its stamp with the disk. Of what changes without a new stamp (who writes through
//! `mmap` leaves none until the kernel writes it back), it is some seconds old at most, as what is in
//! memory is read again every few seconds that it is used in. What was made of a file is kept by a key that tells that
//! content from any other. Which entries are kept changes how fast an answer is, never a byte of it.

use super::load::{Loaded, open_regular};
use super::root::Root;
use super::stamp::Stamp;
use super::variants::Variants;
use super::ways::{REACHED_EVERY, Ways};
use super::{File, Miss, Moment, Source};
use lru::LruCache;
use std::ffi::CString;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Cache {
    /// By request path, or by a name with a slash before it for what no path leads to, or by what
    /// tells a coded form from any other (see [`Variants::key`]); `None` when the cache is off.
    entries: Option<LruCache<Rc<[u8]>, Entry>>,
    /// The keys of those that are held open, in the same order: where there are too many of them, the
    /// rest need not go.
    open: LruCache<Rc<[u8]>, ()>,
    open_max: usize,
    bytes: usize,
    bytes_max: usize,
    hits: u64,
    misses: u64,
    evictions: u64,
    ways: Ways,
}

/// What a cache holds, and how often it has helped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Looks that were answered from the cache.
    pub hits: u64,
    /// Looks that were not: nothing was kept, or the file has changed.
    pub misses: u64,
    /// Files dropped to make room for others.
    pub evictions: u64,
    /// Files held.
    pub entries: usize,
    /// Bytes that they take, their content and what is kept besides.
    pub bytes: usize,
    /// Files held open rather than in memory.
    pub descriptors: usize,
}

#[derive(Debug)]
struct Entry {
    file: Rc<File>,
    /// Where it was found; `None` if it was made here.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    location: Location,
    /// See [`Loaded::besides`].
    besides: Vec<(CString, bool)>,
    stamp: Stamp,
    is_settled: bool,
    /// The turn of the loop in which it was last known to be what is on disk.
    checked: u64,
    /// When it is to be looked again at what its stamp does not tell: its content, and which coded
    /// files are beside it.
    inspection_due: Instant,
}

/// Where a file was found, relative to the root.
#[derive(Debug)]
enum Location {
    /// In the place that its key names, which is where most are. It is no link.
    Key,
    /// Elsewhere. It is no link either.
    Other(Box<[u8]>),
    /// Behind a link, which may lead elsewhere at any time.
    Link {
        location: CString,
        /// When it is to be reached by steps beneath the root again.
        reach_due: Instant,
    },
}

impl Cache {
    pub(super) fn new(bytes_max: usize, entries_max: usize, descriptors_max: usize) -> Self {
        let entries = NonZeroUsize::new(entries_max)
            .filter(|_| bytes_max > 0)
            .map(LruCache::new);
        Self {
            entries,
            open: LruCache::unbounded(),
            open_max: descriptors_max.min(DESCRIPTORS_MAX),
            bytes: 0,
            bytes_max,
            hits: 0,
            misses: 0,
            evictions: 0,
            ways: Ways::new(),
        }
    }

    /// The file that is kept under this key, if it still is what is there.
    pub(super) fn get(&mut self, key: &[u8], moment: &Moment, root: &Root) -> Option<Rc<File>> {
        let entries = self.entries.as_mut()?;
        let Some(Entry { file, place }) = entries.get_mut(key) else {
            self.misses += 1;
            return None;
        };
        let is_current = place.as_mut().is_none_or(|place| {
            place.checked == moment.tick || {
                place.is_current(key, moment, root, &mut self.ways)
                    && place.passes_inspection(key, file, moment, root)
            }
        });
        if is_current {
            self.hits += 1;
            if file.is_open() {
                self.open.promote(key);
            }
            return Some(Rc::clone(file));
        }
        self.misses += 1;
        self.remove(key);
        None
    }

    pub(super) fn figures(&self) -> CacheFigures {
        CacheFigures {
            hits: self.hits,
            misses: self.misses,
            evictions: self.evictions,
            entries: self.entries.as_ref().map_or(0, LruCache::len),
            bytes: self.bytes,
            descriptors: self.open.len(),
        }
    }

    /// What was made and is kept under this key.
    pub(super) fn get_made(&mut self, key: &[u8]) -> Option<Rc<File>> {
        let made = self.entries.as_mut()?.get(key);
        let count = if made.is_some() {
            &mut self.hits
        } else {
            &mut self.misses
        };
        *count += 1;
        made.map(|entry| Rc::clone(&entry.file))
    }

    /// Keeps what was made, under a key that tells it from anything else that ever is.
    pub(super) fn insert_made(&mut self, key: &[u8], file: &Rc<File>) {
        let file = Rc::clone(file);
        self.keep(key, Entry { file, place: None });
    }

    /// Keeps a file that was just loaded, at the expense of those not used for the longest time.
    pub(super) fn insert(&mut self, key: &[u8], loaded: Loaded, moment: &Moment) -> Rc<File> {
        let location = Location::of(&loaded, key, moment.now);
        let file = Rc::new(loaded.file);
        let entry = Entry {
            file: Rc::clone(&file),
            place: Some(Place {
                location,
                besides: loaded.besides,
                stamp: loaded.stamp,
                is_settled: loaded.is_settled,
                checked: moment.tick,
                inspection_due: moment.now + INSPECTED_EVERY,
            }),
        };
        self.keep(key, entry);
        file
    }

    fn keep(&mut self, key: &[u8], entry: Entry) {
        let Some(entries) = &mut self.entries else {
            return;
        };
        // What is larger than all of the cache would empty it, and then not fit.
        if entry.bytes(key) > self.bytes_max {
            return;
        }
        let (key, is_open) = (Rc::<[u8]>::from(key), entry.file.is_open());
        self.bytes += entry.bytes(&key);
        if let Some((key_of_other, other)) = entries.push(Rc::clone(&key), entry) {
            self.evictions += u64::from(key_of_other != key);
            self.forget(&key_of_other, &other);
        }
        if is_open {
            self.open.push(key, ());
        }
        while self.open.len() > self.open_max && self.release_descriptor() {
            self.evictions += 1;
        }
        while self.bytes > self.bytes_max {
            let Some((key, evicted)) = self.entries.as_mut().and_then(LruCache::pop_lru) else {
                break;
            };
            self.evictions += 1;
            self.forget(&key, &evicted);
        }
    }

    pub(super) fn clear(&mut self) {
        if let Some(entries) = &mut self.entries {
            entries.clear();
        }
        self.open.clear();
        self.bytes = 0;
        self.ways.clear();
    }

    /// Drops all files that are held open: whether there was one.
    pub(super) fn release_descriptors(&mut self) -> bool {
        let is_any = self.release_descriptor();
        while self.release_descriptor() {}
        is_any
    }

    /// Drops the one of them that was not used for the longest time: whether there was one.
    fn release_descriptor(&mut self) -> bool {
        let key = self.open.pop_lru().map(|(key, ())| key);
        key.is_some_and(|key| {
            self.remove(&key);
            true
        })
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.entries.as_mut().and_then(|entries| entries.pop(key)) {
            self.forget(key, &entry);
        }
    }

    fn forget(&mut self, key: &[u8], entry: &Entry) {
        self.bytes -= entry.bytes(key);
        if entry.file.is_open() {
            self.open.pop(key);
        }
    }
}

impl Place {
    /// How much memory it takes besides itself.
    fn bytes(&self) -> usize {
        let location = match &self.location {
            Location::Key => 0,
            Location::Other(location) => location.len(),
            Location::Link { location, .. } => location.count_bytes(),
        };
        let besides: usize = self
            .besides
            .iter()
            .map(|(place, _)| place.count_bytes())
            .sum();
        location + besides + self.besides.capacity() * size_of::<(CString, bool)>()
    }

    /// Compares the file that is kept by `key` with the disk.
    fn is_current(&mut self, key: &[u8], moment: &Moment, root: &Root, ways: &mut Ways) -> bool {
        if !self.is_settled {
            return false;
        }
        self.checked = moment.tick;
        let is_as_before = |(place, was_file): &(CString, bool)| root.has_file(place) == *was_file;
        self.besides.iter().all(is_as_before)
            && self.location.stamp(key, moment, root, ways) == Some(self.stamp)
    }

    /// Whether the content is still what is in memory, and the coded files beside it are those that
    /// were found there, so far as that is to be looked at now.
    fn passes_inspection(&mut self, key: &[u8], file: &File, moment: &Moment, root: &Root) -> bool {
        if moment.now < self.inspection_due {
            return true;
        }
        self.inspection_due = moment.now + INSPECTED_EVERY;
        let variants = file.variants.as_ref();
        self.has_content(key, &file.source, root)
            && variants.is_none_or(|variants| variants.are_current(root))
    }

    /// Whether this content is what is there now. What is sent from the file itself always is.
    fn has_content(&self, key: &[u8], source: &Source, root: &Root) -> bool {
        let Source::Memory(content) = source else {
            return true;
        };
        let location = match &self.location {
            Location::Key => key,
            Location::Other(location) => location,
            Location::Link { location, .. } => location.as_bytes(),
        };
        let location = CString::new(location).map_err(|_| Miss::Nothing);
        let read = location.and_then(|location| open_regular(root, &location));
        read.is_ok_and(|opened| matches!(opened.source, Source::Memory(read) if read == content))
    }
}

impl Location {
    fn of(loaded: &Loaded, key: &[u8], now: Instant) -> Self {
        let location = &loaded.location;
        if loaded.is_link {
            Self::Link {
                location: location.clone(),
                reach_due: now + REACHED_EVERY,
            }
        } else if location.as_bytes() == key {
            Self::Key
        } else {
            Self::Other(location.as_bytes().into())
        }
    }

    /// The stamp of what is there now: by the path as it is and, once a second, by steps beneath
    /// the root, at least to the directory: lest a link that leads out by now to the same file is
    /// followed for long. Where no link was, none is followed.
    fn stamp(
        &mut self,
        key: &[u8],
        moment: &Moment,
        root: &Root,
        ways: &mut Ways,
    ) -> Option<Stamp> {
        let location = match self {
            Self::Key => key,
            Self::Other(location) => location,
            Self::Link {
                location,
                reach_due,
            } => {
                if moment.now < *reach_due {
                    return root.stamp(location).ok();
                }
                *reach_due = moment.now + REACHED_EVERY;
                return root.stamp_beneath(location).ok();
            }
        };
        let leads = ways.lead_to(location, moment.now, root);
        leads.then(|| root.stamp_itself(location).ok()).flatten()
    }
}

impl Entry {
    /// What the entry costs: its content, its fields, its names, and all else.
    fn bytes(&self, key: &[u8]) -> usize {
        let File {
            representation,
            source,
            place,
            variants,
            ..
        } = &*self.file;
        let content = match source {
            Source::Memory(content) => content.len(),
            Source::Descriptor(_) | Source::Coded => 0,
        };
        let names = key.len()
            + place.len()
            + variants.as_ref().map_or(0, Variants::bytes)
            + self.place.as_ref().map_or(0, Place::bytes);
        content + representation.bytes() + names + OVERHEAD_BYTES
    }
}

/// A coded file that is new makes responses smaller, and can wait for it; each look is three calls,
/// and to read a file again, which takes some 20 µs, is four.
const INSPECTED_EVERY: Duration = Duration::from_secs(4);

/// The entry itself, its place in the order, the facts that it has of its own, and what each piece of
/// memory takes besides what is asked for, measured by tests/memory.rs.
const OVERHEAD_BYTES: usize = 1056;

/// The most descriptors that are held for files which nobody may be asking for, however many there
/// may be.
const DESCRIPTORS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::path::RequestPath;
    use crate::plan::Policy;
    use crate::site::Options;
    use crate::site::address::Addressing;
    use crate::site::digest::Digests;
    use crate::site::load::Look;
    use crate::site::variants::Finder;
    use std::time::SystemTime;

    /// The crate's own sources are a directory with some files in it.
    fn root() -> Root {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        Root::open(path.as_ref()).unwrap()
    }

    fn moment() -> Moment {
        Moment {
            tick: 1,
            now: Instant::now(),
            reference: (Instant::now(), SystemTime::now()),
        }
    }

    fn insert(cache: &mut Cache, root: &Root, name: &str) {
        let path = RequestPath::parse(name.as_bytes()).unwrap();
        let look = Look {
            root,
            addressing: &Addressing::default(),
            finder: &Finder::new(&Options::default()),
            policy: &Policy::default(),
            digests: &Digests::new(),
            seeks_coded: false,
            wall: SystemTime::now(),
        };
        let loaded = look.load(&path).unwrap();
        cache.insert(path.as_bytes(), loaded, &moment());
    }

    /// Inserts what is held open, of the file that is in the cache already.
    fn insert_open(cache: &mut Cache, root: &Root, key: &str) {
        let descriptor = root.open_beneath(c"lib.rs").unwrap();
        let file = cache.get(b"lib.rs", &moment(), root).unwrap();
        let open = Rc::new(File {
            origin: file.origin,
            representation: file.representation.clone(),
            source: Source::Descriptor(Rc::new(descriptor)),
            place: file.place.clone(),
            variants: None,
        });
        cache.insert_made(key.as_bytes(), &open);
    }

    #[test]
    fn what_is_used_is_kept_and_the_rest_goes() {
        let root = root();
        let mut cache = Cache::new(1 << 20, 2, 0);
        insert(&mut cache, &root, "/lib.rs");
        insert(&mut cache, &root, "/main.rs");
        assert!(cache.get(b"lib.rs", &moment(), &root).is_some());
        insert(&mut cache, &root, "/http/mod.rs");
        assert!(
            cache.get(b"lib.rs", &moment(), &root).is_some(),
            "used since"
        );
        assert!(cache.get(b"main.rs", &moment(), &root).is_none());
        assert!(cache.get(b"http/mod.rs", &moment(), &root).is_some());
        let figures = cache.figures();
        assert_eq!((figures.hits, figures.misses), (3, 1));
        assert_eq!((figures.evictions, figures.entries), (1, 2));
    }

    #[test]
    fn bytes_are_bounded_and_add_up() {
        let root = root();
        let mut cache = Cache::new(4 * OVERHEAD_BYTES, 100, 0);
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
            cache.remove(name.as_bytes());
        }
        assert_eq!((cache.bytes, cache.open.len()), (0, 0));
    }

    #[test]
    fn only_what_is_open_makes_room_for_what_is_opened() {
        let root = root();
        let mut cache = Cache::new(1 << 20, 100, 2);
        insert(&mut cache, &root, "/main.rs");
        insert(&mut cache, &root, "/lib.rs");
        insert_open(&mut cache, &root, "first");
        insert_open(&mut cache, &root, "second");
        assert!(cache.get(b"first", &moment(), &root).is_some());
        insert_open(&mut cache, &root, "another");
        let figures = cache.figures();
        assert_eq!((figures.evictions, figures.entries), (1, 4));
        assert_eq!(figures.descriptors, 2);
        for (key, is_kept) in [("main.rs", true), ("first", true), ("second", false)] {
            let found = cache.get(key.as_bytes(), &moment(), &root);
            assert_eq!(found.is_some(), is_kept, "{key}");
        }
    }

    #[test]
    fn where_descriptors_are_short_what_needs_none_is_kept() {
        let root = root();
        let mut cache = Cache::new(1 << 20, 100, 1);
        insert(&mut cache, &root, "/lib.rs");
        assert!(!cache.release_descriptors(), "there is none");
        insert_open(&mut cache, &root, "open");
        assert!(cache.release_descriptors());
        let figures = cache.figures();
        assert_eq!((figures.entries, figures.descriptors), (1, 0));
        assert!(cache.get(b"lib.rs", &moment(), &root).is_some());
    }

    #[test]
    fn a_cache_that_is_off_keeps_nothing() {
        let root = root();
        for (bytes, entries) in [(0, 10), (1 << 20, 0)] {
            let mut cache = Cache::new(bytes, entries, 1);
            insert(&mut cache, &root, "/lib.rs");
            assert!(cache.get(b"lib.rs", &moment(), &root).is_none());
        }
    }
}

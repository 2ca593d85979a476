//! The served directory: the only code that opens and reads its files.
//!
//! [`Site::resolve`] looks, and says what it found or why there is nothing; it decides nothing. What
//! takes longer than a turn of the loop may becomes a job, which [`Site::advance`] goes on with.

mod address;
mod cache;
mod coded_alone;
mod compression;
mod digest;
mod encoding;
mod expansion;
mod facts;
mod file;
mod inspect;
mod jobs;
mod last_miss;
mod listing;
mod load;
mod miss;
mod reading;
mod root;
mod root_events;
mod root_path;
mod stamp;
mod stand_in;
mod trail;
mod variants;
mod ways;
mod workload;

use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::{Policy, StandIn};
use cache::Cache;
use coded_alone::CodedMisses;
use compression::Compression;
use digest::{Digests, Hashing};
use jobs::{Jobs, Means};
use last_miss::LastMiss;
use listing::Listings;
use load::{Loaded, Look};
use root::Root;
use root_path::RootPath;
use rustix::fd::BorrowedFd;
use stand_in::MissingStandIns;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Instant, SystemTime};
use variants::Finder;
use workload::Workload;

pub use address::Addressing;
pub use cache::CacheFigures;
pub use file::{File, Origin, Source};
pub use inspect::{Inspection, has_directory, inspect, is_served};
pub use jobs::{Outcome, Pending};
pub use miss::Miss;
pub use trail::Trail;

/// Which directory is served, and how much of it is kept in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// How addresses lead to its files.
    pub addressing: Addressing,
    /// Whether coded files beside a file are served in its place.
    pub precompressed: bool,
    /// Whether files are compressed on request.
    pub compression: bool,
    /// Whether a directory without an index file is listed.
    pub listing: bool,
    /// Bytes of memory that the cache may take, for content and for all that is kept of a file
    /// besides; 0 turns the cache off.
    pub cache_bytes_max: usize,
    /// Files that the cache may hold; 0 turns the cache off.
    pub cache_entries_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: PathBuf::from("."),
            addressing: Addressing::default(),
            precompressed: true,
            compression: true,
            listing: false,
            cache_bytes_max: 64 * 1024 * 1024,
            cache_entries_max: 16 * 1024,
        }
    }
}

/// Whether a directory can be served.
pub fn check(options: &Options) -> io::Result<()> {
    Root::open(&absolute_root(&options.root)?).map(drop)
}

/// The absolute path of a root, which is followed wherever it leads later. Only what comes before
/// the last `..` in it is resolved now: the working directory may be removed along with the root.
pub fn absolute_root(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut ahead = path.components();
    let mut behind = Vec::new();
    loop {
        match ahead.next_back() {
            None => return Ok(path),
            Some(Component::ParentDir) => break,
            Some(component) => behind.push(component),
        }
    }
    let mut resolved = ahead.as_path().join("..").canonicalize()?;
    resolved.extend(behind.into_iter().rev());
    Ok(resolved)
}

/// A directory that is served.
#[derive(Debug)]
pub struct Site {
    root: RootPath,
    addressing: Addressing,
    cache: Cache,
    last_miss: LastMiss,
    missing: MissingStandIns,
    coded_misses: CodedMisses,
    finder: Finder,
    jobs: Jobs,
    workload: Workload,
    digests: Digests,
    /// `None` where directories are not listed.
    listings: Option<Listings>,
    policy: Policy,
    /// Where keys are put together.
    key: Vec<u8>,
}

/// What a look at the site came to.
#[derive(Debug)]
pub enum Resolution {
    /// A file, or why there is none.
    Ready(Outcome),
    /// It is yet to be made.
    Pending(Pending),
}

/// The moment of a look.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Which turn of the event loop this is. What was checked in this turn is not checked again.
    pub tick: u64,
    /// The time by which intervals are reckoned.
    pub now: Instant,
    /// A moment not long ago by the steady clock, and by the one that files are stamped with.
    pub reference: (Instant, SystemTime),
}

impl Moment {
    /// The time that files are stamped with. Few looks need it, so it is reckoned for them alone.
    pub fn wall(&self) -> SystemTime {
        let (instant, wall) = self.reference;
        wall + self.now.duration_since(instant)
    }
}

impl Site {
    /// Opens the root, beneath which no more than `descriptors_max` files are kept open. Fails if
    /// it cannot be opened or is no directory.
    pub fn open(
        options: &Options,
        policy: Policy,
        descriptors_max: usize,
        now: Instant,
    ) -> io::Result<Self> {
        let (bytes_max, entries_max) = (options.cache_bytes_max, options.cache_entries_max);
        Ok(Self {
            root: RootPath::open(absolute_root(&options.root)?, now)?,
            addressing: options.addressing.clone(),
            cache: Cache::new(bytes_max, entries_max, descriptors_max),
            last_miss: LastMiss::default(),
            missing: MissingStandIns::default(),
            coded_misses: CodedMisses::default(),
            finder: Finder::new(options),
            jobs: Jobs::default(),
            workload: Compression::workload(),
            digests: Digests::new(),
            listings: options.listing.then(|| Listings::new(options.compression)),
            policy: policy.with_general_rules(),
            key: Vec::new(),
        })
    }

    /// What the operator wants of every response.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The way from the top of the file system to where a path is looked for.
    pub fn trail(&self, path: &RequestPath<'_>) -> Trail {
        let look = self.look_at(SystemTime::now());
        let location = look.map_or_else(|| path.as_bytes().to_vec(), |look| look.location(path));
        trail::follow(&self.root.path().join(OsString::from_vec(location)))
    }

    /// Finds the file that a path names, as it is on disk in this turn of the loop or, for a
    /// directory that has none, begins to list it.
    pub fn resolve(
        &mut self,
        request: &RequestHead<'_>,
        path: &RequestPath<'_>,
        moment: &Moment,
    ) -> Resolution {
        if path.is_hidden() {
            return Resolution::Ready(Err(Miss::Hidden));
        }
        self.follow_root(moment);
        let Some(root) = self.root.root() else {
            return Resolution::Ready(Err(Miss::RootLost));
        };
        match self.cache.get(path.as_bytes(), moment, root) {
            Some(file) => Resolution::Ready(Ok(file)),
            None => self.find(request, path, moment),
        }
    }

    /// Whether there is work under way.
    pub fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Takes over the work under way of a site that is about to go, for whoever waits for it.
    pub fn adopt_jobs(&mut self, other: &mut Self) {
        self.jobs.adopt(&mut other.jobs);
    }

    /// Does a step of the work under way, well below a millisecond: whether a [`Pending`] has its
    /// outcome now that had none before.
    pub fn advance(&mut self) -> bool {
        self.jobs.advance(&mut Means {
            cache: Some(&mut self.cache),
            policy: &self.policy,
            digests: &self.digests,
        })
    }

    /// Finds a file that is not in the cache, or begins to list a directory.
    fn find(
        &mut self,
        request: &RequestHead<'_>,
        path: &RequestPath<'_>,
        moment: &Moment,
    ) -> Resolution {
        let key = path.as_bytes();
        let loaded = match self.last_miss.recall(key, moment.tick) {
            Some(miss) => Err(miss),
            None => self.load(key, moment, |look| look.load(path)),
        };
        let miss = match loaded {
            Ok(loaded) => return self.keep(key, loaded, moment),
            Err(miss) => miss,
        };
        self.last_miss.note(key, moment.tick, miss);
        match (&self.listings, self.root.root()) {
            (Some(listings), Some(root)) if miss == Miss::NoIndex => {
                Resolution::Pending(listings.claim(&mut self.jobs, root, path, request))
            }
            _ => Resolution::Ready(Err(miss)),
        }
    }

    /// Keeps what was loaded, unless it has to be hashed first: it is kept when it is next asked for
    /// then, as it may have changed by the time that is done.
    fn keep(&mut self, key: &[u8], loaded: Loaded, moment: &Moment) -> Resolution {
        if !loaded.lacks_hash {
            return Resolution::Ready(Ok(self.cache.insert(key, loaded, moment)));
        }
        // No other subject begins so, as no place is empty.
        let mut subject = [b"\0\0", key, b"\0"].concat();
        loaded.stamp.write(&mut subject);
        if let Some(pending) = self.jobs.join(&subject) {
            return Resolution::Pending(pending);
        }
        match Hashing::begin(loaded, &self.digests) {
            Ok(work) => Resolution::Pending(self.jobs.begin(&subject, Box::new(work))),
            Err(file) => Resolution::Ready(Ok(file)),
        }
    }

    /// Lets go of all that is kept of files, so that each is read when it is next asked for.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.digests.clear();
    }

    /// Lets go of the descriptors that the cache holds: whether it held any.
    /// Those that are sent from stay open until that is done.
    pub fn release_descriptors(&mut self) -> bool {
        self.cache.release_descriptors()
    }

    /// What the cache holds, and how often it has helped.
    pub fn cache_figures(&self) -> CacheFigures {
        self.cache.figures()
    }

    /// Finds the file that stands in for another, as it is on disk in this turn of the loop.
    pub fn find_stand_in(&mut self, stand_in: StandIn, moment: &Moment) -> Resolution {
        self.follow_root(moment);
        let key = stand_in::key(stand_in);
        let Some(root) = self.root.root() else {
            return Resolution::Ready(Err(Miss::RootLost));
        };
        if let Some(file) = self.cache.get(&key, moment, root) {
            return Resolution::Ready(Ok(file));
        }
        if let Some(miss) = self.missing.recall(stand_in, moment.tick) {
            return Resolution::Ready(Err(miss));
        }
        match self.load(&key, moment, |look| look.load_stand_in(stand_in)) {
            Ok(loaded) => self.keep(&key, loaded, moment),
            Err(miss) => {
                self.missing.note(stand_in, moment.tick, miss);
                Resolution::Ready(Err(miss))
            }
        }
    }

    /// Becomes readable when the root may be another directory by now, or none; then
    /// [`Site::note_root_events`] is to be called before anything is resolved.
    pub fn root_events(&self) -> Option<BorrowedFd<'_>> {
        self.root.events()
    }

    /// Looks whether the root is another directory by now, or none.
    pub fn note_root_events(&mut self, now: Instant) {
        let has_changed = self.root.follow_events(now);
        self.forget_if(has_changed);
    }

    /// Whether there is a directory to serve.
    pub fn has_root(&mut self, moment: &Moment) -> bool {
        self.look_at_root(moment);
        self.root.root().is_some()
    }

    fn follow_root(&mut self, moment: &Moment) {
        if self.root.is_due(moment.now) {
            self.look_at_root(moment);
        }
    }

    /// Seldom, and so kept out of the way of what is always done.
    #[cold]
    fn look_at_root(&mut self, moment: &Moment) -> bool {
        let has_changed = self.root.follow(moment);
        self.forget_if(has_changed);
        has_changed
    }

    /// Forgets all that was found beneath another root. What it holds open is closed.
    fn forget_if(&mut self, has_changed: bool) {
        if has_changed {
            self.cache.clear();
            self.last_miss = LastMiss::default();
            self.missing = MissingStandIns::default();
            self.coded_misses = CodedMisses::default();
        }
    }

    fn load(
        &mut self,
        key: &[u8],
        moment: &Moment,
        load: impl Fn(&Look<'_>) -> Result<Loaded, Miss>,
    ) -> Result<Loaded, Miss> {
        let seeks_coded = self.finder.precompressed() && self.coded_misses.is_due(key, moment.now);
        let look = |site: &Self| {
            let look = site.look(moment).ok_or(Miss::RootLost)?;
            load(&Look {
                seeks_coded,
                ..look
            })
        };
        let loaded = match look(self) {
            // The cache holds descriptors that nobody is using; they are the first to go.
            Err(Miss::Exhausted) if self.cache.release_descriptors() => look(self),
            // The whole directory may be another one by now, or gone.
            Err(miss) if miss.may_be_of_root() && self.look_at_root(moment) => look(self),
            loaded => loaded,
        };
        if seeks_coded && matches!(loaded, Err(Miss::Nothing | Miss::NoIndex)) {
            self.coded_misses.note(key, moment.now);
        }
        loaded
    }

    /// `None` while the root is lost.
    fn look(&self, moment: &Moment) -> Option<Look<'_>> {
        self.look_at(moment.wall())
    }

    fn look_at(&self, wall: SystemTime) -> Option<Look<'_>> {
        Some(Look {
            root: self.root.root()?,
            addressing: &self.addressing,
            finder: &self.finder,
            policy: &self.policy,
            digests: &self.digests,
            seeks_coded: self.finder.precompressed(),
            wall,
        })
    }
}

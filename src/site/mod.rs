//! The served directory: the only code that opens and reads its files.
//!
//! [`Site::resolve`] looks, and says what it found or why there is nothing; it decides nothing. What
//! takes longer than a turn of the loop may becomes a job, which [`Site::advance`] goes on with.

mod address;
mod cache;
mod compression;
mod facts;
mod inspect;
mod jobs;
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

use crate::http::coding::{Coding, CodingSet};
use crate::http::request::RequestHead;
use crate::http::target::RequestPath;
use crate::plan::{Policy, Representation, StandIn};
use bytes::Bytes;
use cache::Cache;
use compression::{Compression, Workload};
use jobs::{Jobs, Means};
use listing::Listings;
use load::{Loaded, Look};
use root::Root;
use root_path::RootPath;
use rustix::fd::{BorrowedFd, OwnedFd};
use stand_in::MissingStandIns;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Instant, SystemTime};
use variants::{Finder, Variants};

pub use address::Addressing;
pub use cache::CacheFigures;
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
            root: PathBuf::from("static"),
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
    finder: Finder,
    jobs: Jobs,
    workload: Workload,
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

/// A file, opened and looked at, or what is made in place of one.
#[derive(Debug)]
pub struct File {
    /// Whether it is there, or was made.
    pub origin: Origin,
    /// What a response can say of it.
    pub representation: Representation,
    /// Where its bytes are.
    pub source: Source,
    /// Where it was found, relative to the root.
    pub place: Box<[u8]>,
    variants: Option<Variants>,
}

impl File {
    /// What it is served in place of; `None` where it was asked for.
    pub fn stand_in(&self) -> Option<StandIn> {
        self.representation.facts().stand_in
    }

    /// The codings that its content is to be had in besides.
    pub fn codings(&self) -> CodingSet {
        let variants = self.variants.as_ref();
        variants.map_or(CodingSet::EMPTY, Variants::codings)
    }

    /// Whether it holds a descriptor.
    fn is_open(&self) -> bool {
        matches!(self.source, Source::Descriptor(_))
    }
}

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is one on disk.
    Disk,
    /// It lists a directory.
    Listing,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory, as they were when the file was read.
    Memory(Bytes),
    /// In the file, to be sent from there.
    Descriptor(Rc<OwnedFd>),
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
            finder: Finder::new(options),
            jobs: Jobs::default(),
            workload: Workload::default(),
            listings: options.listing.then(|| Listings::new(options.compression)),
            policy,
            key: Vec::new(),
        })
    }

    /// What the operator wants of every response.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The way from the top of the file system to where a path is looked for.
    pub fn trail(&self, path: &RequestPath<'_>) -> Trail {
        let location = self.root.root().map_or_else(
            || path.as_bytes().to_vec(),
            |root| load::location(root, path, &self.addressing),
        );
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
        match (self.find(path, moment), &self.listings, self.root.root()) {
            (Err(Miss::NoIndex), Some(listings), Some(root)) => {
                Resolution::Pending(listings.claim(&mut self.jobs, root, path, request))
            }
            (found, ..) => Resolution::Ready(found),
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
        })
    }

    /// Finds a file in one of the codings that it is to be had in, as it is on disk in this turn
    /// of the loop. `None` where there turns out to be none to be had, so that another is to be
    /// chosen: what lies beside the file with this coding is not among its codings any more. Where
    /// it can be made but not now, the file itself is what comes of it. `path` is what it was asked
    /// for by.
    pub fn encode(
        &mut self,
        path: &[u8],
        file: &Rc<File>,
        coding: Coding,
        moment: &Moment,
    ) -> Option<Resolution> {
        let Some(variants) = &file.variants else {
            return Some(Resolution::Ready(Ok(Rc::clone(file))));
        };
        variants.key(path, file, coding, &mut self.key);
        if variants.is_beside(coding) {
            let found = self.find_beside(file, variants, coding, moment);
            return found.map(|found| Resolution::Ready(Ok(found)));
        }
        if let Some(made) = self.cache.get_made(&self.key) {
            return Some(Resolution::Ready(Ok(made)));
        }
        if let Some(pending) = self.jobs.join(&self.key) {
            return Some(Resolution::Pending(pending));
        }
        let begun = Compression::begin(file, &self.key, &self.workload);
        Some(match begun {
            Some(work) => Resolution::Pending(self.jobs.begin(&self.key, Box::new(work))),
            None => Resolution::Ready(Ok(Rc::clone(file))),
        })
    }

    fn find_beside(
        &mut self,
        file: &Rc<File>,
        variants: &Variants,
        coding: Coding,
        moment: &Moment,
    ) -> Option<Rc<File>> {
        if let Some(root) = self.root.root()
            && let Some(found) = self.cache.get(&self.key, moment, root)
        {
            return Some(found);
        }
        let look = self.look(moment);
        let opened = look.and_then(|look| self.finder.open(&look, file, variants, coding));
        if opened.is_none() {
            variants.give_up_beside(coding);
        }
        opened.map(|loaded| self.cache.insert(&self.key, loaded, moment))
    }

    fn find(&mut self, path: &RequestPath<'_>, moment: &Moment) -> Outcome {
        if path.is_hidden() {
            return Err(Miss::Hidden);
        }
        self.follow_root(moment);
        let root = self.root.root().ok_or(Miss::RootLost)?;
        if let Some(file) = self.cache.get(path.as_bytes(), moment, root) {
            return Ok(file);
        }
        if let Some(miss) = self.last_miss.recall(path.as_bytes(), moment.tick) {
            return Err(miss);
        }
        match self.load(moment, |look| look.load(path)) {
            Ok(loaded) => Ok(self.cache.insert(path.as_bytes(), loaded, moment)),
            Err(miss) => {
                self.last_miss.note(path.as_bytes(), moment.tick, miss);
                Err(miss)
            }
        }
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
    pub fn find_stand_in(&mut self, stand_in: StandIn, moment: &Moment) -> Outcome {
        self.follow_root(moment);
        let key = stand_in::key(stand_in);
        let root = self.root.root().ok_or(Miss::RootLost)?;
        if let Some(file) = self.cache.get(&key, moment, root) {
            return Ok(file);
        }
        if let Some(miss) = self.missing.recall(stand_in, moment.tick) {
            return Err(miss);
        }
        match self.load(moment, |look| look.load_stand_in(stand_in)) {
            Ok(loaded) => Ok(self.cache.insert(&key, loaded, moment)),
            Err(miss) => {
                self.missing.note(stand_in, moment.tick, miss);
                Err(miss)
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

    /// The root's absolute path, wherever it leads.
    pub fn root_path(&self) -> &Path {
        self.root.path()
    }

    fn follow_root(&mut self, moment: &Moment) {
        let has_changed = self.root.follow(moment);
        self.forget_if(has_changed);
    }

    fn look_at_root(&mut self, moment: &Moment) -> bool {
        let has_changed = self.root.follow_at_once(moment);
        self.forget_if(has_changed);
        has_changed
    }

    /// Forgets all that was found beneath another root. What it holds open is closed.
    fn forget_if(&mut self, has_changed: bool) {
        if has_changed {
            self.cache.clear();
            self.last_miss = LastMiss::default();
            self.missing = MissingStandIns::default();
        }
    }

    fn load(
        &mut self,
        moment: &Moment,
        load: impl Fn(&Look<'_>) -> Result<Loaded, Miss>,
    ) -> Result<Loaded, Miss> {
        let once = |site: &Self| {
            site.look(moment)
                .map_or(Err(Miss::RootLost), |it| load(&it))
        };
        match once(self) {
            // The cache holds descriptors that nobody is using; they are the first to go.
            Err(Miss::Exhausted) if self.cache.release_descriptors() => once(self),
            // The whole directory may be another one by now, or gone.
            Err(miss) if miss.may_be_of_root() && self.look_at_root(moment) => once(self),
            loaded => loaded,
        }
    }

    /// `None` while the root is lost.
    fn look(&self, moment: &Moment) -> Option<Look<'_>> {
        Some(Look {
            root: self.root.root()?,
            addressing: &self.addressing,
            finder: &self.finder,
            policy: &self.policy,
            wall: moment.wall(),
        })
    }
}

/// The last look that found nothing, which holds for its tick as any other does: many clients ask
/// for the one file that a site lacks.
#[derive(Debug)]
struct LastMiss {
    path: Vec<u8>,
    tick: u64,
    miss: Miss,
}

impl LastMiss {
    fn recall(&self, path: &[u8], tick: u64) -> Option<Miss> {
        (self.tick == tick && self.path == path).then_some(self.miss)
    }

    fn note(&mut self, path: &[u8], tick: u64, miss: Miss) {
        self.path.clear();
        self.path.extend_from_slice(path);
        (self.tick, self.miss) = (tick, miss);
    }
}

impl Default for LastMiss {
    fn default() -> Self {
        // Ticks are counted from 1.
        Self {
            path: Vec::new(),
            tick: 0,
            miss: Miss::Nothing,
        }
    }
}

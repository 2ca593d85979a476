//! A site: opening it, and following its root when the root is replaced.

use super::cache::{Cache, CacheFigures, Missing, Nearest};
use super::codings::VariantFinder;
use super::jobs::{CompressionLoad, JobContext, Jobs, Workload};
use super::listing::Listings;
use super::lookup::{Addressing, Digests, Lookup};
use super::lookup_time::LookupTime;
use super::options::Options;
use super::root::{LinkTargets, Root, RootPath, SymlinkTrace, absolute_root, follow};
use super::shared_limits::SharedLimits;
use crate::http::path::RequestPath;
use crate::plan::Policy;
use rustix::fd::BorrowedFd;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{self, Path};
use std::rc::Rc;
use std::time::{Instant, SystemTime};

/// A directory that is served.
#[derive(Debug)]
pub struct Site {
    pub(super) root: RootPath,
    pub(super) addressing: Addressing,
    pub(super) cache: Cache,
    pub(super) missing: Missing,
    pub(super) nearest: Nearest,
    pub(super) finder: VariantFinder,
    pub(super) jobs: Jobs,
    pub(super) compression: Rc<CompressionLoad>,
    pub(super) digests: Digests,
    pub(super) hashing: Rc<Workload>,
    /// `None` if directories are not listed.
    pub(super) listings: Option<Listings>,
    pub(super) policy: Rc<Policy>,
}

/// Checks that a directory can be served.
pub fn check(root: &Path) -> io::Result<()> {
    Root::open(&absolute_root(root)?).map(drop)
}

impl Site {
    /// Opens the root. At most `descriptors_max` files beneath it are kept open. Fails if the root
    /// cannot be opened or is not a directory.
    pub fn open(
        options: &Options,
        policy: impl Into<Rc<Policy>>,
        descriptors_max: usize,
        now: Instant,
    ) -> io::Result<Self> {
        let limits = SharedLimits::new(options, descriptors_max);
        Self::open_within(options, policy, &limits, now)
    }

    /// Opens the site with limits that it shares with other sites.
    pub fn open_within(
        options: &Options,
        policy: impl Into<Rc<Policy>>,
        limits: &SharedLimits,
        now: Instant,
    ) -> io::Result<Self> {
        let root = RootPath::open(
            absolute_root(&options.root)?,
            LinkTargets::new(&options.links),
            now,
        )?;
        Ok(Self::with(root, options, policy.into(), limits))
    }

    /// Creates a site whose root cannot be opened, for this reason. Until it can, the site is
    /// unavailable.
    pub fn without_root(
        options: &Options,
        policy: impl Into<Rc<Policy>>,
        error: &io::Error,
        limits: &SharedLimits,
        now: Instant,
    ) -> Self {
        let path = absolute_root(&options.root).or_else(|_| path::absolute(&options.root));
        let path = path.unwrap_or_else(|_| options.root.clone());
        let root = RootPath::lost(path, LinkTargets::new(&options.links), error, now);
        Self::with(root, options, policy.into(), limits)
    }

    fn with(root: RootPath, options: &Options, policy: Rc<Policy>, limits: &SharedLimits) -> Self {
        Self {
            root,
            addressing: options.addressing.clone(),
            cache: Cache::new(&limits.caches).with_check_interval(options.check_interval),
            missing: Missing::default(),
            nearest: Nearest::default(),
            finder: VariantFinder::new(options),
            jobs: Jobs::default(),
            compression: Rc::clone(&limits.compression),
            digests: Digests::new(),
            hashing: Rc::clone(&limits.hashing),
            listings: options
                .listing
                .then(|| Listings::new(options.compression, policy.base.clone(), options.copies)),
            policy,
        }
    }

    /// Returns the symbolic links on the way from `/` to the file for a path.
    pub fn trail(&self, path: &RequestPath<'_>) -> SymlinkTrace {
        let look = self.look_at(SystemTime::now());
        let path_on_disk =
            look.map_or_else(|| path.as_bytes().to_vec(), |look| look.path_on_disk(path));
        follow(&self.root.path().join(OsString::from_vec(path_on_disk)))
    }

    /// Returns `true` if jobs are in progress.
    pub fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Does a step of the jobs, which takes well below a millisecond. Returns `true` if this
    /// completed a [`JobHandle`](super::JobHandle).
    pub fn advance(&mut self) -> bool {
        self.jobs.advance(&mut JobContext {
            cache: &mut self.cache,
            policy: &self.policy,
            digests: &self.digests,
        })
    }

    /// Empties the cache, so that each file is read again at its next request.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.digests.clear();
    }

    /// Drops files from the cache while its budget is exceeded and it exceeds its share.
    pub fn fit_budget(&mut self) {
        self.cache.fit_budget();
    }

    /// Releases the descriptors that the cache holds. Returns `true` if it held any. Those in use
    /// by a response stay open until it is sent.
    pub fn release_descriptors(&mut self) -> bool {
        self.cache.release_descriptors()
    }

    /// Returns the size of the cache and its hits and misses.
    pub fn cache_figures(&self) -> CacheFigures {
        self.cache.figures()
    }

    /// Returns a descriptor that becomes readable when the root may have been replaced or removed.
    /// Call [`Site::note_root_events`] then, before resolving anything.
    pub fn root_events(&self) -> Option<BorrowedFd<'_>> {
        self.root.events()
    }

    /// Checks whether the root was replaced or removed.
    pub fn note_root_events(&mut self, now: Instant) {
        let has_changed = self.root.follow_events(now);
        self.forget_if(has_changed);
    }

    /// Returns `true` if there is a directory to serve.
    pub fn has_root(&mut self, moment: &LookupTime) -> bool {
        self.look_at_root(moment);
        self.root.root().is_some()
    }

    pub(super) fn follow_root(&mut self, moment: &LookupTime) {
        if self.root.is_due(moment.now) {
            self.look_at_root(moment);
        }
    }

    /// Checks whether the root has changed. This is rare, so it is kept out of the hot path.
    #[cold]
    pub(super) fn look_at_root(&mut self, moment: &LookupTime) -> bool {
        let has_changed = self.root.follow(moment);
        self.forget_if(has_changed);
        has_changed
    }

    /// Forgets all files found beneath the old root and closes them, if the root has changed.
    fn forget_if(&mut self, has_changed: bool) {
        if has_changed {
            self.cache.clear();
            self.missing.clear();
            self.nearest.clear();
        }
    }

    /// Returns `None` while the root is lost.
    pub(super) fn look(&self, moment: &LookupTime) -> Option<Lookup<'_>> {
        self.look_at(moment.wall())
    }

    pub(super) fn look_at(&self, wall: SystemTime) -> Option<Lookup<'_>> {
        Some(Lookup {
            root: self.root.root()?,
            addressing: &self.addressing,
            finder: &self.finder,
            policy: &self.policy,
            digests: &self.digests,
            seeks_precompressed: self.finder.precompressed(),
            wall,
        })
    }
}

//! Finding a file: in the cache, on disk, or with a job.

use super::cache::{KeyRef, ServedFor};
use super::error::LookupError;
use super::jobs::{Hashing, JobHandle, JobKey, Outcome};
use super::lookup::{FoundFile, Lookup};
use super::lookup_time::LookupTime;
use super::open::Site;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::Fallback;

/// The result of a lookup.
#[derive(Debug)]
pub enum Resolution {
    /// A file, or the reason why there is none.
    Ready(Outcome),
    /// A job that will produce the result.
    Pending(JobHandle),
}

impl Site {
    /// Finds the file for a path, as it is on disk in this tick. For a directory without an index
    /// file, begins a listing.
    pub fn resolve(
        &mut self,
        request: &RequestHead<'_>,
        path: &RequestPath<'_>,
        moment: &LookupTime,
    ) -> Resolution {
        if let Err(why) = self.policy.dotfiles.check(path) {
            return Resolution::Ready(Err(LookupError::Concealed(why)));
        }
        self.follow_root(moment);
        let Some(root) = self.root.root() else {
            return Resolution::Ready(Err(LookupError::RootLost));
        };
        match self
            .cache
            .get(KeyRef::of_path(path.as_bytes()), moment, root)
        {
            Some(file) => Resolution::Ready(Ok(file)),
            None => self.find(request, path, moment),
        }
    }

    /// Finds the file at a path to serve it as a fallback, as it is on disk in this tick.
    pub fn find_fallback(
        &mut self,
        fallback: Fallback,
        path: &RequestPath<'_>,
        moment: &LookupTime,
    ) -> Resolution {
        self.follow_root(moment);
        let served_for = ServedFor::Fallback(fallback, path.as_bytes());
        let Some(root) = self.root.root() else {
            return Resolution::Ready(Err(LookupError::RootLost));
        };
        let key = KeyRef::of_file(served_for);
        if let Some(file) = self.cache.get(key, moment, root) {
            return Resolution::Ready(Ok(file));
        }
        match self.load(served_for, moment, |look| {
            look.load_fallback(fallback, path)
        }) {
            Ok(loaded) => self.keep(key, loaded, moment),
            Err(miss) => Resolution::Ready(Err(miss)),
        }
    }

    /// Finds a file that is not in the cache, or begins to list a directory.
    fn find(
        &mut self,
        request: &RequestHead<'_>,
        path: &RequestPath<'_>,
        moment: &LookupTime,
    ) -> Resolution {
        let served_for = ServedFor::Path(path.as_bytes());
        let miss = match self.load(served_for, moment, |look| look.load(path)) {
            Ok(loaded) => return self.keep(KeyRef::of_file(served_for), loaded, moment),
            Err(miss) => miss,
        };
        match (&self.listings, self.root.root()) {
            (Some(listings), Some(root)) if miss == LookupError::NoIndex => {
                Resolution::Pending(listings.claim(&mut self.jobs, root, path, request))
            }
            _ => Resolution::Ready(Err(miss)),
        }
    }

    /// Caches a loaded file, unless it has to be hashed first. In that case it is cached at its
    /// next request, because it may change while it is hashed.
    pub(super) fn keep(
        &mut self,
        key: KeyRef<'_>,
        loaded: FoundFile,
        moment: &LookupTime,
    ) -> Resolution {
        if !loaded.lacks_hash {
            return Resolution::Ready(Ok(self.cache.insert(key, loaded, moment)));
        }
        let job = JobKey::Hash(key.into(), loaded.fingerprint);
        if let Some(pending) = self.jobs.join(&job) {
            return Resolution::Pending(pending);
        }
        match Hashing::begin(loaded, &self.hashing) {
            Ok(work) => Resolution::Pending(self.jobs.begin(job, Box::new(work))),
            Err(file) => Resolution::Ready(Ok(file)),
        }
    }

    /// Searches for a file on disk, unless it is known to be missing.
    fn load(
        &mut self,
        served_for: ServedFor<&[u8]>,
        moment: &LookupTime,
        load: impl Fn(&Lookup<'_>) -> Result<FoundFile, LookupError>,
    ) -> Result<FoundFile, LookupError> {
        let is_due = self.missing.recall(served_for, moment.tick, moment.now)?;
        let seeks_precompressed = self.finder.precompressed() && is_due;
        let look = |site: &Self| {
            let look = site.look(moment).ok_or(LookupError::RootLost)?;
            load(&Lookup {
                seeks_precompressed,
                ..look
            })
        };
        let loaded = match look(self) {
            // The cache holds descriptors that nobody uses at the moment; release them first.
            Err(LookupError::OutOfResources) if self.cache.release_descriptors() => look(self),
            // The whole root directory may have been replaced or removed.
            Err(miss) if miss.may_be_of_root() && self.look_at_root(moment) => look(self),
            loaded => loaded,
        };
        if let Err(miss) = loaded {
            let has_no_precompressed =
                seeks_precompressed && matches!(miss, LookupError::Nothing | LookupError::NoIndex);
            let at = has_no_precompressed.then_some(moment.now);
            self.missing.note(served_for, moment.tick, miss, at);
        }
        loaded
    }
}

//! The site as the plan sees it: the search for the file that answers one request.
//!
//! A search that has to wait for a job is paused, and resumed when the job is done. It repeats
//! nothing: it remembers failures and the results of jobs.

use super::cache::ServedFor;
use super::error::LookupError;
use super::file::File;
use super::find::Resolution;
use super::jobs::JobHandle;
use super::lookup_time::LookupTime;
use super::open::Site;
use crate::http::coding::{Coding, Codings};
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::{Fallback, Lookup, Plan, Representation, Resource, Resources};
use std::rc::Rc;
use std::task::Poll;

impl Resource for Rc<File> {
    fn representation(&self) -> &Representation {
        &self.representation
    }

    fn path_on_disk(&self) -> &[u8] {
        &self.path_on_disk
    }

    fn codings(&self) -> Codings {
        File::codings(self)
    }

    fn is_only_precompressed(&self) -> bool {
        File::is_only_precompressed(self)
    }
}

/// The search for the file that answers one request.
#[derive(Debug)]
pub struct Search<'a> {
    site: &'a mut Site,
    moment: LookupTime,
    /// The reason why the requested file is not served.
    asked: Option<LookupError>,
    /// Everything else; `None` in the common case without any.
    besides: Option<Box<Besides>>,
}

/// A search that waits for a job.
#[derive(Debug)]
pub struct PausedSearch {
    asked: Option<LookupError>,
    besides: Box<Besides>,
}

/// The target of a search: the requested file, or the fallback at a path.
type Sought = ServedFor<Box<[u8]>>;

/// The jobs of a search, and its fallbacks that failed.
#[derive(Debug, Default)]
struct Besides {
    /// The fallbacks that cannot be served. One that does not exist is not among them: the site
    /// remembers it for the rest of the tick, and nobody needs to know.
    failed: Vec<(Sought, LookupError)>,
    /// The files that jobs produced.
    made: Vec<(Sought, Rc<File>)>,
    pending: Option<(Sought, JobHandle)>,
}

impl<'a> Search<'a> {
    /// Begins a search.
    pub fn new(site: &'a mut Site, moment: LookupTime) -> Self {
        Self {
            site,
            moment,
            asked: None,
            besides: None,
        }
    }

    /// Pauses the search. Returns `None` if it does not wait for a job.
    pub fn pause(self) -> Option<PausedSearch> {
        let besides = self.besides.filter(|it| it.pending.is_some())?;
        let asked = self.asked;
        Some(PausedSearch { asked, besides })
    }

    /// Returns `true` if any target was not found.
    pub fn has_failed(&self) -> bool {
        self.asked.is_some() || self.besides.is_some()
    }

    /// Returns the reason why the requested file is not served.
    pub fn asked_failure(&self) -> Option<LookupError> {
        self.asked
    }

    /// Returns the fallbacks that exist but cannot be served, each with its path and the reason.
    pub fn failed_fallbacks(&self) -> impl Iterator<Item = (Fallback, &[u8], LookupError)> {
        let failed = self.besides.iter().flat_map(|it| &it.failed);
        failed.filter_map(|(sought, miss)| match sought {
            ServedFor::Fallback(fallback, path) => Some((*fallback, &**path, *miss)),
            ServedFor::Path(_) => None,
        })
    }

    /// Returns a known result: a failure, or the result of a job.
    #[inline]
    fn known(&self, sought: ServedFor<&[u8]>) -> Option<Lookup<Rc<File>>> {
        if let (ServedFor::Path(_), Some(miss)) = (sought, self.asked) {
            return Some(Poll::Ready(Err(miss.unavailable())));
        }
        self.besides.as_ref()?.known(sought)
    }

    #[inline]
    fn settle(&mut self, sought: ServedFor<&[u8]>, resolution: Resolution) -> Lookup<Rc<File>> {
        match resolution {
            Resolution::Ready(Ok(file)) => Poll::Ready(Ok(file)),
            other => self.settle_without_file(sought, other),
        }
    }

    #[inline(never)]
    fn settle_without_file(
        &mut self,
        sought: ServedFor<&[u8]>,
        resolution: Resolution,
    ) -> Lookup<Rc<File>> {
        match resolution {
            Resolution::Ready(Ok(file)) => Poll::Ready(Ok(file)),
            Resolution::Ready(Err(miss)) => {
                self.note_failure(sought, miss);
                Poll::Ready(Err(miss.unavailable()))
            }
            Resolution::Pending(pending) => {
                let besides = self.besides.get_or_insert_default();
                besides.pending = Some((sought.to_owned(), pending));
                Poll::Pending
            }
        }
    }

    fn note_failure(&mut self, sought: ServedFor<&[u8]>, miss: LookupError) {
        match sought {
            ServedFor::Path(_) => self.asked = Some(miss),
            ServedFor::Fallback(..) if miss == LookupError::Nothing => {}
            ServedFor::Fallback(..) => {
                let besides = self.besides.get_or_insert_default();
                besides.note_failure(sought.to_owned(), miss);
            }
        }
    }

    fn forget_failure(&mut self, sought: ServedFor<&[u8]>) {
        match (sought, &mut self.besides) {
            (ServedFor::Path(_), _) => self.asked = None,
            (ServedFor::Fallback(..), Some(besides)) => {
                besides
                    .failed
                    .retain(|(failed, _)| failed.borrowed() != sought);
            }
            (ServedFor::Fallback(..), None) => {}
        }
    }
}

impl Besides {
    fn known(&self, sought: ServedFor<&[u8]>) -> Option<Lookup<Rc<File>>> {
        let is_sought = |it: &Sought| it.borrowed() == sought;
        if let Some((_, miss)) = self.failed.iter().find(|(it, _)| is_sought(it)) {
            return Some(Poll::Ready(Err(miss.unavailable())));
        }
        let (_, file) = self.made.iter().find(|(it, _)| is_sought(it))?;
        Some(Poll::Ready(Ok(Rc::clone(file))))
    }

    fn note_failure(&mut self, sought: Sought, miss: LookupError) {
        self.failed.retain(|(failed, _)| *failed != sought);
        self.failed.push((sought, miss));
    }
}

impl PausedSearch {
    /// Returns `true` if the job that the search waits for is done.
    pub fn is_done(&self) -> bool {
        let pending = self.besides.pending.as_ref();
        pending.is_none_or(|(_, pending)| pending.is_done())
    }

    /// Resumes the search with the result of the job, or returns it unchanged if the job is not
    /// done. The site must be the same.
    pub fn resume(self, site: &mut Site, moment: LookupTime) -> Result<Search<'_>, Self> {
        let Self { asked, mut besides } = self;
        let mut search = Search::new(site, moment);
        search.asked = asked;
        let mut failure = None;
        if let Some((sought, pending)) = besides.pending.take() {
            match pending.outcome() {
                Some(Ok(file)) => {
                    besides.made.retain(|(made, _)| *made != sought);
                    besides.made.push((sought, file));
                }
                Some(Err(miss)) => failure = Some((sought, miss)),
                None => {
                    besides.pending = Some((sought, pending));
                    return Err(Self { asked, besides });
                }
            }
        }
        search.besides = Some(besides);
        if let Some((sought, miss)) = failure {
            search.note_failure(sought.borrowed(), miss);
        }
        Ok(search)
    }
}

impl Resources for Search<'_> {
    type File = Rc<File>;

    fn find(&mut self, request: &RequestHead<'_>, path: &RequestPath<'_>) -> Lookup<Rc<File>> {
        let sought = ServedFor::Path(path.as_bytes());
        if let Some(known) = self.known(sought) {
            return known;
        }
        let found = self.site.resolve(request, path, &self.moment);
        self.settle(sought, found)
    }

    fn find_fallback(&mut self, fallback: Fallback, path: &RequestPath<'_>) -> Lookup<Rc<File>> {
        let sought = ServedFor::Fallback(fallback, path.as_bytes());
        if let Some(known) = self.known(sought) {
            return known;
        }
        let found = self.site.find_fallback(fallback, path, &self.moment);
        self.settle(sought, found)
    }

    fn nearest_with<'p>(&mut self, name: &'static str, directory: &'p [u8]) -> &'p [u8] {
        self.site.nearest_with(name, directory, &self.moment)
    }

    fn encode(&mut self, path: &[u8], file: &Rc<File>, coding: Coding) -> Option<Lookup<Rc<File>>> {
        let sought = ServedFor::of(file.fallback(), path);
        let encoded = self.site.encode(path, file, coding, &self.moment)?;
        // It no longer matters that the file could not be decoded.
        self.forget_failure(sought);
        Some(self.settle(sought, encoded))
    }

    fn not_found(&mut self, path: &RequestPath<'_>, make: impl FnOnce() -> Plan) -> Plan {
        self.site.missing.page_or_make(path.as_bytes(), make)
    }

    fn decode(&mut self, path: &[u8], file: &Rc<File>) -> Option<Lookup<Rc<File>>> {
        let decoded = self.site.decode(path, file, &self.moment);
        let cannot = matches!(
            decoded,
            Resolution::Ready(Err(LookupError::OnlyPrecompressed))
        );
        let decoded = self.settle(ServedFor::of(file.fallback(), path), decoded);
        (!cannot).then_some(decoded)
    }
}

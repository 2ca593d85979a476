//! From a request to its response: asks the plan, and suspends requests that have to wait.

use super::answered::Answer;
use super::live;
use super::response::{Decision, OpenFile, response, response_without_file};
use super::served::Served;
use super::site_figures::{SiteFigures, bounded};
use super::sites::{Several, Sites};
use super::suspended::{Accepted, Suspended};
use crate::conn::{Event, Rejection, Response};
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::fields::FieldStorage;
use crate::http::path::escaped;
use crate::http::request::RequestHead;
use crate::plan::{self, Anybody, NoSite, Policy, Visitor};
use crate::server::clock::Clock;
use crate::server::context::Context;
use crate::server::passwords::Waiting;
use crate::site::{CacheFigures, LookupError, LookupTime, PausedSearch, Search};
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

/// The responder to requests on the public listeners.
#[derive(Debug)]
pub(crate) struct Responder {
    sites: Sites,
    /// The sites that requests wait for. Some of them may not be served any more.
    awaited: RefCell<Vec<Weak<Served>>>,
    /// The separator between the parts of a response with several ranges. It differs after every
    /// start, so no file can be made to contain it.
    boundary: String,
}

/// A decision, with the reason if the requested file is not served.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) miss: Option<LookupError>,
}

impl Responder {
    pub(crate) fn new(sites: Sites) -> Self {
        let random = || RandomState::new().hash_one(0);
        Self {
            sites,
            awaited: RefCell::default(),
            boundary: format!("millpond-{:016x}{:016x}", random(), random()),
        }
    }

    /// Returns the sites that are served.
    pub(crate) fn sites(&self) -> &Sites {
        &self.sites
    }

    /// Answers an event. `head` has the received bytes of a request.
    pub(crate) fn answer(
        &self,
        event: &Event<'_>,
        head: &[u8],
        peer: Option<IpAddr>,
        context: &mut Context,
    ) -> Answer {
        let request = match event {
            Event::Request(request) => request,
            Event::Rejected { rejection, .. } => {
                context.note_rejection(*rejection);
                return Answer::Ready(self.answer_rejected(*rejection));
            }
        };
        match &self.sites {
            Sites::One(served, _) => self.answer_from(served, request, head, peer, context),
            Sites::Several(several) => {
                self.answer_from_one_of(several, request, head, peer, context)
            }
        }
    }

    /// Answers a request from the site that it is for. Apart, so that a single site is answered from
    /// without a detour.
    #[inline(never)]
    fn answer_from_one_of(
        &self,
        several: &Several,
        request: &RequestHead<'_>,
        head: &[u8],
        peer: Option<IpAddr>,
        context: &mut Context,
    ) -> Answer {
        match several.find(request) {
            Ok(served) => {
                let answer = self.answer_from(served, request, head, peer, context);
                note_answer(served, &answer);
                several.fit_budget();
                answer
            }
            Err(why) => Answer::Ready(self.answer_without_site(request, why)),
        }
    }

    /// Answers a request from a site.
    #[expect(
        clippy::inline_always,
        reason = "it has two callers, and what is handed over is large"
    )]
    #[inline(always)]
    fn answer_from(
        &self,
        served: &Rc<Served>,
        request: &RequestHead<'_>,
        head: &[u8],
        peer: Option<IpAddr>,
        context: &mut Context,
    ) -> Answer {
        let mut site = served.site.borrow_mut();
        let now = context.clock.now();
        let mut search = Search::new(&mut site, context.clock.moment());
        let mut guard = context.guard(Waiting::new(peer));
        let policy = &served.policy;
        let planned = plan::respond(request, policy, &self.boundary, &mut search, &mut guard);
        let waiting = guard.waiting;
        match planned {
            Poll::Ready(decision) => {
                context.user = waiting.into_user();
                if search.has_failed() {
                    log_failures(request, &search, decision.plan.status);
                }
                if decision.plan.status == Status::MisdirectedRequest {
                    context.note_misdirected(request.authority());
                }
                match &mut context.live {
                    None => Answer::Ready(response(decision)),
                    Some(live) => live::answer(request, decision, live, now),
                }
            }
            Poll::Pending => {
                let accepted = Accepted::new(head, &context.options.limits, served);
                self.suspend(accepted, search, waiting)
            }
        }
    }

    /// Answers a request that is for none of the sites.
    #[cold]
    fn answer_without_site(&self, request: &RequestHead<'_>, why: NoSite) -> Response<OpenFile> {
        let policy = self.sites.common_policy();
        response_without_file(plan::without_site(request, why, policy))
    }

    /// Redirects a request to the same URL over HTTPS, unless it is answered over HTTP too.
    pub(crate) fn redirect_to_https(
        &self,
        request: &RequestHead<'_>,
        port: u16,
    ) -> Option<Response<OpenFile>> {
        let policy = &self.sites.find(request).ok()?.policy;
        let plan = plan::redirect_to_https(request, &policy.hosts, port)?;
        Some(response_without_file(policy.rules.apply_general(plan)))
    }

    /// Answers input that is not a request.
    pub(crate) fn answer_rejected(&self, rejection: Rejection) -> Response<OpenFile> {
        let plan = plan::error_response(rejection.status());
        let policy = self.sites.common_policy();
        response_without_file(policy.rules.apply_general(plan))
    }

    /// Answers a suspended request, if the job that it waited for is done. It may then have to wait
    /// for another one.
    pub(crate) fn resume(&self, suspended: Suspended, context: &mut Context) -> Answer {
        let Suspended {
            accepted,
            search,
            waiting,
        } = suspended;
        let mut storage = FieldStorage::default();
        let Some(request) = accepted.request(&mut storage) else {
            return failed();
        };
        let served = Rc::clone(&accepted.served);
        let mut site = served.site.borrow_mut();
        let now = context.clock.now();
        let moment = context.clock.moment();
        let resumed = match search {
            None => Ok(Search::new(&mut site, moment)),
            Some(search) => search.resume(&mut site, moment),
        };
        let mut search = match resumed {
            Ok(search) => search,
            Err(search) => {
                return Answer::Pending(Box::new(Suspended {
                    accepted,
                    search: Some(search),
                    waiting,
                }));
            }
        };
        let mut guard = context.guard(waiting);
        let planned = self.plan(&request, &served.policy, &mut search, &mut guard);
        let waiting = guard.waiting;
        match planned {
            Poll::Ready(decision) => {
                context.user = waiting.into_user();
                let answer = match &mut context.live {
                    None => Answer::Ready(response(decision)),
                    Some(live) => live::answer(&request, decision, live, now),
                };
                note_answer(&served, &answer);
                answer
            }
            Poll::Pending => self.suspend(accepted, search, waiting),
        }
    }

    /// Decides on a request and waits as long as that takes, for a command that has nothing else to
    /// do.
    pub(crate) fn decide_now(&mut self, request: &RequestHead<'_>, context: &Context) -> Decided {
        let served = match self.sites.find(request) {
            Ok(served) => Rc::clone(served),
            Err(why) => {
                let plan = plan::without_site(request, why, self.sites.common_policy());
                let decision = Decision::without_file(plan);
                return Decided {
                    decision,
                    miss: None,
                };
            }
        };
        let mut paused = None;
        loop {
            let (mut site, moment) = (served.site.borrow_mut(), context.clock.moment());
            let search = match paused.take() {
                None => Ok(Search::new(&mut site, moment)),
                Some(paused) => PausedSearch::resume(paused, &mut site, moment),
            };
            paused = match search {
                Err(search) => Some(search),
                Ok(mut search) => {
                    match self.plan(request, &served.policy, &mut search, &mut Anybody) {
                        Poll::Ready(decision) => {
                            let miss = search.asked_failure();
                            return Decided { decision, miss };
                        }
                        Poll::Pending => search.pause(),
                    }
                }
            };
            drop(site);
            self.note_awaited(&served);
            self.advance_jobs(&context.clock);
        }
    }

    /// Asks the plan about a request that was suspended, or for a command.
    #[cold]
    fn plan(
        &self,
        request: &RequestHead<'_>,
        policy: &Policy,
        search: &mut Search<'_>,
        visitor: &mut impl Visitor,
    ) -> Poll<Decision> {
        let planned = plan::respond(request, policy, &self.boundary, search, visitor);
        if let Poll::Ready(decision) = &planned {
            log_failures(request, search, decision.plan.status);
        }
        planned
    }

    /// Serves other sites from now on. Waiting requests are still answered from the old ones.
    pub(crate) fn replace_sites(&mut self, sites: Sites) {
        let before = mem::replace(&mut self.sites, sites);
        for served in before.all() {
            let is_kept = |kept: &Rc<Served>| Rc::ptr_eq(kept, served);
            if !self.sites.all().iter().any(is_kept) {
                served.site.borrow_mut().forget();
            }
        }
    }

    /// Forgets all files, so that each is read again at its next request.
    pub(crate) fn forget_files(&mut self) {
        for served in self.sites.all() {
            served.site.borrow_mut().forget();
        }
    }

    /// Releases the descriptors of files that nobody may be requesting. Returns `true` if there
    /// were any.
    pub(crate) fn release_descriptors(&self) -> bool {
        let mut is_any = false;
        for served in self.sites.all() {
            is_any |= served.site.borrow_mut().release_descriptors();
        }
        is_any
    }

    /// Returns the total size and use of all caches.
    pub(crate) fn cache_figures(&self) -> CacheFigures {
        let figures = self
            .sites
            .all()
            .iter()
            .map(|served| served.site.borrow().cache_figures());
        figures.sum()
    }

    /// Returns the figures of each of several sites.
    pub(crate) fn site_figures(&self, moment: &LookupTime) -> Vec<SiteFigures> {
        let Sites::Several(_) = &self.sites else {
            return Vec::new();
        };
        let figures = self.sites.all().iter().map(|served| SiteFigures {
            name: served.spec.name().to_string(),
            has_root: served.site.borrow_mut().has_root(moment),
            responses: served.responses.counts(),
        });
        bounded(figures)
    }

    /// Returns `true` if all roots exist.
    pub(crate) fn has_roots(&self, moment: &LookupTime) -> bool {
        let mut sites = self.sites.all().iter();
        sites.all(|served| served.site.borrow_mut().has_root(moment))
    }

    /// Checks whether the roots were replaced or removed.
    pub(crate) fn note_root_events(&self, now: Instant) {
        for served in self.sites.all() {
            served.site.borrow_mut().note_root_events(now);
        }
        for served in self.awaited() {
            served.site.borrow_mut().note_root_events(now);
        }
    }

    /// Returns `true` if there are jobs that requests wait for.
    #[inline]
    pub(crate) fn has_jobs(&self) -> bool {
        !self.awaited.borrow().is_empty() && self.has_jobs_of_awaited()
    }

    #[cold]
    fn has_jobs_of_awaited(&self) -> bool {
        self.awaited().any(|served| served.site.borrow().has_jobs())
    }

    /// Runs the jobs for a moment. Returns `true` if a waiting request can now be answered.
    pub(crate) fn advance_jobs(&mut self, clock: &Clock) -> bool {
        let begun = clock.read();
        let mut is_any_done = false;
        while self.has_jobs() {
            for served in self.awaited() {
                is_any_done |= served.site.borrow_mut().advance();
            }
            if clock.since(begun) >= JOBS_TURN {
                break;
            }
        }
        self.forget_idle();
        if let Sites::Several(several) = &self.sites {
            several.fit_budget();
        }
        is_any_done
    }

    /// Suspends a request that waits for a job of the site, or for a password to be verified.
    #[cold]
    fn suspend(&self, accepted: Accepted, search: Search<'_>, waiting: Waiting) -> Answer {
        let search = search.pause();
        if search.is_some() {
            self.note_awaited(&accepted.served);
        } else if !waiting.has_begun() {
            return failed();
        }
        Answer::Pending(Box::new(Suspended {
            accepted,
            search,
            waiting,
        }))
    }

    /// Records that a request waits for a site.
    fn note_awaited(&self, served: &Rc<Served>) {
        let mut awaited = self.awaited.borrow_mut();
        if !awaited.iter().any(|it| it.as_ptr() == Rc::as_ptr(served)) {
            awaited.push(Rc::downgrade(served));
        }
    }

    /// Forgets the old sites that no request waits for.
    fn forget_idle(&mut self) {
        self.awaited.get_mut().retain(|served| {
            let served = served.upgrade();
            served.is_some_and(|served| served.site.borrow().has_jobs())
        });
    }

    /// Returns the sites that requests wait for.
    fn awaited(&self) -> impl Iterator<Item = Rc<Served>> {
        let awaited: Vec<_> = self
            .awaited
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        awaited.into_iter()
    }
}

/// Counts the response to a request for a site.
fn note_answer(served: &Served, answer: &Answer) {
    if let Answer::Ready(response) = answer {
        served.responses.note(response.status);
    }
}

/// Handles an impossible case: an accepted head cannot be parsed, or a pending plan waits for
/// nothing.
#[cold]
fn failed() -> Answer {
    debug_assert!(
        false,
        "a request that waits can be read, and waits for something"
    );
    let plan = plan::error_response(Status::InternalServerError);
    Answer::Ready(response_without_file(plan))
}

/// Logs why files are not served. Most failures are of no interest, and many clients request
/// missing files.
fn log_failures(request: &RequestHead<'_>, search: &Search<'_>, status: Status) {
    // A directory needs no index file if a rewrite or the start page of an application answers.
    let is_covered = |miss| miss == LookupError::NoIndex && status.code() < 400;
    if let Some(miss) = search.asked_failure()
        && !is_covered(miss)
        && log::log_enabled!(miss.level())
        && let Some(path) = plan::addressed_path(request, &BasePath::default())
    {
        let reference = path.to_reference().to_string();
        log::log!(miss.level(), "{reference:?} is not served: {miss}");
    }
    for (fallback, path, miss) in search.failed_fallbacks() {
        let reference = format!("/{}", escaped(path));
        log::log!(
            miss.level(),
            "{reference:?}, {fallback}, is not served: {miss}"
        );
    }
}

/// The time for jobs in one turn of the loop, without the last step. It is so short that a client
/// with a small request hardly notices.
const JOBS_TURN: Duration = Duration::from_micros(500);

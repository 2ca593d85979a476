//! One exchange: from a request to the response that answers it, through site and plan.

mod last_page;

use super::BYTES_A_TURN;
use super::access_log::{AccessLog, Ending, Record};
use super::admin::Admin;
use super::clock::Clock;
use super::decision::{Decision, OpenFile};
use super::metrics::Metrics;
use super::unsent::LargeSends;
use crate::conn::{self, Event, Refusal, Response, Tick};
use crate::http::Status;
use crate::http::fields::FieldStorage;
use crate::http::forwarded::{TrustedProxy, client_address};
use crate::http::host::Host;
use crate::http::request::RequestHead;
use crate::http::target::RequestPath;
use crate::plan::{self, Absence, Class, Plan};
use crate::site::{File, Miss, Moment, Outcome, Pending, Resolution, Site};
use last_page::LastPage;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What all sessions share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) clock: Clock,
    pub(super) access_log: AccessLog,
    /// One buffer to receive into, lent to whichever session is pumped.
    pub(super) input: Vec<u8>,
    /// One buffer to encode responses into, likewise.
    pub(super) output: Vec<u8>,
    pub(super) site: Site,
    last_page: LastPage,
    pub(super) front: Front,
    pub(super) metrics: Metrics,
    pub(super) large_sends: LargeSends,
    /// What has been done for sessions so far, by which turns are meted out: bytes sent and
    /// received, and so many for each request besides.
    pub(super) work: u64,
    /// The work at which the share is done that the present step of the loop has of a tick.
    share_end: u64,
    /// What the operator is told; `None` without a listener of theirs.
    pub(super) admin: Option<Box<Admin>>,
    pub(super) options: conn::Options,
    /// What separates the parts of a response of several ranges. Its value is anew with every
    /// start, so that no file can be made to contain it.
    boundary: String,
}

/// What stands in front of the site: the names it goes by, and the proxies that speak for others.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) hosts: Vec<Host>,
    pub(super) trusted_proxies: Vec<TrustedProxy>,
}

impl Service {
    pub(super) fn new(
        site: Site,
        front: Front,
        clock: Clock,
        options: conn::Options,
        access_log: AccessLog,
    ) -> Self {
        let random = || RandomState::new().hash_one(0);
        let boundary = format!("millpond-{:016x}{:016x}", random(), random());
        let (input, output) = (Vec::new(), Vec::new());
        Self {
            clock,
            access_log,
            input,
            output,
            site,
            last_page: LastPage::default(),
            front,
            metrics: Metrics::new(),
            large_sends: LargeSends::default(),
            work: 0,
            share_end: 0,
            admin: None,
            options,
            boundary,
        }
    }

    /// Begins a step of the loop, which has a share of work of its own.
    pub(super) fn begin_share(&mut self) {
        self.share_end = self.work + BYTES_A_TURN as u64;
    }

    /// Whether what takes long is to be left for the next step.
    pub(super) fn is_share_done(&self) -> bool {
        self.work >= self.share_end
    }

    /// The present moment, for a connection.
    pub(super) fn tick(&self) -> Tick<'_> {
        Tick {
            now: self.clock.now(),
            origin: self.clock.origin(),
            options: &self.options,
        }
    }

    /// Answers an event.
    pub(super) fn answer(&mut self, event: &Event<'_>) -> Answer<Response<OpenFile>> {
        match event {
            Event::Request(request) => self.decide(request).map(Decision::into_response),
            Event::Refused { refusal, .. } => Answer::Ready(Self::answer_refused(*refusal)),
        }
    }

    /// Answers what is no request.
    pub(super) fn answer_refused(refusal: Refusal) -> Response<OpenFile> {
        log::debug!("refused: {refusal}");
        Decision::at_once(plan::refuse(refusal.status())).into_response()
    }

    /// Answers the request with this head, whose answer was pending, now that there is an outcome.
    /// What stands in where that is a failure may have to be waited for, too.
    pub(super) fn answer_at_last(
        &mut self,
        head: &[u8],
        outcome: Outcome,
    ) -> Answer<Response<OpenFile>> {
        let mut storage = FieldStorage::default();
        // It was parsed before, perhaps under limits that have been changed since.
        let status = match RequestHead::parse(head, &mut storage, &self.options.limits) {
            Ok(Some((request, _))) => {
                let decision = self.decide_at_last(&request, outcome);
                return decision.map(Decision::into_response);
            }
            Ok(None) => Status::RequestHeaderFieldsTooLarge,
            Err(error) => error.status(),
        };
        Answer::Ready(Decision::at_once(plan::refuse(status)).into_response())
    }

    /// Gathers what there is to know for a request, and decides on it.
    pub(super) fn decide(&mut self, request: &RequestHead<'_>) -> Answer<Decision> {
        let path = match plan::admit(request, &self.front.hosts) {
            Ok(path) => path,
            Err(plan) => return self.decide_without_path(request, plan, None),
        };
        if let Some(plan) = plan::redirect(request, &path, self.site.policy()) {
            let decision = Decision::at_once(plan);
            return Answer::Ready(self.dress(decision, Some(&path)));
        }
        let moment = self.moment();
        let mut resolution = self.site.resolve(request, &path, &moment);
        if let Resolution::Ready(Ok(file)) = &resolution
            && let Some(encoded) = self.encode(request, path.as_bytes(), file, &moment)
        {
            resolution = encoded;
        }
        match resolution {
            Resolution::Ready(found) => self.decide_on(request, &path, found),
            Resolution::Pending(pending) => Answer::Pending(pending),
        }
    }

    /// The file in the coding that suits the request best, of those that it is to be had in; `None`
    /// for the file as it is.
    #[expect(
        clippy::inline_always,
        reason = "every cached answer passes here, and the callers that seldom do keep it out of line"
    )]
    #[inline(always)]
    fn encode(
        &mut self,
        request: &RequestHead<'_>,
        path: &[u8],
        file: &Rc<File>,
        moment: &Moment,
    ) -> Option<Resolution> {
        while let Some(coding) = plan::select_coding(&request.fields, file.codings()) {
            // What comes to nothing leaves one less to choose from.
            if let Some(encoded) = self.site.encode(path, file, coding, moment) {
                return Some(encoded);
            }
        }
        if !file.is_coded_alone() {
            return None;
        }
        Some(self.decode(request, path, file, moment))
    }

    /// What a file that is there in coded forms alone expands to or, where that cannot be, one of them
    /// that the client would rather not have had, but accepts.
    fn decode(
        &mut self,
        request: &RequestHead<'_>,
        path: &[u8],
        file: &Rc<File>,
        moment: &Moment,
    ) -> Resolution {
        let decoded = self.site.decode(path, file, moment);
        if matches!(decoded, Resolution::Ready(Err(Miss::OnlyCoded))) {
            while let Some(coding) = plan::accepted_coding(&request.fields, file.codings()) {
                if let Some(encoded) = self.site.encode(path, file, coding, moment) {
                    return encoded;
                }
            }
        }
        decoded
    }

    /// What was waited for, in the coding that suits the request best. A file that had to be hashed
    /// may have to be compressed, too.
    fn encode_outcome(
        &mut self,
        request: &RequestHead<'_>,
        path: &[u8],
        outcome: Outcome,
    ) -> Resolution {
        let moment = self.moment();
        let encoded = match &outcome {
            Ok(file) => self.encode(request, path, file, &moment),
            Err(_) => None,
        };
        encoded.unwrap_or(Resolution::Ready(outcome))
    }

    /// The same, however long it takes: for one who has nothing else to do.
    pub(super) fn decide_now(&mut self, request: &RequestHead<'_>) -> Decision {
        let mut answer = self.decide(request);
        loop {
            match answer {
                Answer::Ready(decision) => return decision,
                Answer::Pending(pending) => {
                    self.advance_jobs();
                    answer = match pending.outcome() {
                        Some(outcome) => self.decide_at_last(request, outcome),
                        None => Answer::Pending(pending),
                    };
                }
            }
        }
    }

    /// Decides on a request once that which it waited for is there.
    fn decide_at_last(&mut self, request: &RequestHead<'_>, outcome: Outcome) -> Answer<Decision> {
        let admitted = plan::admit(request, &self.front.hosts);
        let path = admitted.as_ref().map_or(&[][..], RequestPath::as_bytes);
        match (self.encode_outcome(request, path, outcome), admitted) {
            (Resolution::Pending(pending), _) => Answer::Pending(pending),
            (Resolution::Ready(found), Ok(path)) => self.decide_on(request, &path, found),
            (Resolution::Ready(found), Err(plan)) => {
                self.decide_without_path(request, plan, found.ok())
            }
        }
    }

    /// Decides on a request that no file can answer, by what was planned for it. `stand_in` is what
    /// it has waited for, if it has.
    fn decide_without_path(
        &mut self,
        request: &RequestHead<'_>,
        plan: Plan,
        stand_in: Option<Rc<File>>,
    ) -> Answer<Decision> {
        let path = plan::addressed_path(request, &plan);
        if plan.status != Status::NotFound {
            return Answer::Ready(self.dress(Decision::at_once(plan), path.as_ref()));
        }
        if let Some(file) = stand_in {
            return Answer::Ready(self.decide_instead(request, file, None));
        }
        // No file has such a path, though perhaps an application knows what to do with it.
        self.stand_in(request, Absence::NotFound, None)
            .unwrap_or_else(|| {
                let plan = plan::without_stand_in(plan, self.site.policy());
                Answer::Ready(self.dress(Decision::at_once(plan), path.as_ref()))
            })
    }

    fn decide_on(
        &mut self,
        request: &RequestHead<'_>,
        path: &RequestPath<'_>,
        found: Outcome,
    ) -> Answer<Decision> {
        let resource = match &found {
            Ok(file) if file.stand_in().is_some() => {
                return Answer::Ready(self.decide_instead(request, Rc::clone(file), None));
            }
            Ok(file) => Ok(&file.representation),
            Err(miss) => {
                if log::log_enabled!(miss.level()) {
                    let reference = path.to_reference().to_string();
                    log::log!(miss.level(), "{reference:?} is not served: {miss}");
                }
                if let Some(answer) = self.stand_in(request, miss.absence(), Some(*miss)) {
                    return answer;
                }
                Err(miss.absence())
            }
        };
        let make = || {
            let plan = plan::decide(request, path, resource, &self.boundary);
            plan::without_stand_in(plan, self.site.policy())
        };
        let plan = match resource {
            Err(Absence::NotFound) => self.last_page.recall_or(path, make),
            _ => make(),
        };
        let decision = Decision {
            plan,
            found: Some(found),
            stand_in: None,
        };
        Answer::Ready(self.dress(decision, Some(path)))
    }

    /// Decides on a request for what is absent by a file that stands in for it.
    fn decide_instead(
        &self,
        request: &RequestHead<'_>,
        file: Rc<File>,
        miss: Option<Miss>,
    ) -> Decision {
        let plan = plan::instead(request, &file.representation, &self.boundary);
        let path = plan::addressed_path(request, &plan);
        let decision = Decision {
            plan,
            found: miss.map(Err),
            stand_in: Some(file),
        };
        self.dress(decision, path.as_ref())
    }

    /// Changes the fields as the operator's rules have it, where they have not been made so.
    fn dress(&self, decision: Decision, path: Option<&RequestPath<'_>>) -> Decision {
        let rules = &self.site.policy().rules;
        let is_dressed = matches!(&decision.found, Some(Ok(_)))
            && Class::of(decision.plan.status) == Class::Success;
        if rules.is_empty() || is_dressed {
            return decision;
        }
        let Some(paths) = decision.ruled_paths(path) else {
            return decision;
        };
        let plan = rules.dress(decision.plan.clone(), &paths);
        Decision { plan, ..decision }
    }

    /// Decides on a request for what is absent, if the site has what may stand in for it.
    fn stand_in(
        &mut self,
        request: &RequestHead<'_>,
        absence: Absence,
        miss: Option<Miss>,
    ) -> Option<Answer<Decision>> {
        let moment = self.moment();
        let stand_ins = plan::stand_ins(request, absence, self.site.policy());
        for stand_in in stand_ins {
            let mut found = self.site.find_stand_in(stand_in, &moment);
            if let Resolution::Ready(Ok(file)) = &found
                && let Some(encoded) = self.encode(request, &[], file, &moment)
            {
                found = encoded;
            }
            match found {
                Resolution::Ready(Ok(file)) => {
                    return Some(Answer::Ready(self.decide_instead(request, file, miss)));
                }
                Resolution::Ready(Err(Miss::Nothing)) => {}
                Resolution::Ready(Err(miss)) => {
                    log::log!(miss.level(), "{stand_in} is not served: {miss}");
                }
                Resolution::Pending(pending) => return Some(Answer::Pending(pending)),
            }
        }
        None
    }

    fn moment(&self) -> Moment {
        self.clock.moment()
    }

    /// Serves another site from now on. Answers that are pending are still given.
    pub(super) fn replace_site(&mut self, mut site: Site) {
        site.adopt_jobs(&mut self.site);
        self.site = site;
        self.last_page = LastPage::default();
    }

    /// Lets go of all that is kept of files.
    pub(super) fn forget_files(&mut self) {
        self.site.forget();
    }

    /// Whether there is work under way that answers wait for.
    pub(super) fn has_jobs(&self) -> bool {
        self.site.has_jobs()
    }

    /// Goes on with work under way for a moment: whether an answer that was pending can be given.
    pub(super) fn advance_jobs(&mut self) -> bool {
        let begun = Instant::now();
        let mut is_any_done = false;
        while self.has_jobs() {
            is_any_done |= self.site.advance();
            if begun.elapsed() >= JOBS_TURN {
                break;
            }
        }
        is_any_done
    }

    pub(super) fn begin_record(&mut self, peer: Option<IpAddr>, event: &Event<'_>) {
        if !self.access_log.is_on() {
            return;
        }
        let request = match event {
            Event::Request(request) => Some(request),
            Event::Refused { request, .. } => request.as_ref(),
        };
        let client = request.map_or(peer, |request| {
            client_address(peer, &request.fields, &self.front.trusted_proxies)
        });
        self.access_log.begin(client, request, &self.clock);
    }

    /// Takes note of an exchange that has ended in the call that began it.
    pub(super) fn finish_at_once(&mut self, status: Option<Status>, content_bytes: u64) {
        if let Some(status) = status {
            self.metrics.note_response(status);
        }
        self.access_log.finish(Ending {
            status,
            content_bytes,
            taken: Duration::ZERO,
        });
    }

    /// The record that was begun, for an exchange that goes on.
    pub(super) fn keep_record(&mut self) -> Option<Box<Record>> {
        self.access_log.keep()
    }

    /// Takes note of an exchange that went on for longer.
    pub(super) fn finish(&mut self, record: Option<&Record>, ending: Ending) {
        if let Some(status) = ending.status {
            self.metrics.note_response(status);
            self.metrics.durations.note(ending.taken);
        }
        if let Some(record) = record {
            self.access_log.finish_kept(record, ending);
        }
    }
}

/// What is asked for, or a claim on it.
#[derive(Debug)]
pub(super) enum Answer<T> {
    Ready(T),
    /// It waits for work to be done.
    Pending(Pending),
}

impl<T> Answer<T> {
    fn map<U>(self, make: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Ready(answer) => Answer::Ready(make(answer)),
            Self::Pending(pending) => Answer::Pending(pending),
        }
    }
}

/// How long work may go on in one turn of the loop, not counting the step that it ends with: so
/// short that whoever asks for something small in the meantime hardly notices.
const JOBS_TURN: Duration = Duration::from_micros(500);

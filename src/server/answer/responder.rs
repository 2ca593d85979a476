//! From a request to the response that answers it, through site and plan.

use super::decision::{Decision, OpenFile};
use super::last_page::LastPage;
use crate::conn::{Event, Refusal, Response};
use crate::http::Status;
use crate::http::fields::FieldStorage;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::{self, Absence, Class, Plan, StandIn};
use crate::server::audience::Audience;
use crate::server::context::Context;
use crate::server::error::StartError;
use crate::server::options::Options;
use crate::site::{File, Miss, Moment, Outcome, Pending, Resolution, Site};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Answers the requests of the public side.
#[derive(Debug)]
pub(crate) struct Responder {
    pub(crate) site: Site,
    last_page: LastPage,
    /// What separates the parts of a response of several ranges. It is another with every start, so
    /// that no file can be made to contain it.
    boundary: String,
}

impl Responder {
    pub(crate) fn new(site: Site) -> Self {
        let random = || RandomState::new().hash_one(0);
        Self {
            site,
            last_page: LastPage::default(),
            boundary: format!("millpond-{:016x}{:016x}", random(), random()),
        }
    }

    /// Answers an event.
    pub(crate) fn answer(
        &mut self,
        event: &Event<'_>,
        context: &mut Context,
    ) -> Answer<Response<OpenFile>> {
        match event {
            Event::Request(request) => self.decide(request, context).map(Decision::into_response),
            Event::Refused { refusal, .. } => {
                context.note_refusal(*refusal);
                Answer::Ready(self.answer_refused(*refusal))
            }
        }
    }

    /// Answers what is no request.
    pub(crate) fn answer_refused(&self, refusal: Refusal) -> Response<OpenFile> {
        self.refuse(refusal.status()).into_response()
    }
    /// Decides on what is no request, so that there is no path either.
    fn refuse(&self, status: Status) -> Decision {
        self.dress(Decision::at_once(plan::refuse(status)), None)
    }

    /// Answers the request with this head, whose answer was pending, now that there is an outcome.
    /// What stands in where that is a failure may have to be waited for, too.
    pub(crate) fn answer_at_last(
        &mut self,
        head: &[u8],
        outcome: Outcome,
        context: &Context,
    ) -> Answer<Response<OpenFile>> {
        let mut storage = FieldStorage::default();
        // It was parsed before, perhaps under limits that have been changed since.
        let status = match RequestHead::parse(head, &mut storage, &context.options.limits) {
            Ok(Some((request, _))) => {
                let decision = self.decide_at_last(&request, outcome, context);
                return decision.map(Decision::into_response);
            }
            Ok(None) => Status::RequestHeaderFieldsTooLarge,
            Err(error) => error.status(),
        };
        Answer::Ready(self.refuse(status).into_response())
    }

    /// Gathers what there is to know for a request, and decides on it.
    pub(crate) fn decide(
        &mut self,
        request: &RequestHead<'_>,
        context: &mut Context,
    ) -> Answer<Decision> {
        let path = match plan::admit(request, &context.front.hosts) {
            Ok(path) => path,
            Err(plan) => {
                if plan.status == Status::MisdirectedRequest {
                    context.note_misdirected(request.authority());
                }
                return self.decide_without_path(request, plan, None, context);
            }
        };
        if let Some(plan) = plan::redirect(request, &path, self.site.policy()) {
            let decision = Decision::at_once(plan);
            return Answer::Ready(self.dress(decision, Some(&path)));
        }
        let moment = context.clock.moment();
        let mut resolution = self.site.resolve(request, &path, &moment);
        if let Resolution::Ready(Ok(file)) = &resolution
            && let Some(encoded) = self.encode(request, path.as_bytes(), file, &moment)
        {
            resolution = encoded;
        }
        match resolution {
            Resolution::Ready(found) => self.decide_on(request, &path, found, context),
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
        let (fields, codings) = (&request.fields, || file.codings());
        while let Some(coding) = match file.stand_in() {
            // RFC 9110 §14.2: a range counts only where the response would be a success.
            Some(StandIn::Error(_)) => plan::select_coding_of_whole(fields, codings()),
            None | Some(StandIn::Start) => plan::select_coding(fields, codings()),
        } {
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
        context: &Context,
    ) -> Resolution {
        let moment = context.clock.moment();
        let encoded = match &outcome {
            Ok(file) => self.encode(request, path, file, &moment),
            Err(_) => None,
        };
        encoded.unwrap_or(Resolution::Ready(outcome))
    }

    /// The same, however long it takes: for one who has nothing else to do.
    pub(crate) fn decide_now(
        &mut self,
        request: &RequestHead<'_>,
        context: &mut Context,
    ) -> Decision {
        let mut answer = self.decide(request, context);
        loop {
            match answer {
                Answer::Ready(decision) => return decision,
                Answer::Pending(pending) => {
                    self.advance_jobs();
                    answer = match pending.outcome() {
                        Some(outcome) => self.decide_at_last(request, outcome, context),
                        None => Answer::Pending(pending),
                    };
                }
            }
        }
    }

    /// Decides on a request once that which it waited for is there.
    fn decide_at_last(
        &mut self,
        request: &RequestHead<'_>,
        outcome: Outcome,
        context: &Context,
    ) -> Answer<Decision> {
        let admitted = plan::admit(request, &context.front.hosts);
        let path = admitted.as_ref().map_or(&[][..], RequestPath::as_bytes);
        match (
            self.encode_outcome(request, path, outcome, context),
            admitted,
        ) {
            (Resolution::Pending(pending), _) => Answer::Pending(pending),
            (Resolution::Ready(found), Ok(path)) => self.decide_on(request, &path, found, context),
            (Resolution::Ready(found), Err(plan)) => {
                self.decide_without_path(request, plan, found.ok(), context)
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
        context: &Context,
    ) -> Answer<Decision> {
        let path = plan::addressed_path(request, &plan);
        if plan.status != Status::NotFound {
            return Answer::Ready(self.dress(Decision::at_once(plan), path.as_ref()));
        }
        if let Some(file) = stand_in {
            return Answer::Ready(self.decide_instead(request, file, None));
        }
        // No file has such a path, though perhaps an application knows what to do with it.
        self.stand_in(request, plan::absence_of_unreadable(request), None, context)
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
        context: &Context,
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
                if let Some(answer) = self.stand_in(request, miss.absence(), Some(*miss), context) {
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
        let paths = decision.ruled_paths(path);
        let paths = paths.as_ref().map_or(&[][..], |paths| &paths[..]);
        let plan = rules.dress(decision.plan.clone(), paths);
        Decision { plan, ..decision }
    }

    /// Decides on a request for what is absent, if the site has what may stand in for it.
    fn stand_in(
        &mut self,
        request: &RequestHead<'_>,
        absence: Absence,
        miss: Option<Miss>,
        context: &Context,
    ) -> Option<Answer<Decision>> {
        let moment = context.clock.moment();
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

    /// Serves another site from now on. Answers that are pending are still given.
    pub(crate) fn replace_site(&mut self, mut site: Site) {
        site.adopt_jobs(&mut self.site);
        self.site = site;
        self.last_page = LastPage::default();
    }

    /// Lets go of all that is kept of files.
    pub(crate) fn forget_files(&mut self) {
        self.site.forget();
    }

    /// Whether there is work under way that answers wait for.
    pub(crate) fn has_jobs(&self) -> bool {
        self.site.has_jobs()
    }

    /// Goes on with work under way for a moment: whether an answer that was pending can be given.
    pub(crate) fn advance_jobs(&mut self) -> bool {
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
}

/// What is asked for, or a claim on it.
#[derive(Debug)]
pub(crate) enum Answer<T> {
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

/// Opens what is to be served, of which so many files may be kept open.
pub(crate) fn open_site(
    options: &Options,
    audience: Audience,
    files_max: usize,
    now: Instant,
) -> Result<Site, StartError> {
    Site::open(
        &options.site_options(audience),
        options.policy.clone(),
        files_max,
        now,
    )
    .map_err(|error| StartError::Root(options.site.root.clone(), error))
}

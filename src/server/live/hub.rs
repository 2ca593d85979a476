//! Live reload as part of the loop: changes become events, and responses are checked for problems
//! that an author should know.

use super::burst::Burst;
use super::history::{History, KEEP_ALIVE};
use super::notices::{Notices, Subject};
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::fields::FieldName;
use crate::http::request::RequestHead;
use crate::plan::live::{SCRIPT_PATH, Since, in_markup, missing_directives};
use crate::plan::{Content, Decision, addressed_path};
use crate::site::{Change, File, LookupTime, Site, Source, Watcher};
use memchr::memmem;
use rustix::fd::BorrowedFd;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The known changes, and the warnings about them.
#[derive(Debug)]
pub(crate) struct Hub {
    watcher: Watcher,
    burst: Burst,
    history: History,
    notices: Notices,
    keep_alive_due: Instant,
    changes: Vec<Change>,
}

/// The result of looking for changes in the site.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// `true` if changes are now reported by another descriptor.
    pub(crate) has_other_events: bool,
    /// The text to send to all listening pages.
    pub(crate) text: Option<String>,
}

impl Hub {
    /// The hub of a server; `None` if pages do not reload.
    pub(crate) fn of(is_live: bool, now: Instant) -> Option<Box<Self>> {
        let instance = RandomState::new().hash_one(now);
        let hub = || Self {
            watcher: Watcher::default(),
            burst: Burst::default(),
            history: History::new(instance, now),
            notices: Notices::default(),
            keep_alive_due: now + KEEP_ALIVE_EVERY,
            changes: Vec::new(),
        };
        is_live.then(|| Box::new(hub()))
    }

    /// Returns the descriptor that becomes readable when something has changed.
    pub(crate) fn events(&self) -> Option<BorrowedFd<'_>> {
        self.watcher.events()
    }

    /// Records that the descriptor has become readable.
    pub(crate) fn note_events(&mut self) {
        self.watcher.note_events();
    }

    /// Returns the time of the next call of [`Hub::look`] without an event.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let others = [self.watcher.due(now), self.burst.due()];
        let next = others.into_iter().flatten().min();
        next.map_or(self.keep_alive_due, |next| next.min(self.keep_alive_due))
    }

    /// Looks for changes, and checks whether the burst is over.
    pub(crate) fn look(&mut self, site: &mut Site, moment: &LookupTime) -> Look {
        let now = moment.now;
        let has_other_events = self.watcher.look(site, moment, &mut self.changes);
        for change in &self.changes {
            if let Change::Path(path, _) = change {
                self.notices.forget(path);
            }
        }
        self.burst.note(self.changes.drain(..), now);
        let mut text = self.burst.take(now).map(|batch| {
            log::debug!("live: changed: {batch:?}");
            self.history.push(batch)
        });
        if now >= self.keep_alive_due {
            self.keep_alive_due = now + KEEP_ALIVE_EVERY;
            text.get_or_insert_with(|| KEEP_ALIVE.to_owned());
        }
        Look {
            has_other_events,
            text,
        }
    }

    /// Returns the beginning of a stream.
    pub(crate) fn greeting(&self, since: Since, now: Instant) -> String {
        self.history.greeting(since, now)
    }

    /// Warns the author about problems with the response to a request.
    pub(crate) fn inspect(&mut self, request: &RequestHead<'_>, decision: &Decision<Rc<File>>) {
        if decision.plan.status == Status::NotFound {
            self.note_missing(request);
        }
        self.note_policy(request, decision);
    }

    /// Warns about a missing file that a page requests.
    fn note_missing(&mut self, request: &RequestHead<'_>) {
        let fields = &request.fields;
        let is_page = fields
            .single(FieldName::SecFetchDest)
            .is_some_and(|it| it == b"document");
        let page = fields.single(FieldName::Referer);
        let (Some(page), Some(path), false) =
            (page, addressed_path(request, &BasePath::default()), is_page)
        else {
            return;
        };
        // Browsers request it even if no page does.
        if path.as_bytes() == b"favicon.ico"
            || !self.notices.is_new(Subject::Missing, path.as_bytes())
        {
            return;
        }
        log::warn!(
            target: MISSING,
            "{} is missing; {} requests it",
            path.to_reference(),
            String::from_utf8_lossy(page)
        );
    }

    /// Warns about a Content-Security-Policy that prevents a page from reloading.
    fn note_policy(&mut self, request: &RequestHead<'_>, decision: &Decision<Rc<File>>) {
        let page = match (&decision.plan.content, &decision.file) {
            (Content::Page(page), _) => page,
            (Content::Whole, Some(file)) => match &file.source {
                Source::Memory(page) => page,
                Source::Descriptor(_) | Source::Coded => return,
            },
            _ => return,
        };
        let fields = String::from_utf8_lossy(decision.plan.fields.as_bytes());
        let value = |name: &str| {
            let mut lines = fields.lines().filter_map(|line| line.split_once(':'));
            let line = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
            line.map(|(_, value)| value.trim())
        };
        let is_html = value("Content-Type").is_some_and(crate::plan::live::is_html);
        let has_script = memmem::find(page, SCRIPT_PATH.as_bytes()).is_some();
        if !is_html || !has_script || request.method == crate::http::method::Method::Head {
            return;
        }
        let host = String::from_utf8_lossy(request.authority()).into_owned();
        let header = value("Content-Security-Policy").map(str::to_owned);
        let sources = header
            .into_iter()
            .map(|policy| ("header", policy))
            .chain(in_markup(page).map(|policy| ("<meta> element", policy)));
        for (source, policy) in sources {
            let missing = missing_directives(&policy, &host);
            if !missing.is_empty() && self.notices.is_new(Subject::Policy, policy.as_bytes()) {
                let path = addressed_path(request, &BasePath::default());
                let path = path.map(|path| path.to_reference().to_string());
                log::warn!(
                    "live: {} does not reload, as the Content-Security-Policy in its {source} forbids \
                     the script; add to it: {}",
                    path.unwrap_or_default(),
                    missing.join("; ")
                );
            }
        }
    }
}

/// The target in `RUST_LOG` for missing files. They are shown in red.
pub const MISSING: &str = "millpond::missing";

/// The interval is shorter than the time after which proxies and routers forget a connection.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

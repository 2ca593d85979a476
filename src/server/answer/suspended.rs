//! A request that waits for a job of the site, or for a password to be verified.

use super::served::Served;
use crate::http::Limits;
use crate::http::fields::FieldStorage;
use crate::http::request::RequestHead;
use crate::server::passwords::Waiting;
use crate::site::PausedSearch;
use std::rc::Rc;

/// A request that waits, with everything that its answer depends on, so reloads do not affect it.
#[derive(Debug)]
pub(crate) struct Suspended {
    pub(super) accepted: Accepted,
    /// `None` if it does not wait for the site.
    pub(super) search: Option<PausedSearch>,
    /// The client, and the password that is being verified.
    pub(super) waiting: Waiting,
}

impl Suspended {
    /// Returns `true` if the job that it waits for is done.
    pub(crate) fn is_answerable(&self) -> bool {
        !self.waiting.is_pending() && self.search.as_ref().is_none_or(PausedSearch::is_done)
    }
}

/// The head of an accepted request, with the limits and the site that were in force.
#[derive(Debug)]
pub(super) struct Accepted {
    head: Box<[u8]>,
    limits: Limits,
    pub(super) served: Rc<Served>,
}

impl Accepted {
    /// Stores a head that was parsed within these limits.
    pub(super) fn new(head: &[u8], limits: &Limits, served: &Rc<Served>) -> Self {
        Self {
            head: head.into(),
            limits: limits.clone(),
            served: Rc::clone(served),
        }
    }

    /// Parses the head again. The same bytes with the same limits are the same request, so this
    /// never returns `None`.
    pub(super) fn request<'b: 'h, 'h>(
        &'b self,
        storage: &'h mut FieldStorage<'b>,
    ) -> Option<RequestHead<'h>> {
        let read = RequestHead::parse(&self.head, storage, &self.limits);
        read.ok()?.map(|(request, _)| request)
    }
}

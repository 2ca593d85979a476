//! The checks whether a client has access, before anything is looked up, and after a file was
//! found.

use super::names::other_names;
use super::refusal;
use super::rules::Access;
use super::visitor::{Verdict, Visitor};
use crate::http::base_path::BasePath;
use crate::http::path::{RequestPath, as_if_separated};
use crate::http::request::RequestHead;
use crate::plan::policy::Policy;
use crate::plan::resources::Resource;
use crate::plan::response::Plan;
use std::task::{Poll, ready};

/// A client with access to a path, and the rules that grant it.
#[derive(Debug)]
pub(crate) struct Admission<'a, V> {
    request: &'a RequestHead<'a>,
    access: &'a Access,
    base: &'a BasePath,
    index: &'a [String],
    visitor: &'a mut V,
    /// The rule that counts for the path itself.
    first: Option<usize>,
    /// The rules that count for other names of the path.
    others: Vec<usize>,
    has_password: bool,
}

/// Permission to continue, or the response to a client without access.
pub(crate) type Leave = Result<(), Plan>;

impl<'a, V: Visitor> Admission<'a, V> {
    pub(crate) fn new(
        request: &'a RequestHead<'a>,
        policy: &'a Policy,
        visitor: &'a mut V,
    ) -> Self {
        Self {
            request,
            access: &policy.access,
            base: &policy.base,
            index: &policy.index,
            visitor,
            first: None,
            others: Vec::new(),
            has_password: false,
        }
    }

    /// Returns `true` if a password was required.
    pub(crate) fn has_password(&self) -> bool {
        self.has_password
    }

    /// Returns `true` if the rule with this index was among those that counted.
    pub(super) fn is_by(&self, rule: usize) -> bool {
        self.first == Some(rule) || self.others.contains(&rule)
    }

    /// Checks a path, whatever exists there. `path` is `None` if no file can have it.
    #[inline]
    pub(crate) fn check_path(&mut self, path: Option<&RequestPath<'_>>) -> Poll<Leave> {
        if self.access.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if let Some(path) = path {
            return self.check_names(path.as_bytes());
        }
        // A slash that is encoded for us may be a plain one for others.
        let target = self.request.target.path_and_query();
        let path = target.map_or_else(Vec::new, |target| as_if_separated(target.path));
        self.check_names(&path)
    }

    fn check_names(&mut self, path: &[u8]) -> Poll<Leave> {
        self.first = self.access.first(usize::MAX, self.request, path);
        if let Some(first) = self.first
            && let Err(plan) = ready!(self.enter(first))
        {
            return Poll::Ready(Err(plan));
        }
        if self.is_settled() {
            return Poll::Ready(Ok(()));
        }
        self.check_others(path, self.first)
    }

    /// Returns `true` if no rule stands before the one for the path, so that none counts for another
    /// name.
    fn is_settled(&self) -> bool {
        self.first == Some(0)
    }

    /// Checks a file that was found, before its content is read.
    #[inline]
    pub(crate) fn check_file(&mut self, file: &impl Resource) -> Poll<Leave> {
        if self.access.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let on_disk = file.path_on_disk();
        if file.representation().metadata().fallback.is_some() {
            // The file is not the one that was requested, so the rule for the request does not
            // cover it.
            return self.check_other_file(on_disk);
        }
        if self.is_settled() {
            return Poll::Ready(Ok(()));
        }
        if let Err(plan) = ready!(self.check_others(on_disk, self.first)) {
            return Poll::Ready(Err(plan));
        }
        let codings = file.codings();
        for coding in codings.iter().filter(|_| file.is_only_precompressed()) {
            let coded = [on_disk, coding.extension().as_bytes()].concat();
            if let Err(plan) = ready!(self.check_name(&coded, self.first)) {
                return Poll::Ready(Err(plan));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Checks the path of what is served in place of others, before it is looked for.
    #[inline]
    pub(crate) fn check_target(&mut self, path: &RequestPath<'_>) -> Poll<Leave> {
        if self.access.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.check_other_file(path.as_bytes())
    }

    fn check_other_file(&mut self, path: &[u8]) -> Poll<Leave> {
        let rule = self.access.first(usize::MAX, self.request, path);
        if let Some(rule) = rule
            && let Err(plan) = ready!(self.enter_other(rule))
        {
            return Poll::Ready(Err(plan));
        }
        self.check_others(path, rule)
    }

    /// Checks a path and its other names, as far as rules before this one match them.
    fn check_others(&mut self, path: &[u8], before: Option<usize>) -> Poll<Leave> {
        if let Err(plan) = ready!(self.check_name(path, before)) {
            return Poll::Ready(Err(plan));
        }
        for name in other_names(path, self.index) {
            if let Err(plan) = ready!(self.check_name(&name, before)) {
                return Poll::Ready(Err(plan));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Checks one name, as it is in the site and as it is in the URL, where the base path of the
    /// site comes first.
    fn check_name(&mut self, name: &[u8], before: Option<usize>) -> Poll<Leave> {
        let whole = (!self.base.is_top()).then(|| [self.base.as_bytes(), name].concat());
        for name in [Some(name), whole.as_deref()].into_iter().flatten() {
            let count = before.unwrap_or(usize::MAX);
            if let Some(rule) = self.access.first(count, self.request, name)
                && let Err(plan) = ready!(self.enter_other(rule))
            {
                return Poll::Ready(Err(plan));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn enter_other(&mut self, rule: usize) -> Poll<Leave> {
        if self.is_by(rule) {
            return Poll::Ready(Ok(()));
        }
        self.others.push(rule);
        self.enter(rule)
    }

    /// Checks the conditions of one rule.
    fn enter(&mut self, rule: usize) -> Poll<Leave> {
        let Some(rule) = self.access.get(rule) else {
            return Poll::Ready(Ok(()));
        };
        if rule.asks_for_address()
            && let Some(client) = self.visitor.client(self.request)
            && !rule.admits(client)
        {
            return Poll::Ready(Err(refusal::by_address()));
        }
        let Some(users) = &rule.users else {
            return Poll::Ready(Ok(()));
        };
        self.has_password = true;
        Poll::Ready(
            match ready!(self.visitor.verify(self.request, &users.file)) {
                Verdict::Right => Ok(()),
                Verdict::Wrong => Err(refusal::challenge(&users.realm)),
                Verdict::TooMany => Err(refusal::too_many()),
                Verdict::Busy => Err(refusal::busy()),
            },
        )
    }
}

//! The client behind a request, for access control.

use super::fair_queue::Full;
use super::remembered::Known;
use super::shared::{Asker, Look};
use super::verification::{Turn, Verification};
use super::verifier::Passwords;
use crate::http::address_range::{AddressRange, Client};
use crate::http::fields::FieldName;
use crate::http::forwarded::{client, client_address};
use crate::http::request::RequestHead;
use crate::plan::{Verdict, Visitor};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

/// The client of a request, and the facts about it.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    /// `None` if there are no password files.
    pub(crate) passwords: Option<&'a Passwords>,
    pub(crate) trusted_proxies: &'a [AddressRange],
    pub(crate) now: Instant,
    pub(crate) waiting: Waiting,
}

/// The state that is kept while a password is being verified.
#[derive(Debug)]
pub(crate) struct Waiting {
    peer: Option<IpAddr>,
    verification: Option<Arc<Verification>>,
    /// The user whose password was right.
    user: Option<Arc<str>>,
}

impl Waiting {
    /// Creates the state for a request from a peer.
    pub(crate) fn new(peer: Option<IpAddr>) -> Self {
        Self {
            peer,
            verification: None,
            user: None,
        }
    }

    /// Returns `true` if a verification has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.verification.is_some()
    }

    /// Returns `true` if a verification has begun and is not finished.
    pub(crate) fn is_pending(&self) -> bool {
        self.verification
            .as_ref()
            .is_some_and(|it| it.outcome().is_none())
    }

    /// Returns the user whose password was right.
    pub(crate) fn into_user(self) -> Option<Arc<str>> {
        self.user
    }
}

impl Visitor for Guard<'_> {
    fn client(&mut self, request: &RequestHead<'_>) -> Option<Client> {
        Some(client(
            self.waiting.peer,
            &request.fields,
            self.trusted_proxies,
        ))
    }

    fn verify(&mut self, request: &RequestHead<'_>, users: &Path) -> Poll<Verdict> {
        let value = request.fields.single(FieldName::Authorization);
        let (Some(passwords), Some(value)) = (self.passwords, value) else {
            return Poll::Ready(Verdict::Wrong);
        };
        let client = client_address(self.waiting.peer, &request.fields, self.trusted_proxies);
        let asker = Asker {
            turn: Turn::of(client),
            waker: &passwords.waker,
            now: self.now,
        };
        let waited = self.waiting.verification.as_ref();
        match passwords.shared.look(users, value, waited, &asker) {
            Look::Known(Known::Right(user)) => {
                self.waiting.user = Some(user);
                Poll::Ready(Verdict::Right)
            }
            Look::Known(Known::Wrong) => Poll::Ready(Verdict::Wrong),
            Look::Full(Full::ForClient) => Poll::Ready(Verdict::TooMany),
            Look::Full(Full::ForAll) => Poll::Ready(Verdict::Busy),
            Look::Pending(verification) => {
                self.waiting.verification = Some(verification);
                Poll::Pending
            }
        }
    }
}

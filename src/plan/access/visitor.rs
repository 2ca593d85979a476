//! The facts that access depends on besides the request and the settings.

use crate::http::address_range::Client;
use crate::http::request::RequestHead;
use std::path::Path;
use std::task::Poll;

/// The result of checking a user and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is that of the user.
    Right,
    /// The password is wrong, or there is none.
    Wrong,
    /// This client has too many passwords waiting for verification.
    TooMany,
    /// All clients together have too many.
    Busy,
}

/// The client behind a request.
pub trait Visitor {
    /// Returns the client that the request comes from. `None` means that conditions are not
    /// checked, for an operator who asks for the response to others.
    fn client(&mut self, request: &RequestHead<'_>) -> Option<Client>;

    /// Returns whether the request has the password of one of the users in a file. This takes time:
    /// while it is pending, it is determined elsewhere, and the same request is planned again
    /// afterwards.
    fn verify(&mut self, request: &RequestHead<'_>, users: &Path) -> Poll<Verdict>;
}

/// An operator who asks for the response to others, and has to fulfil no conditions.
#[derive(Clone, Copy, Debug)]
pub struct Anybody;

impl Visitor for Anybody {
    fn client(&mut self, _: &RequestHead<'_>) -> Option<Client> {
        None
    }

    fn verify(&mut self, _: &RequestHead<'_>, _: &Path) -> Poll<Verdict> {
        Poll::Ready(Verdict::Right)
    }
}

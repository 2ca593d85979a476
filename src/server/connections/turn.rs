//! The parts that a session borrows for its turn.

use crate::server::answer::endpoint::Endpoint;
use crate::server::context::Context;

/// The context of all sessions, and the endpoint of this one.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    pub(crate) context: &'t mut Context,
    pub(crate) endpoint: Endpoint<'t>,
}

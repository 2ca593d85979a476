//! What a session is lent for its turn.

use crate::server::answer::endpoint::Endpoint;
use crate::server::context::Context;

/// What all sessions share, and who answers the requests of this one.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    pub(crate) context: &'t mut Context,
    pub(crate) endpoint: Endpoint<'t>,
}

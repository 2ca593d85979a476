//! From a request to its response, through plan and site.

pub(crate) mod decision;
pub(crate) mod endpoint;
mod last_page;
pub(crate) mod responder;

//! The built-in pages, and the responses with them.

pub(super) mod no_site;
pub(super) mod page;
pub(super) mod page_response;

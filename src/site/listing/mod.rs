//! Reading a directory and writing its listing, as work in steps.
//!
//! An entry is treated like a request for it, and left out if the request would be rejected: hidden
//! names, links that lead out of the root or nowhere, entries that are neither file nor directory,
//! and unreadable ones. Nothing is cached between requests, because the time of a directory does
//! not show changes of its files. These rules keep many requests from adding up:
//!
//! - requests for the same listing share one job until it begins; after that, it may have passed
//!   entries that have changed since;
//! - few jobs run at once, and the others use almost no memory while they wait;
//! - content that is still being sent is shared by all responses with the same content, and limited
//!   in total.

mod content_types;
mod gathering;
mod job;
mod listings;
mod pool;
mod represent;
mod writing;

pub(crate) use listings::Listings;

//! Live reload: from changes beneath the root to the pages that show them.
//!
//! A burst of changes ends when nothing has happened for a while ([`burst`]). It then becomes an
//! event ([`history`]) for all listening pages. [`hub`] connects these to the loop.

pub(crate) mod burst;
pub(crate) mod history;
pub(crate) mod hub;
mod notices;
mod pages;
mod refusal;

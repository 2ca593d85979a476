//! Redirects: those of the operator, those to the canonical URL of a file, and those from HTTP to
//! HTTPS. Also rewrites, which use the patterns of the operator's redirects.

pub(super) mod canonical;
pub(super) mod redirects;
pub(super) mod rewrites;
pub(super) mod scheme;

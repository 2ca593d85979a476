//! The interface to a site: everything that a plan needs from it.

use super::fallback::Fallback;
use super::file::representation::Representation;
use super::response::Plan;
use super::unavailable::Unavailable;
use crate::http::coding::{Coding, Codings};
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use std::task::Poll;

/// A file that a site has found. The plan does not depend on where its bytes are.
pub trait Resource {
    /// Returns the fields and the metadata that responses are made from.
    fn representation(&self) -> &Representation;

    /// Returns the path of the file on disk, relative to the root.
    fn path_on_disk(&self) -> &[u8];

    /// Returns the additional codings that the file is available in.
    fn codings(&self) -> Codings;

    /// Returns `true` if the file exists only in codings, or was decoded from one of them.
    fn is_only_precompressed(&self) -> bool;
}

/// The result of a lookup. While it is pending, the site works on it; when the work is done, the
/// same request is planned again.
pub type Lookup<F> = Poll<Result<F, Unavailable>>;

/// A site, as one request sees it.
pub trait Resources {
    /// A handle of a file.
    type File: Resource;

    /// Finds the file for a path, or lists a directory without an index.
    fn find(&mut self, request: &RequestHead<'_>, path: &RequestPath<'_>) -> Lookup<Self::File>;

    /// Finds the file for a path to serve it as a fallback.
    fn find_fallback(&mut self, fallback: Fallback, path: &RequestPath<'_>) -> Lookup<Self::File>;

    /// Returns the nearest directory that has a file of this name: this one, or one above it. Each
    /// has a trailing slash; the root is empty, and returned if no other directory has the file.
    /// The answer may be a moment old.
    fn nearest_with<'p>(&mut self, name: &'static str, directory: &'p [u8]) -> &'p [u8];

    /// Finds the file in one of its codings; `path` is the requested path. Returns `None` if the
    /// coding turns out to be unavailable, for this request or for all.
    fn encode(
        &mut self,
        path: &[u8],
        file: &Self::File,
        coding: Coding,
    ) -> Option<Lookup<Self::File>>;

    /// Returns the response for a path where nothing exists, made by `make`. It depends only on the
    /// path and the policy, and costs more than everything else, so a site may keep some of these
    /// responses: many clients request the same missing file.
    fn not_found(&mut self, path: &RequestPath<'_>, make: impl FnOnce() -> Plan) -> Plan {
        let _ = path;
        make()
    }

    /// Decodes a file that exists only in codings. Returns `None` if that is impossible.
    fn decode(&mut self, path: &[u8], file: &Self::File) -> Option<Lookup<Self::File>>;
}

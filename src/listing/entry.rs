//! The entry of a directory.

use crate::http::date::HttpDate;
use bytes::Bytes;
use std::borrow::Cow;

/// A file or directory that a client can request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name: one segment of a path. Many names share one piece of memory, because freeing a
    /// hundred thousand separate ones would take longer than a step may.
    pub name: Bytes,
    /// The size of a file in bytes; `None` for a directory.
    pub size: Option<u64>,
    /// The time of the last change, if known.
    pub modified: Option<HttpDate>,
}

/// A function that returns the `Content-Type` which a file of this name in this directory is served
/// with.
pub type ContentTypeOf<'a> = &'a dyn Fn(&[u8]) -> Cow<'static, str>;

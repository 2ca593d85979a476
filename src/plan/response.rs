//! The plan: a response without the fields that only the connection knows.

use super::file::multipart::Multipart;
use super::live::Since;
use crate::http::Status;
use crate::http::response::FieldBlock;
use bytes::Bytes;
use std::ops::Range;

/// The response: a status, all fields except those of the connection, and the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The status line.
    pub status: Status,
    /// The fields, including `Content-Length`.
    pub fields: FieldBlock,
    /// The content. A response to HEAD has the content of the response to GET, and the connection
    /// drops it.
    pub content: Content,
}

/// The source of a response's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// No content.
    Empty,
    /// A built-in page.
    Page(Bytes),
    /// The events of live reload after these, without an end.
    Events(Since),
    /// The whole selected representation.
    Whole,
    /// These bytes of the representation.
    Part(Range<u64>),
    /// Several parts of the representation, each with its own head.
    Parts(Box<Multipart>),
}

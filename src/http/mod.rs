//! The vocabulary and grammar of HTTP: RFC 9110 (semantics) and RFC 9112 (HTTP/1.1).
//!
//! Everything here is pure: bytes in, values out. Nothing knows of files, sockets, clocks or logs.

pub mod accept;
pub mod chunked;
pub mod coded;
pub mod coding;
pub mod date;
pub mod etag;
pub mod fields;
pub mod forwarded;
pub mod framing;
pub mod host;
pub mod media;
pub mod range;
pub mod request;
pub mod response;
pub mod status;
pub mod target;

pub use status::Status;

/// How much of a request is accepted before it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in a request target; a longer one is answered with 414. Browsers stay below 8 KiB.
    pub request_target_bytes_max: usize,
    /// Bytes in a request head (request line, fields and the empty line); more is 431.
    pub head_bytes_max: usize,
    /// Field lines in a head (at most [`FIELDS_CAP`]); more is 431.
    pub fields_max: usize,
    /// Bytes of request content that are read and dropped to keep a connection usable; more is 413.
    pub content_bytes_max: u64,
}

/// The most field lines that [`Limits::fields_max`] may ask for.
pub const FIELDS_CAP: usize = 256;

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_target_bytes_max: 8 * 1024,
            head_bytes_max: 16 * 1024,
            fields_max: 100,
            content_bytes_max: 1024 * 1024,
        }
    }
}

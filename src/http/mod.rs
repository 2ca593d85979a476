//! The vocabulary and grammar of HTTP: RFC 9110 (semantics) and RFC 9112 (HTTP/1.1).
//!
//! Everything here is pure: bytes in, values out. Nothing knows of files, sockets, clocks or logs.

pub mod accept;
mod authority;
pub mod coded;
pub mod coding;
pub mod content;
pub mod date;
mod escape;
pub mod etag;
pub mod fields;
pub mod forwarded;
pub mod framing;
pub mod host;
mod limits;
pub mod media;
pub mod method;
pub mod path;
pub mod range;
pub mod request;
pub mod response;
pub mod status;
pub mod target;
pub mod version;

pub use authority::is_host;
pub use limits::{FIELDS_CAP, Limits};
pub use status::Status;

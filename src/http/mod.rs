//! The vocabulary and grammar of HTTP: RFC 9110 (semantics) and RFC 9112 (HTTP/1.1).
//!
//! Everything here is pure: bytes in, values out. Nothing depends on files, sockets, clocks or
//! logs.

pub mod accept;
pub mod address_range;
pub mod coded;
pub mod coding;
pub mod date;
pub mod etag;
pub mod forwarded;
pub mod media;
mod message;
pub mod range;
mod uri;

pub use message::limits::{FIELDS_CAP, Limits};
pub use message::status::Status;
pub use message::{basic, content, fields, framing, method, request, response, status, version};
pub use uri::authority::is_host;
pub use uri::{base_path, host, path, target};

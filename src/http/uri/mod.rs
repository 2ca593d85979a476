//! The parts of a URI (RFC 3986): a host, a path, and the forms of a request target.

pub(super) mod authority;
pub mod base_path;
mod escape;
pub mod host;
pub mod path;
pub mod target;

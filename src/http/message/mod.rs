//! Messages (RFC 9112): a request with its fields and the frame of its content, and the head of a
//! response.

pub mod basic;
pub mod content;
pub mod fields;
pub mod framing;
pub(super) mod limits;
pub mod method;
pub mod request;
pub mod response;
pub mod status;
pub mod version;

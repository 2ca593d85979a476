//! A lookup on disk, when the cache has no answer: finding the file for a path, and determining its
//! metadata once it is open.

mod address;
mod context;
mod digests;
mod facts;
mod found_file;
mod load;
mod only_precompressed;
mod opened;
mod reading;
mod script;
mod sidecar;

pub use address::Addressing;

pub(crate) use context::Lookup;
pub(crate) use digests::Digests;
pub(crate) use facts::content_tag;
pub(crate) use found_file::FoundFile;
pub(crate) use opened::{look, open_regular};
pub(crate) use reading::{read_at, read_start};

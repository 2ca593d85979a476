//! Work that takes longer than a tick allows, done in steps: hashing, compression, expansion.

mod compression;
mod expansion;
mod hashing;
mod key;
mod queue;
mod task;
mod workload;

pub use queue::JobHandle;
pub use task::Outcome;

pub(crate) use compression::{Compression, CompressionLoad};
pub(crate) use expansion::Expansion;
pub(crate) use hashing::Hashing;
pub(crate) use key::JobKey;
pub(crate) use queue::Jobs;
pub(crate) use task::{JobContext, Task};
pub(crate) use workload::Workload;

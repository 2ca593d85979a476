//! The served directory: the only code that opens and reads its files.
//!
//! [`Site::resolve`] returns the file that it found, or the reason why there is none; it decides
//! nothing. Work that takes longer than a tick allows becomes a job, which [`Site::advance`]
//! continues.

mod cache;
pub(crate) mod codings;
mod encode;
mod error;
mod file;
mod find;
pub(crate) mod fingerprint;
#[cfg(test)]
mod histories;
mod jobs;
mod listing;
mod lookup;
mod lookup_time;
mod nearest;
mod open;
mod options;
mod resources;
mod root;
mod shared_limits;
mod watch;

pub use cache::CacheFigures;
pub use error::LookupError;
pub use file::{File, Origin, Source};
pub use find::Resolution;
pub use jobs::{JobHandle, Outcome};
pub use lookup::Addressing;
pub use lookup_time::LookupTime;
pub use open::{Site, check};
pub use options::Options;
pub use resources::{PausedSearch, Search};
pub use root::{
    Inspection, SymlinkTrace, absolute_root, exists, has_directory, inspect, is_served,
};
pub use shared_limits::SharedLimits;
pub use watch::{Change, Kind, Watcher};

#[cfg(test)]
pub(crate) use root::ROOT_EVENTS_ARE_REFUSED;

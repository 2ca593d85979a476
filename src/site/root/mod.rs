//! The directory that is served, which is opened once, and the files beneath it. Also its path,
//! which may lead to another directory later.

mod absolute;
mod directory;
mod events;
mod inspect;
mod link_targets;
mod path;
mod symlink_trace;
mod verified_dirs;
mod walk;

pub use absolute::absolute_root;
pub use inspect::{Inspection, exists, has_directory, inspect, is_served};
pub use symlink_trace::SymlinkTrace;

pub(crate) use directory::{FileId, Root, file_id, stat_descriptor};
pub(crate) use link_targets::LinkTargets;
pub(crate) use path::RootPath;
pub(crate) use symlink_trace::follow;
pub(crate) use verified_dirs::{VERIFICATION_INTERVAL, VerifiedDirs};

#[cfg(test)]
pub(crate) use events::ROOT_EVENTS_ARE_REFUSED;

//! Watching the served directory for live reload: with kernel events (`inotify(7)`) and, where
//! there are none, by looking at every file from time to time.

mod change;
mod filesystem;
mod links;
mod names;
mod patrol;
mod tree;
mod watcher;

pub use change::{Change, Kind};
pub use watcher::Watcher;

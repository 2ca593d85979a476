//! The paths that millpond reserves.

/// The path of the script, relative to the root.
pub const SCRIPT_PATH: &str = ".well-known/millpond/live.js";

/// The path of the stream of events, relative to the root.
pub const EVENTS_PATH: &str = ".well-known/millpond/live";

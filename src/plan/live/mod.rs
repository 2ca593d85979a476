//! The decisions of live reload: the script for pages, and the responses that it needs.
//!
//! With `--live`, each HTML page contains one `<script>` (`tag`). It loads `live.js`, which
//! listens to a stream of events (`endpoint`) and reloads whatever has changed. The tag names the
//! file of the page, so the script need not know how URLs are mapped to files.

mod endpoint;
mod paths;
mod security;
mod since;
mod tag;

pub use endpoint::answer;
pub use paths::{EVENTS_PATH, SCRIPT_PATH};
pub use security::{in_markup, missing_directives};
pub use since::Since;
pub use tag::{Shown, add_to_html, is_html, tag};

pub(super) use endpoint::add_to_page;

//! The content of a directory, as a page for people and as JSON for programs.
//!
//! Everything is done in steps of bounded work, so that a directory of many thousand entries delays
//! nobody: [`Listing::push`] takes an entry, [`Listing::write`] writes a few rows. Reading the
//! directory and scheduling the steps is left to the callers.
//!
//! Names may contain any bytes. A reference percent-encodes the true bytes, and starts with `./` if
//! it contains a colon, so no name turns into another kind of reference (`javascript:`, `//host`).
//! The displayed name is escaped and has no invisible characters.

mod entry;
mod html;
mod json;
mod kind;
mod order;
mod overview;
mod readme;
mod render;
mod style;
mod text;
mod view;

pub(crate) use json::{array as json_array, string as json_string};
#[cfg(feature = "share")]
pub(crate) use text::visible;

pub use entry::{ContentTypeOf, Entry};
pub use readme::{README_BYTES_MAX, Readme, readme_rank};
pub use render::Listing;
pub use style::{CONTENT_SECURITY_POLICY, SECURITY_POLICY_WITH_SCRIPT};
pub use text::Size;
pub use view::{Form, Order, View};

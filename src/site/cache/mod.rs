//! The cache: files that were found before, and files that are known to be missing.

mod budget;
mod key;
mod missing;
mod nearest;
mod store;

pub(crate) use budget::CacheBudget;
pub use store::CacheFigures;

pub(crate) use key::{Content, Form, FormKey, Key, KeyRef, ServedFor};
pub(crate) use missing::Missing;
pub(crate) use nearest::Nearest;
pub(crate) use store::Cache;

//! The raw value of an option, before it is parsed.

use super::option_spec::OptionSpec;
use super::origin::Origin;
use std::ffi::OsString;

/// The values of an option from one place. Only lists have several.
#[derive(Clone)]
pub(crate) struct Assignment {
    pub(super) option: &'static OptionSpec,
    pub(super) values: Vec<OsString>,
    pub(super) origin: Origin,
    /// The place of each value, if known.
    pub(super) origins: Vec<Origin>,
}

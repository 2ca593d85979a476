//! The parts of an option.

use super::store::Settings;
use super::values::{Printed, Value};

/// An option.
pub(crate) struct OptionSpec {
    /// The name of the flag and of the key in the file.
    pub(crate) name: &'static str,
    /// The kind of value, and the field that holds it.
    pub(crate) value: &'static dyn Value,
    /// Its purpose, in one line without a full stop.
    pub(crate) help: &'static str,
    /// Its effect and when to set it, in whole sentences.
    pub(crate) reason: &'static str,
}

/// Options that belong together.
pub(crate) struct Group {
    /// The heading; none for the first and most important group.
    pub(crate) heading: Option<&'static str>,
    pub(crate) options: &'static [OptionSpec],
}

impl OptionSpec {
    /// Returns the name of the environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// Returns the value of the option if nobody sets it.
    pub(crate) fn default(&self) -> Printed {
        self.value.print(&Settings::default())
    }
}

/// The prefix of environment variables.
pub(crate) const PREFIX: &str = "MILLPOND_";

/// The variable with the path of the settings file.
pub(crate) const CONFIG_VARIABLE: &str = "MILLPOND_CONFIG";

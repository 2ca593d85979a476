//! Switches.

use super::printed::Printed;
use super::value::{AUTO, Field, InvalidValue, TomlForm, Value, get, one, text};
use crate::settings::store::Settings;
use std::ffi::OsString;

/// A switch: on or off.
pub(crate) struct Switch(pub(crate) Field<bool>);

impl Value for Switch {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = switch(text(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Bare(get(self.0, settings).to_string())
    }

    fn placeholder(&self) -> &'static str {
        "true|false"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["boolean"],
            wanted: "true or false",
        }
    }

    fn choices(&self) -> Option<Vec<&'static str>> {
        Some(vec!["true", "false"])
    }

    fn is_switch(&self) -> bool {
        true
    }

    fn of_bare_flag(&self) -> Option<&'static str> {
        Some("true")
    }
}

/// A switch with the additional value `auto`.
pub(crate) struct SwitchOrAuto {
    pub(crate) field: Field<Option<bool>>,
    /// Returns the meaning of `auto` and the reason for it.
    pub(crate) auto: fn(&Settings) -> (bool, &'static str),
}

impl Value for SwitchOrAuto {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.field)(settings) = match one(texts)? {
            word if word == AUTO => None,
            _ => Some(switch(text(texts)?)?),
        };
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        match get(self.field, settings) {
            Some(is_on) => Printed::Bare(is_on.to_string()),
            None => Printed::Text(AUTO.to_owned()),
        }
    }

    fn placeholder(&self) -> &'static str {
        "true|false|auto"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["boolean", "string"],
            wanted: "true, false or \"auto\"",
        }
    }

    fn choices(&self) -> Option<Vec<&'static str>> {
        Some(vec!["true", "false", AUTO])
    }

    fn is_switch(&self) -> bool {
        true
    }

    fn of_bare_flag(&self) -> Option<&'static str> {
        Some("true")
    }

    fn meaning(&self, settings: &Settings) -> Option<String> {
        if get(self.field, settings).is_some() {
            return None;
        }
        let (value, reason) = (self.auto)(settings);
        Some(format!("{value}, {reason}"))
    }
}

/// Parses `true` or `false`, or another common word for one of them.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    switch_word(text).ok_or_else(|| format!("{text:?} is neither true nor false"))
}

/// Returns the meaning of a word for a switch, if it has one.
pub(crate) fn switch_word(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_accepts_all_common_words_for_on_and_off() {
        for (words, expected) in [
            (["true", "on", "yes", "1", "TRUE", "On"], true),
            (["false", "off", "no", "0", "False", "NO"], false),
        ] {
            for word in words {
                assert_eq!(switch(word), Ok(expected), "{word}");
            }
        }
        for word in ["", "2", "enabled", "tru", " true", "y"] {
            let message = format!("{word:?} is neither true nor false");
            assert_eq!(switch(word), Err(message));
        }
    }
}

//! The trait of all kinds of values, and helpers that its implementations share.

use super::printed::Printed;
use crate::settings::store::Settings;
use crate::settings::text::utf8;
use clap::ValueHint;
use std::{
    ffi::{OsStr, OsString},
    fmt::Display,
    os::unix::ffi::OsStrExt,
};

/// A kind of value, and the field of [`Settings`] that holds it.
///
/// [`Self::assign`] parses what [`Self::print`] writes. An error message continues a sentence that
/// begins with the name of the option. It states the problem and a correct value.
pub(crate) trait Value: Sync {
    /// Parses `texts` into the field; only lists accept more or less than one text. After an error
    /// the field is unchanged.
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue>;

    /// Returns the value in `settings`.
    fn print(&self, settings: &Settings) -> Printed;

    /// Returns the placeholder for the value in the help.
    fn placeholder(&self) -> &'static str;

    /// Returns the form of the value in TOML.
    fn toml(&self) -> TomlForm;

    /// Returns the meaning of `auto` with these settings and the reason for it, if it depends on
    /// others.
    fn meaning(&self, _settings: &Settings) -> Option<String> {
        None
    }

    /// Returns all possible values, if there are only a few.
    fn choices(&self) -> Option<Vec<&'static str>> {
        None
    }

    /// Returns a hint for completions in a shell.
    fn hint(&self) -> ValueHint {
        ValueHint::Other
    }

    /// Returns `true` if the option takes any number of values.
    fn is_list(&self) -> bool {
        false
    }

    /// Returns `true` if the value is on or off. Then `--no-…` and a word like `on` after the flag
    /// have a meaning.
    fn is_switch(&self) -> bool {
        false
    }

    /// Returns the value of the flag alone, if the flag can stand without one.
    fn of_bare_flag(&self) -> Option<&'static str> {
        None
    }

    /// Returns the word that turns the option off, if there is one.
    fn off(&self) -> Option<&'static str> {
        None
    }

    /// Returns the letter of the short flag.
    fn short_flag(&self) -> Option<char> {
        None
    }

    /// Splits a text that contains all values, as an environment variable does.
    fn split(&self, text: OsString) -> Vec<OsString> {
        if self.is_list() {
            split_list(&text, b',')
        } else {
            vec![text]
        }
    }
}

/// A function that returns the field of a value.
pub(crate) type Field<T> = fn(&mut Settings) -> &mut T;

/// The form of a value in TOML.
pub(crate) struct TomlForm {
    /// The accepted types.
    pub(crate) types: &'static [&'static str],
    /// The advice if another type is found.
    pub(crate) wanted: &'static str,
}

/// The reason why a value is invalid. In a list it is the one at `index`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidValue {
    pub(crate) index: usize,
    pub(crate) message: String,
}

/// An error in the only value.
impl From<String> for InvalidValue {
    fn from(message: String) -> Self {
        Self { index: 0, message }
    }
}

/// Returns the value of a field.
pub(super) fn get<T: Clone>(field: Field<T>, settings: &Settings) -> T {
    // The function needs mutable access, so reading uses a copy.
    field(&mut settings.clone()).clone()
}

/// Returns the only text.
pub(super) fn one(texts: &[OsString]) -> Result<&OsStr, String> {
    match texts {
        [text] => Ok(text),
        _ => Err("exactly one value is needed".to_owned()),
    }
}

/// Returns the only text, for kinds that are always UTF-8.
pub(super) fn text(texts: &[OsString]) -> Result<&str, String> {
    one(texts).and_then(utf8)
}

/// Parses each of `texts`. Values for which `is_exclusive` returns `true` must not occur twice.
pub(super) fn list<T: PartialEq>(
    texts: &[OsString],
    read: impl Fn(&OsStr) -> Result<T, String>,
    is_exclusive: impl Fn(&T) -> bool,
) -> Result<Vec<T>, InvalidValue> {
    let mut all = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let invalid = |message| InvalidValue { index, message };
        let read = read(text).map_err(invalid)?;
        if is_exclusive(&read) && all.contains(&read) {
            let text = text.to_string_lossy();
            return Err(invalid(format!("{text:?} is given twice")));
        }
        all.push(read);
    }
    Ok(all)
}

/// Splits a list that is written as one text. Of the values separated by commas, only socket paths
/// can contain a comma; such paths need the command line or the file.
pub(super) fn split_list(text: &OsStr, separator: u8) -> Vec<OsString> {
    text.as_bytes()
        .split(|byte| *byte == separator)
        .map(|part| OsStr::from_bytes(part.trim_ascii()).to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Splits `text` after the leading bytes that satisfy the condition.
pub(super) fn split_while(text: &str, such: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !such(byte))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

pub(super) fn out_of_range(text: &str, start: impl Display, end: impl Display) -> String {
    format!("{text} is out of range; use {start} to {end}")
}

pub(super) const AUTO: &str = "auto";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_one_text_is_split_at_commas() {
        assert_eq!(split_list(OsStr::new("a, b,,c "), b','), ["a", "b", "c"]);
        assert!(split_list(OsStr::new(""), b',').is_empty());
    }
}

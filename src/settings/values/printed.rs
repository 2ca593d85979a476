//! Values in TOML syntax.

use std::fmt::{self, Write};

/// A value in text form.
pub(crate) enum Printed {
    /// A value without quotes in TOML.
    Bare(String),
    /// A string in TOML.
    Text(String),
    /// An array of strings in TOML.
    List(Vec<String>),
}

impl Printed {
    /// Returns the value for a sentence or a help text, without quotes.
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Bare(text) | Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(","),
        }
    }
}

/// Writes the value in TOML syntax.
impl fmt::Display for Printed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(text) => out.write_str(text),
            Self::Text(text) => out.write_str(&toml_string(text)),
            Self::List(texts) => {
                let strings: Vec<_> = texts.iter().map(|text| toml_string(text)).collect();
                write!(out, "[{}]", strings.join(", "))
            }
        }
    }
}

/// Returns a basic TOML string, with control characters escaped.
pub(crate) fn toml_string(text: &str) -> String {
    let mut string = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => string.extend(['\\', character]),
            _ if character.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(string, "\\u{:04X}", u32::from(character));
            }
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

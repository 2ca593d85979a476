//! A keyword from a short list.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, text};
use crate::process::SandboxMode;
use crate::server::AccessLogFormat;
use crate::settings::store::Settings;
use std::ffi::OsString;

/// A keyword from a short list.
pub(crate) struct Keyword<T: 'static> {
    pub(crate) field: Field<T>,
    pub(crate) words: &'static [(&'static str, T)],
    pub(crate) placeholder: &'static str,
    /// The message about the syntax in a file.
    pub(crate) wanted: &'static str,
}

impl<T: Copy + PartialEq + Sync> Value for Keyword<T> {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        let text = text(texts)?;
        let found = self.words.iter().find(|(word, _)| *word == text);
        let (_, value) = found.ok_or_else(|| {
            let words: Vec<_> = self.words.iter().map(|(word, _)| *word).collect();
            format!("{text:?} is none of {}", words.join(", "))
        })?;
        *(self.field)(settings) = *value;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let value = get(self.field, settings);
        let word = self.words.iter().find(|(_, known)| *known == value);
        Printed::Text(word.map_or("", |(word, _)| word).to_owned())
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: self.wanted,
        }
    }

    fn choices(&self) -> Option<Vec<&'static str>> {
        Some(self.words.iter().map(|(word, _)| *word).collect())
    }

    fn off(&self) -> Option<&'static str> {
        self.words
            .iter()
            .map(|(word, _)| *word)
            .find(|word| *word == "off")
    }
}

/// The modes of the sandbox.
pub(crate) const SANDBOX_MODES: &[(&str, SandboxMode)] = &[
    ("off", SandboxMode::Off),
    ("auto", SandboxMode::Auto),
    ("require", SandboxMode::Require),
    ("strict", SandboxMode::Strict),
];

/// The formats of the access log.
pub(crate) const LOG_FORMATS: &[(&str, AccessLogFormat)] = &[
    ("auto", AccessLogFormat::Auto),
    ("common", AccessLogFormat::Common),
    ("combined", AccessLogFormat::Combined),
    ("json", AccessLogFormat::Json),
    ("terminal", AccessLogFormat::Terminal),
];

#[cfg(test)]
mod tests {
    use super::*;

    const SANDBOX: Keyword<SandboxMode> = Keyword {
        field: |settings| &mut settings.server.sandbox,
        words: SANDBOX_MODES,
        placeholder: "MODE",
        wanted: "",
    };

    #[test]
    fn a_keyword_is_written_as_it_is_parsed_and_other_words_are_rejected() {
        let mut settings = Settings::default();
        for (word, mode) in SANDBOX_MODES {
            assert_eq!(SANDBOX.assign(&mut settings, &[word.into()]), Ok(()));
            assert_eq!(settings.server.sandbox, *mode);
            assert_eq!(SANDBOX.print(&settings).plain(), *word);
        }
        let invalid = SANDBOX.assign(&mut settings, &["on".into()]).unwrap_err();
        assert_eq!(
            invalid.message,
            "\"on\" is none of off, auto, require, strict"
        );
    }
}

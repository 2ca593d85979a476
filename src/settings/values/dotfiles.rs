//! Patterns of names that begin with a dot.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, list, split_list};
use crate::plan::{Dotfile, Dotfiles};
use crate::settings::store::Settings;
use crate::settings::text::utf8;
use std::ffi::OsString;

/// The names that are served although they begin with a dot.
pub(crate) struct DotfilePatterns(pub(crate) Field<Dotfiles>);

impl Value for DotfilePatterns {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        let patterns = list(texts, |text| Dotfile::parse(utf8(text)?), |_| true)?;
        *(self.0)(settings) = Dotfiles::new(patterns);
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let dotfiles = get(self.0, settings);
        Printed::List(dotfiles.iter().map(ToString::to_string).collect())
    }

    fn placeholder(&self) -> &'static str {
        "PATTERN"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "patterns in quotes, like [\"/**/.z*\", \"/os/.treeinfo\"]",
        }
    }

    fn is_list(&self) -> bool {
        true
    }

    /// Splits at line feeds, because patterns may contain commas.
    fn split(&self, text: OsString) -> Vec<OsString> {
        split_list(&text, b'\n')
    }
}

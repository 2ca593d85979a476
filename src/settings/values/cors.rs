//! The origins whose pages may read responses.

use super::printed::Printed;
use super::switch::switch;
use super::value::{Field, InvalidValue, TomlForm, Value, get, text};
use crate::plan::AllowedOrigin;
use crate::settings::store::Settings;
use std::ffi::OsString;

/// One origin, any, or none.
pub(crate) struct Cors(pub(crate) Field<Option<AllowedOrigin>>);

impl Value for Cors {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = cors(text(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        match get(self.0, settings) {
            Some(origin) => Printed::Text(origin.to_string()),
            None => Printed::Bare(false.to_string()),
        }
    }

    fn placeholder(&self) -> &'static str {
        "ORIGIN"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["boolean", "string"],
            wanted: "true, false or an origin in quotes, like \"https://app.example\"",
        }
    }

    fn of_bare_flag(&self) -> Option<&'static str> {
        Some("*")
    }
}

/// Parses the origins whose pages may read responses: an origin, `*` or `true` for any, `false` for
/// none.
fn cors(text: &str) -> Result<Option<AllowedOrigin>, String> {
    match switch(text) {
        Ok(is_on) => Ok(is_on.then_some(AllowedOrigin::Any)),
        Err(_) => AllowedOrigin::parse(text).map(Some),
    }
}

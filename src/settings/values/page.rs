//! The start page of an application.

use super::printed::Printed;
use super::switch::switch;
use super::value::{Field, InvalidValue, TomlForm, Value, get, text};
use crate::http::path::RequestPath;
use crate::settings::store::Settings;
use std::{ffi::OsString, sync::Arc};

/// The start page of an application: off, the index file, or the page at a path.
pub(crate) struct SwitchOrPage(pub(crate) Field<Option<Arc<str>>>);

impl Value for SwitchOrPage {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        let word = text(texts)?;
        *(self.0)(settings) = if word.starts_with('/') {
            Some(page(word)?.into())
        } else {
            switch(word)
                .map_err(|_| {
                    format!(
                        "{word:?} is neither true nor false, nor the path of a start page; such a \
                         path is like /app.html"
                    )
                })?
                .then(|| INDEX.into())
        };
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        match get(self.0, settings) {
            None => Printed::Bare("false".to_owned()),
            Some(page) if &*page == INDEX => Printed::Bare("true".to_owned()),
            Some(page) => Printed::Text(page.to_string()),
        }
    }

    fn placeholder(&self) -> &'static str {
        "true|false|PATH"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["boolean", "string"],
            wanted: "true, false or a path like \"/app.html\"",
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

/// Parses the path of a page, which a browser could request.
fn page(text: &str) -> Result<&str, String> {
    if text.contains(['?', '#']) {
        return Err(format!(
            "{text:?} has a query or a fragment, which no file has"
        ));
    }
    match RequestPath::parse(text.as_bytes()) {
        Ok(path) if path.is_hidden() => {
            Err(format!("{text:?} is hidden, as its name begins with a dot"))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(format!("{text:?} is not a path: {error}")),
    }
}

/// The path of the index file.
const INDEX: &str = "/";

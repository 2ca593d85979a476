//! The name of the server in the local network.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, text};
use crate::http::host::is_label;
use crate::settings::store::Settings;
use std::ffi::OsString;

/// A name with one label in the domain `local`. The domain may be included.
pub(crate) struct LocalName(pub(crate) Field<String>);

impl Value for LocalName {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = label(text(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Text(get(self.0, settings))
    }

    fn placeholder(&self) -> &'static str {
        "NAME"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "a name in quotes, like \"millpond\"",
        }
    }
}

fn label(text: &str) -> Result<String, String> {
    let label = text.strip_suffix(".local").unwrap_or(text);
    if is_label(label) {
        Ok(label.to_owned())
    } else {
        Err(format!(
            "{text:?} cannot be a name; use up to 63 letters, digits and hyphens, like millpond, \
             which is millpond.local in the network"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_label_and_its_domain_may_be_left_out() {
        for (text, expected) in [
            ("photos", Some("photos")),
            ("Photos-2.local", Some("Photos-2")),
            ("a.b", None),
            ("", None),
            (".local", None),
            ("my site", None),
            ("/web/millpond", None),
        ] {
            assert_eq!(label(text).ok().as_deref(), expected, "{text}");
        }
    }
}

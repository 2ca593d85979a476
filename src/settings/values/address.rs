//! Listen addresses, and the port of those that have none.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, list, text};
use crate::settings::listen::{self, WrittenAddress};
use crate::settings::store::Settings;
use std::ffi::{OsStr, OsString};

/// Listen addresses.
pub(crate) struct Addresses {
    pub(crate) field: Field<Vec<WrittenAddress>>,
    /// Parses one address.
    pub(crate) parse: fn(&OsStr) -> Result<WrittenAddress, String>,
}

impl Value for Addresses {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.field)(settings) = list(texts, self.parse, WrittenAddress::is_exclusive)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let port = settings.server.port;
        let written = get(self.field, settings);
        let addresses = written.iter().flat_map(|it| it.resolve(port));
        Printed::List(addresses.map(|address| listen::text(&address)).collect())
    }

    fn placeholder(&self) -> &'static str {
        "ADDRESS"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string", "integer"],
            wanted: "addresses in quotes, like [\"127.0.0.1:8080\"]",
        }
    }

    fn is_list(&self) -> bool {
        true
    }
}

/// The port of addresses without one.
pub(crate) struct Port(pub(crate) Field<u16>);

impl Value for Port {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = listen::port(text(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Bare(get(self.0, settings).to_string())
    }

    fn placeholder(&self) -> &'static str {
        "PORT"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["integer", "string"],
            wanted: "a number",
        }
    }

    fn short_flag(&self) -> Option<char> {
        Some('p')
    }
}

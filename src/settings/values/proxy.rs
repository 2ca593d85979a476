//! Trusted proxies.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, list};
use crate::http::address_range::AddressRange;
use crate::settings::store::Settings;
use crate::settings::text::utf8;
use std::ffi::{OsStr, OsString};

/// The peers that are trusted to name the client's address.
pub(crate) struct Proxies(pub(crate) Field<Vec<AddressRange>>);

impl Value for Proxies {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = list(texts, trusted_proxy, |_| true)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let proxies = get(self.0, settings);
        Printed::List(proxies.iter().map(AddressRange::to_string).collect())
    }

    fn placeholder(&self) -> &'static str {
        "NETWORK"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "addresses or networks in quotes, like [\"10.0.0.0/8\"]",
        }
    }

    fn is_list(&self) -> bool {
        true
    }
}

/// Parses a trusted peer: an address, a network like `10.0.0.0/8`, or `unix`.
fn trusted_proxy(text: &OsStr) -> Result<AddressRange, String> {
    match utf8(text)?.parse()? {
        AddressRange::All => Err(
            "with all, any client could claim any address; write the addresses of your \
                 proxies"
                .to_owned(),
        ),
        range => Ok(range),
    }
}

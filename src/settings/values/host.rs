//! The hosts that are answered.

use super::printed::Printed;
use super::value::{AUTO, Field, InvalidValue, TomlForm, Value, get, list};
use crate::http::host::{Host, HostError};
use crate::settings::store::Settings;
use crate::settings::text::utf8;
use std::ffi::{OsStr, OsString};

/// The hosts that are answered: all if the list is empty, and `auto` if there is no list.
pub(crate) struct Hosts(pub(crate) Field<Option<Vec<Host>>>);

impl Value for Hosts {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = match texts {
            [word] if word == AUTO => None,
            [word] if word == ANY => Some(Vec::new()),
            _ => Some(list(texts, host, |_| true)?),
        };
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        match get(self.0, settings).as_deref() {
            None => Printed::Text(AUTO.to_owned()),
            Some([]) => Printed::Text(ANY.to_owned()),
            Some(hosts) => Printed::List(hosts.iter().map(Host::to_string).collect()),
        }
    }

    fn placeholder(&self) -> &'static str {
        "HOST|local|any|auto"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "hosts in quotes, like [\"www.example.com\"], or \"local\" or \"any\"",
        }
    }

    fn is_list(&self) -> bool {
        true
    }

    fn meaning(&self, settings: &Settings) -> Option<String> {
        if get(self.0, settings).is_some() {
            return None;
        }
        let audience = settings.server.audience();
        let hosts = settings.server.answered_hosts(audience);
        let hosts: Vec<_> = hosts.iter().map(Host::to_string).collect();
        let value = match hosts.as_slice() {
            [] => ANY.to_owned(),
            hosts => hosts.join(" and "),
        };
        Some(format!("{value}, {}", audience.reason()))
    }
}

/// Parses a host that is answered.
pub(crate) fn host(text: &OsStr) -> Result<Host, String> {
    let text = utf8(text)?;
    if ["any", "auto"].contains(&text) {
        return Err(format!(
            "{text:?} cannot be combined with other hosts; a host of that name is written \
             \"{text}.\""
        ));
    }
    Host::parse(text).map_err(|error| match error {
        HostError::Syntax if text == "*" => "\"*\" is not a host; write any".to_owned(),
        HostError::Empty => "a host cannot be empty".to_owned(),
        HostError::HasPort => format!("{text:?} has a port; write the host alone"),
        HostError::Syntax => format!(
            "{text:?} is not a host; write a name in full like www.example.com, or an IP address"
        ),
    })
}

/// The keyword for every host.
const ANY: &str = "any";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_host_is_rejected_with_advice() {
        for (text, advice) in [
            ("", "cannot be empty"),
            ("a.example:8080", "has a port; write the host alone"),
            ("*.example", "write a name in full"),
        ] {
            let message = host(OsStr::new(text)).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }
}

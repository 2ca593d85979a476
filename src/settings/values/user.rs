//! The user to drop privileges to.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, text};
use crate::process::{NameOrId, User};
use crate::settings::store::Settings;
use crate::settings::text::is_number;
use clap::ValueHint;
use std::ffi::OsString;

/// A user with an optional group, or none.
pub(crate) struct UserAndGroup(pub(crate) Field<Option<User>>);

impl Value for UserAndGroup {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = user(text(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Text(user_text(get(self.0, settings).as_ref()))
    }

    fn placeholder(&self) -> &'static str {
        "USER"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "a user in quotes, like \"www-data\"",
        }
    }

    fn hint(&self) -> ValueHint {
        ValueHint::Username
    }
}

/// Parses the user to become: `www-data`, `www-data:www-data` or `65532:65532`; empty for none.
fn user(text: &str) -> Result<Option<User>, String> {
    let identity = |text: &str| match text {
        // passwd(5) and group(5) use colons as separators, and a name with spaces is a mistake.
        _ if text.is_empty() || text.contains([':', ' ']) => None,
        // System calls use the highest number for "no id".
        _ if is_number(text) => text
            .parse()
            .ok()
            .filter(|number| *number < u32::MAX)
            .map(NameOrId::Number),
        _ => Some(NameOrId::Name(text.to_owned())),
    };
    let user = match text.split_once(':') {
        _ if text.is_empty() => return Ok(None),
        None => identity(text).map(|user| User { user, group: None }),
        Some((user, group)) => identity(user)
            .zip(identity(group))
            .map(|(user, group)| User {
                user,
                group: Some(group),
            }),
    };
    user.map(Some).ok_or_else(|| {
        format!("{text:?} is not a user; write www-data, www-data:web or 65532:65532")
    })
}

/// Writes the user to become.
fn user_text(user: Option<&User>) -> String {
    user.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_or_a_number_with_an_optional_group() {
        for text in ["", "www-data", "www-data:web", "65532:65532", "0", "www:7"] {
            let user = user(text).expect(text);
            assert_eq!(user.is_none(), text.is_empty());
            assert_eq!(user_text(user.as_ref()), text);
        }
        assert_eq!(
            user("65532:web"),
            Ok(Some(User {
                user: NameOrId::Number(65532),
                group: Some(NameOrId::Name("web".to_owned())),
            }))
        );
        for text in [
            ":",
            "a:",
            ":a",
            "a:b:c",
            "a b",
            " ",
            "4294967295",
            "99999999999",
        ] {
            let message = user(text).expect_err(text);
            assert!(message.contains("is not a user"), "{message}");
        }
    }
}

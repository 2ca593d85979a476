//! Response headers.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, list, split_list, text};
use crate::http::fields::is_token_byte;
use crate::http::response::Edit;
use crate::plan::check_name;
use crate::settings::store::Settings;
use crate::settings::text::utf8;
use std::ffi::{OsStr, OsString};

/// The value of a header.
pub(crate) struct HeaderValue(pub(crate) Field<String>);

impl Value for HeaderValue {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = header_value(text(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Text(get(self.0, settings))
    }

    fn placeholder(&self) -> &'static str {
        "VALUE"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "a header value in quotes, like \"no-cache\"",
        }
    }
}

/// Headers to set or to remove.
pub(crate) struct Headers(pub(crate) Field<Vec<Edit>>);

impl Value for Headers {
    /// Joins headers with the same name to a list. Cookies cannot be joined (RFC 6265 §3).
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        let headers = list(texts, header, |_| false)?;
        let is_cookie = |header: &Edit| header.concerns(b"Set-Cookie");
        let mut cookies = (0..).zip(&headers).filter(|(_, header)| is_cookie(header));
        if let Some((index, _)) = cookies.nth(1) {
            let message = "Set-Cookie can be set once, as two cannot be joined".to_owned();
            return Err(InvalidValue { index, message });
        }
        *(self.0)(settings) = headers;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::List(get(self.0, settings).iter().map(header_text).collect())
    }

    fn placeholder(&self) -> &'static str {
        "NAME: VALUE"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "headers in quotes, like [\"X-Frame-Options: DENY\"]",
        }
    }

    fn is_list(&self) -> bool {
        true
    }

    /// Splits at line feeds, because values may contain commas.
    fn split(&self, text: OsString) -> Vec<OsString> {
        split_list(&text, b'\n')
    }
}

/// Parses a field value (RFC 9110 §5.5), which may be empty.
pub(crate) fn header_value(text: &str) -> Result<String, String> {
    let visible = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    if text.bytes().all(visible) && text.trim_matches([' ', '\t']) == text {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not a header value; use visible ASCII, with spaces only inside"
        ))
    }
}

/// Parses the name of a field that an operator may set.
pub(crate) fn header_name(name: &str) -> Result<String, String> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(format!("{name:?} is not the name of a header"));
    }
    check_name(name).map_err(|reason| format!("{name}: {reason}"))?;
    Ok(name.to_owned())
}

/// Parses the name of a field that an operator may remove.
pub(crate) fn removable_header(name: &str) -> Result<String, String> {
    let name = header_name(name)?;
    match name.to_ascii_lowercase().as_str() {
        "content-type" => Err(format!("{name}: every file needs one; set another value")),
        "vary" => Err(format!("{name}: caches need it, so it cannot be removed")),
        _ => Ok(name),
    }
}

/// Parses a header to set, `Name: value`, or to remove, `Name:`, in the syntax of curl.
fn header(text: &OsStr) -> Result<Edit, String> {
    let text = utf8(text)?;
    let Some((name, value)) = text.split_once(':') else {
        return Err(format!("{text:?} is not a header; write 'Name: value'"));
    };
    match value.trim_matches([' ', '\t']) {
        "" => Ok(Edit {
            name: removable_header(name)?.into(),
            value: None,
        }),
        value => Ok(Edit {
            name: header_name(name)?.into(),
            value: Some(header_value(value)?.into()),
        }),
    }
}

/// Writes a header.
fn header_text(header: &Edit) -> String {
    let Edit { name, value } = header;
    match value {
        Some(value) => format!("{name}: {value}"),
        None => format!("{name}:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_cannot_contain_a_line_end() {
        for text in ["", "no-cache", "max-age=60, immutable", "a\tb"] {
            assert_eq!(header_value(text).as_deref(), Ok(text));
        }
        for text in [
            "a\r\nSet-Cookie: b",
            "a\nb",
            "a\0",
            "\u{7f}",
            "ä",
            " a",
            "a ",
            "\t",
        ] {
            assert!(header_value(text).is_err(), "{text:?}");
        }
    }
}

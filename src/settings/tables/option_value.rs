//! The value of an option in the file, as it would be written on the command line.

use super::reading::number;
use super::table::SpannedError;
use crate::settings::option_spec::OptionSpec;
use crate::settings::values::TomlForm;
use std::{ffi::OsString, ops::Range};
use toml::{Spanned, de::DeValue};

/// Texts, with the position of each.
pub(crate) type Texts = Vec<(OsString, Range<usize>)>;

/// Returns the texts of an option's value, or the error with its position.
pub(crate) fn texts(
    option: &OptionSpec,
    value: &Spanned<DeValue<'_>>,
) -> Result<Texts, SpannedError> {
    let TomlForm { types, wanted } = option.value.toml();
    let mistyped = |value: &Spanned<DeValue<'_>>| {
        let found = value.get_ref().type_str();
        let name = option.name;
        (
            value.span(),
            format!("{name}: write {wanted}; this is of type {found}"),
        )
    };
    if !types.contains(&value.get_ref().type_str()) {
        return Err(mistyped(value));
    }
    match value.get_ref() {
        DeValue::Array(elements) => elements
            .iter()
            .map(|element| match element.get_ref() {
                value if !types.contains(&value.type_str()) => Err(mistyped(element)),
                value => {
                    let text = scalar(value).ok_or_else(|| mistyped(element))?;
                    Ok((text, element.span()))
                }
            })
            .collect(),
        _ => Ok(vec![(
            scalar(value.get_ref()).ok_or_else(|| mistyped(value))?,
            value.span(),
        )]),
    }
}

/// Returns a value as it would be written on the command line, or `None` if it never could be.
fn scalar(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(switch) => Some(switch.to_string().into()),
        DeValue::Integer(integer) => {
            let number = number(integer);
            let text = number.map_or_else(|| integer.to_string(), |number| number.to_string());
            Some(text.into())
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

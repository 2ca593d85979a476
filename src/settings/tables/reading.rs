//! Parsing tables, with the positions of all errors, and writing them.

use super::table::{Source, SpannedError};
use crate::settings::{suggest::nearest, values::toml_string};
use std::{borrow::Cow, collections::BTreeMap, ops::Range};
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

/// A key with its position.
pub(super) type Key<'i> = Spanned<Cow<'i, str>>;

/// Returns the errors, or the parsed value if there are none.
pub(super) fn into_result<T>(errors: Vec<SpannedError>, read: T) -> Result<T, Vec<SpannedError>> {
    if errors.is_empty() {
        Ok(read)
    } else {
        Err(errors)
    }
}

/// Returns the tables of an array.
pub(super) fn tables<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
) -> Result<Vec<&'v Spanned<DeValue<'i>>>, Vec<SpannedError>> {
    match value.get_ref() {
        DeValue::Array(elements) => Ok(elements.iter().collect()),
        _ => Err(vec![(
            value.span(),
            format!("{name} is a list; write [[{name}]] above each entry"),
        )]),
    }
}

pub(super) fn table<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
    wanted: &str,
) -> Result<&'v DeTable<'i>, Vec<SpannedError>> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        other => Err(vec![mistyped(
            value.span(),
            &format!("{name}: "),
            wanted,
            other,
        )]),
    }
}

/// Returns the fields of a table, which must all be known.
pub(super) fn fields<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
    known: &[&'static str],
    source: &Source<'_>,
) -> Result<BTreeMap<&'v str, &'v Spanned<DeValue<'i>>>, Vec<SpannedError>> {
    let table = table(value, name, &format!("[[{name}]] above each"))?;
    let unknown = |key: &str| match nearest(key, known.iter().copied()) {
        _ if source.is_option(key) => misplaced(key),
        Some(nearest) => format!("{name}: there is no {key:?}; did you mean {nearest}?"),
        None => format!(
            "{name}: there is no {key:?}; there are {}",
            known.join(", ")
        ),
    };
    let errors = in_order(table)
        .into_iter()
        .filter(|(key, _)| !known.contains(&key.get_ref().as_ref()))
        .map(|(key, _)| (key.span(), unknown(key.get_ref())));
    let fields = table
        .iter()
        .map(|(key, value)| (key.get_ref().as_ref(), value));
    into_result(errors.collect(), fields.collect())
}

/// Returns the message for a setting inside a table. In TOML, everything after a table header
/// belongs to that table.
pub(super) fn misplaced(name: &str) -> String {
    format!("{name} is a setting; move it above all tables")
}

/// Returns the entries of a table in the order of the file.
pub(super) fn in_order<'v, 'i>(
    table: &'v DeTable<'i>,
) -> Vec<(&'v Key<'i>, &'v Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Parses a text, or each text of an array.
pub(super) fn each<T>(
    value: &Spanned<DeValue<'_>>,
    prefix: &str,
    errors: &mut Vec<SpannedError>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let values: Vec<_> = match value.get_ref() {
        DeValue::Array(elements) => elements.iter().collect(),
        _ => vec![value],
    };
    let mut all = Vec::new();
    for value in values {
        match text(value, prefix) {
            Ok((text, span)) => match read(text) {
                Ok(read) => all.push(read),
                Err(message) => errors.push((span, format!("{prefix}{message}"))),
            },
            Err(error) => errors.push(error),
        }
    }
    all
}

/// Returns the error for an empty array.
pub(super) fn empty(
    value: &Spanned<DeValue<'_>>,
    prefix: &str,
    like: &str,
) -> Option<SpannedError> {
    let is_empty = matches!(value.get_ref(), DeValue::Array(elements) if elements.is_empty());
    let message = format!("{prefix}there is none, so that the rule never applies; {like}");
    is_empty.then(|| (value.span(), message))
}

pub(super) fn text<'v>(
    value: &'v Spanned<DeValue<'_>>,
    prefix: &str,
) -> Result<(&'v str, Range<usize>), SpannedError> {
    match value.get_ref() {
        DeValue::String(text) => Ok((text.as_ref(), value.span())),
        other => Err(mistyped(value.span(), prefix, "a text in quotes", other)),
    }
}

/// Returns the value of an integer, if it is not too large. `0x10` and `1_000` are integers, too.
pub(crate) fn number(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

pub(super) fn mistyped(
    span: Range<usize>,
    prefix: &str,
    wanted: &str,
    found: &DeValue<'_>,
) -> SpannedError {
    let found = found.type_str();
    (
        span,
        format!("{prefix}write {wanted}; this is of type {found}"),
    )
}

pub(super) fn list(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<_> = texts.map(|text| toml_string(&text)).collect();
    format!("[{}]", texts.join(", "))
}

/// Returns a key, with quotes if it needs them.
pub(super) fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        toml_string(name)
    }
}

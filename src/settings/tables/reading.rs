//! Reading tables, with the places of all that is wrong, and writing them.

use super::Fault;
use crate::settings::{kind::toml_string, likeness::nearest, options::find};
use std::{borrow::Cow, collections::BTreeMap, ops::Range};
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

/// A key, with its place.
pub(super) type Key<'i> = Spanned<Cow<'i, str>>;

/// The faults, or what was read if there are none.
pub(super) fn unless<T>(faults: Vec<Fault>, read: T) -> Result<T, Vec<Fault>> {
    if faults.is_empty() {
        Ok(read)
    } else {
        Err(faults)
    }
}

/// The tables of an array.
pub(super) fn tables<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
) -> Result<Vec<&'v Spanned<DeValue<'i>>>, Vec<Fault>> {
    match value.get_ref() {
        DeValue::Array(elements) => Ok(elements.iter().collect()),
        other => Err(vec![mistyped(
            value.span(),
            "",
            &format!("[[{name}]] above each"),
            other,
        )]),
    }
}

pub(super) fn table<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
    wanted: &str,
) -> Result<&'v DeTable<'i>, Vec<Fault>> {
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

/// The fields of a table, of which all have to be known.
pub(super) fn fields<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
    known: &[&'static str],
) -> Result<BTreeMap<&'v str, &'v Spanned<DeValue<'i>>>, Vec<Fault>> {
    let table = table(value, name, &format!("[[{name}]] above each"))?;
    let unknown = |key: &str| match nearest(key, known.iter().copied()) {
        _ if find(key).is_some() => misplaced(key),
        Some(nearest) => format!("{name}: there is no {key:?}; did you mean {nearest}?"),
        None => format!(
            "{name}: there is no {key:?}; there are {}",
            known.join(", ")
        ),
    };
    let faults = in_order(table)
        .into_iter()
        .filter(|(key, _)| !known.contains(&key.get_ref().as_ref()))
        .map(|(key, _)| (key.span(), unknown(key.get_ref())));
    let fields = table
        .iter()
        .map(|(key, value)| (key.get_ref().as_ref(), value));
    unless(faults.collect(), fields.collect())
}

/// What to say of a setting in a table. TOML takes whatever follows a table for a part of it.
pub(super) fn misplaced(name: &str) -> String {
    format!("{name} is a setting of its own; move it to above all tables")
}

/// The entries of a table as they stand in the file.
pub(super) fn in_order<'v, 'i>(
    table: &'v DeTable<'i>,
) -> Vec<(&'v Key<'i>, &'v Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Reads the text, or each of an array of texts.
pub(super) fn each<T>(
    value: &Spanned<DeValue<'_>>,
    prefix: &str,
    faults: &mut Vec<Fault>,
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
                Err(message) => faults.push((span, format!("{prefix}{message}"))),
            },
            Err(fault) => faults.push(fault),
        }
    }
    all
}

pub(super) fn text<'v>(
    value: &'v Spanned<DeValue<'_>>,
    prefix: &str,
) -> Result<(&'v str, Range<usize>), Fault> {
    match value.get_ref() {
        DeValue::String(text) => Ok((text.as_ref(), value.span())),
        other => Err(mistyped(value.span(), prefix, "a text in quotes", other)),
    }
}

/// The number that an integer stands for, if it is not too large: `0x10` and `1_000` are numbers, too.
pub(in crate::settings) fn number(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

pub(super) fn mistyped(
    span: Range<usize>,
    prefix: &str,
    wanted: &str,
    found: &DeValue<'_>,
) -> Fault {
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

/// A key, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        toml_string(name)
    }
}

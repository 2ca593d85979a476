//! The file of settings: from TOML to given values and the places where they stand.

use super::tables::{self, Contents, Table};
use super::{Given, Origin, Problem, options};
use std::{ffi::OsString, io, ops::Range, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What stands under a key.
pub(super) enum Entry {
    /// The values of an option.
    Option(Given),
    /// A table, or all the tables of an array.
    Table(&'static Table, Contents, Origin),
}

/// Has the file at `path` read and takes what it gives, or tells what is wrong.
pub(super) fn read(
    path: &Path,
    read: impl Fn(&Path) -> io::Result<String>,
) -> Vec<Result<Entry, Problem>> {
    match read(path) {
        Ok(text) => parse(path, &text),
        Err(error) => vec![Err(Problem {
            origin: Origin::File {
                path: path.to_owned(),
                place: None,
            },
            message: format!("the file cannot be read: {error}"),
        })],
    }
}

/// Reads the text of the file at `path`: what it gives and what is wrong with it, from the top.
fn parse(path: &Path, text: &str) -> Vec<Result<Entry, Problem>> {
    let place = |span: Range<usize>| place(path, text, span.start);
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let origin = place(error.span().unwrap_or_default());
            let message = error.message().replace('\n', "; ");
            return vec![Err(Problem { origin, message })];
        }
    };
    let mut entries: Vec<_> = table.iter().collect();
    // The table is in the order of its keys.
    entries.sort_by_key(|(key, _)| key.span().start);
    let problem = |(span, message)| Problem {
        origin: place(span),
        message,
    };
    let read = entries.into_iter().flat_map(|(key, value)| {
        if let Some(table) = tables::find(key.get_ref()) {
            return match (table.read)(value) {
                Ok(contents) => vec![Ok(Entry::Table(table, contents, place(key.span())))],
                Err(faults) => faults.into_iter().map(problem).map(Err).collect(),
            };
        }
        vec![
            entry(key, value)
                .map_err(problem)
                .map(|(definition, texts)| {
                    let (values, spans): (_, Vec<_>) = texts.into_iter().unzip();
                    Entry::Option(Given {
                        definition,
                        values,
                        origin: place(value.span()),
                        origins: spans.into_iter().map(place).collect(),
                    })
                }),
        ]
    });
    read.collect()
}

type Texts = Vec<(OsString, Range<usize>)>;

/// The option that `key` names and the texts of its `value`, or what is wrong and where.
fn entry(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(&'static options::Definition, Texts), (Range<usize>, String)> {
    let name = key.get_ref();
    let definition =
        options::find(name).ok_or_else(|| (key.span(), unknown(name, value.get_ref())))?;
    let (types, wanted) = definition.kind.toml_types();
    let mistyped = |value: &Spanned<DeValue<'_>>| {
        let found = value.get_ref().type_str();
        (
            value.span(),
            format!("{name}: write {wanted}; this is of type {found}"),
        )
    };
    if !types.contains(&value.get_ref().type_str()) {
        return Err(mistyped(value));
    }
    let texts = match value.get_ref() {
        DeValue::Array(elements) => elements
            .iter()
            .map(|element| match element.get_ref() {
                value if !types.contains(&value.type_str()) => Err(mistyped(element)),
                value => {
                    let text = scalar(value).ok_or_else(|| mistyped(element))?;
                    Ok((text, element.span()))
                }
            })
            .collect::<Result<_, _>>()?,
        _ => vec![(
            scalar(value.get_ref()).ok_or_else(|| mistyped(value))?,
            value.span(),
        )],
    };
    Ok((definition, texts))
}

/// A value as it would be written on the command line; nothing for what never could.
fn scalar(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(switch) => Some(switch.to_string().into()),
        DeValue::Integer(integer) => {
            let number = tables::number(integer);
            let text = number.map_or_else(|| integer.to_string(), |number| number.to_string());
            Some(text.into())
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn unknown(name: &str, value: &DeValue<'_>) -> String {
    let nearest = options::nearest_name(name);
    match (nearest, value) {
        (Some(nearest), DeValue::Table(_)) if tables::find(nearest).is_some() => {
            format!("there is no table {name:?}; did you mean {nearest}?")
        }
        (_, DeValue::Table(_)) => {
            format!("there is no table {name:?}; settings stand outside of any")
        }
        (Some(nearest), _) => format!("there is no setting {name:?}; did you mean {nearest}?"),
        (None, _) => format!("there is no setting {name:?}"),
    }
}

/// The line and column, counted in characters and from 1, of what is at `offset`.
fn place(path: &Path, text: &str, offset: usize) -> Origin {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before
        .chars()
        .rev()
        .take_while(|c| *c != '\n')
        .count()
        .saturating_add(1);
    Origin::File {
        path: path.to_owned(),
        place: Some((line, column)),
    }
}

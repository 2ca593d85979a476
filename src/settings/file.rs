//! The settings file: parsing TOML into assignments with their positions.

use super::assignment::Assignment;
use super::error::Problem;
use super::option_spec::OptionSpec;
use super::options;
use super::origin::Origin;
use super::suggest::nearest;
use super::tables::{self, Source, SpannedError, TABLES, Table, TableValue, Texts, texts};
use std::{io, ops::Range, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The content of a top-level key.
pub(super) enum Entry {
    /// The values of an option.
    Option(Assignment),
    /// A table, or all the tables of an array.
    Table(&'static Table, TableValue, Origin),
}

/// Reads the file at `path` with `read`, and returns its entries and its errors.
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
            message: format!("cannot read the file: {error}"),
        })],
    }
}

/// Parses the text of the file at `path`. Returns its entries and its errors in the order of the
/// file.
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
    // The parser orders the table by key.
    entries.sort_by_key(|(key, _)| key.span().start);
    let problem = |(span, message)| Problem {
        origin: place(span),
        message,
    };
    let source = Source {
        option: options::find,
        place: &place,
    };
    let read = entries.into_iter().flat_map(|(key, value)| {
        if let Some(table) = tables::find(key.get_ref()) {
            return match (table.read)(value, &source) {
                Ok(read) => vec![Ok(Entry::Table(table, read, place(key.span())))],
                Err(errors) => errors.into_iter().map(problem).map(Err).collect(),
            };
        }
        vec![entry(key, value).map_err(problem).map(|(option, texts)| {
            let (values, spans): (_, Vec<_>) = texts.into_iter().unzip();
            Entry::Option(Assignment {
                option,
                values,
                origin: place(value.span()),
                origins: spans.into_iter().map(place).collect(),
            })
        })]
    });
    read.collect()
}

/// Returns the option of `key` and the texts of `value`, or the error and its position.
fn entry(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(&'static OptionSpec, Texts), SpannedError> {
    let name = key.get_ref();
    let option = options::find(name).ok_or_else(|| (key.span(), unknown(name, value.get_ref())))?;
    Ok((option, texts(option, value)?))
}

fn unknown(name: &str, value: &DeValue<'_>) -> String {
    let names = options::all().map(|option| option.name);
    let names = names.chain(TABLES.iter().map(|table| table.name));
    let nearest = nearest(name, names);
    match (nearest, value) {
        (Some(nearest), DeValue::Table(_)) if tables::find(nearest).is_some() => {
            format!("unknown table {name:?}; did you mean {nearest}?")
        }
        (_, DeValue::Table(_)) => {
            format!("unknown table {name:?}; write settings outside of tables")
        }
        (Some(nearest), _) => format!("unknown setting {name:?}; did you mean {nearest}?"),
        (None, _) => format!("unknown setting {name:?}"),
    }
}

/// Returns the line and column of `offset`, counted in characters and from 1.
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

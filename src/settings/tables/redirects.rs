//! Tables of redirects.

use super::reading::{fields, into_result, number, tables, text};
use super::table::{Source, SpannedError, TableValue};
use crate::http::Status;
use crate::plan::{BadRedirect, Part, Redirect, Redirects};
use crate::settings::{store::Settings, values::toml_string};
use std::{collections::BTreeMap, fmt::Write as _, ops::Range};
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let (redirects, places) = read_each(value, "redirect", |table| {
        let (mut errors, route) = read_route(table, "redirect", &["status"], source)?;
        let status = route.fields.get("status").copied();
        let status = status.map_or(Ok(Status::MovedPermanently), status_of);
        let status = status.unwrap_or_else(|error| {
            errors.push(error);
            Status::MovedPermanently
        });
        let Route { from, to, .. } = route;
        let places = (from.1, to.1);
        let (from, to) = (from.0, to.0);
        into_result(errors, (Redirect { from, to, status }, places))
    })?;
    let redirects = Redirects::new(redirects);
    let redirects = redirects.map_err(|bad| located(bad, "redirect", &places, value))?;
    Ok(TableValue::Redirects(redirects))
}

/// The source and the target of a table, with their positions, and all of its fields.
pub(super) struct Route<'v, 'i> {
    pub(super) from: (String, Range<usize>),
    pub(super) to: (String, Range<usize>),
    fields: BTreeMap<&'v str, &'v Spanned<DeValue<'i>>>,
}

/// The positions of the source and the target.
type Places = (Range<usize>, Range<usize>);

/// Reads each table of an array, and collects the errors of all.
pub(super) fn read_each<'v, 'i, T>(
    value: &'v Spanned<DeValue<'i>>,
    name: &str,
    read: impl Fn(&'v Spanned<DeValue<'i>>) -> Result<(T, Places), Vec<SpannedError>>,
) -> Result<(Vec<T>, Vec<Places>), Vec<SpannedError>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for table in tables(value, name)? {
        match read(table) {
            Ok(read) => all.push(read),
            Err(found) => errors.extend(found),
        }
    }
    into_result(errors, all.into_iter().unzip())
}

/// Reads the source and the target of a table, which may also have the fields in `others`. Returns
/// the errors, if the rest can still be read.
pub(super) fn read_route<'v, 'i>(
    table: &'v Spanned<DeValue<'i>>,
    name: &str,
    others: &[&'static str],
    source: &Source<'_>,
) -> Result<(Vec<SpannedError>, Route<'v, 'i>), Vec<SpannedError>> {
    let fields = fields(table, name, &[&["from", "to"], others].concat(), source)?;
    let mut errors = Vec::new();
    let mut end = |key: &str| match fields.get(key) {
        None => {
            errors.push((table.span(), format!("{name}: it has no {key}")));
            (String::new(), table.span())
        }
        Some(value) => match text(value, &format!("{name}: {key}: ")) {
            Ok((text, span)) => (text.to_owned(), span),
            Err(error) => {
                errors.push(error);
                (String::new(), table.span())
            }
        },
    };
    let (from, to) = (end("from"), end("to"));
    Ok((errors, Route { from, to, fields }))
}

/// Returns the error of a source or a target, with its position.
pub(super) fn located(
    bad: BadRedirect,
    table: &str,
    places: &[Places],
    value: &Spanned<DeValue<'_>>,
) -> Vec<SpannedError> {
    let BadRedirect {
        index,
        part,
        message,
    } = bad;
    let (name, span) = match (part, places.get(index)) {
        (Part::From, Some((from, _))) => ("from", from.clone()),
        (Part::To, Some((_, to))) => ("to", to.clone()),
        (_, None) => ("from", value.span()),
    };
    vec![(span, format!("{table}: {name}: {message}"))]
}

fn status_of(value: &Spanned<DeValue<'_>>) -> Result<Status, SpannedError> {
    let code = match value.get_ref() {
        DeValue::Integer(code) => number(code),
        _ => None,
    };
    let is_meant = |status: &Status| code == Some(status.code().into());
    let known = REDIRECTS.into_iter().find(is_meant);
    known.ok_or_else(|| {
        let codes = REDIRECTS.map(|status| status.code().to_string()).join(", ");
        (
            value.span(),
            format!("redirect: status: write one of {codes}"),
        )
    })
}

const REDIRECTS: [Status; 4] = [
    Status::MovedPermanently,
    Status::Found,
    Status::TemporaryRedirect,
    Status::PermanentRedirect,
];

pub(super) fn show(settings: &Settings) -> String {
    write("[[redirect]]", &settings.server.policy.redirects)
}

/// Writes redirects, each under this heading.
pub(super) fn write(heading: &str, redirects: &Redirects) -> String {
    let mut text = String::new();
    for redirect in redirects.iter() {
        let (from, to) = (toml_string(&redirect.from), toml_string(&redirect.to));
        let status = redirect.status.code();
        let _ = write!(
            text,
            "{heading}\nfrom = {from}\nto = {to}\nstatus = {status}\n"
        );
    }
    text
}

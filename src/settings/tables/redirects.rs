//! Redirects.

use super::reading::{fields, number, tables, text, unless};
use super::{Contents, Fault};
use crate::http::Status;
use crate::plan::{BadRedirect, Part, Redirect, Redirects};
use crate::settings::{Settings, kind::toml_string};
use std::{fmt::Write as _, ops::Range};
use toml::{Spanned, de::DeValue};

pub(super) fn read(value: &Spanned<DeValue<'_>>) -> Result<Contents, Vec<Fault>> {
    let mut faults = Vec::new();
    let (mut redirects, mut places) = (Vec::new(), Vec::new());
    for table in tables(value, "redirect")? {
        match read_redirect(table) {
            Ok((redirect, from, to)) => {
                redirects.push(redirect);
                places.push((from, to));
            }
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let redirects = Redirects::new(redirects).map_err(|bad| {
        let BadRedirect {
            index,
            part,
            message,
        } = bad;
        let place = places.get(index).cloned();
        let (name, span) = match (part, place) {
            (Part::From, Some((from, _))) => ("from", from),
            (Part::To, Some((_, to))) => ("to", to),
            (_, None) => ("from", value.span()),
        };
        vec![(span, format!("redirect: {name}: {message}"))]
    })?;
    Ok(Contents::Redirects(redirects))
}

/// A redirect, with the places of where it leads from and to.
fn read_redirect(
    table: &Spanned<DeValue<'_>>,
) -> Result<(Redirect, Range<usize>, Range<usize>), Vec<Fault>> {
    let fields = fields(table, "redirect", &["from", "to", "status"])?;
    let mut faults = Vec::new();
    let mut end = |name: &str| match fields.get(name) {
        None => {
            faults.push((table.span(), format!("redirect: it has no {name}")));
            (String::new(), table.span())
        }
        Some(value) => match text(value, &format!("redirect: {name}: ")) {
            Ok((text, span)) => (text.to_owned(), span),
            Err(fault) => {
                faults.push(fault);
                (String::new(), table.span())
            }
        },
    };
    let ((from, from_span), (to, to_span)) = (end("from"), end("to"));
    let status = fields
        .get("status")
        .map_or(Ok(Status::MovedPermanently), |value| status(value));
    let status = status.unwrap_or_else(|fault| {
        faults.push(fault);
        Status::MovedPermanently
    });
    unless(faults, (Redirect { from, to, status }, from_span, to_span))
}

fn status(value: &Spanned<DeValue<'_>>) -> Result<Status, Fault> {
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
    let mut text = String::new();
    for redirect in settings.server.policy.redirects.iter() {
        let (from, to) = (toml_string(&redirect.from), toml_string(&redirect.to));
        let status = redirect.status.code();
        let _ = write!(
            text,
            "[[redirect]]\nfrom = {from}\nto = {to}\nstatus = {status}\n"
        );
    }
    text
}

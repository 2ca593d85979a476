//! Tables of rewrites.

use super::reading::into_result;
use super::redirects::{located, read_each, read_route};
use super::table::{Source, SpannedError, TableValue};
use crate::plan::{Rewrite, Rewrites};
use crate::settings::{store::Settings, values::toml_string};
use std::fmt::Write as _;
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let (rewrites, places) = read_each(value, "rewrite", |table| {
        let (errors, route) = read_route(table, "rewrite", &[], source)?;
        let ((from, from_place), (to, to_place)) = (route.from, route.to);
        into_result(errors, (Rewrite { from, to }, (from_place, to_place)))
    })?;
    let rewrites = Rewrites::new(rewrites);
    let rewrites = rewrites.map_err(|bad| located(bad, "rewrite", &places, value))?;
    Ok(TableValue::Rewrites(rewrites))
}

pub(super) fn show(settings: &Settings) -> String {
    write("[[rewrite]]", &settings.server.policy.rewrites)
}

/// Writes rewrites, each under this heading.
pub(super) fn write(heading: &str, rewrites: &Rewrites) -> String {
    let mut text = String::new();
    for (from, to) in rewrites.iter() {
        let (from, to) = (toml_string(from), toml_string(to));
        let _ = writeln!(text, "{heading}\nfrom = {from}\nto = {to}");
    }
    text
}

//! The hosts and methods that tables name.

use super::reading::{each, empty, list};
use super::table::SpannedError;
use crate::http::host::Host;
use crate::http::method::Method;
use crate::plan::Scope;
use crate::settings::values::host;
use std::{collections::BTreeMap, ffi::OsStr, fmt::Write as _};
use toml::{Spanned, de::DeValue};

/// Reads which requests a table is about.
pub(super) fn scope(
    fields: &BTreeMap<&str, &Spanned<DeValue<'_>>>,
    table: &str,
    errors: &mut Vec<SpannedError>,
) -> Scope {
    let mut scope = Scope::default();
    if let Some(value) = fields.get("hosts") {
        let prefix = format!("{table}: hosts: ");
        let like = "write some, like \"www.example.com\", or leave it out";
        errors.extend(empty(value, &prefix, like));
        scope.hosts = each(value, &prefix, errors, |text| host(OsStr::new(text)));
    }
    if let Some(value) = fields.get("methods") {
        let prefix = format!("{table}: methods: ");
        let like = format!("write some of {}, or leave it out", methods());
        errors.extend(empty(value, &prefix, &like));
        scope.methods = each(value, &prefix, errors, method);
    }
    scope
}

fn method(name: &str) -> Result<Method, String> {
    let known = Scope::METHODS.iter().find(|(_, known)| *known == name);
    let known = known.map(|(method, _)| *method);
    known.ok_or_else(|| {
        format!(
            "{name:?} is none of {}, to which the server answers; all others get an error",
            methods()
        )
    })
}

fn methods() -> String {
    Scope::METHODS.map(|(_, name)| name).join(", ")
}

/// Writes the lines that it is read from.
pub(super) fn show_scope(scope: &Scope) -> String {
    let mut text = String::new();
    if !scope.hosts.is_empty() {
        let hosts = list(scope.hosts.iter().map(Host::to_string));
        let _ = writeln!(text, "hosts = {hosts}");
    }
    if !scope.methods.is_empty() {
        let is_named =
            |(method, name): (Method, &str)| scope.methods.contains(&method).then(|| name.into());
        let methods = list(Scope::METHODS.into_iter().filter_map(is_named));
        let _ = writeln!(text, "methods = {methods}");
    }
    text
}

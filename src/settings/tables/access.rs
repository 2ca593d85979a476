//! Access.

use super::reading::{each, empty, fields, into_result, list, tables, text};
use super::scope::{scope, show_scope};
use super::table::{Source, SpannedError, TableValue};
use crate::http::address_range::AddressRange;
use crate::plan::{Access, AccessRule, Pattern, Shadowed, Users};
use crate::settings::text::path as file_path;
use crate::settings::{store::Settings, values::toml_string};
use std::{collections::BTreeMap, ffi::OsStr, fmt::Write as _};
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    let tables = tables(value, "access")?;
    for table in &tables {
        match read_rule(table, source) {
            Ok(rule) => rules.push(rule),
            Err(found) => errors.extend(found),
        }
    }
    let rules = into_result(errors, rules)?;
    let access = Access::new(rules).map_err(|Shadowed { index, by }| {
        let span = tables.get(index).map_or(value.span(), |table| table.span());
        let (number, before) = (index + 1, by + 1);
        let message = format!(
            "access: this one, number {number}, would never count, as number {before} matches all of \
             its paths and comes first; move it before that one"
        );
        vec![(span, message)]
    })?;
    Ok(TableValue::Access(access))
}

fn read_rule(
    table: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<AccessRule, Vec<SpannedError>> {
    let known = ["path", "hosts", "users", "realm", "allow", "deny"];
    let fields = fields(table, "access", &known, source)?;
    let mut errors = Vec::new();
    let mut paths = Vec::new();
    match fields.get("path") {
        None => errors.push((table.span(), "access: it has no path".to_owned())),
        Some(value) => {
            let like = "write one like \"/**\"";
            errors.extend(empty(value, "access: path: ", like));
            paths = each(value, "access: path: ", &mut errors, Pattern::parse);
        }
    }
    let rule = AccessRule {
        paths,
        scope: scope(&fields, "access", &mut errors),
        allow: ranges(&fields, "allow", &mut errors),
        deny: ranges(&fields, "deny", &mut errors),
        users: users(&fields, table, &mut errors),
    };
    if rule.users.is_none() && !rule.asks_for_address() && errors.is_empty() {
        let message = "access: it restricts nothing; write users, allow or deny, or allow = \"all\" \
                       for a part that is open to all";
        errors.push((table.span(), message.to_owned()));
    }
    into_result(errors, rule)
}

fn ranges(
    fields: &BTreeMap<&str, &Spanned<DeValue<'_>>>,
    name: &str,
    errors: &mut Vec<SpannedError>,
) -> Vec<AddressRange> {
    let Some(value) = fields.get(name) else {
        return Vec::new();
    };
    let prefix = format!("access: {name}: ");
    if matches!(value.get_ref(), DeValue::Array(elements) if elements.is_empty()) {
        let message =
            format!("{prefix}there is none; write some like \"10.0.0.0/8\", or leave it out");
        errors.push((value.span(), message));
    }
    each(value, &prefix, errors, str::parse)
}

fn users(
    fields: &BTreeMap<&str, &Spanned<DeValue<'_>>>,
    table: &Spanned<DeValue<'_>>,
    errors: &mut Vec<SpannedError>,
) -> Option<Users> {
    let mut read = |name: &str, check: fn(&str) -> Result<(), String>| {
        let prefix = format!("access: {name}: ");
        let read = text(fields.get(name)?, &prefix).and_then(|(text, span)| {
            let checked = check(text);
            checked.map_err(|message| (span, format!("{prefix}{message}")))?;
            Ok(text.to_owned())
        });
        read.map_err(|error| errors.push(error)).ok()
    };
    let file = read("users", |text| match text {
        "" => Err("the name of the file is empty".to_owned()),
        text => file_path(OsStr::new(text)).map(drop),
    });
    let realm = read("realm", realm);
    if realm.is_some() && !fields.contains_key("users") {
        let message = "access: realm: it is shown to those who are asked for a password; write users, \
                       too";
        errors.push((table.span(), message.to_owned()));
    }
    let file = file_path(OsStr::new(&file?)).ok()?;
    Some(Users {
        file: file.into(),
        realm: realm.unwrap_or_else(|| Users::REALM.to_owned()),
    })
}

/// Checks a name that is quoted in a header.
fn realm(text: &str) -> Result<(), String> {
    match text {
        "" => Err("it is empty; write a name, or leave it out".to_owned()),
        _ if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Ok(()),
        _ => Err(format!(
            "{text:?} is not visible ASCII, which a header can hold"
        )),
    }
}

pub(super) fn show(settings: &Settings) -> String {
    write("[[access]]", &settings.server.policy.access)
}

/// Writes rules, each under this heading.
pub(super) fn write(heading: &str, access: &Access) -> String {
    let mut text = String::new();
    for rule in access.iter() {
        let paths = list(rule.paths.iter().map(Pattern::to_string));
        let _ = write!(
            text,
            "{heading}\npath = {paths}\n{}",
            show_scope(&rule.scope)
        );
        for (name, ranges) in [("allow", &rule.allow), ("deny", &rule.deny)] {
            if !ranges.is_empty() {
                let ranges = list(ranges.iter().map(AddressRange::to_string));
                let _ = writeln!(text, "{name} = {ranges}");
            }
        }
        if let Some(Users { file, realm }) = &rule.users {
            let (file, realm) = (toml_string(&file.to_string_lossy()), toml_string(realm));
            let _ = write!(text, "users = {file}\nrealm = {realm}\n");
        }
    }
    text
}

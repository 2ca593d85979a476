//! Tables of rules for response fields.

use super::reading::{
    Key, each, empty, fields, in_order, into_result, key, list, mistyped, tables, text,
};
use super::scope::{scope, show_scope};
use super::table::{Source, SpannedError, TableValue};
use crate::http::coding::Coding;
use crate::http::response::Edit;
use crate::plan::{CONTENT_ENCODING, Class, Pattern, Rule, Rules, is_metadata};
use crate::settings::store::Settings;
use crate::settings::values::{header_name, header_value, removable_header, toml_string};
use std::fmt::Write as _;
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let mut errors = Vec::new();
    let mut rules = Vec::new();
    for table in tables(value, "rule")? {
        match read_rule(table, source) {
            Ok(rule) => rules.push(rule),
            Err(found) => errors.extend(found),
        }
    }
    into_result(errors, TableValue::Rules(Rules::new(rules)))
}

fn read_rule(table: &Spanned<DeValue<'_>>, source: &Source<'_>) -> Result<Rule, Vec<SpannedError>> {
    let known = ["path", "hosts", "methods", "on", "set", "remove"];
    let fields = fields(table, "rule", &known, source)?;
    let mut errors = Vec::new();
    let mut paths = Vec::new();
    match fields.get("path") {
        None => errors.push((table.span(), "rule: it has no path".to_owned())),
        Some(value) => {
            let like = "write one like \"/**\"";
            errors.extend(empty(value, "rule: path: ", like));
            paths = each(value, "rule: path: ", &mut errors, Pattern::parse);
        }
    }
    let mut on = vec![Class::Success];
    if let Some(value) = fields.get("on") {
        let like = format!("write some of {}, or leave it out", classes());
        errors.extend(empty(value, "rule: on: ", &like));
        on = each(value, "rule: on: ", &mut errors, class);
    }
    let mut edits = Vec::new();
    if let Some(value) = fields.get("set") {
        match value.get_ref() {
            DeValue::Table(set) => {
                for (name, value) in in_order(set) {
                    match edit(name, value) {
                        Ok(edit) => edits.push(edit),
                        Err(error) => errors.push(error),
                    }
                }
            }
            other => errors.push(mistyped(
                value.span(),
                "rule: set: ",
                "headers and their values, like { Cache-Control = \"no-store\" }",
                other,
            )),
        }
    }
    if let Some(value) = fields.get("remove") {
        let removed = each(value, "rule: remove: ", &mut errors, removable_header);
        edits.extend(removed.into_iter().map(|name| Edit {
            name: name.into(),
            value: None,
        }));
    }
    if edits.is_empty() && errors.is_empty() {
        let message = "rule: it changes nothing; write set or remove".to_owned();
        errors.push((table.span(), message));
    }
    let scope = scope(&fields, "rule", &mut errors);
    let rule = Rule {
        paths,
        edits,
        on,
        scope,
    };
    errors.extend(misused_metadata(&rule).map(|message| (table.span(), message)));
    into_result(errors, rule)
}

/// Returns the message about a rule that changes the metadata of a file for only some responses.
fn misused_metadata(rule: &Rule) -> Option<String> {
    let name = &rule.edits.iter().find(|edit| is_metadata(edit))?.name;
    if rule.on != [Class::Success] {
        Some(format!(
            "rule: {name} can only be set for files; leave out `on`"
        ))
    } else if !rule.scope.is_all() {
        Some(format!(
            "rule: {name} is the same for all requests; leave out hosts and methods"
        ))
    } else {
        None
    }
}

fn class(name: &str) -> Result<Class, String> {
    let known = Class::ALL.iter().find(|(_, known)| *known == name);
    let known = known.map(|(class, _)| *class);
    known.ok_or_else(|| format!("{name:?} is none of {}", classes()))
}

fn classes() -> String {
    Class::ALL.map(|(_, name)| name).join(", ")
}

/// Parses a field to set, with its value.
fn edit(name: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<Edit, SpannedError> {
    let prefix = "rule: set: ";
    if name.get_ref().eq_ignore_ascii_case(CONTENT_ENCODING) {
        return coding(value, prefix);
    }
    let named = header_name(name.get_ref())
        .map_err(|message| (name.span(), format!("{prefix}{message}")))?;
    let (text, span) = text(value, prefix)?;
    let value = header_value(text)
        .map_err(|message| (span, format!("{prefix}{}: {message}", name.get_ref())))?;
    Ok(Edit {
        name: named.into(),
        value: Some(value.into()),
    })
}

/// Parses the coding in which files are stored.
fn coding(value: &Spanned<DeValue<'_>>, prefix: &str) -> Result<Edit, SpannedError> {
    let (text, span) = text(value, prefix)?;
    let coding = Coding::named(text).ok_or_else(|| {
        let names = Coding::ALL.map(Coding::name).join(", ");
        let message = format!("{prefix}{CONTENT_ENCODING}: {text:?} is none of {names}");
        (span, message)
    })?;
    Ok(Edit {
        name: CONTENT_ENCODING.into(),
        value: Some(coding.name().into()),
    })
}

pub(super) fn show(settings: &Settings) -> String {
    write("[[rule]]", &settings.server.policy.rules)
}

/// Writes rules, each under this heading.
pub(super) fn write(heading: &str, rules: &Rules) -> String {
    let mut text = String::new();
    for rule in rules.iter() {
        let paths = list(rule.paths.iter().map(Pattern::to_string));
        let is_on =
            |(class, name): (Class, &str)| rule.on.contains(&class).then(|| name.to_owned());
        let on = list(Class::ALL.into_iter().filter_map(is_on));
        let set = rule.edits.iter().filter_map(|edit| {
            let (name, value) = (key(&edit.name), edit.value.as_deref()?);
            Some(format!("{name} = {}", toml_string(value)))
        });
        let set = set.collect::<Vec<_>>().join(", ");
        let removed = rule.edits.iter().filter(|edit| edit.value.is_none());
        let scope = show_scope(&rule.scope);
        let removed = list(removed.map(|edit| edit.name.to_string()));
        let _ = write!(
            text,
            "{heading}\npath = {paths}\n{scope}on = {on}\nset = {{ {set} }}\nremove = {removed}\n"
        );
    }
    text
}

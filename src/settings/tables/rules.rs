//! Rules about the fields of responses.

use super::reading::{Key, each, fields, in_order, key, list, mistyped, tables, text, unless};
use super::{Contents, Fault};
use crate::http::coding::Coding;
use crate::http::response::Edit;
use crate::plan::{CONTENT_ENCODING, Class, Pattern, Rule, Rules, is_fact};
use crate::settings::{Settings, kind::toml_string, value};
use std::fmt::Write as _;
use toml::{Spanned, de::DeValue};

pub(super) fn read(value: &Spanned<DeValue<'_>>) -> Result<Contents, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut rules = Vec::new();
    for table in tables(value, "rule")? {
        match read_rule(table) {
            Ok(rule) => rules.push(rule),
            Err(found) => faults.extend(found),
        }
    }
    unless(faults, Contents::Rules(Rules::new(rules)))
}

fn read_rule(table: &Spanned<DeValue<'_>>) -> Result<Rule, Vec<Fault>> {
    let fields = fields(table, "rule", &["path", "on", "set", "remove"])?;
    let mut faults = Vec::new();
    let mut paths = Vec::new();
    match fields.get("path") {
        None => faults.push((table.span(), "rule: it has no path".to_owned())),
        Some(value) => {
            let like = "write one like \"/**\"";
            faults.extend(empty(value, "rule: path: ", like));
            paths = each(value, "rule: path: ", &mut faults, Pattern::parse);
        }
    }
    let mut on = vec![Class::Success];
    if let Some(value) = fields.get("on") {
        let like = format!("write some of {}, or leave it out", classes());
        faults.extend(empty(value, "rule: on: ", &like));
        on = each(value, "rule: on: ", &mut faults, class);
    }
    let mut edits = Vec::new();
    if let Some(value) = fields.get("set") {
        match value.get_ref() {
            DeValue::Table(set) => {
                for (name, value) in in_order(set) {
                    match edit(name, value) {
                        Ok(edit) => edits.push(edit),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            other => faults.push(mistyped(
                value.span(),
                "rule: set: ",
                "fields and their values, like { Cache-Control = \"no-store\" }",
                other,
            )),
        }
    }
    if let Some(value) = fields.get("remove") {
        let removed = each(value, "rule: remove: ", &mut faults, value::removable_field);
        edits.extend(removed.into_iter().map(|name| Edit {
            name: name.into(),
            value: None,
        }));
    }
    if edits.is_empty() && faults.is_empty() {
        let message = "rule: it changes nothing; write set or remove".to_owned();
        faults.push((table.span(), message));
    }
    if let Some(edit) = edits.iter().find(|edit| is_fact(edit))
        && on != [Class::Success]
    {
        let message = format!(
            "rule: {} can be set for files alone; leave out `on`",
            edit.name
        );
        faults.push((table.span(), message));
    }
    unless(faults, Rule { paths, edits, on })
}

/// What to say of an array that holds nothing.
fn empty(value: &Spanned<DeValue<'_>>, prefix: &str, like: &str) -> Option<Fault> {
    let is_empty = matches!(value.get_ref(), DeValue::Array(elements) if elements.is_empty());
    let message = format!("{prefix}there is none, so that the rule never applies; {like}");
    is_empty.then(|| (value.span(), message))
}

fn class(name: &str) -> Result<Class, String> {
    let known = Class::ALL.iter().find(|(_, known)| *known == name);
    let known = known.map(|(class, _)| *class);
    known.ok_or_else(|| format!("{name:?} is none of {}", classes()))
}

fn classes() -> String {
    Class::ALL.map(|(_, name)| name).join(", ")
}

/// A field to set, with its value.
fn edit(name: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Result<Edit, Fault> {
    let prefix = "rule: set: ";
    if name.get_ref().eq_ignore_ascii_case(CONTENT_ENCODING) {
        return coding(value, prefix);
    }
    let named = value::field_name(name.get_ref())
        .map_err(|message| (name.span(), format!("{prefix}{message}")))?;
    let (text, span) = text(value, prefix)?;
    let value = value::field_value(text)
        .map_err(|message| (span, format!("{prefix}{}: {message}", name.get_ref())))?;
    Ok(Edit {
        name: named.into(),
        value: Some(value.into()),
    })
}

/// The coding that files are stored in.
fn coding(value: &Spanned<DeValue<'_>>, prefix: &str) -> Result<Edit, Fault> {
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
    let mut text = String::new();
    for rule in settings.server.policy.rules.iter() {
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
        let removed = list(removed.map(|edit| edit.name.to_string()));
        let _ = write!(
            text,
            "[[rule]]\npath = {paths}\non = {on}\nset = {{ {set} }}\nremove = {removed}\n"
        );
    }
    text
}

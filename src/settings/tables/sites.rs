//! Sites: their hosts, base path and root, and all settings that apply to a site.

use super::option_value::texts;
use super::reading::{each, in_order, into_result, list, table, tables, text};
use super::table::{Source, SpannedError, TableValue};
use super::{access, redirects, rewrites, rules, types};
use crate::http::base_path::BasePath;
use crate::http::host::Host;
use crate::settings::site_table::{SiteOption, SiteTable};
use crate::settings::store::Settings;
use crate::settings::suggest::nearest;
use crate::settings::values::{InvalidValue, host, toml_string};
use std::{borrow::Cow, ffi::OsStr, fmt::Write as _};
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let (mut sites, mut errors) = (Vec::new(), Vec::new());
    for table in tables(value, "site")? {
        match read_site(table, source) {
            Ok(site) => sites.push(site),
            Err(found) => errors.extend(found),
        }
    }
    into_result(errors, TableValue::Sites(sites))
}

fn read_site(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<SiteTable, Vec<SpannedError>> {
    let mut errors = Vec::new();
    let mut site = SiteTable {
        origin: (source.place)(value.span()),
        hosts: Vec::new(),
        base: BasePath::default(),
        options: Vec::new(),
        rules: None,
        access: None,
        redirects: None,
        rewrites: None,
        types: None,
    };
    for (key, value) in in_order(table(value, "site", "[[site]] above each")?) {
        match key.get_ref().as_ref() {
            "hosts" => site.hosts = read_hosts(value, &mut errors),
            "path" => {
                let read = text(value, "site: path: ").and_then(|(text, span)| {
                    let base = BasePath::parse(text);
                    base.map_err(|message| (span, format!("site: path: {message}")))
                });
                match read {
                    Ok(base) => site.base = base,
                    Err(error) => errors.push(error),
                }
            }
            name if TABLES_OF_A_SITE.contains(&name) => {
                if let Err(found) = read_table(name, value, source, &mut site) {
                    errors.extend(found);
                }
            }
            name => match read_option(name, key, value, source) {
                Ok(option) => site.options.push(option),
                Err(error) => errors.push(error),
            },
        }
    }
    if errors.is_empty() && !site.options.iter().any(|option| option.name == ROOT) {
        let message = "site: it has no root; write one like root = \"/srv/www\"".to_owned();
        errors.push((value.span(), message));
    }
    into_result(errors, site)
}

fn read_hosts(value: &Spanned<DeValue<'_>>, errors: &mut Vec<SpannedError>) -> Vec<Host> {
    if matches!(value.get_ref(), DeValue::Array(elements) if elements.is_empty()) {
        let message = "site: hosts: there is none; leave hosts out for any host".to_owned();
        errors.push((value.span(), message));
    }
    each(value, "site: hosts: ", errors, |text| match text {
        "*" | "any" | "auto" => Err(format!(
            "{text:?} is not a host; leave hosts out for any host"
        )),
        text => host(OsStr::new(text)),
    })
}

/// Reads a table that is part of a site.
fn read_table(
    name: &str,
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
    site: &mut SiteTable,
) -> Result<(), Vec<SpannedError>> {
    let read = match name {
        "rule" => rules::read(value, source)?,
        "access" => access::read(value, source)?,
        "redirect" => redirects::read(value, source)?,
        "rewrite" => rewrites::read(value, source)?,
        _ => types::read(value, source)?,
    };
    match read {
        TableValue::Access(access) => site.access = Some(access),
        TableValue::Rules(rules) => site.rules = Some(rules),
        TableValue::Redirects(redirects) => site.redirects = Some(redirects),
        TableValue::Rewrites(rewrites) => site.rewrites = Some(rewrites),
        TableValue::Types(types) => site.types = Some(types),
        TableValue::Certificates(_) | TableValue::Sites(_) => {}
    }
    Ok(())
}

fn read_option(
    name: &str,
    key: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<SiteOption, SpannedError> {
    let Some(option) = (source.option)(name).filter(|_| OPTIONS_OF_A_SITE.contains(&name)) else {
        return Err((key.span(), unknown(name, source)));
    };
    let texts =
        texts(option, value).map_err(|(span, message)| (span, format!("site: {message}")))?;
    let (values, mut spans): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
    // This only checks the value. It takes effect when the site is resolved.
    match option.value.assign(&mut Settings::default(), &values) {
        Ok(()) => Ok(SiteOption {
            name: option.name,
            values,
            origin: (source.place)(value.span()),
        }),
        Err(InvalidValue { index, message }) => {
            let span = if index < spans.len() {
                spans.swap_remove(index)
            } else {
                value.span()
            };
            Err((span, format!("site: {name}: {message}")))
        }
    }
}

/// Returns the message about a key that sites do not have.
fn unknown(name: &str, source: &Source<'_>) -> String {
    if source.is_option(name) {
        return format!("site: {name} is a setting of the whole server; move it above all tables");
    }
    let known = ["hosts", "path"].into_iter();
    let known = known.chain(OPTIONS_OF_A_SITE.iter().copied());
    let known = known.chain(TABLES_OF_A_SITE);
    let advice = nearest(name, known.clone()).map_or_else(
        || format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        |nearest| format!("did you mean {nearest}?"),
    );
    format!("site: there is no {name:?}; {advice}")
}

pub(super) fn show(settings: &Settings) -> String {
    let mut text = String::new();
    for (number, site) in settings.sites.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}[[site]]", if number == 0 { "" } else { "\n" });
        if !site.hosts.is_empty() {
            let hosts = list(site.hosts.iter().map(Host::to_string));
            let _ = writeln!(text, "hosts = {hosts}");
        }
        let _ = writeln!(text, "path = {}", toml_string(&site.base.to_string()));
        for printed in settings.printed_options(site) {
            let _ = writeln!(text, "{printed}");
        }
        if let Some(types) = &site.types {
            text.push_str(&types::write("[site.types]", types));
        }
        if let Some(rules) = &site.rules {
            text.push_str(&rules::write("[[site.rule]]", rules));
        }
        if let Some(access) = &site.access {
            text.push_str(&access::write("[[site.access]]", access));
        }
        if let Some(redirects) = &site.redirects {
            text.push_str(&redirects::write("[[site.redirect]]", redirects));
        }
        if let Some(rewrites) = &site.rewrites {
            text.push_str(&rewrites::write("[[site.rewrite]]", rewrites));
        }
    }
    text
}

/// The only setting that every site must have.
const ROOT: &str = "root";

/// The options for which a site may have its own value: those that are kept in the options of a
/// site, in its policy, or as its `listing`, and its certificate.
const OPTIONS_OF_A_SITE: &[&str] = &[
    ROOT,
    "index",
    "clean-urls",
    "listing",
    "dotfiles",
    "links",
    "error-pages",
    "spa",
    "cache-control",
    "header",
    "cors",
    "auth-file",
    "precompressed",
    "compression",
    "tls-certificate",
    "tls-key",
];

const TABLES_OF_A_SITE: [&str; 5] = ["types", "rule", "access", "redirect", "rewrite"];

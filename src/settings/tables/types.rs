//! Media types by extension, and by the whole of a name that has none.

use super::reading::{in_order, key, misplaced, table, text, unless};
use super::{Contents, Fault};
use crate::http::media::with_charset;
use crate::settings::{Settings, kind::toml_string, options::find, value};
use std::{collections::BTreeMap, fmt::Write as _};
use toml::{Spanned, de::DeValue};

pub(super) fn read(value: &Spanned<DeValue<'_>>) -> Result<Contents, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut types = BTreeMap::new();
    for (key, value) in in_order(table(value, "types", "[types]")?) {
        let name = key.get_ref().to_lowercase();
        let read = text(value, "types: ").and_then(|(text, span)| {
            media_type(text).map_err(|message| (span, format!("types: {message}")))
        });
        // A file may be named like a setting, or have such an extension: root, index and others exist.
        let is_type = read.as_ref().is_ok_and(|read| is_of_known_kind(read));
        if find(&name).is_some() && !is_type {
            faults.push((key.span(), misplaced(&name)));
            continue;
        }
        if name.contains(['.', '/']) {
            faults.push((key.span(), unusable(key.get_ref())));
        }
        match read {
            Ok(media_type) => {
                types.insert(name, media_type);
            }
            Err(fault) => faults.push(fault),
        }
    }
    unless(faults, Contents::Types(types))
}

/// What to say of a key that no name of a file can be looked up by.
fn unusable(key: &str) -> String {
    match key.strip_prefix('.') {
        Some(extension) if !extension.contains(['.', '/']) => format!(
            "types: {key:?} is no extension; write it without a dot, like {}",
            if extension.is_empty() {
                "mjs"
            } else {
                extension
            }
        ),
        _ => format!(
            "types: {key:?} is neither an extension, like mjs, nor a name without one, like \
             LICENSE; set Content-Type by a [[rule]] for its path"
        ),
    }
}

fn media_type(text: &str) -> Result<String, String> {
    let essence = text.split(';').next().unwrap_or_default();
    let is_token = |part: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(is_allowed)
    };
    let (main, sub) = essence.trim_end().split_once('/').unwrap_or_default();
    if is_token(main) && is_token(sub) {
        value::field_value(text).map(|text| with_charset(&text))
    } else {
        Err(format!(
            "{text:?} is no media type; write one like text/javascript"
        ))
    }
}

/// Whether a media type is under a top-level type that is registered (RFC 6838 §4.2); public/html, a
/// directory, is not.
fn is_of_known_kind(media_type: &str) -> bool {
    let (main, _) = media_type.split_once('/').unwrap_or_default();
    TOP_LEVEL_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(main))
}

pub(super) fn show(settings: &Settings) -> String {
    let mut text = String::new();
    for (name, media_type) in &settings.server.policy.types {
        let (name, media_type) = (key(name), toml_string(media_type));
        let _ = writeln!(text, "{name} = {media_type}");
    }
    if text.is_empty() {
        text
    } else {
        format!("[types]\n{text}")
    }
}

const TOP_LEVEL_TYPES: [&str; 10] = [
    "application",
    "audio",
    "font",
    "haptics",
    "image",
    "message",
    "model",
    "multipart",
    "text",
    "video",
];

//! Media types by extension, or by the whole name of a file without one.

use super::reading::{in_order, into_result, key, misplaced, table, text};
use super::table::{Source, SpannedError, TableValue};
use crate::http::media::with_charset;
use crate::settings::store::Settings;
use crate::settings::values::{header_value, toml_string};
use std::{collections::BTreeMap, fmt::Write as _};
use toml::{Spanned, de::DeValue};

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    source: &Source<'_>,
) -> Result<TableValue, Vec<SpannedError>> {
    let mut errors = Vec::new();
    let mut types = BTreeMap::new();
    for (key, value) in in_order(table(value, "types", "[types]")?) {
        let name = key.get_ref().to_lowercase();
        let read = text(value, "types: ").and_then(|(text, span)| {
            media_type(text).map_err(|message| (span, format!("types: {message}")))
        });
        // A file may have the name or the extension of a setting: root, index and others exist.
        let is_type = read.as_ref().is_ok_and(|read| is_of_known_kind(read));
        if source.is_option(&name) && !is_type {
            errors.push((key.span(), misplaced(&name)));
            continue;
        }
        if name.contains(['.', '/']) {
            errors.push((key.span(), unusable(key.get_ref())));
        }
        match read {
            Ok(media_type) => {
                types.insert(name, media_type);
            }
            Err(error) => errors.push(error),
        }
    }
    into_result(errors, TableValue::Types(types))
}

/// Returns the message for a key that no file name can match.
fn unusable(key: &str) -> String {
    match key.strip_prefix('.') {
        Some(extension) if !extension.contains(['.', '/']) => format!(
            "types: {key:?} is not a file extension; write it without a dot, like {}",
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
        header_value(text).map(|text| with_charset(&text))
    } else {
        Err(format!(
            "{text:?} is not a content type; write one like text/javascript"
        ))
    }
}

/// Returns `true` if a media type has a registered top-level type (RFC 6838 §4.2). The directory
/// public/html does not.
fn is_of_known_kind(media_type: &str) -> bool {
    let (main, _) = media_type.split_once('/').unwrap_or_default();
    TOP_LEVEL_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(main))
}

pub(super) fn show(settings: &Settings) -> String {
    write("[types]", &settings.server.policy.types)
}

/// Writes types under this heading, or nothing if there are none.
pub(super) fn write(heading: &str, types: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, media_type) in types {
        let (name, media_type) = (key(name), toml_string(media_type));
        let _ = writeln!(text, "{name} = {media_type}");
    }
    if text.is_empty() {
        text
    } else {
        format!("{heading}\n{text}")
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

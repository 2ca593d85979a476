//! Media types by extension.

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
        let extension = key.get_ref().to_lowercase();
        let read = text(value, "types: ").and_then(|(text, span)| {
            media_type(text).map_err(|message| (span, format!("types: {message}")))
        });
        // An extension may be named like a setting: root, index and others exist.
        let is_type = read.as_ref().is_ok_and(|read| is_of_known_kind(read));
        if find(&extension).is_some() && !is_type {
            faults.push((key.span(), misplaced(&extension)));
            continue;
        }
        if extension.is_empty() || extension.contains(['.', '/']) {
            let message = format!(
                "types: {:?} is no extension; write it without a dot, like mjs",
                key.get_ref()
            );
            faults.push((key.span(), message));
        }
        match read {
            Ok(media_type) => {
                types.insert(extension, media_type);
            }
            Err(fault) => faults.push(fault),
        }
    }
    unless(faults, Contents::Types(types))
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
    for (extension, media_type) in &settings.server.policy.types {
        let (extension, media_type) = (key(extension), toml_string(media_type));
        let _ = writeln!(text, "{extension} = {media_type}");
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

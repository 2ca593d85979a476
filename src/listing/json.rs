//! A listing as JSON (RFC 8259): one object, one line for each entry.

use super::entry::{ContentTypeOf, Entry};
use super::overview::Overview;
use super::text::Time;
use crate::http::path::{escaped, name_reference};
use std::fmt::Write as _;

/// Writes everything before the first entry.
pub(super) fn head(overview: &Overview, out: &mut String) {
    let order = overview.view.order;
    let (sort, order) = (order.by.name(), order.direction.name());
    let totals = &overview.totals;
    out.push_str("{\"path\":");
    let path = escaped(overview.path.as_bytes());
    string(out, &format!("{}{path}", overview.base));
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        ",\"sort\":\"{sort}\",\"order\":\"{order}\",\"directories\":{},\"files\":{},\
         \"bytes\":{},\"cut\":{},\"entries\":[",
        totals.directories, totals.files, totals.bytes, totals.is_cut
    );
}

/// Writes an entry. A program reads the name, so invisible characters stay. Invalid UTF-8 becomes
/// U+FFFD; only the reference has the true bytes.
pub(super) fn entry(
    entry: &Entry,
    content_type_of: ContentTypeOf<'_>,
    is_last: bool,
    out: &mut String,
) {
    out.push_str("{\"name\":");
    string(out, &String::from_utf8_lossy(&entry.name));
    let slash = if entry.size.is_none() { "/" } else { "" };
    out.push_str(",\"href\":");
    string(out, &format!("{}{slash}", name_reference(&entry.name)));
    match entry.size {
        None => out.push_str(",\"kind\":\"directory\""),
        Some(size) => {
            out.push_str(",\"kind\":\"file\",\"type\":");
            string(out, &content_type_of(&entry.name));
            let _ = write!(out, ",\"size\":{size}");
        }
    }
    if let Some(time) = entry.modified.map(Time::new) {
        let _ = write!(out, ",\"modified\":\"{}\"", time.machine());
    }
    out.push_str(if is_last { "}\n" } else { "},\n" });
}

/// Writes everything after the last entry.
pub(super) fn tail(out: &mut String) {
    out.push_str("]}\n");
}

/// Writes a JSON array. `write` writes an element.
pub(crate) fn array<T>(
    out: &mut String,
    elements: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    out.push('[');
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, element);
    }
    out.push(']');
}

/// Writes a JSON string.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            _ if char.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_has_a_comma_between_two_elements() {
        for (elements, expected) in [
            (&[][..], "[]"),
            (&["a"], "[\"a\"]"),
            (&["a", "b\"", "\n"], "[\"a\",\"b\\\"\",\"\\u000a\"]"),
        ] {
            let mut out = String::new();
            array(&mut out, elements, |out, text| string(out, text));
            assert_eq!(out, expected);
        }
    }
}

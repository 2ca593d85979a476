//! A listing as JSON (RFC 8259): one object, one line for each entry.

use super::text::Time;
use super::types::Types;
use super::{Entry, Listing};
use crate::http::path::name_reference;
use std::fmt::Write as _;

/// All before the first entry.
pub(super) fn head(listing: &Listing, out: &mut String) {
    let order = listing.view.order;
    let (sort, order) = (order.by.name(), order.direction.name());
    let totals = &listing.totals;
    out.push_str("{\"path\":");
    string(out, &listing.path.to_reference().to_string());
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        ",\"sort\":\"{sort}\",\"order\":\"{order}\",\"directories\":{},\"files\":{},\
         \"bytes\":{},\"cut\":{},\"entries\":[",
        totals.directories, totals.files, totals.bytes, totals.is_cut
    );
}

/// An entry. Names are as they are, invisible characters included, since a program reads them; what
/// is no UTF-8 becomes U+FFFD, and the reference alone has the true bytes.
pub(super) fn entry(entry: &Entry, types: Types<'_>, is_last: bool, out: &mut String) {
    out.push_str("{\"name\":");
    string(out, &String::from_utf8_lossy(&entry.name));
    let slash = if entry.size.is_none() { "/" } else { "" };
    out.push_str(",\"href\":");
    string(out, &format!("{}{slash}", name_reference(&entry.name)));
    match entry.size {
        None => out.push_str(",\"kind\":\"directory\""),
        Some(size) => {
            out.push_str(",\"kind\":\"file\",\"type\":");
            string(out, &types.of(&entry.name));
            let _ = write!(out, ",\"size\":{size}");
        }
    }
    if let Some(time) = entry.modified.map(Time::new) {
        let _ = write!(out, ",\"modified\":\"{}\"", time.machine());
    }
    out.push_str(if is_last { "}\n" } else { "},\n" });
}

/// All after the last entry.
pub(super) fn tail(out: &mut String) {
    out.push_str("]}\n");
}

fn string(out: &mut String, text: &str) {
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

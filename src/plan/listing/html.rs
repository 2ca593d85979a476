//! A listing as a page. What is inserted is escaped by construction; only the tags that enclose all
//! rows are written bare, since head, rows and tail are written apart.

use super::kind::{Kind, KindOf};
use super::text::{Count, Grouped, Size, Time, shown_name};
use super::types::Types;
use super::view::{Column, Direction, Order};
use super::{Entry, Listing, STYLE};
use crate::http::path::name_reference;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// All before the first entry.
pub(super) fn head(listing: &Listing, out: &mut String) {
    let folders = folders(listing);
    let path = folders
        .iter()
        .fold("/".to_owned(), |path, folder| path + folder + "/");
    let head = html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { "Index of " (path) }
            style { (PreEscaped(STYLE)) }
        }
    };
    let body = html! {
        header {
            @if !folders.is_empty() { (breadcrumb(&folders, listing.view.order)) }
            h1 { (folders.last().map_or(HOME, String::as_str)) }
        }
    };
    out.push_str(&DOCTYPE.into_string());
    out.push_str("<html lang=\"en\">");
    out.push_str(&head.into_string());
    out.push_str("<body>");
    out.push_str(&body.into_string());
    out.push_str("<main>");
    if listing.entries.is_empty() {
        out.push_str(&empty(listing, !folders.is_empty()).into_string());
    } else {
        out.push_str("<table class=\"entries\">");
        out.push_str(&table_head(listing).into_string());
        out.push_str("<tbody>");
        if !folders.is_empty() {
            out.push_str(&parent_row(listing.view.order).into_string());
        }
    }
}

/// The row of an entry.
pub(super) fn entry(entry: &Entry, types: Types<'_>, order: Order, out: &mut String) {
    let kind = Kind::of(entry, types);
    let name = shown_name(&entry.name);
    let reference = name_reference(&entry.name);
    let row = html! {
        tr class=(kind.class()) {
            th scope="row" {
                @match entry.size {
                    None => a href={ (reference) "/" (order.query()) } { (name) },
                    Some(_) => a href=(reference) { (name) },
                }
            }
            td { (KindOf(kind, entry)) }
            td {
                @if let Some(size) = entry.size {
                    data value=(size) title={ (Grouped(size)) " bytes" } { (Size(size)) }
                }
            }
            td {
                @if let Some(time) = entry.modified.map(Time::new) {
                    time datetime=(time.machine()) { (time.day()) "\n" (time.minute()) }
                }
            }
        }
        "\n"
    };
    out.push_str(&row.into_string());
}

/// All after the last entry.
pub(super) fn tail(listing: &Listing, out: &mut String) {
    if listing.totals.directories + listing.totals.files > 0 {
        out.push_str("</tbody></table>");
    }
    if let Some(readme) = &listing.readme {
        out.push_str(&readme.section().into_string());
    }
    out.push_str("</main></body></html>\n");
}

/// The names of the folders on the way from the root, without the root itself.
fn folders(listing: &Listing) -> Vec<String> {
    let path = listing.path.as_bytes();
    let names = path.split(|byte| *byte == b'/');
    names
        .filter(|name| !name.is_empty())
        .map(|name| shown_name(name).into_owned())
        .collect()
}

/// The folders above, from the root on. References upwards are relative, so that they hold behind a
/// proxy that serves this site below a path of its own.
fn breadcrumb(folders: &[String], order: Order) -> Markup {
    let names = [HOME].into_iter().chain(folders.iter().map(String::as_str));
    html! {
        nav aria-label="Breadcrumb" {
            ol {
                @for (steps, name) in (1..=folders.len()).rev().zip(names) {
                    li { a href={ ("../".repeat(steps)) (order.query()) } { (name) } }
                }
            }
        }
    }
}

fn empty(listing: &Listing, has_parent: bool) -> Markup {
    html! {
        p class="empty" { "This folder is empty." }
        @if has_parent {
            p { a href={ "../" (listing.view.order.query()) } { "Parent folder" } }
        }
    }
}

fn table_head(listing: &Listing) -> Markup {
    let totals = &listing.totals;
    let order = listing.view.order;
    html! {
        caption {
            @if totals.directories > 0 { (Count(totals.directories, "folder")) }
            @if totals.directories > 0 && totals.files > 0 { ", " }
            @if totals.files > 0 { (Count(totals.files, "file")) ", " (Size(totals.bytes)) }
            @if totals.is_cut { ". There is more in this folder than can be listed." }
            @if let Some(readme) = &listing.readme {
                ". " a href="#readme" { (readme.name()) }
            }
        }
        thead {
            tr {
                (column(order, Column::Name, "Name"))
                (column(order, Column::Type, "Type"))
                (column(order, Column::Size, "Size"))
                (column(order, Column::Time, "Modified (UTC)"))
            }
        }
    }
}

fn column(order: Order, column: Column, name: &str) -> Markup {
    let sort = (order.by == column).then_some(match order.direction {
        Direction::Ascending => "ascending",
        Direction::Descending => "descending",
    });
    let query = order.after_click(column).query();
    // Without a query, a reference has to name the directory itself.
    let reference = if query.is_empty() { "./" } else { query };
    html! { th scope="col" aria-sort=[sort] { a href=(reference) { (name) } } }
}

fn parent_row(order: Order) -> Markup {
    html! {
        tr class="up" {
            th scope="row" { a href={ "../" (order.query()) } { "Parent folder" } }
            td {}
            td {}
            td {}
        }
        "\n"
    }
}

/// What the root is called.
const HOME: &str = "Home";

//! A listing as a page. What is inserted is escaped by construction; only the tags that enclose all
//! rows are written bare, since head, rows and tail are written apart.
//!
//! Programs read it, too, and none of them reads HTML as a browser does:
//!
//! - Kodi takes for an entry what is a link on one line whose reference is its text, so a row is a
//!   line, and a reference is the bare name wherever it can be.
//! - lftp strips tags and reads the text after a link as Apache and nginx write it, the time and then
//!   the size in bytes. Nobody else needs that, so it stands in a comment, of which lftp strips the
//!   beginning.
//! - `wget -r` follows links, but no forms. So a form leads to each order but the usual one, else it
//!   would fetch each directory eight times. Search engines are told by `nofollow`.

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
        out.push_str(&forms(listing.view.order).into_string());
        out.push_str("<table class=\"entries\">");
        out.push_str(&table_head(listing).into_string());
        out.push_str("<tbody>\n");
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
                    None => (ordered_link(&format!("{reference}/"), order, &name)),
                    Some(_) => a href=(reference) { (name) },
                }
                @if let Some(comment) = for_lftp(entry) { (comment) }
            }
            td { (KindOf(kind, entry)) }
            td {
                @if let Some(size) = entry.size {
                    data value=(size) title={ (Grouped(size)) " bytes" } { (Size(size)) }
                }
            }
            td {
                @if let Some(time) = entry.modified.map(Time::new) {
                    time datetime=(time.machine()) { (time.day()) " " (time.minute()) }
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
                    li { (ordered_link(&"../".repeat(steps), order, name)) }
                }
            }
        }
    }
}

fn empty(listing: &Listing, has_parent: bool) -> Markup {
    html! {
        p class="empty" { "This folder is empty." }
        @if has_parent {
            p { (ordered_link("../", listing.view.order, "Parent folder")) }
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

/// What the buttons in the heads of the columns send, besides themselves. Within a head, a form would
/// take its name away from those who hear it.
fn forms(order: Order) -> Markup {
    let columns = [Column::Name, Column::Type, Column::Size, Column::Time];
    let others = columns.map(|column| order.after_click(column));
    html! {
        @for next in others.iter().filter(|next| **next != Order::default()) {
            form id=(form_id(next.by)) rel="nofollow" hidden {
                input type="hidden" name="sort" value=(next.by.name());
            }
        }
    }
}

/// No heading of a README has such a name, as it has no dot in it.
fn form_id(column: Column) -> String {
    format!("by.{}", column.name())
}

fn column(order: Order, column: Column, name: &str) -> Markup {
    let sort = (order.by == column).then_some(match order.direction {
        Direction::Ascending => "ascending",
        Direction::Descending => "descending",
    });
    let next = order.after_click(column);
    html! {
        th scope="col" aria-sort=[sort] {
            @if next == Order::default() {
                // Without a query, a reference has to name the directory itself.
                a href="./" rel="nofollow" { (name) }
            } @else {
                button form=(form_id(column)) name="order" value=(next.direction.name()) { (name) }
            }
        }
    }
}

/// A link to another directory, which keeps the order.
fn ordered_link(reference: &str, order: Order, name: &str) -> Markup {
    let is_usual = order == Order::default();
    html! {
        a href={ (reference) (order.query()) } rel=[(!is_usual).then_some("nofollow")] { (name) }
    }
}

/// The time and the size of an entry, as lftp expects them after its link.
fn for_lftp(entry: &Entry) -> Option<Markup> {
    let time = entry.modified.map(Time::new)?;
    Some(html! {
        (PreEscaped("<!-- > ")) (time.day()) " " (time.minute()) " "
        @match entry.size {
            Some(size) => (size),
            None => "-",
        }
        (PreEscaped(" -->"))
    })
}

fn parent_row(order: Order) -> Markup {
    html! {
        tr class="up" {
            th scope="row" { (ordered_link("../", order, "Parent folder")) }
            td {}
            td {}
            td {}
        }
        "\n"
    }
}

/// What the root is called.
const HOME: &str = "Home";

//! A listing as an HTML page. Everything inserted is escaped by construction. Only the tags that
//! enclose all rows are written by hand, since head, rows and tail are written separately.
//!
//! Programs read the page too, and none of them parses HTML as a browser does:
//!
//! - Kodi takes a link for an entry if it is on one line and its reference equals its text. So each
//!   row is one line, and a reference is the bare name wherever possible.
//! - lftp strips tags and reads the text after a link in the format of Apache and nginx: the time,
//!   then the size in bytes. Nobody else needs that text, so it is in a comment. lftp strips only
//!   the beginning of the comment.
//! - `wget -r` follows links but not forms. So every order except the default is reached by a form;
//!   otherwise wget would fetch each directory eight times. `nofollow` keeps search engines out.

use super::entry::{ContentTypeOf, Entry};
use super::kind::{Description, Kind};
use super::overview::Overview;
use super::style::{STYLE, TIMES};
use super::text::{Count, Grouped, Size, Time, shown_name};
use super::view::{Column, Direction, Order};
use crate::http::path::name_reference;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Writes everything before the first entry.
pub(super) fn head(overview: &Overview, out: &mut String) {
    let folders = folders(overview);
    let above = names(overview.base.as_bytes());
    let path = above
        .iter()
        .chain(&folders)
        .fold("/".to_owned(), |path, folder| path + folder + "/");
    // The top of the site, named after the last segment of its base path.
    let home = above.last().map_or(HOME, String::as_str);
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
            @if !folders.is_empty() { (breadcrumb(home, &folders, overview.view.order)) }
            h1 { (folders.last().map_or(home, String::as_str)) }
        }
    };
    out.push_str(&DOCTYPE.into_string());
    out.push_str("<html lang=\"en\">");
    out.push_str(&head.into_string());
    out.push_str("<body>");
    out.push_str(&body.into_string());
    out.push_str("<main>");
    if overview.totals.entries() == 0 {
        out.push_str(&empty(overview.view.order, !folders.is_empty()).into_string());
    } else {
        out.push_str(&forms(overview.view.order).into_string());
        out.push_str("<table class=\"entries\">");
        out.push_str(&table_head(overview).into_string());
        out.push_str("<tbody>\n");
        if !folders.is_empty() {
            out.push_str(&parent_row(overview.view.order).into_string());
        }
    }
}

/// Writes the row of an entry.
pub(super) fn entry(
    entry: &Entry,
    content_type_of: ContentTypeOf<'_>,
    order: Order,
    out: &mut String,
) {
    let kind = Kind::of(entry, content_type_of);
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
            td { (Description(kind, entry)) }
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

/// Writes everything after the last entry.
pub(super) fn tail(overview: &Overview, out: &mut String) {
    if overview.totals.entries() > 0 {
        out.push_str("</tbody></table>");
    }
    if let Some(readme) = &overview.readme {
        out.push_str(&readme.section().into_string());
    }
    out.push_str("</main>");
    if overview.totals.entries() > 0 {
        out.push_str(&html! { script { (PreEscaped(TIMES)) } }.into_string());
    }
    if let Some(script) = &overview.script {
        out.push_str(script);
    }
    out.push_str("</body></html>\n");
}

/// Returns the names of the folders on the path from the root, without the root itself.
fn folders(overview: &Overview) -> Vec<String> {
    names(overview.path.as_bytes())
}

/// Returns the displayed names in a path.
fn names(path: &[u8]) -> Vec<String> {
    let names = path.split(|byte| *byte == b'/');
    names
        .filter(|name| !name.is_empty())
        .map(|name| shown_name(name).into_owned())
        .collect()
}

/// Returns links to the parent folders, starting with the root. The references are relative, so
/// they work behind a proxy that serves this site below a path of its own.
fn breadcrumb(home: &str, folders: &[String], order: Order) -> Markup {
    let names = [home].into_iter().chain(folders.iter().map(String::as_str));
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

fn empty(order: Order, has_parent: bool) -> Markup {
    html! {
        p class="empty" { "This folder is empty." }
        @if has_parent {
            p { (ordered_link("../", order, "Parent folder")) }
        }
    }
}

fn table_head(overview: &Overview) -> Markup {
    let totals = &overview.totals;
    let order = overview.view.order;
    html! {
        caption {
            @if totals.directories > 0 { (Count(totals.directories, "folder")) }
            @if totals.directories > 0 && totals.files > 0 { ", " }
            @if totals.files > 0 { (Count(totals.files, "file")) ", " (Size(totals.bytes)) }
            @if totals.is_cut { ". This folder has more entries than can be listed." }
            @if let Some(readme) = &overview.readme {
                ". " a href="#readme" { (readme.name()) }
            }
        }
        thead {
            tr {
                (column(order, Column::Name, &html! { "Name" }))
                (column(order, Column::Type, &html! { "Type" }))
                (column(order, Column::Size, &html! { "Size" }))
                (column(order, Column::Time, &html! { "Modified (" span class="zone" { "UTC" } ")" }))
            }
        }
    }
}

/// Returns the forms that the buttons in the table head submit. They are outside the table head,
/// because a form inside a header cell would hide its name from screen readers.
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

/// Returns the id of a form. It contains a dot, so it never equals the id of a README's heading.
fn form_id(column: Column) -> String {
    format!("by.{}", column.name())
}

fn column(order: Order, column: Column, name: &Markup) -> Markup {
    let sort = (order.by == column).then_some(match order.direction {
        Direction::Ascending => "ascending",
        Direction::Descending => "descending",
    });
    let next = order.after_click(column);
    html! {
        th scope="col" aria-sort=[sort] {
            @if next == Order::default() {
                // An empty reference would keep the query, so the link names the directory itself.
                a href="./" rel="nofollow" { (name) }
            } @else {
                button form=(form_id(column)) name="order" value=(next.direction.name()) { (name) }
            }
        }
    }
}

/// Returns a link to another directory that keeps the order.
fn ordered_link(reference: &str, order: Order, name: &str) -> Markup {
    let is_usual = order == Order::default();
    html! {
        a href={ (reference) (order.query()) } rel=[(!is_usual).then_some("nofollow")] { (name) }
    }
}

/// Returns the time and the size of an entry, in the format that lftp expects after its link.
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

/// The name of the root directory.
const HOME: &str = "Home";

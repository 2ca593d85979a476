//! Responses with a built-in page: errors and redirects.

use super::page;
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::path::{RequestPath, escaped};
use crate::http::response::{FieldBlock, FieldBlockWriter};
use crate::plan::response::{Content, Plan};
use bytes::Bytes;
use std::sync::LazyLock;

/// Returns the error response with a built-in page.
pub fn error_response(status: Status) -> Plan {
    page_response(
        status,
        FieldBlockWriter::default(),
        page::render(status, None),
    )
}

/// Returns the redirect to a location.
pub(crate) fn redirect(status: Status, location: &str) -> Plan {
    let page = page::render(status, Some(location));
    let fields = FieldBlockWriter::default().field("Location", location);
    page_response(status, fields, page)
}

pub(crate) fn misdirected(authority: &[u8]) -> Plan {
    let status = Status::MisdirectedRequest;
    let host = String::from_utf8_lossy(authority);
    let page = page::render(status, Some(host.as_ref()).filter(|host| !host.is_empty()));
    page_response(status, FieldBlockWriter::default(), page)
}

/// Returns the response for a path where nothing exists, relative to the base path of its site.
pub(crate) fn not_found(path: &RequestPath<'_>, base: &BasePath) -> Plan {
    // A reference is printable, whatever bytes the path has.
    let reference = format!("{base}{}", escaped(path.as_bytes()));
    let page = page::render(Status::NotFound, Some(&reference));
    page_response(Status::NotFound, FieldBlockWriter::default(), page)
}

/// Returns a response with 503; `why` is for the person who sees the page.
pub(crate) fn service_unavailable(why: &str) -> Plan {
    let status = Status::ServiceUnavailable;
    let fields = FieldBlockWriter::default().field("Retry-After", RETRY_AFTER_SECONDS);
    page_response(status, fields, page::render_saying(status, why, None))
}

/// Returns a response with a built-in page; `fields` are those specific to its status.
pub(crate) fn page_response(status: Status, fields: FieldBlockWriter, page: Bytes) -> Plan {
    let fields = fields
        .field("Content-Length", page.len())
        .block(&PAGE_FIELDS)
        .finish();
    Plan {
        status,
        fields,
        content: Content::Page(page),
    }
}

/// The fields of every built-in page.
static PAGE_FIELDS: LazyLock<FieldBlock> = LazyLock::new(|| {
    FieldBlockWriter::default()
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Cache-Control", "no-cache")
        .field("Content-Security-Policy", page::CONTENT_SECURITY_POLICY)
        .field("X-Content-Type-Options", "nosniff")
        .finish()
});

/// A descriptor becomes free as soon as any request ends, and a lost root is searched at each
/// request.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 1;

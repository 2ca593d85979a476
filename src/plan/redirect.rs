//! The one redirect: from a directory to itself, with the slash that relative references need.

use super::{Plan, page, page_response};
use crate::http::Status;
use crate::http::request::RequestHead;
use crate::http::response::FieldBlockWriter;
use crate::http::target::{RequestPath, query_reference};

/// To the path with a slash at its end, keeping the query. The reference is made anew from the
/// sanitized path, so it starts with one slash and stays on this host.
pub(super) fn to_directory(path: &RequestPath<'_>, request: &RequestHead<'_>) -> Plan {
    let mut location = format!("{}/", path.to_reference());
    if let Some(query) = request
        .target
        .path_and_query()
        .and_then(|target| target.query)
    {
        location.push('?');
        location.push_str(&query_reference(query).to_string());
    }
    let status = Status::MovedPermanently;
    let page = page::render(status, Some(&location));
    page_response(
        status,
        FieldBlockWriter::default().field("Location", &location),
        page,
    )
}

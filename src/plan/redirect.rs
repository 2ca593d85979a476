//! Redirects from an address that is not quite right to the one that is.

use super::route::lead_to;
use super::{Move, Plan};
use crate::http::Status;
use crate::http::path::{RequestPath, query_reference};
use crate::http::request::RequestHead;

/// To the address that the resource has, keeping the query. The reference is made anew from the
/// sanitized path, so it starts with one slash and stays on this host.
pub(super) fn along(way: Move, path: &RequestPath<'_>, request: &RequestHead<'_>) -> Plan {
    let reference = path.to_reference().to_string();
    let mut location = match way {
        Move::AddSlash => reference + "/",
        Move::DropSlash => without(&reference, "/"),
        Move::DropExtension => without(&reference, ".html"),
        Move::DropName => {
            let (directory, _) = reference.rsplit_once('/').unwrap_or_default();
            format!("{directory}/")
        }
    };
    if let Some(query) = request
        .target
        .path_and_query()
        .and_then(|target| target.query)
    {
        location.push('?');
        location.push_str(&query_reference(query).to_string());
    }
    lead_to(Status::MovedPermanently, &location)
}

fn without(reference: &str, end: &str) -> String {
    reference.strip_suffix(end).unwrap_or(reference).to_owned()
}

//! The checks that need no site: host, expectation, method and path.

use super::method;
use super::pages::page_response::{error_response, misdirected};
use super::response::Plan;
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::host::Host;
use crate::http::path::{PathError, RequestPath};
use crate::http::request::{Expectation, RequestHead};

/// Returns the path to look up, or the immediate response. The path is `None` if no file can have
/// it. `hosts` are those that are answered; an empty list means all.
pub fn precheck<'b>(
    request: &RequestHead<'b>,
    hosts: &[Host],
) -> Result<Option<RequestPath<'b>>, Plan> {
    // RFC 9110 §7.4: a request for another host must not reveal anything about this one.
    if !hosts.is_empty() && !is_answered(request.authority(), hosts) {
        return Err(misdirected(request.authority()));
    }
    // RFC 9110 §10.1.1: expectations are checked before the method and the path.
    if request.expectation == Expectation::Unknown {
        return Err(error_response(Status::ExpectationFailed));
    }
    // The method is the same for every resource.
    method::check(request.method)?;
    let Some(target) = request.target.path_and_query() else {
        return Err(method::options());
    };
    let path = match RequestPath::parse(target.path) {
        Ok(path) => Some(path),
        Err(PathError::EncodedSlash) => None,
        Err(error @ (PathError::BrokenEscape | PathError::Nul)) => {
            return Err(error_response(error.status()));
        }
    };
    if method::is_options(request.method) {
        return Err(method::options());
    }
    Ok(path)
}

/// Returns `true` if requests for this host are answered. This protects against DNS rebinding: a
/// web page elsewhere could point its own name at our address, and read the site with its visitor's
/// access.
pub fn is_answered(authority: &[u8], hosts: &[Host]) -> bool {
    hosts.is_empty() || hosts.iter().any(|host| host.matches(authority))
}

/// Returns the path, relative to the base path of the site, with which rules are matched although
/// no file is looked up there.
pub fn addressed_path<'b>(request: &RequestHead<'b>, base: &BasePath) -> Option<RequestPath<'b>> {
    let path = RequestPath::parse(request.target.path_and_query()?.path).ok()?;
    path.relative_to(base.as_bytes())
}

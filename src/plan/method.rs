//! The methods (RFC 9110 §9): those that files allow, and OPTIONS.

use super::pages::page;
use super::pages::page_response::{error_response, page_response};
use super::response::{Content, Plan};
use crate::http::Status;
use crate::http::method::Method;
use crate::http::response::FieldBlockWriter;

/// Checks that files allow the method. Otherwise, the error is the response.
pub(super) fn check(method: Method) -> Result<(), Plan> {
    match method {
        Method::Get | Method::Head | Method::Options => Ok(()),
        Method::Connect | Method::NotAllowed => {
            let status = Status::MethodNotAllowed;
            let fields = FieldBlockWriter::default().field("Allow", ALLOW);
            Err(page_response(status, fields, page::render(status, None)))
        }
        Method::Unrecognized => Err(error_response(Status::NotImplemented)),
    }
}

pub(super) fn is_options(method: Method) -> bool {
    method == Method::Options
}

/// Returns the response to OPTIONS, which is the same for every path and for `*`.
pub(super) fn options() -> Plan {
    // RFC 9110 §8.6: a 204 has no Content-Length.
    let fields = FieldBlockWriter::default().field("Allow", ALLOW).finish();
    Plan {
        status: Status::NoContent,
        fields,
        content: Content::Empty,
    }
}

const ALLOW: &str = "GET, HEAD, OPTIONS";

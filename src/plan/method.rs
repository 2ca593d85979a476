//! What each method gets (RFC 9110 §9).

use super::{Content, Plan, page, page_response};
use crate::http::Status;
use crate::http::method::Method;
use crate::http::response::FieldBlockWriter;

/// Lets through the methods that files allow.
pub(super) fn admit(method: Method) -> Result<(), Plan> {
    match method {
        Method::Get | Method::Head | Method::Options => Ok(()),
        Method::Connect | Method::NotAllowed => {
            let status = Status::MethodNotAllowed;
            let fields = FieldBlockWriter::default().field("Allow", ALLOW);
            Err(page_response(status, fields, page::render(status, None)))
        }
        Method::Unrecognized => Err(super::refuse(Status::NotImplemented)),
    }
}

pub(super) fn is_options(method: Method) -> bool {
    method == Method::Options
}

/// The response to OPTIONS, the same for every path and for `*`.
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

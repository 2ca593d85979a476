//! The responses to clients without access. Each has one of our own pages, since the pages of the
//! site may be protected, too.

use crate::http::Status;
use crate::http::basic;
use crate::http::response::{Edit, FieldBlock, FieldBlockWriter};
use crate::plan::pages::page;
use crate::plan::pages::page_response::{RETRY_AFTER_SECONDS, page_response};
use crate::plan::response::Plan;
use std::sync::Arc;

/// Returns the response to a client without a valid password.
pub(super) fn challenge(realm: &str) -> Plan {
    let fields = FieldBlockWriter::default().field("WWW-Authenticate", basic::challenge(realm));
    refuse(Status::Unauthorized, fields, page::PASSWORD_NEEDED)
}

/// Returns the response to a client whose address is refused.
pub(super) fn by_address() -> Plan {
    let fields = FieldBlockWriter::default();
    refuse(Status::Forbidden, fields, page::ADDRESS_REFUSED)
}

/// Returns the response to a client with too many passwords being verified.
pub(super) fn too_many() -> Plan {
    let fields = FieldBlockWriter::default().field("Retry-After", RETRY_AFTER_SECONDS);
    refuse(Status::TooManyRequests, fields, page::TOO_MANY_PASSWORDS)
}

/// Returns the response if there are too many passwords being verified for all clients together.
pub(super) fn busy() -> Plan {
    let fields = FieldBlockWriter::default().field("Retry-After", RETRY_AFTER_SECONDS);
    refuse(Status::ServiceUnavailable, fields, page::BUSY)
}

fn refuse(status: Status, fields: FieldBlockWriter, why: &str) -> Plan {
    let plan = page_response(status, fields, page::render_saying(status, why, None));
    let fields = with_cache_control(&plan.fields, "no-store");
    Plan { fields, ..plan }
}

/// Returns the fields with another `Cache-Control`.
pub(super) fn with_cache_control(fields: &FieldBlock, value: &str) -> FieldBlock {
    let edit = Edit {
        name: Arc::from("Cache-Control"),
        value: Some(Arc::from(value)),
    };
    fields.edited(&[&edit])
}

//! What is served in place of a file that cannot be: the start page of an application, or the
//! site's own page of an error.

use super::{Absence, Content, Plan, Policy, Representation, select};
use crate::http::Status;
use crate::http::accept::{Quality, named_quality};
use crate::http::request::RequestHead;
use crate::http::response::FieldBlockWriter;
use std::fmt;

/// What a file is served as, when it is not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// The page that starts an application, which makes the page that was asked for by itself.
    Start,
    /// The page of an error.
    Error(Status),
}

/// As an operator knows it.
impl fmt::Display for StandIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => out.write_str("the start page of the application"),
            Self::Error(status) => write!(out, "the page of the error {}", status.code()),
        }
    }
}

/// What may stand in for what is absent, the best first.
pub fn stand_ins(
    request: &RequestHead<'_>,
    absence: Absence,
    policy: &Policy,
) -> impl Iterator<Item = StandIn> + use<> {
    let starts = policy.spa && absence == Absence::NotFound && is_navigation(request);
    let start = starts.then_some(StandIn::Start);
    let error = absence.status().filter(|_| policy.error_pages);
    start.into_iter().chain(error.map(StandIn::Error))
}

/// Whether a page is asked for, and not a part of one: scripts, styles and images are fetched with
/// `*/*` at best. The methods are GET and HEAD, as no other gets this far.
fn is_navigation(request: &RequestHead<'_>) -> bool {
    named_quality(&request.fields, "text/html") > Quality::NONE
}

/// The response with a file that stands in for what was asked for. With the page of an error,
/// preconditions and ranges are ignored, as for every response but a success (RFC 9110 §13.2.1,
/// §14.2).
pub fn instead(request: &RequestHead<'_>, file: &Representation, boundary: &str) -> Plan {
    match file.facts().stand_in {
        None | Some(StandIn::Start) => select(request, file, boundary),
        Some(StandIn::Error(status)) => Plan {
            status,
            fields: file.whole().fields,
            content: Content::Whole,
        },
    }
}

/// The response of an error for which nothing stood in, with what says that something might have.
pub fn without_stand_in(plan: Plan, policy: &Policy) -> Plan {
    let Some(vary) = vary(plan.status, policy) else {
        return plan;
    };
    let fields = FieldBlockWriter::default().block(&plan.fields);
    Plan {
        fields: fields.field("Vary", vary).finish(),
        ..plan
    }
}

/// What the response of an error depends on (RFC 9110 §12.5.5): whether there is a page instead.
pub(super) fn vary(status: Status, policy: &Policy) -> Option<&'static str> {
    (policy.spa && status == Status::NotFound).then_some("Accept")
}

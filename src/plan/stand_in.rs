//! What is served in place of a file that cannot be: the start page of an application, or the
//! site's own page of an error.

use super::{Absence, Content, Plan, Policy, Representation, select};
use crate::http::Status;
use crate::http::accept::{Quality, accepts_anything, named_quality};
use crate::http::fields::FieldName;
use crate::http::path::{as_if_separated, has_hidden_segment};
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
    let starts = policy.spa && absence == Absence::NotFound && is_for_a_page(request);
    let start = starts.then_some(StandIn::Start);
    let error = absence.status().filter(|_| policy.error_pages);
    start.into_iter().chain(error.map(StandIn::Error))
}

/// Why no file is there for a path that no file can have, as it has an encoded slash in it.
pub fn absence_of_unreadable(request: &RequestHead<'_>) -> Absence {
    match request.target.path_and_query() {
        // What answers in its place is not to be got by writing a hidden name in another way.
        Some(target) if has_hidden_segment(&as_if_separated(target.path)) => Absence::Hidden,
        _ => Absence::NotFound,
    }
}

/// Whether a page is asked for, and not a part of one. The methods are GET and HEAD, as no other
/// gets this far.
///
/// Browsers name `text/html` for pages alone. Other clients that look for a page, such as monitors
/// and those that make previews of links, take anything, as scripts of a page do by default. Those
/// say where what they get is to go, at least over TLS and on the same machine (Fetch Metadata), or
/// ask for what has an extension.
fn is_for_a_page(request: &RequestHead<'_>) -> bool {
    let fields = &request.fields;
    named_quality(fields, "text/html") > Quality::NONE
        || (accepts_anything(fields) && goes_into_a_window(request) && !has_extension(request))
}

/// Whether what is asked for becomes the document of a window or a frame, as far as is said.
fn goes_into_a_window(request: &RequestHead<'_>) -> bool {
    let mut destinations = request.fields.values(FieldName::SecFetchDest);
    destinations.all(|destination| {
        matches!(
            destination,
            b"document" | b"fencedframe" | b"frame" | b"iframe"
        )
    })
}

/// Whether what is asked for is called like a file: `app.js`, though also `jane.doe`.
fn has_extension(request: &RequestHead<'_>) -> bool {
    let target = request.target.path_and_query();
    let path = target.map(|target| target.path).unwrap_or_default();
    let path = as_if_separated(path);
    let last = path.rsplit(|byte| *byte == b'/').next();
    last.is_some_and(|name| name.contains(&b'.'))
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
    (policy.spa && status == Status::NotFound).then_some(VARY)
}

/// The fields of a request that select between the start page of the application and an error.
pub(super) const VARY: &str = "Accept, Sec-Fetch-Dest";

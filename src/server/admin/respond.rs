//! The responses on the admin port: the health of the server and its metrics. The public listeners
//! have neither of them, and the admin port does not serve the site.
//!
//! Its requests use the same loop and the same protocol machine as all others, but are neither
//! logged nor counted.

use super::figures::Figures;
use super::scrape::{self, Detail};
use crate::conn::{Content, Event, Response, Segment};
use crate::http::Status;
use crate::http::host::{Host, is_out_of_public_dns};
use crate::http::path::RequestPath;
use crate::http::response::FieldBlockWriter;
use crate::plan;
use crate::server::answer::response::{OpenFile, response_without_file};
use crate::server::options::ADMIN_CONNECTIONS_MAX;
use bytes::Bytes;

/// Returns the response to an event on an admin connection.
pub(crate) fn respond(
    event: &Event<'_>,
    hosts: &[Host],
    figures: &mut Figures<'_>,
) -> Response<OpenFile> {
    let request = match event {
        Event::Request(request) => request,
        Event::Rejected { rejection, .. } => {
            return response_without_file(plan::error_response(rejection.status()));
        }
    };
    if !is_answered(request.authority(), hosts) {
        return text(Status::MisdirectedRequest, PLAIN, MISDIRECTED.to_owned());
    }
    let path = match plan::precheck(request, &[]) {
        Ok(path) => path,
        Err(plan) => return response_without_file(plan),
    };
    match path.as_ref().map(RequestPath::as_bytes) {
        Some(b"healthz") => health(figures.is_draining),
        Some(b"metrics") => metrics(figures, Detail::Sum),
        Some(b"metrics/workers") => metrics(figures, Detail::Worker),
        _ => text(Status::NotFound, PLAIN, NOT_FOUND.to_owned()),
    }
}

/// Returns `true` if the host of a request shows that its sender means this server. A web page
/// elsewhere whose own name points here is rejected, without a list of names that every operator
/// would have to write first.
fn is_answered(authority: &[u8], hosts: &[Host]) -> bool {
    is_out_of_public_dns(authority) || hosts.iter().any(|host| host.matches(authority))
}

/// Returns the health of the server. Any answer shows that the loop runs. While it drains, a load
/// balancer should send no more requests.
fn health(is_draining: bool) -> Response<OpenFile> {
    if is_draining {
        text(Status::ServiceUnavailable, PLAIN, "draining\n".to_owned())
    } else {
        text(Status::Ok, PLAIN, "ok\n".to_owned())
    }
}

fn metrics(figures: &mut Figures<'_>, detail: Detail) -> Response<OpenFile> {
    text(Status::Ok, METRICS, scrape::render(figures, detail))
}

fn text(status: Status, content_type: &str, text: String) -> Response<OpenFile> {
    let fields = FieldBlockWriter::default()
        .field("Content-Type", content_type)
        .field("Content-Length", text.len())
        .field("Cache-Control", "no-store")
        .field("X-Content-Type-Options", "nosniff")
        .finish();
    Response {
        status,
        fields,
        content: Content::one(Segment::Bytes(Bytes::from(text))),
    }
}

/// The most descriptors for the admin port: connections, listeners, and files about the process.
pub(crate) const DESCRIPTORS_MAX: usize = ADMIN_CONNECTIONS_MAX + 4;

const PLAIN: &str = "text/plain; charset=utf-8";

/// Prometheus takes the version for that of the format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

const NOT_FOUND: &str = "This port has only /healthz, /metrics and /metrics/workers.\n";

const MISDIRECTED: &str = "The admin port answers requests for IP addresses, names without a dot, and names \
                           below localhost, local, internal and home.arpa. To allow another name, add it \
                           to allowed-hosts.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_in_the_public_dns_are_answered_only_if_they_are_named() {
        let hosts = [Host::parse("a.example").unwrap()];
        for (authority, expected) in [
            ("127.0.0.1:9090", true),
            ("millpond:9090", true),
            ("", true),
            ("a.example:9090", true),
            ("b.example:9090", false),
        ] {
            let answered = is_answered(authority.as_bytes(), &hosts);
            assert_eq!(answered, expected, "{authority}");
        }
        assert!(!is_answered(b"a.example", &[]));
    }
}

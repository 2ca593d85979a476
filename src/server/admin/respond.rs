//! What the operator is told on listeners of their own: whether the server is well, and its
//! metrics. Nothing of it is on the public side, and nothing of the public side is here.
//!
//! A request for it goes through the same loop and the same protocol machine as any other, but is
//! neither logged nor counted.

use super::figures::Figures;
use super::scrape;
use crate::conn::{Content, Event, Response, Segment};
use crate::http::Status;
use crate::http::host::{Host, is_out_of_public_dns};
use crate::http::response::FieldBlockWriter;
use crate::plan;
use crate::server::answer::decision::{Decision, OpenFile};
use crate::server::observe::metrics::ConnectionGauges;
use crate::server::options::ADMIN_CONNECTIONS_MAX;
use bytes::Bytes;

/// The response to an event on an operator's connection.
pub(crate) fn respond(
    event: &Event<'_>,
    hosts: &[Host],
    figures: &mut Figures<'_>,
) -> Response<OpenFile> {
    let request = match event {
        Event::Request(request) => request,
        Event::Refused { refusal, .. } => {
            return Decision::at_once(plan::refuse(refusal.status())).into_response();
        }
    };
    if !is_answered(request.authority(), hosts) {
        return text(Status::MisdirectedRequest, PLAIN, MISDIRECTED.to_owned());
    }
    let path = match plan::admit(request, &[]) {
        Ok(path) => path,
        Err(plan) => return Decision::at_once(plan).into_response(),
    };
    match path.as_bytes() {
        b"healthz" => health(figures.connections),
        b"metrics" => text(Status::Ok, METRICS, scrape::render(figures)),
        _ => text(Status::NotFound, PLAIN, NOT_FOUND.to_owned()),
    }
}

/// Whether a request is one that its sender means for this server. A page elsewhere on the web
/// that has its own name point here is refused, without a list of names that every operator would
/// have to write first.
fn is_answered(authority: &[u8], hosts: &[Host]) -> bool {
    is_out_of_public_dns(authority) || hosts.iter().any(|host| host.matches(authority))
}

/// That there is an answer shows that the loop turns. While it drains, whoever spreads requests
/// over several servers is to send it no more.
fn health(connections: &ConnectionGauges) -> Response<OpenFile> {
    if connections.is_draining {
        text(Status::ServiceUnavailable, PLAIN, "draining\n".to_owned())
    } else {
        text(Status::Ok, PLAIN, "ok\n".to_owned())
    }
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

/// The most descriptors that all of it takes: connections, listeners, and what is read of the
/// process.
pub(crate) const DESCRIPTORS_MAX: usize = ADMIN_CONNECTIONS_MAX + 4;

const PLAIN: &str = "text/plain; charset=utf-8";

/// Prometheus takes the version for that of the format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

const NOT_FOUND: &str = "Here are /healthz and /metrics, and nothing else.\n";

const MISDIRECTED: &str = "The operator's listener answers for IP addresses, for names without a \
                           dot and for those beneath localhost, local, internal and home.arpa. To \
                           have it answer for another name, add that to the setting hosts.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_are_named_are_answered_of_those_that_strangers_can_have() {
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

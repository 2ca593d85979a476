//! The resources below `/.well-known/millpond/`: the script, and the stream of events.

use super::paths::{EVENTS_PATH, SCRIPT_PATH};
use super::since::Since;
use super::tag::{Shown, add_to_html, tag};
use crate::http::Status;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::http::response::{Edit, FieldBlock, FieldBlockWriter};
use crate::plan::pages::page;
use crate::plan::response::{Content, Plan};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Answers a request for the script or the stream. Returns `None` if the path is another one.
pub fn answer(request: &RequestHead<'_>, path: &RequestPath<'_>) -> Option<Plan> {
    let path = path.as_bytes();
    if path == EVENTS_PATH.as_bytes() {
        let fields = FieldBlockWriter::default()
            .field("Content-Type", "text/event-stream")
            .field("Cache-Control", "no-store")
            // nginx would otherwise buffer the events.
            .field("X-Accel-Buffering", "no")
            .field("X-Content-Type-Options", "nosniff")
            .finish();
        return Some(ok(fields, Content::Events(since(request))));
    }
    (path == SCRIPT_PATH.as_bytes()).then(|| {
        let fields = FieldBlockWriter::default()
            .field("Content-Type", "text/javascript; charset=utf-8")
            .field("Content-Length", SCRIPT.len())
            .field("Cache-Control", "no-cache")
            .field("X-Content-Type-Options", "nosniff")
            .finish();
        ok(fields, Content::Page(Bytes::from_static(SCRIPT.as_bytes())))
    })
}

/// Adds the script to one of our own pages, and allows it in the page's security policy.
pub(crate) fn add_to_page(plan: Plan) -> Plan {
    let Content::Page(page) = &plan.content else {
        return plan;
    };
    if plan.status.code() / 100 == 3 {
        return plan;
    }
    let Some(page) = add_to_html(page, &tag(Shown::Nothing)) else {
        return plan;
    };
    let set = |name: &str, value: String| Edit {
        name: name.into(),
        value: Some(Arc::from(value)),
    };
    let edits = [
        set("Content-Length", page.len().to_string()),
        set(
            "Content-Security-Policy",
            format!("{}{ALLOWED}", page::CONTENT_SECURITY_POLICY),
        ),
    ];
    Plan {
        fields: plan.fields.edited(&edits.iter().collect::<Vec<_>>()),
        content: Content::Page(page),
        ..plan
    }
}

fn ok(fields: FieldBlock, content: Content) -> Plan {
    Plan {
        status: Status::Ok,
        fields,
        content,
    }
}

/// Returns the events that the client already has. A browser that reconnects sends them in a
/// header. A page that connects for the first time, or again, sends them in the query.
fn since(request: &RequestHead<'_>) -> Since {
    if let Some(id) = request.fields.unindexed(LAST_EVENT_ID) {
        return event(id);
    }
    let query = request.target.path_and_query().and_then(|it| it.query);
    let Some(query) = query else {
        return Since::Now;
    };
    let value = |name: &str| query.strip_prefix(name.as_bytes());
    if let Some(id) = value("since=") {
        return event(id);
    }
    match value("age=").map(number) {
        Some(Some(milliseconds)) => Since::Ago(Duration::from_millis(milliseconds)),
        Some(None) => Since::Unknown,
        None => Since::Now,
    }
}

/// Parses the id of an event: `INSTANCE-NUMBER`.
fn event(id: &[u8]) -> Since {
    let parts = || {
        let (instance, number) = str::from_utf8(id).ok()?.split_once('-')?;
        let instance = u64::from_str_radix(instance, 16).ok()?;
        Some((instance, number.parse().ok()?))
    };
    parts().map_or(Since::Unknown, |(instance, number)| Since::Event {
        instance,
        number,
    })
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// The directives to add to a policy that allows nothing.
const ALLOWED: &str = "; script-src 'self'; connect-src 'self'";

const LAST_EVENT_ID: &str = "last-event-id";

const SCRIPT: &str = include_str!("live.js");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;
    use crate::plan::pages::page_response::error_response;

    fn asked(target: &str, fields: &str) -> Option<Plan> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().unwrap();
        let path = RequestPath::parse(request.target.path_and_query()?.path).ok()?;
        answer(&request, &path)
    }

    #[test]
    fn the_stream_begins_after_what_the_client_knows() {
        let event = |instance, number| Since::Event { instance, number };
        let ago = |milliseconds| Since::Ago(Duration::from_millis(milliseconds));
        for (query, fields, expected) in [
            ("", "", Since::Now),
            ("?", "", Since::Now),
            ("?other=1", "", Since::Now),
            ("?age=1500", "", ago(1500)),
            ("?age=", "", Since::Unknown),
            ("?age=-1", "", Since::Unknown),
            ("?age=1e9", "", Since::Unknown),
            ("?since=ff-7", "", event(255, 7)),
            ("?since=ff", "", Since::Unknown),
            ("?since=-", "", Since::Unknown),
            ("?age=9", "Last-Event-ID: a-1\r\n", event(10, 1)),
            ("?age=9", "last-event-id: \u{fc}\r\n", Since::Unknown),
        ] {
            let plan = asked(&format!("/{EVENTS_PATH}{query}"), fields).unwrap();
            assert_eq!(plan.content, Content::Events(expected), "{query} {fields}");
            assert!(!plan.fields.as_bytes().starts_with(b"Content-Length"));
        }
    }

    #[test]
    fn the_script_is_small_and_other_paths_are_the_sites() {
        let plan = asked(&format!("/{SCRIPT_PATH}?x"), "").unwrap();
        assert!(matches!(plan.content, Content::Page(page) if page == SCRIPT));
        assert!(SCRIPT.len() < 5 * 1024, "{}", SCRIPT.len());
        for other in [
            "/",
            "/.well-known/millpond/",
            "/.well-known/millpond/live.js/",
        ] {
            assert_eq!(asked(other, ""), None, "{other}");
        }
    }

    #[test]
    fn a_page_of_our_own_gets_the_script_and_lets_it_through() {
        let plan = add_to_page(error_response(Status::NotFound));
        let Content::Page(page) = &plan.content else {
            panic!("a page");
        };
        let text = String::from_utf8(page.to_vec()).unwrap();
        assert!(text.contains("live.js"), "{text}");
        let fields = String::from_utf8(plan.fields.as_bytes().to_vec()).unwrap();
        assert!(fields.contains(&format!("Content-Length: {}\r\n", page.len())));
        assert!(fields.contains("; script-src 'self'; connect-src 'self'\r\n"));
        assert_eq!(fields.matches("Content-Length").count(), 1);
    }

    #[test]
    fn a_redirect_and_a_response_without_a_page_get_no_script() {
        let page = || error_response(Status::NotFound);
        for status in [Status::MovedPermanently, Status::Found] {
            let plan = Plan { status, ..page() };
            assert_eq!(add_to_page(plan.clone()), plan);
        }
        let content = Content::Empty;
        let plan = Plan { content, ..page() };
        assert_eq!(add_to_page(plan.clone()), plan);
        let status = Status::InternalServerError;
        let plan = Plan { status, ..page() };
        assert_ne!(add_to_page(plan.clone()), plan);
    }
}

//! Responses that depend on the scheme of a request, HTTP or HTTPS.

use crate::http::Status;
use crate::http::host::Host;
use crate::http::path::{RequestPath, query_reference};
use crate::http::request::RequestHead;
use crate::http::response::FieldBlockWriter;
use crate::plan::pages::page;
use crate::plan::pages::page_response::{error_response, page_response, redirect};
use crate::plan::precheck::is_answered;
use crate::plan::response::Plan;

/// Returns the response to plain HTTP on a port for HTTPS, which is sent as plain HTTP. `authority`
/// is the host and port of the request, or empty if it names none.
pub fn plain_http_on_https(authority: &[u8]) -> Plan {
    let status = Status::BadRequest;
    let url = format!("https://{}/", String::from_utf8_lossy(authority));
    let subject = (!authority.is_empty()).then_some(url.as_str());
    let page = page::render_saying(status, NOT_HTTPS, subject);
    page_response(status, FieldBlockWriter::default(), page)
}

/// Returns the redirect from an HTTP URL to the same URL with HTTPS, at a port of the same host.
/// Returns `None` for requests that are answered over HTTP as well: for the files with which a
/// certificate authority checks that the host is ours (RFC 8555 §8.3), for a target that names no
/// file, and for a host that is not ours.
pub fn redirect_to_https(request: &RequestHead<'_>, hosts: &[Host], port: u16) -> Option<Plan> {
    let target = request.target.path_and_query()?;
    let path = RequestPath::parse(target.path).ok()?;
    if path.as_bytes().starts_with(ACME_CHALLENGES) || !is_answered(request.authority(), hosts) {
        return None;
    }
    let authority = String::from_utf8_lossy(request.authority());
    // RFC 9110 §4.2.2: a port for HTTP is not one for HTTPS.
    let host = match authority.rsplit_once(':') {
        Some((host, own_port)) if !own_port.contains(']') => host,
        _ => &authority,
    };
    if host.is_empty() {
        return Some(error_response(Status::BadRequest));
    }
    let path = query_reference(target.path);
    let mut location = if port == DEFAULT_PORT {
        format!("https://{host}{path}")
    } else {
        format!("https://{host}:{port}{path}")
    };
    if let Some(query) = target.query {
        location.push('?');
        location.push_str(&query_reference(query).to_string());
    }
    Some(redirect(Status::PermanentRedirect, &location))
}

/// RFC 8555 §8.3, without the leading slash.
const ACME_CHALLENGES: &[u8] = b".well-known/acme-challenge/";

/// RFC 9110 §4.2.2.
const DEFAULT_PORT: u16 = 443;

const NOT_HTTPS: &str = "This port speaks HTTPS, but the request is plain HTTP. Use a URL that \
                         begins with https:// instead.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;
    use crate::plan::response::Content;

    fn page(plan: Plan) -> String {
        match plan.content {
            Content::Page(page) => String::from_utf8(page.to_vec()).unwrap(),
            _ => String::new(),
        }
    }

    #[test]
    fn plain_http_on_a_port_for_https_is_explained_with_the_url_that_works() {
        let plan = plain_http_on_https(b"a.test:8443");
        assert_eq!(plan.status, Status::BadRequest);
        let page = page(plan);
        assert!(page.contains("This port speaks HTTPS"), "{page}");
        assert!(page.contains("<code>https://a.test:8443/</code>"), "{page}");
    }

    fn location(host: &str, target: &str, port: u16) -> Option<String> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().unwrap();
        let hosts = [Host::parse("a.test").unwrap(), Host::Local];
        let plan = redirect_to_https(&request, &hosts, port)?;
        assert_eq!(plan.status, Status::PermanentRedirect);
        let fields = String::from_utf8(plan.fields.as_bytes().to_vec()).unwrap();
        let line = fields
            .lines()
            .find_map(|line| line.strip_prefix("Location: "));
        line.map(str::to_owned)
    }

    #[test]
    fn a_request_is_redirected_to_the_same_url_of_the_same_host() {
        for (host, target, port, expected) in [
            ("a.test", "/", 443, Some("https://a.test/")),
            (
                "a.test:8080",
                "/a/b?c=d",
                443,
                Some("https://a.test/a/b?c=d"),
            ),
            ("a.test:80", "/", 8443, Some("https://a.test:8443/")),
            ("[::1]:8080", "/", 8443, Some("https://[::1]:8443/")),
            ("[::1]", "/", 443, Some("https://[::1]/")),
            (
                "a.test",
                "/%20%C3%A4",
                443,
                Some("https://a.test/%20%C3%A4"),
            ),
            ("a.test", "//b.test/", 443, Some("https://a.test//b.test/")),
            ("b.test", "/", 443, None),
            ("a.test", "/.well-known/acme-challenge/x", 443, None),
            (
                "a.test",
                "/.well-known/acme-challenge/../../a",
                443,
                Some("https://a.test/.well-known/acme-challenge/../../a"),
            ),
        ] {
            assert_eq!(
                location(host, target, port).as_deref(),
                expected,
                "{host}{target}"
            );
        }
    }

    #[test]
    fn a_host_cannot_inject_markup_into_the_page() {
        let page = page(plain_http_on_https(b"<script>\xff"));
        assert!(!page.contains("<script>"), "{page}");
    }
}

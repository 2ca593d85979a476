//! Responses to requests that are for none of several sites.

use super::page;
use super::page_response::{error_response, not_found, page_response};
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::request::RequestHead;
use crate::http::response::FieldBlockWriter;
use crate::plan::policy::Policy;
use crate::plan::precheck::precheck;
use crate::plan::response::Plan;

/// The reason why a request is for no site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSite {
    /// No site has its host.
    Host,
    /// Sites have its host, but none of them has its path.
    Path,
}

/// Returns the response to a request that is for no site, with the rules of `policy` that apply to
/// every response.
pub fn without_site(request: &RequestHead<'_>, why: NoSite, policy: &Policy) -> Plan {
    match why {
        // The response reveals nothing about the sites, not even by headers.
        NoSite::Host => misdirected(request.authority()),
        NoSite::Path => {
            let plan = match precheck(request, &[]) {
                Ok(Some(path)) => not_found(&path, &BasePath::default()),
                Ok(None) => error_response(Status::NotFound),
                Err(plan) => plan,
            };
            policy.rules.apply_general(plan)
        }
    }
}

fn misdirected(authority: &[u8]) -> Plan {
    let status = Status::MisdirectedRequest;
    let host = String::from_utf8_lossy(authority);
    let subject = Some(host.as_ref()).filter(|host| !host.is_empty());
    let page = page::render_saying(status, NO_SITE, subject);
    page_response(status, FieldBlockWriter::default(), page)
}

const NO_SITE: &str = "This server has no site for the host below. If it should, its operator adds \
                       the name to the \u{201c}hosts\u{201d} of a [[site]] in its settings.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::response::Content;

    #[test]
    fn the_page_names_the_host_if_the_request_has_one() {
        for (authority, expected) in [("l&ke:80", Some("<code>l&amp;ke:80</code>")), ("", None)] {
            let plan = misdirected(authority.as_bytes());
            assert_eq!(plan.status, Status::MisdirectedRequest);
            let Content::Page(page) = plan.content else {
                panic!("a page");
            };
            let page = String::from_utf8(page.to_vec()).unwrap();
            let code = expected.unwrap_or("<code>");
            assert_eq!(page.contains(code), expected.is_some(), "{page}");
        }
    }
}

//! The built-in pages: one for each status that is not a success.

use crate::http::Status;
use bytes::Bytes;
use maud::{DOCTYPE, PreEscaped, html};

/// Renders the page of `status`. `subject` is a reference: the one that was not found, or the
/// target of a redirect. It is escaped.
pub(crate) fn render(status: Status, subject: Option<&str>) -> Bytes {
    render_saying(status, explanation(status), subject)
}

/// Renders the page with another explanation, which needs no escaping.
pub(crate) fn render_saying(status: Status, explanation: &str, subject: Option<&str>) -> Bytes {
    let title = format!("{} {}", status.code(), status.reason());
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (PreEscaped(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (PreEscaped(&title)) }
                    p { (PreEscaped(explanation)) }
                    @match (status, subject) {
                        (_, Some(location)) if status.code() / 100 == 3 => {
                            p { a href=(location) { (location) } }
                        }
                        (_, Some(path)) => { p { code { (path) } } }
                        (_, None) => {}
                    }
                }
            }
        }
    };
    Bytes::from(markup.into_string())
}

/// Returns an explanation for the person who sees the page. The text needs no escaping.
const fn explanation(status: Status) -> &'static str {
    match status {
        Status::Ok | Status::NoContent | Status::PartialContent | Status::NotModified => "",
        Status::MovedPermanently | Status::PermanentRedirect => "This page has moved:",
        Status::Found | Status::TemporaryRedirect => "This page has moved temporarily:",
        Status::BadRequest => "The server could not understand this request.",
        Status::Unauthorized => PASSWORD_NEEDED,
        Status::TooManyRequests => TOO_MANY_PASSWORDS,
        Status::Forbidden => "The server has no permission to read this file.",
        Status::NotFound => "There is no page at this URL:",
        Status::MethodNotAllowed => "This site can only be read, not changed.",
        Status::RequestTimeout => "The request took too long to arrive.",
        Status::PreconditionFailed => "The page has changed since the client last saw it.",
        Status::ContentTooLarge => "The request body is too large.",
        Status::UriTooLong => "The URL is too long.",
        Status::RangeNotSatisfiable => "The requested range is beyond the end of the file.",
        Status::ExpectationFailed => "The server cannot meet an expectation of this request.",
        Status::MisdirectedRequest => {
            "This server does not serve the host below. If it should, its \
             operator adds the name to the setting \u{201c}allowed-hosts\u{201d}, on the command line as --allowed-hosts NAME; \
             --allowed-hosts local beside it keeps localhost."
        }
        Status::RequestHeaderFieldsTooLarge => "The request headers are too large.",
        Status::InternalServerError => "The server failed to read this file.",
        Status::NotImplemented => "The server does not support what this request asks for.",
        Status::ServiceUnavailable => BUSY,
        Status::HttpVersionNotSupported => "The server speaks HTTP/1.1 and HTTP/1.0 only.",
    }
}

pub(crate) const BUSY: &str = "The server is busy. Please try again in a moment.";

pub(crate) const PASSWORD_NEEDED: &str =
    "This page needs a user name and a password. They are missing or wrong.";

pub(crate) const ADDRESS_REFUSED: &str = "Clients at your network address may not see this page.";

pub(crate) const TOO_MANY_PASSWORDS: &str =
    "Too many passwords were sent from your network address. Please try again in a moment.";

pub(crate) const ROOT_LOST: &str = "The site is not available at the moment. \
                                    Please try again in a moment.";

/// The pages load nothing, and their only style sheet has this hash.
pub(crate) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'sha256-sqDAXfo/K3OAN+ZIaF1TdhtXHYy7K0XS57OH+F5DFDk='";

const STYLE: &str = concat!(
    include_str!("../../house.css"),
    "body{min-height:100vh;display:grid;place-items:center}\n\
     main{padding:2rem;max-width:36rem}\n\
     h1{font-size:1.75rem;margin:0 0 .5rem}\n\
     p{margin:.5rem 0}\n"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Class;
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use sha2::{Digest as _, Sha256};

    fn text(status: Status, subject: Option<&str>) -> String {
        String::from_utf8(render(status, subject).to_vec()).unwrap()
    }

    #[test]
    fn every_status_that_is_not_a_success_is_explained() {
        for status in Status::ALL {
            let is_success = matches!(Class::of(*status), Class::Success | Class::Preflight);
            assert_eq!(explanation(*status).is_empty(), is_success, "{status:?}");
            assert!(text(*status, None).contains(status.reason()));
            assert!(
                !explanation(*status).contains(['&', '<', '>']),
                "{status:?}"
            );
        }
    }

    #[test]
    fn the_policy_allows_the_style_sheet() {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        assert!(
            CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")),
            "{hash}"
        );
        assert!(text(Status::NotFound, None).contains(&format!("<style>{STYLE}</style>")));
    }

    #[test]
    fn the_subject_of_a_page_is_escaped() {
        let page = text(Status::NotFound, Some("<script>alert(\"1\")</script>&"));
        assert!(
            page.contains("<code>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;</code>")
        );
        let page = text(Status::MovedPermanently, Some("/\"onclick=\"x/"));
        assert!(page.contains("<a href=\"/&quot;onclick=&quot;x/\">"));
    }
}

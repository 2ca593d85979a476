//! The pages that millpond shows of its own: one for each status that is not a success.

use crate::http::Status;
use bytes::Bytes;
use maud::{DOCTYPE, PreEscaped, html};

/// Renders the page of `status`. `subject` is the reference that it is about: the one that names
/// nothing, or the one that a redirect leads to; it is escaped.
pub(super) fn render(status: Status, subject: Option<&str>) -> Bytes {
    render_saying(status, explanation(status), subject)
}

/// The same with other words on what happened, in which nothing is to be escaped.
pub(super) fn render_saying(status: Status, explanation: &str, subject: Option<&str>) -> Bytes {
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

/// What happened, in words for the person who sees the page. Nothing in them is to be escaped.
const fn explanation(status: Status) -> &'static str {
    match status {
        Status::Ok | Status::NoContent | Status::PartialContent | Status::NotModified => "",
        Status::MovedPermanently | Status::PermanentRedirect => "This page has another address:",
        Status::Found | Status::TemporaryRedirect => "This page has another address for now:",
        Status::BadRequest => "The server could not make sense of this request.",
        Status::Forbidden => "The server is not allowed to read what this address names.",
        Status::NotFound => "There is nothing here under this address:",
        Status::MethodNotAllowed => "This site can only be read, not changed.",
        Status::RequestTimeout => "The request took too long to arrive.",
        Status::PreconditionFailed => "The page is no longer what the request takes it for.",
        Status::ContentTooLarge => "The request carries more content than the server will take.",
        Status::UriTooLong => "The address is longer than the server will read.",
        Status::RangeNotSatisfiable => "The requested part lies beyond the end of the file.",
        Status::ExpectationFailed => "The request expects something that the server cannot meet.",
        Status::MisdirectedRequest => {
            "This server does not answer for the host below. If it should, its operator adds the \
             name to the setting \u{201c}hosts\u{201d}, on the command line as --hosts NAME; \
             --hosts local beside it keeps localhost."
        }
        Status::RequestHeaderFieldsTooLarge => {
            "The request's fields are more than the server will read."
        }
        Status::InternalServerError => "The server failed to read what this address names.",
        Status::NotImplemented => "The server does not know how to do what the request asks.",
        Status::ServiceUnavailable => BUSY,
        Status::HttpVersionNotSupported => "The server speaks HTTP/1.1 and HTTP/1.0 only.",
    }
}

pub(super) const BUSY: &str = "The server is busy. Please try again in a moment.";

pub(super) const ROOT_LOST: &str = "The site is not here at the moment. It may be being built or \
                                    moved. Please try again in a moment.";

/// The pages load nothing, and no style is theirs but the one whose hash this is.
pub(super) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'sha256-sqDAXfo/K3OAN+ZIaF1TdhtXHYy7K0XS57OH+F5DFDk='";

const STYLE: &str = concat!(
    include_str!("house.css"),
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
    fn every_status_that_is_not_a_success_says_what_happened() {
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
    fn the_policy_lets_the_style_sheet_through() {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        assert!(
            CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")),
            "{hash}"
        );
        assert!(text(Status::NotFound, None).contains(&format!("<style>{STYLE}</style>")));
    }

    #[test]
    fn what_a_page_shows_is_escaped() {
        let page = text(Status::NotFound, Some("<script>alert(\"1\")</script>&"));
        assert!(
            page.contains("<code>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;</code>")
        );
        let page = text(Status::MovedPermanently, Some("/\"onclick=\"x/"));
        assert!(page.contains("<a href=\"/&quot;onclick=&quot;x/\">"));
    }
}

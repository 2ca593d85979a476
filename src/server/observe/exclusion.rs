//! Requests that the access log leaves out if they succeed, such as health checks.

use crate::http::fields::FieldName;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::Pattern;
use std::fmt;

/// The requests to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogExclusion {
    /// Requests for a matching path.
    Path(Pattern),
    /// Requests whose `User-Agent` contains this text, in any case.
    UserAgent(String),
}

impl LogExclusion {
    /// Parses a path pattern, which begins with a slash, or else a part of a `User-Agent`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            _ if text.starts_with('/') => Pattern::parse(text).map(Self::Path),
            "" => Err(
                "an entry cannot be empty; write a path like /healthz, or a part of a \
                       User-Agent like kube-probe"
                    .to_owned(),
            ),
            // A User-Agent contains no asterisk, but patterns do.
            _ if text.contains('*') => Pattern::parse(text).map(Self::Path),
            _ => Ok(Self::UserAgent(text.to_owned())),
        }
    }

    pub(crate) fn matches(&self, request: &RequestHead<'_>) -> bool {
        match self {
            Self::Path(pattern) => {
                let target = request.target.path_and_query();
                let path = target.and_then(|target| RequestPath::parse(target.path).ok());
                path.is_some_and(|path| pattern.matches(&[b"/", path.as_bytes()].concat()))
            }
            Self::UserAgent(part) => request
                .fields
                .single(FieldName::UserAgent)
                .is_some_and(|agent| contains(agent, part.as_bytes())),
        }
    }
}

/// Returns `true` if a text contains a non-empty part, in any case.
fn contains(text: &[u8], part: &[u8]) -> bool {
    let mut windows = text.windows(part.len().max(1));
    windows.any(|window| window.eq_ignore_ascii_case(part))
}

/// Writes the exclusion as in the settings.
impl fmt::Display for LogExclusion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(pattern) => pattern.fmt(out),
            Self::UserAgent(part) => out.write_str(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;

    #[test]
    fn requests_are_left_out_by_path_or_user_agent() {
        for (text, target, agent, is_left_out) in [
            ("/healthz", "/healthz", "a", true),
            ("/healthz", "/healthz?x=y", "a", true),
            ("/healthz", "/%68ealthz", "a", true),
            ("/healthz", "http://a/healthz", "a", true),
            ("/healthz", "/healthz/", "a", false),
            ("/healthz", "/a?/healthz", "a", false),
            ("/healthz", "/%zz", "a", false),
            ("/probes/**", "/probes/a/b", "a", true),
            ("/", "/", "a", true),
            ("/", "/a", "a", false),
            ("kube-probe", "/", "kube-probe/1.30", true),
            ("Kube-Probe", "/", "kube-probe/1.30", true),
            (
                "UptimeRobot",
                "/",
                "Mozilla/5.0 (compatible; UptimeRobot/2.0)",
                true,
            ),
            ("kube-probe", "/kube-probe", "curl/8", false),
            ("kube-probe", "/", "kube", false),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\r\n");
            let mut storage = FieldStorage::default();
            let head = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
            let (head, _) = head.expect("a head").expect("a whole one");
            let exclusion = LogExclusion::parse(text).expect(text);
            assert_eq!(
                exclusion.matches(&head),
                is_left_out,
                "{text} {target} {agent}"
            );
            assert_eq!(exclusion.to_string(), text);
        }
        let without_agent = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut storage = FieldStorage::default();
        let head = RequestHead::parse(without_agent, &mut storage, &Limits::default());
        let (head, _) = head.expect("a head").expect("a whole one");
        assert!(!LogExclusion::parse("x").expect("an agent").matches(&head));
    }

    #[test]
    fn an_invalid_exclusion_is_an_error_with_advice() {
        for (text, advice) in [
            ("", "/healthz"),
            ("*.png", "\"/**/*.png\""),
            ("/[a", "unclosed"),
        ] {
            let error = LogExclusion::parse(text).unwrap_err();
            assert!(error.contains(advice), "{text}: {error}");
        }
    }
}

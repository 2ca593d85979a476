//! Request targets (RFC 9112 §3.2) in their four forms, not yet decoded.

use super::authority::{Port, is_authority};
use crate::http::method::Method;

/// A request target in one of its four forms, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestTarget<'b> {
    /// `/path?query`
    Origin(PathAndQuery<'b>),
    /// `http://authority/path?query`
    Absolute {
        /// The host and port, which override the `Host` field (RFC 9112 §3.2.2).
        authority: &'b [u8],
        /// The path and the query.
        path_and_query: PathAndQuery<'b>,
    },
    /// `host:port`, only for CONNECT.
    Authority(&'b [u8]),
    /// `*`, only for OPTIONS.
    Asterisk,
}

/// The path and the query of a target, as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathAndQuery<'b> {
    /// The bytes from the first slash up to the `?`; empty in an absolute form without a path.
    pub path: &'b [u8],
    /// The bytes after the `?`.
    pub query: Option<&'b [u8]>,
}

impl<'b> RequestTarget<'b> {
    /// Parses a target in the form that its method requires. Returns `None` if it has another form.
    pub fn parse(target: &'b [u8], method: Method) -> Option<Self> {
        match method {
            Method::Connect => {
                is_authority(target, Port::Required).then_some(Self::Authority(target))
            }
            Method::Options if target == b"*" => Some(Self::Asterisk),
            _ if target.starts_with(b"/") => Some(Self::Origin(PathAndQuery::split(target)?)),
            _ => Self::parse_absolute(target),
        }
    }

    fn parse_absolute(target: &'b [u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', target)?;
        let (scheme, rest) = target.split_at_checked(colon)?;
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return None;
        }
        let rest = rest.strip_prefix(b"://")?;
        let end = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        // RFC 9110 §4.2.1: an http URI with an empty host is invalid.
        let valid = !authority.is_empty() && is_authority(authority, Port::Optional);
        let path_and_query = PathAndQuery::split(rest)?;
        valid.then_some(Self::Absolute {
            authority,
            path_and_query,
        })
    }

    /// Returns the path and query, if the form has them.
    pub fn path_and_query(&self) -> Option<PathAndQuery<'b>> {
        match *self {
            Self::Origin(path_and_query) | Self::Absolute { path_and_query, .. } => {
                Some(path_and_query)
            }
            Self::Authority(_) | Self::Asterisk => None,
        }
    }
}

impl<'b> PathAndQuery<'b> {
    /// Splits a target at its `?`. Returns `None` if there is a fragment: no form of RFC 9112 §3.2
    /// has one, and lenient recipients differ on whether it belongs to the path.
    fn split(target: &'b [u8]) -> Option<Self> {
        let is_end = |byte: &u8| matches!(byte, b'?' | b'#');
        let Some(at) = target.iter().position(is_end) else {
            return Some(Self {
                path: target,
                query: None,
            });
        };
        let (path, query) = (target.get(..at)?, target.get(at..)?.strip_prefix(b"?")?);
        let has_fragment = memchr::memchr(b'#', query).is_some();
        (!has_fragment).then_some(Self {
            path,
            query: Some(query),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_valid_only_for_its_methods() {
        let parse = |target: &'static str, method| RequestTarget::parse(target.as_bytes(), method);
        let origin = |path: &'static str, query: Option<&'static str>| {
            let query = query.map(str::as_bytes);
            Some(RequestTarget::Origin(PathAndQuery {
                path: path.as_bytes(),
                query,
            }))
        };
        assert_eq!(parse("/a?b?c", Method::Get), origin("/a", Some("b?c")));
        assert_eq!(parse("/a?", Method::Get), origin("/a", Some("")));
        assert_eq!(parse("*", Method::Options), Some(RequestTarget::Asterisk));
        assert_eq!(parse("*", Method::Get), None);
        assert_eq!(parse("/a", Method::Options), origin("/a", None));
        assert_eq!(parse("**", Method::Options), None);
        assert_eq!(
            parse("a:1", Method::Connect),
            Some(RequestTarget::Authority(b"a:1"))
        );
        for (target, method) in [
            ("a", Method::Connect),
            ("/a#b", Method::Get),
            ("/", Method::Connect),
            ("a:1", Method::Get),
            ("", Method::Get),
            ("a", Method::Get),
            ("ftp://a/", Method::Get),
            ("http:/a", Method::Get),
            ("http://", Method::Get),
            ("http:///a", Method::Get),
            ("http://u@a/", Method::Get),
        ] {
            assert_eq!(parse(target, method), None, "{target}");
        }
    }

    #[test]
    fn an_absolute_form_has_an_authority_and_an_optional_path() {
        for (target, authority, path, query) in [
            ("http://a", "a", "", None),
            ("HTTP://a:80/b?c", "a:80", "/b", Some("c")),
            ("https://[::1]:8/", "[::1]:8", "/", None),
            ("http://a?b/c", "a", "", Some("b/c")),
        ] {
            let expected = RequestTarget::Absolute {
                authority: authority.as_bytes(),
                path_and_query: PathAndQuery {
                    path: path.as_bytes(),
                    query: query.map(str::as_bytes),
                },
            };
            assert_eq!(
                RequestTarget::parse(target.as_bytes(), Method::Get),
                Some(expected)
            );
        }
    }

    #[test]
    fn only_targets_of_a_resource_have_a_path() {
        for (target, method, expected) in [
            ("/a?b", Method::Get, Some(("/a", Some("b")))),
            ("http://a/b", Method::Get, Some(("/b", None))),
            ("a:1", Method::Connect, None),
            ("*", Method::Options, None),
        ] {
            let found = RequestTarget::parse(target.as_bytes(), method).unwrap();
            let expected = expected.map(|(path, query)| PathAndQuery {
                path: path.as_bytes(),
                query: query.map(str::as_bytes),
            });
            assert_eq!(found.path_and_query(), expected, "{target}");
        }
    }
}

//! The base path of a site: the beginning of the paths of all its URLs.

use super::path::{RequestPath, dot_segments, escaped, has_hidden_segment};
use std::fmt;
use std::sync::Arc;

/// The base path of a site. A clone shares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BasePath {
    /// The decoded path, without its first slash and with its last one; empty at the top of a host.
    bytes: Arc<[u8]>,
}

impl BasePath {
    /// Parses a base path in the syntax of the settings. Its last slash may be left out. The error
    /// says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!(
                "{text:?} does not begin with a slash; write a path that URLs begin with, like \"/docs/\""
            ));
        }
        if let Some(wrong) = text.chars().find(|it| "?#*{}".contains(*it)) {
            return Err(format!(
                "{text:?} has a {wrong:?}; write a path that URLs begin with, like \"/docs/\""
            ));
        }
        let path = RequestPath::parse(text.as_bytes());
        let path = path.map_err(|error| format!("{text:?} is not a path: {error}"))?;
        let mut bytes = path.as_bytes().to_vec();
        if !path.is_directory() {
            bytes.push(b'/');
        }
        if text.contains("//") || dot_segments(text) > 0 {
            return Err(format!(
                "{text:?} never matches: empty segments, \".\" and \"..\" are removed from paths"
            ));
        }
        if has_hidden_segment(&bytes) {
            return Err(format!(
                "{text:?} has a segment that begins with a dot, and such paths are not served"
            ));
        }
        Ok(Self {
            bytes: bytes.into(),
        })
    }

    /// Returns `true` for the base path `/`, which changes nothing.
    pub fn is_top(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the path without its first slash: empty, or with a slash at its end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the number of its segments.
    pub fn depth(&self) -> usize {
        memchr::memchr_iter(b'/', &self.bytes).count()
    }
}

/// Writes the path as the beginning of a reference, with a slash at its start and at its end.
impl fmt::Display for BasePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "/{}", escaped(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_begins_and_ends_with_a_slash() {
        for (text, expected, depth) in [
            ("/", "/", 0),
            ("/docs", "/docs/", 1),
            ("/docs/", "/docs/", 1),
            ("/a/b/", "/a/b/", 2),
            ("/caf\u{e9}/", "/caf%C3%A9/", 1),
            ("/caf%c3%a9", "/caf%C3%A9/", 1),
            ("/a b", "/a%20b/", 1),
            ("/.well-known/", "/.well-known/", 1),
        ] {
            let base = BasePath::parse(text).expect(text);
            assert_eq!((base.to_string().as_str(), base.depth()), (expected, depth));
            assert_eq!(base.is_top(), text == "/");
            let decoded = percent_encoding::percent_decode_str(&expected[1..]);
            assert!(decoded.eq(base.as_bytes().iter().copied()), "{text}");
        }
    }

    #[test]
    fn an_invalid_base_path_is_rejected() {
        for (text, reason) in [
            ("", "does not begin with a slash"),
            ("docs/", "does not begin with a slash"),
            ("//", "never matches"),
            ("//docs/", "never matches"),
            ("/docs//", "never matches"),
            ("/a//b/", "never matches"),
            ("/./", "never matches"),
            ("/a/../b", "never matches"),
            ("/a/..", "never matches"),
            ("/a/%2e%2e", "never matches"),
            ("/a%2fb", "encoded slash"),
            ("/a%00", "NUL"),
            ("/100%", "hexadecimal"),
            ("/docs/**", "begin with"),
            ("/docs?x", "begin with"),
            ("/{name}/", "begin with"),
            ("/.git/", "begins with a dot"),
            ("/a/.b", "begins with a dot"),
        ] {
            let error = BasePath::parse(text).expect_err(text);
            assert!(error.contains(reason), "{error}");
        }
    }
}

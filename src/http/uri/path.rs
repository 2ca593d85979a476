//! [`RequestPath`], the only way from a request target to a file name, and references in the other
//! direction.

use super::escape::escapes_are_whole;
use crate::http::status::Status;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use std::borrow::Cow;
use std::fmt;

/// The path of a target, as the site sees it: decoded once, with dot segments removed (RFC 3986
/// §5.2.4), relative to the root. It never contains `..`, an empty segment or a NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'b> {
    /// The segments, joined by slashes, without a leading one; a directory has a trailing one.
    bytes: Cow<'b, [u8]>,
    hidden: bool,
}

/// The reason why a path is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A `%` without two hexadecimal digits.
    BrokenEscape,
    /// An encoded NUL, which no file name can contain.
    Nul,
    /// An encoded slash. It does not separate segments, so it would be part of a file name, which
    /// cannot contain it.
    EncodedSlash,
}

impl PathError {
    /// Returns the status that answers it.
    pub const fn status(self) -> Status {
        match self {
            Self::BrokenEscape | Self::Nul => Status::BadRequest,
            Self::EncodedSlash => Status::NotFound,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::BrokenEscape => "it has a % without two hexadecimal digits after it",
            Self::Nul => "it has an encoded NUL, which no file's name has",
            Self::EncodedSlash => "it has an encoded slash, which no file's name has",
        })
    }
}

impl<'b> RequestPath<'b> {
    /// Parses the path of a target; an empty one is the root.
    pub fn parse(path: &'b [u8]) -> Result<Self, PathError> {
        if let Some(plain) = plain(path) {
            return Ok(Self {
                bytes: Cow::Borrowed(plain),
                hidden: false,
            });
        }
        let bytes = Cow::Owned(normalize(path)?);
        let hidden = has_hidden_segment(&bytes);
        Ok(Self { bytes, hidden })
    }

    /// Returns the path relative to the root; empty for the root itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns `true` if the path is that of a directory: the root, or a path with a trailing
    /// slash.
    pub fn is_directory(&self) -> bool {
        self.bytes.is_empty() || self.bytes.ends_with(b"/")
    }

    /// Returns the last segment, without a trailing slash; empty for the root.
    pub fn name(&self) -> &[u8] {
        let path = self.bytes.strip_suffix(b"/").unwrap_or(&self.bytes);
        let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
        path.get(start..).unwrap_or_default()
    }

    /// Returns the directory that the path is in, with its trailing slash; empty for the root.
    pub fn directory(&self) -> &[u8] {
        let end = memchr::memrchr(b'/', &self.bytes).map_or(0, |slash| slash + 1);
        self.bytes.get(..end).unwrap_or_default()
    }

    /// Returns the path of a file in the directory of a path. Its name begins with no dot.
    #[inline]
    pub fn of_file_in(directory: &[u8], name: &'static str) -> RequestPath<'static> {
        if directory.is_empty() {
            return RequestPath {
                bytes: Cow::Borrowed(name.as_bytes()),
                hidden: false,
            };
        }
        RequestPath {
            bytes: Cow::Owned([directory, name.as_bytes()].concat()),
            hidden: has_hidden_segment(directory),
        }
    }

    /// Returns the bytes of the path, relative to the root.
    pub fn into_bytes(self) -> Cow<'b, [u8]> {
        self.bytes
    }

    /// Returns the path relative to a base path, which is empty or ends in a slash. Returns `None`
    /// if the path does not begin with it. Only the remaining segments determine whether the result
    /// is hidden.
    pub fn relative_to(self, base: &[u8]) -> Option<Self> {
        if base.is_empty() {
            return Some(self);
        }
        let bytes = match self.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.strip_prefix(base)?),
            Cow::Owned(bytes) => Cow::Owned(bytes.strip_prefix(base)?.to_vec()),
        };
        // A borrowed path has nothing to hide.
        let hidden = matches!(bytes, Cow::Owned(_)) && has_hidden_segment(&bytes);
        Some(Self { bytes, hidden })
    }

    /// Returns `true` if the path must not be served, whatever file exists; see
    /// [`has_hidden_segment`].
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Returns the same path without borrowed data.
    pub fn into_owned(self) -> RequestPath<'static> {
        RequestPath {
            bytes: Cow::Owned(self.bytes.into_owned()),
            hidden: self.hidden,
        }
    }

    /// Returns the path as a reference that starts with exactly one slash, so that no browser takes
    /// it for the URL of another host.
    pub fn to_reference(&self) -> impl fmt::Display {
        format!("/{}", percent_encode(&self.bytes, OUTSIDE_PATH))
    }
}

/// Returns one path segment as a reference from its directory. No name can end the segment early or
/// be mistaken for a scheme or a host: a name with a colon gets the prefix `./` (RFC 3986 §4.2).
pub fn name_reference(name: &[u8]) -> impl fmt::Display {
    let dot = if name.contains(&b':') { "./" } else { "" };
    format!("{dot}{}", escaped(name))
}

/// Returns path segments and the slashes between them, with other bytes escaped where needed.
pub fn escaped(path: &[u8]) -> impl fmt::Display {
    percent_encode(path, OUTSIDE_PATH)
}

/// Normalizes a part of a path in which bytes may be escaped or not. The result is the same as in
/// [`RequestPath::to_reference`] of a path with this part.
pub fn path_reference(part: &str) -> Result<String, String> {
    let wrong = |error: PathError| format!("{part:?} is part of no path: {error}");
    if !escapes_are_whole(part.as_bytes()) {
        return Err(wrong(PathError::BrokenEscape));
    }
    let slashes = |bytes: &[u8]| memchr::memchr_iter(b'/', bytes).count();
    let decoded: Vec<u8> = percent_decode(part.as_bytes()).collect();
    if decoded.contains(&0) {
        return Err(wrong(PathError::Nul));
    }
    if slashes(&decoded) != slashes(part.as_bytes()) {
        return Err(wrong(PathError::EncodedSlash));
    }
    Ok(percent_encode(&decoded, OUTSIDE_PATH).to_string())
}

/// Returns the number of segments in a reference's path that a client reads as `.` or `..`. A dot
/// may be escaped (RFC 3986 §6.2.2.2).
pub fn dot_segments(path: &str) -> usize {
    let is_dots = |segment: &&str| {
        let decoded = || percent_decode(segment.as_bytes());
        decoded().eq(*b".") || decoded().eq(*b"..")
    };
    path.split('/').filter(is_dots).count()
}

/// Returns the query in a form for `Location`: no byte in it can end the field or the URI.
pub fn query_reference(query: &[u8]) -> impl fmt::Display {
    percent_encode(query, OUTSIDE_QUERY)
}

/// Returns the path without its slash if nothing in it needs decoding, removing or hiding, as in
/// nearly all requests.
fn plain(path: &[u8]) -> Option<&[u8]> {
    let inside = path.strip_prefix(b"/")?;
    let is_odd = |(before, byte): (&u8, &u8)| match byte {
        b'%' | 0 => true,
        b'/' | b'.' => *before == b'/',
        _ => false,
    };
    (!path.iter().zip(inside).any(is_odd)).then_some(inside)
}

fn normalize(path: &[u8]) -> Result<Vec<u8>, PathError> {
    if !escapes_are_whole(path) {
        return Err(PathError::BrokenEscape);
    }
    let mut segments: Vec<Cow<'_, [u8]>> = Vec::new();
    let mut ends_in_directory = true;
    for raw in path.split(|byte| *byte == b'/') {
        let segment: Cow<'_, [u8]> = percent_decode(raw).into();
        if segment.contains(&0) {
            return Err(PathError::Nul);
        }
        if segment.contains(&b'/') {
            return Err(PathError::EncodedSlash);
        }
        ends_in_directory = matches!(segment.as_ref(), b"" | b"." | b"..");
        match segment.as_ref() {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let mut joined = segments.join(&b'/');
    if ends_in_directory && !joined.is_empty() {
        joined.push(b'/');
    }
    Ok(joined)
}

/// Returns `true` if a segment of a path relative to the root starts with a dot, except in
/// `.well-known` (RFC 8615).
pub fn has_hidden_segment(path: &[u8]) -> bool {
    let well_known = path == b".well-known" || path.starts_with(b".well-known/");
    !well_known && (path.starts_with(b".") || memchr::memmem::find(path, b"/.").is_some())
}

/// Returns the path of a target as if its encoded slashes were slashes, for targets that can name
/// no file. Returns an empty path if that is invalid too.
pub fn as_if_separated(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    for byte in percent_decode(path) {
        match byte {
            // The `%` was escaped itself, so it starts no escape.
            b'%' => plain.extend_from_slice(b"%25"),
            byte => plain.push(byte),
        }
    }
    normalize(&plain).unwrap_or_default()
}

/// All bytes that RFC 3986 §3.3 does not allow in a path.
const OUTSIDE_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// All bytes that RFC 3986 §3.4 does not allow in a query. Its escapes are kept as sent.
const OUTSIDE_QUERY: &AsciiSet = &OUTSIDE_PATH.remove(b'?').remove(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> Result<String, PathError> {
        RequestPath::parse(raw.as_bytes())
            .map(|path| String::from_utf8_lossy(path.as_bytes()).into_owned())
    }

    #[test]
    fn paths_are_decoded_once_and_dot_segments_are_removed() {
        for (raw, expected) in [
            ("", ""),
            ("/", ""),
            ("//", ""),
            ("/.", ""),
            ("/..", ""),
            ("/../..", ""),
            ("/a", "a"),
            ("/a/", "a/"),
            ("/a/b.txt", "a/b.txt"),
            ("//a///b//", "a/b/"),
            ("/a/./b", "a/b"),
            ("/a/../b", "b"),
            ("/a/..", ""),
            ("/a/b/..", "a/"),
            ("/a/b/.", "a/b/"),
            ("/../../etc/passwd", "etc/passwd"),
            ("/%2e%2e/%2E./etc", "etc"),
            ("/a/%2e%2e/b", "b"),
            ("/%61%20b", "a b"),
            ("/%2561", "%61"),
            ("/a%5Cb", "a\\b"),
            ("/a\\..\\b", "a\\..\\b"),
            ("/...", "..."),
            ("/a..b/..c", "a..b/..c"),
            ("/caf%C3%A9", "caf\u{e9}"),
        ] {
            assert_eq!(path(raw).as_deref(), Ok(expected), "{raw}");
        }
        let bytes = RequestPath::parse(b"/%ff%FE").unwrap();
        assert_eq!(bytes.as_bytes(), b"\xff\xfe", "file names are bytes");
    }

    #[test]
    fn only_a_path_with_something_to_decode_is_copied() {
        for (raw, is_borrowed) in [
            ("/", true),
            ("/docs/tall~tale.tar.gz", true),
            ("/docs/tall%7etale.tar.gz", false),
            ("/docs//a", false),
            ("/.well-known/a", false),
        ] {
            let bytes = RequestPath::parse(raw.as_bytes()).unwrap().into_bytes();
            assert_eq!(matches!(bytes, Cow::Borrowed(_)), is_borrowed, "{raw}");
        }
    }

    #[test]
    fn paths_that_no_file_can_have_are_rejected() {
        for (raw, expected) in [
            ("/%", PathError::BrokenEscape),
            ("/%4", PathError::BrokenEscape),
            ("/%zz", PathError::BrokenEscape),
            ("/a%/b", PathError::BrokenEscape),
            ("/%+1", PathError::BrokenEscape),
            ("/%00", PathError::Nul),
            ("/a%00.html", PathError::Nul),
            ("/a%2fb", PathError::EncodedSlash),
            ("/..%2f..%2Fetc", PathError::EncodedSlash),
        ] {
            assert_eq!(path(raw), Err(expected), "{raw}");
        }
    }

    #[test]
    fn dotfiles_are_hidden_except_below_well_known() {
        for (raw, hidden) in [
            ("/", false),
            ("/a.b", false),
            ("/.env", true),
            ("/a/.git/config", true),
            ("/.a/b", true),
            ("/%2egit/", true),
            ("/a/%2eb", true),
            ("/.well-known/security.txt", false),
            ("/.well-known", false),
            ("/.well-known/", false),
            ("/.well-knownx", true),
            ("/a/.well-known/x", true),
        ] {
            assert_eq!(
                RequestPath::parse(raw.as_bytes()).unwrap().is_hidden(),
                hidden,
                "{raw}"
            );
        }
    }

    #[test]
    fn an_encoded_slash_hides_nothing() {
        for (raw, expected) in [
            ("/.git%2fconfig", ".git/config"),
            ("/%2egit%2Fconfig", ".git/config"),
            ("/a%2f.env", "a/.env"),
            ("/a/..%2f.env", ".env"),
            ("/.well-known%2facme", ".well-known/acme"),
            ("/a%2fb%252fc", "a/b%2fc"),
            ("/a%2f%00", ""),
            ("/a%2f%", "a/%"),
        ] {
            let found = as_if_separated(raw.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), expected, "{raw}");
        }
        assert!(has_hidden_segment(b".git/config") && !has_hidden_segment(b".well-known/acme"));
    }

    #[test]
    fn the_remaining_segments_of_a_path_decide_if_it_is_hidden() {
        for (raw, base, expected) in [
            ("/docs/a", "", Some(("docs/a", false))),
            ("/docs/a", "docs/", Some(("a", false))),
            ("/docs/", "docs/", Some(("", false))),
            ("/docs", "docs/", None),
            ("/docsa/b", "docs/", None),
            ("/a/docs/b", "docs/", None),
            ("/x/../%64ocs/a/../b", "docs/", Some(("b", false))),
            ("/docs/.git/config", "docs/", Some((".git/config", true))),
            ("/docs/a/%2eenv", "docs/", Some(("a/.env", true))),
            (
                "/docs/.well-known/x",
                "docs/",
                Some((".well-known/x", false)),
            ),
            ("/.well-known/x", ".well-known/", Some(("x", false))),
            ("/.well-known/.x", ".well-known/", Some((".x", true))),
        ] {
            let path = RequestPath::parse(raw.as_bytes()).unwrap();
            let left = path.relative_to(base.as_bytes());
            let left = left.as_ref().map(|it| (it.as_bytes(), it.is_hidden()));
            let expected = expected.map(|(path, hidden)| (path.as_bytes(), hidden));
            assert_eq!(left, expected, "{raw}");
        }
    }

    #[test]
    fn a_reference_never_leads_to_another_host() {
        for (raw, expected) in [
            ("//evil.example/", "/evil.example/"),
            ("/%5Cevil.example", "/%5Cevil.example"),
            ("/\\evil.example", "/%5Cevil.example"),
            ("/a b%0d%0aX: y", "/a%20b%0D%0AX:%20y"),
            ("/caf%C3%A9/%3F%23", "/caf%C3%A9/%3F%23"),
            ("/https://evil.example", "/https:/evil.example"),
        ] {
            let path = RequestPath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path.to_reference().to_string(), expected, "{raw}");
        }
        assert_eq!(
            query_reference(b"a=%20b c\"<\xff").to_string(),
            "a=%20b%20c%22%3C%FF"
        );
    }

    #[test]
    fn dot_segments_are_counted_as_a_client_sees_them() {
        for (path, count) in [
            ("", 0),
            ("/", 0),
            ("/a./.b/...", 0),
            ("/%252e/%2", 0),
            ("/.", 1),
            ("/..", 1),
            ("/a/./b/../", 2),
            ("/%2e/%2E./.%2e/%2e%2E", 4),
        ] {
            assert_eq!(dot_segments(path), count, "{path}");
        }
    }

    #[test]
    fn a_path_has_a_directory_and_a_name() {
        for (raw, directory, name) in [
            ("/", "", ""),
            ("/a", "", "a"),
            ("/a/", "a/", "a"),
            ("/a/b.txt", "a/", "b.txt"),
            ("/a/b/", "a/b/", "b"),
            ("/x/../a/%62", "a/", "b"),
        ] {
            let path = RequestPath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path.directory(), directory.as_bytes(), "{raw}");
            assert_eq!(path.name(), name.as_bytes(), "{raw}");
            let is_directory = raw.ends_with('/');
            assert_eq!(path.is_directory(), is_directory, "{raw}");
            let owned = path.clone().into_owned();
            assert_eq!(owned, path);
            assert_eq!(owned.into_bytes(), path.as_bytes(), "{raw}");
        }
        assert_eq!(
            RequestPath::parse(b"/a/.b").unwrap().into_bytes(),
            &b"a/.b"[..]
        );
    }

    #[test]
    fn a_file_in_a_hidden_directory_is_hidden() {
        for (directory, path, hidden) in [
            ("", "index.html", false),
            ("a/", "a/index.html", false),
            ("a/.b/", "a/.b/index.html", true),
            (".well-known/", ".well-known/index.html", false),
        ] {
            let file = RequestPath::of_file_in(directory.as_bytes(), "index.html");
            assert_eq!(file.as_bytes(), path.as_bytes());
            assert_eq!(file.is_hidden(), hidden, "{path}");
        }
    }

    #[test]
    fn a_part_of_a_path_is_escaped_only_where_it_must_be() {
        for (part, expected) in [
            ("", Ok("")),
            ("/a b/", Ok("/a%20b/")),
            ("/a%20b", Ok("/a%20b")),
            ("/%61%25", Ok("/a%25")),
            ("caf\u{e9}", Ok("caf%C3%A9")),
            ("/a%2", Err("hexadecimal")),
            ("/a%00", Err("NUL")),
            ("/a%2Fb", Err("encoded slash")),
        ] {
            match (path_reference(part), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(reason)) => assert!(error.contains(reason), "{error}"),
                (found, _) => panic!("{part}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_name_is_a_reference_without_a_scheme() {
        for (name, expected) in [
            ("a.txt", "a.txt"),
            ("a:b", "./a:b"),
            ("a b?#", "a%20b%3F%23"),
        ] {
            assert_eq!(name_reference(name.as_bytes()).to_string(), expected);
        }
        assert_eq!(PathError::EncodedSlash.status(), Status::NotFound);
        assert_eq!(PathError::Nul.status(), Status::BadRequest);
    }
}

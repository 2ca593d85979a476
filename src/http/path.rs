//! [`RequestPath`], the only way from a request target to the name of a file, and references that
//! lead back to it.

use super::escape::escapes_are_whole;
use super::status::Status;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use std::borrow::Cow;
use std::fmt;

/// The path of a target as the site may see it: decoded once, its dot segments removed (RFC 3986
/// §5.2.4), relative to the root. It has no `..`, no empty segment, no NUL, and no way to get any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'b> {
    /// Segments joined by slashes, without one before them; with one after them for a directory.
    bytes: Cow<'b, [u8]>,
    hidden: bool,
}

/// Why a path names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A `%` without two hexadecimal digits.
    BrokenEscape,
    /// An encoded NUL, which no file name has.
    Nul,
    /// An encoded slash: it does not separate, so it would be part of a name, which no file has.
    EncodedSlash,
}

impl PathError {
    /// The status that answers it.
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
            Self::BrokenEscape => "a % in it has no two hexadecimal digits after it",
            Self::Nul => "it has an encoded NUL, which no file's name has",
            Self::EncodedSlash => "it has an encoded slash, which no file's name has",
        })
    }
}

impl<'b> RequestPath<'b> {
    /// Reads the path of a target; an empty one is the root.
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

    /// The path relative to the root; empty for the root itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it asks for a directory: the root, or a path with a slash at its end.
    pub fn is_directory(&self) -> bool {
        self.bytes.is_empty() || self.bytes.ends_with(b"/")
    }

    /// Its last segment, without a slash after it; empty for the root.
    pub fn name(&self) -> &[u8] {
        let path = self.bytes.strip_suffix(b"/").unwrap_or(&self.bytes);
        let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
        path.get(start..).unwrap_or_default()
    }

    /// Whether it is not to be served, whatever is there; see [`has_hidden_segment`].
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// The same path, which borrows nothing.
    pub fn into_owned(self) -> RequestPath<'static> {
        RequestPath {
            bytes: Cow::Owned(self.bytes.into_owned()),
            hidden: self.hidden,
        }
    }

    /// The path as a reference that starts with exactly one slash, so that no browser takes it for
    /// another host's.
    pub fn to_reference(&self) -> impl fmt::Display {
        format!("/{}", percent_encode(&self.bytes, OUTSIDE_PATH))
    }
}

/// One segment of a path as a reference from its directory, which is taken for no scheme and no host
/// whatever the name is: nothing in it ends the segment, and where it has a colon, `./` goes before it
/// (RFC 3986 §4.2).
pub fn name_reference(name: &[u8]) -> impl fmt::Display {
    let dot = if name.contains(&b':') { "./" } else { "" };
    format!("{dot}{}", escaped(name))
}

/// Segments of a path, and the slashes between them, with all other bytes escaped that have to be.
pub fn escaped(path: &[u8]) -> impl fmt::Display {
    percent_encode(path, OUTSIDE_PATH)
}

/// A part of a path, in which bytes may be escaped or not, as a reference has it: as
/// [`RequestPath::to_reference`] writes the same part of a path that is asked for.
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

/// How many segments of a reference's path a client takes for `.` or `..`. A dot may be escaped: it
/// is the same (RFC 3986 §6.2.2.2).
pub fn dot_segments(path: &str) -> usize {
    let is_dots = |segment: &&str| {
        let decoded = || percent_decode(segment.as_bytes());
        decoded().eq(*b".") || decoded().eq(*b"..")
    };
    path.split('/').filter(is_dots).count()
}

/// The query as it may stand in a `Location`: nothing in it can end the field or the URI.
pub fn query_reference(query: &[u8]) -> impl fmt::Display {
    percent_encode(query, OUTSIDE_QUERY)
}

/// The path without its slash, if there is nothing in it to decode, to remove or to hide: nearly
/// always. All bytes are looked at, which the compiler turns into a few instructions for many.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch would keep it from doing so"
)]
fn plain(path: &[u8]) -> Option<&[u8]> {
    let inside = path.strip_prefix(b"/")?;
    let is_odd = path.iter().zip(inside).fold(false, |odd, (before, byte)| {
        odd | (*byte == b'%')
            | (*byte == 0)
            | ((*before == b'/') & ((*byte == b'/') | (*byte == b'.')))
    });
    (!is_odd).then_some(inside)
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

/// Whether a segment of a path relative to the root starts with a dot, other than below
/// `.well-known` (RFC 8615).
pub fn has_hidden_segment(path: &[u8]) -> bool {
    let well_known = path == b".well-known" || path.starts_with(b".well-known/");
    !well_known && (path.starts_with(b".") || memchr::memmem::find(path, b"/.").is_some())
}

/// The path of a target if its encoded slashes were slashes, for what no file can be named. Where that
/// names nothing either, it is empty.
pub fn as_if_separated(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    for byte in percent_decode(path) {
        match byte {
            // It was escaped itself, and begins no escape.
            b'%' => plain.extend_from_slice(b"%25"),
            byte => plain.push(byte),
        }
    }
    normalize(&plain).unwrap_or_default()
}

/// All that RFC 3986 §3.3 does not let stand in a path.
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

/// All that RFC 3986 §3.4 does not let stand in a query; its escapes are kept as they came.
const OUTSIDE_QUERY: &AsciiSet = &OUTSIDE_PATH.remove(b'?').remove(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> Result<String, PathError> {
        RequestPath::parse(raw.as_bytes())
            .map(|path| String::from_utf8_lossy(path.as_bytes()).into_owned())
    }

    #[test]
    fn paths_are_decoded_once_and_lose_their_dot_segments() {
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
    fn what_no_file_can_be_named_is_refused() {
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
    fn dotfiles_are_hidden_but_below_well_known() {
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
    fn a_reference_never_names_another_host() {
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
}

//! Request targets (RFC 9112 §3.2), and [`RequestPath`], the one and only way from a target to a
//! file's name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use super::fields::is_token_byte;
use super::request::Method;
use super::status::Status;

/// A request target in one of its four forms, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestTarget<'b> {
    /// `/path?query`
    Origin(PathAndQuery<'b>),
    /// `http://authority/path?query`
    Absolute {
        /// The host and port, which win over the `Host` field (RFC 9112 §3.2.2).
        authority: &'b [u8],
        /// What is asked for there.
        path_and_query: PathAndQuery<'b>,
    },
    /// `host:port`, of CONNECT alone.
    Authority(&'b [u8]),
    /// `*`, of OPTIONS alone.
    Asterisk,
}

/// The path and the query of a target, as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathAndQuery<'b> {
    /// From the first slash to before the `?`; empty in an absolute form without a path.
    pub path: &'b [u8],
    /// What follows the `?`.
    pub query: Option<&'b [u8]>,
}

impl<'b> RequestTarget<'b> {
    /// Reads a target by the form that its method allows. `None` if it is of another form.
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

    /// The path and query, where the form has them.
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
    /// `None` if there is a fragment: RFC 9112 §3.2 has it in no form, and where one is forgiven,
    /// recipients differ on whether it belongs to the path.
    fn split(target: &'b [u8]) -> Option<Self> {
        let Some(at) = memchr::memchr2(b'?', b'#', target) else {
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

/// Whether an authority must name a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Optional,
    Required,
}

/// Whether `value` is a valid `Host` (RFC 9110 §7.2); it may be empty.
pub fn is_host(value: &[u8]) -> bool {
    is_authority(value, Port::Optional)
}

/// `uri-host [ ":" port ]` of RFC 9110 §7.2, without user information.
fn is_authority(value: &[u8], port: Port) -> bool {
    let (host_is_valid, rest) = if let Some(inner) = value.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', inner) else {
            return false;
        };
        let (address, rest) = inner.split_at(end);
        (
            is_ip_literal(address),
            rest.strip_prefix(b"]").unwrap_or_default(),
        )
    } else {
        let end = memchr::memchr(b':', value).unwrap_or(value.len());
        let (name, rest) = value.split_at(end);
        (is_registered_name(name), rest)
    };
    let port_is_valid = match rest.strip_prefix(b":") {
        Some(digits) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        None => rest.is_empty() && port == Port::Optional,
    };
    host_is_valid && port_is_valid
}

/// The inside of `IP-literal` (RFC 3986 §3.2.2): an IPv6 address or a later kind.
fn is_ip_literal(address: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(address) else {
        return false;
    };
    let is_future = || {
        let (version, rest) = text.strip_prefix(['v', 'V'])?.split_once('.')?;
        let version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let rest = !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte == b':' || is_unreserved_or_sub_delim(byte));
        Some(version && rest)
    };
    text.parse::<Ipv6Addr>().is_ok() || is_future() == Some(true)
}

/// `reg-name` of RFC 3986 §3.2.2, which IPv4 addresses are of, too.
fn is_registered_name(name: &[u8]) -> bool {
    let (mut valid, mut escaped) = (true, false);
    for byte in name {
        let class = NAME_BYTES
            .get(usize::from(*byte))
            .copied()
            .unwrap_or(NameByte::Other);
        valid &= class != NameByte::Other;
        escaped |= class == NameByte::Percent;
    }
    valid && (!escaped || escapes_are_whole(name))
}

/// What a byte is in a `reg-name`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NameByte {
    Plain,
    Percent,
    Other,
}

/// The class of each byte.
static NAME_BYTES: [NameByte; 256] = {
    let mut table = [NameByte::Other; 256];
    let mut rest: &mut [NameByte] = &mut table;
    let mut byte = 0_u8;
    while let [class, later @ ..] = rest {
        if byte == b'%' {
            *class = NameByte::Percent;
        } else if is_unreserved_or_sub_delim(byte) {
            *class = NameByte::Plain;
        }
        rest = later;
        byte = byte.wrapping_add(1);
    }
    table
};

const fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    // The token bytes that a URI has no place for, and the delimiters that a token has none for.
    (is_token_byte(byte) && !matches!(byte, b'#' | b'%' | b'^' | b'`' | b'|'))
        || matches!(byte, b'(' | b')' | b',' | b';' | b'=')
}

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

fn escapes_are_whole(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).all(|at| {
        text.get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
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

    #[test]
    fn each_form_belongs_to_its_methods() {
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
    fn an_absolute_form_has_an_authority_and_maybe_a_path() {
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
    fn a_host_is_a_name_or_an_address_and_maybe_a_port() {
        for valid in [
            "",
            "a",
            "a.example",
            "A-b_c~1",
            "127.0.0.1",
            "127.0.0.1:8080",
            "a:",
            "[::1]",
            "[::1]:80",
            "[v1.a:b]",
            "a%20b",
            "xn--caf-dma.example",
        ] {
            assert!(is_host(valid.as_bytes()), "{valid}");
        }
        for invalid in [
            "a b", "a/b", "a,b", "u@a", "a:b", "a:1:2", "::1", "[::1", "[::1]a", "[a]", "[]",
            "[v.a]", "a%2", "a%zz", "a\\b", "a#b", "a?b", "\u{e9}", "a:123456", "<a>",
        ] {
            let expected = invalid == "a,b"; // A sub-delimiter: odd, but within the grammar.
            assert_eq!(is_host(invalid.as_bytes()), expected, "{invalid}");
        }
    }
}

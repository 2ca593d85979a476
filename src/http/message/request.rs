//! Request heads (RFC 9112 §2, §3), parsed with httparse, plus the checks that httparse leaves out.

use super::fields::{FieldName, FieldStorage, Fields};
use super::framing::{Framing, FramingError};
use super::limits::Limits;
use super::method::Method;
use super::status::Status;
use super::version::Version;
use crate::http::is_host;
use crate::http::target::RequestTarget;
use std::fmt;

/// A valid request head: its grammar, host and framing are correct.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h> {
    /// The method.
    pub method: Method,
    /// The method as it was sent.
    pub method_name: &'h str,
    /// The target as it was sent.
    pub target_bytes: &'h [u8],
    /// The parsed target.
    pub target: RequestTarget<'h>,
    /// The version of HTTP.
    pub version: Version,
    /// The delimitation of the content.
    pub framing: Framing,
    /// The expectation of the client before it sends content.
    pub expectation: Expectation,
    /// `true` if the client wants the connection to persist.
    pub wants_persistence: bool,
    /// All fields.
    pub fields: Fields<'h>,
}

/// The value of `Expect` (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// No expectation.
    None,
    /// The client waits for an interim response before it sends content.
    Continue,
    /// An expectation that no server is known to meet.
    Unknown,
}

/// The reason why a head is not a valid request. The connection closes after any of these errors,
/// because the start of the next request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// The request line or a field line is malformed; this includes a bare LF.
    Syntax,
    /// The bytes are the start of a TLS handshake.
    TlsHello,
    /// The target does not have the form that the method requires.
    InvalidTarget,
    /// The target is longer than the limit.
    TargetTooLong,
    /// The head is larger than the limit, or has too many fields.
    TooLarge,
    /// The major version is not 1.
    UnsupportedVersion,
    /// `Host` is missing in HTTP/1.1, repeated or invalid.
    InvalidHost,
    /// The end of the content is ambiguous.
    Framing(FramingError),
}

impl HeadError {
    /// Returns the status that answers it.
    pub const fn status(self) -> Status {
        match self {
            Self::Syntax | Self::TlsHello | Self::InvalidTarget | Self::InvalidHost => {
                Status::BadRequest
            }
            Self::TargetTooLong => Status::UriTooLong,
            Self::TooLarge => Status::RequestHeaderFieldsTooLarge,
            Self::UnsupportedVersion => Status::HttpVersionNotSupported,
            Self::Framing(error) => error.status(),
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Syntax => {
                "the request line or a header is malformed; in a URL, a space is \
                             written %20"
            }
            Self::TlsHello => "the client speaks TLS to a port of plain HTTP",
            Self::InvalidTarget => {
                "the request target is neither a path that begins with a slash \
                                    nor a URL"
            }
            Self::TargetTooLong => "the URL is longer than url-bytes-max",
            Self::TooLarge => {
                "the headers are larger than header-bytes-max, or more than headers-max"
            }
            Self::UnsupportedVersion => "the version is not HTTP/1.0 or 1.1",
            Self::InvalidHost => "there is no single valid Host header",
            Self::Framing(error) => return error.fmt(out),
        })
    }
}

impl From<FramingError> for HeadError {
    fn from(error: FramingError) -> Self {
        Self::Framing(error)
    }
}

impl<'h> RequestHead<'h> {
    /// Parses a head at the start of `input`. Returns the head and its length in bytes, `None`
    /// while it is incomplete, or an error. The result depends only on the bytes that decide it,
    /// not on how many more have arrived.
    pub fn parse<'b: 'h>(
        input: &'b [u8],
        storage: &'h mut FieldStorage<'b>,
        limits: &Limits,
    ) -> Result<Option<(Self, usize)>, HeadError> {
        let window = input.get(..limits.head_bytes_max).unwrap_or(input);
        // httparse skips any number of empty lines; their number is limited by the connection.
        match window {
            [b'\r' | b'\n', ..] => return Err(HeadError::Syntax),
            // RFC 8446 §5.1: a handshake record. No method contains such a byte.
            [TLS_HANDSHAKE, ..] => return Err(HeadError::TlsHello),
            _ => {}
        }
        let is_full = window.len() == limits.head_bytes_max;
        let FieldStorage { lines, spare_lines } = storage;
        let lines = lines.get_mut(..limits.fields_max).unwrap_or_default();
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(window, lines);
        let (method, target) = (request.method, request.path);
        // If httparse reports no version, it is a later one, and read as ours.
        let version = request.version.map_or(Version::Http11, Version::of_minor);
        let parsed = match parsed {
            Err(httparse::Error::Version) => match read_version(window)? {
                Some(end) => parse_fields(window, end, spare_lines, limits.fields_max),
                None => Ok(httparse::Status::Partial),
            },
            Ok(httparse::Status::Complete(length)) => {
                Ok(httparse::Status::Complete((length, &*request.headers)))
            }
            Ok(httparse::Status::Partial) => Ok(httparse::Status::Partial),
            Err(error) => Err(error),
        };
        match parsed {
            Ok(httparse::Status::Complete((length, lines))) => {
                let (method, target) = method.zip(target).ok_or(HeadError::Syntax)?;
                let head = window.get(..length).unwrap_or_default();
                let head = Self::from_parts(method, target, version, lines, head, limits)?;
                Ok(Some((head, length)))
            }
            Ok(httparse::Status::Partial) if !is_full => Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                Err(too_large(window, limits))
            }
            Err(_) => Err(HeadError::Syntax),
        }
    }

    /// Returns the host and port of the request, with the port as it was sent; empty if none is
    /// named. The target overrides the `Host` field (RFC 9112 §3.2.2, §3.3).
    pub fn authority(&self) -> &'h [u8] {
        match self.target {
            RequestTarget::Absolute { authority, .. } | RequestTarget::Authority(authority) => {
                authority
            }
            RequestTarget::Origin(_) | RequestTarget::Asterisk => {
                self.fields.single(FieldName::Host).unwrap_or_default()
            }
        }
    }

    fn from_parts(
        method_name: &'h str,
        target: &'h str,
        version: Version,
        lines: &'h [httparse::Header<'h>],
        head: &[u8],
        limits: &Limits,
    ) -> Result<Self, HeadError> {
        // httparse accepts a bare LF as a line end, which RFC 9112 §2.2 allows; a front proxy may
        // not.
        if has_bare_line_feed(head, lines) {
            return Err(HeadError::Syntax);
        }
        if target.len() > limits.request_target_bytes_max {
            return Err(HeadError::TargetTooLong);
        }
        let target_bytes = target.as_bytes();
        let method = Method::recognize(method_name);
        let target = RequestTarget::parse(target_bytes, method).ok_or(HeadError::InvalidTarget)?;
        let fields = Fields::new(lines);
        check_host(version, &fields)?;
        Ok(Self {
            method,
            method_name,
            target_bytes,
            target,
            version,
            framing: Framing::of_request(version, &fields)?,
            expectation: Expectation::of_request(version, &fields),
            wants_persistence: wants_persistence(version, &fields),
            fields,
        })
    }
}

impl Expectation {
    fn of_request(version: Version, fields: &Fields<'_>) -> Self {
        let mut expectation = Self::None;
        // RFC 9110 §10.1.1: it is ignored in HTTP/1.0.
        if version == Version::Http11 && fields.contains(FieldName::Expect) {
            for member in fields.members(FieldName::Expect) {
                if !member.eq_ignore_ascii_case(b"100-continue") {
                    return Self::Unknown;
                }
                expectation = Self::Continue;
            }
        }
        expectation
    }
}

/// Requires one `Host` in HTTP/1.1, at most one in HTTP/1.0, and a valid value (RFC 9112 §3.2).
fn check_host(version: Version, fields: &Fields<'_>) -> Result<(), HeadError> {
    let mut hosts = fields.values(FieldName::Host);
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (None, _) if version == Version::Http10 => Ok(()),
        _ => Err(HeadError::InvalidHost),
    }
}

/// Returns `true` if the connection should persist (RFC 9112 §9.3): `close` wins, and by default
/// HTTP/1.1 persists and HTTP/1.0 does not.
fn wants_persistence(version: Version, fields: &Fields<'_>) -> bool {
    let mut persist = version == Version::Http11;
    if !fields.contains(FieldName::Connection) {
        return persist;
    }
    for option in fields.members(FieldName::Connection) {
        if option.eq_ignore_ascii_case(b"close") {
            return false;
        }
        persist |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    persist
}

/// Returns `true` if a line of a whole head ends in LF alone. LF occurs only at the end of lines, and
/// all lines but the first begin with a name: so only the ends before names and the last two are
/// looked at.
fn has_bare_line_feed(head: &[u8], lines: &[httparse::Header<'_>]) -> bool {
    let start_of = |line: &httparse::Header<'_>| line.name.as_ptr().addr() - head.as_ptr().addr();
    let is_whole_before = |at| {
        let before = head.get(..at).unwrap_or_default();
        before.ends_with(b"\r\n")
    };
    !head.ends_with(b"\r\n\r\n") || !lines.iter().map(start_of).all(is_whole_before)
}

/// Returns the limit that an unfinished head exceeds: that of the target if the request line alone
/// is too long (RFC 9112 §3), otherwise that of the head.
fn too_large(window: &[u8], limits: &Limits) -> HeadError {
    let line = first_line(window).unwrap_or(window);
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let unfinished = line.len() == window.len();
    if unfinished || target.len() > limits.request_target_bytes_max {
        HeadError::TargetTooLong
    } else {
        HeadError::TooLarge
    }
}

/// Reads the version of a request line that httparse rejects. Returns the end of the line if it is
/// a later minor version of HTTP/1, the error otherwise, and `None` while the line is incomplete.
fn read_version(window: &[u8]) -> Result<Option<usize>, HeadError> {
    let Some(line) = first_line(window) else {
        return Ok(None);
    };
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    let version = words
        .next()
        .filter(|_| words.next().is_none())
        .unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b'\r']
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major == b'1' {
                Ok(Some(line.len() + 1))
            } else {
                Err(HeadError::UnsupportedVersion)
            }
        }
        _ => Err(HeadError::Syntax),
    }
}

/// Parses only the field lines, which begin at `start`. Returns the length of the whole head, and
/// the lines.
fn parse_fields<'h, 'b: 'h>(
    window: &'b [u8],
    start: usize,
    lines: &'h mut Vec<httparse::Header<'b>>,
    fields_max: usize,
) -> httparse::Result<(usize, &'h [httparse::Header<'h>])> {
    lines.resize(fields_max, httparse::EMPTY_HEADER);
    let rest = window.get(start..).unwrap_or_default();
    Ok(match httparse::parse_headers(rest, lines)? {
        httparse::Status::Complete((length, lines)) => {
            httparse::Status::Complete((start + length, lines))
        }
        httparse::Status::Partial => httparse::Status::Partial,
    })
}

/// Returns the bytes before the first LF, or `None` if there is none.
fn first_line(window: &[u8]) -> Option<&[u8]> {
    window.get(..memchr::memchr(b'\n', window)?)
}

/// The first byte that a TLS client sends.
const TLS_HANDSHAKE: u8 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses the input whole, byte by byte, and with trailing bytes; all three must agree. Returns
    /// a summary of the head, `None` if it is incomplete, or the error.
    fn parse(input: &[u8]) -> Result<Option<String>, HeadError> {
        let limits = Limits {
            request_target_bytes_max: 40,
            head_bytes_max: 120,
            fields_max: 4,
            content_bytes_max: 10,
        };
        let once = |bytes: &[u8]| {
            let mut storage = FieldStorage::default();
            let parsed = RequestHead::parse(bytes, &mut storage, &limits)?;
            Ok(parsed.map(|(head, length)| {
                assert_eq!(length, input.len());
                let persistence = if head.wants_persistence {
                    "persist"
                } else {
                    "close"
                };
                let (method, target) =
                    (head.method_name, String::from_utf8_lossy(head.target_bytes));
                format!(
                    "{method} {target} {:?} {:?} {persistence}",
                    head.version, head.framing
                )
            }))
        };
        let whole = once(input);
        let bytewise = (0..=input.len())
            .map(|end| once(&input[..end]))
            .find(|outcome| *outcome != Ok(None))
            .unwrap_or(Ok(None));
        assert_eq!(whole, bytewise, "{:?}", String::from_utf8_lossy(input));
        if whole != Ok(None) {
            assert_eq!(
                whole,
                once(&[input, b"GET /next"].concat()),
                "with bytes trailing"
            );
        }
        whole
    }

    #[test]
    fn heads_are_parsed_with_their_framing_and_persistence() {
        for (input, expected) in [
            (
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / Http11 None persist",
            ),
            ("GET / HTTP/1.0\r\n\r\n", "GET / Http10 None close"),
            (
                "GET / HTTP/1.9\r\nHost: a\r\n\r\n",
                "GET / Http11 None persist",
            ),
            (
                "get /a?b HTTP/1.1\r\nhost:\r\n\r\n",
                "get /a?b Http11 None persist",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n",
                "GET / Http11 None close",
            ),
            (
                "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
                "GET / Http10 None persist",
            ),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
                "GET / Http10 None close",
            ),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
                "PUT / Http11 Length(3) persist",
            ),
            (
                "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                "OPTIONS * Http11 None persist",
            ),
            (
                "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET http://b/ Http11 None persist",
            ),
        ] {
            assert_eq!(
                parse(input.as_bytes()),
                Ok(Some(expected.to_owned())),
                "{input:?}"
            );
        }
    }

    #[test]
    fn a_malformed_head_is_rejected() {
        for input in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET /\r\n\r\n",
            " GET / HTTP/1.1\r\n\r\n",
            "G@T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.10\r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "GET / HTTP/x.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nA(b: c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nx\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \x7f\r\n\r\n",
            "\r\nGET / HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(parse(input.as_bytes()), Err(HeadError::Syntax), "{input:?}");
        }
    }

    #[test]
    fn each_error_has_its_status() {
        for (input, expected, code) in [
            // The first byte alone is enough.
            ("\x16\x03\x01\x02\0\x01\0\x01", HeadError::TlsHello, 400),
            ("\x16", HeadError::TlsHello, 400),
            ("GET / HTTP/2.0\r\n\r\n", HeadError::UnsupportedVersion, 505),
            (
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                HeadError::UnsupportedVersion,
                505,
            ),
            ("GET / HTTP/1.1\r\n\r\n", HeadError::InvalidHost, 400),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                HeadError::InvalidHost,
                400,
            ),
            (
                "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
                HeadError::InvalidHost,
                400,
            ),
            (
                "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
                HeadError::InvalidTarget,
                400,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n",
                HeadError::Framing(FramingError::UnknownTransferCoding),
                501,
            ),
        ] {
            assert_eq!(parse(input.as_bytes()), Err(expected), "{input:?}");
            assert_eq!(expected.status().code(), code);
        }
    }

    #[test]
    fn each_limit_has_its_own_error() {
        let long = |count| "a".repeat(count);
        for (input, expected) in [
            (
                format!("GET /{} HTTP/1.0\r\n\r\n", long(40)),
                HeadError::TargetTooLong,
            ),
            (format!("GET /{}", long(200)), HeadError::TargetTooLong),
            (
                format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", long(120)),
                HeadError::TooLarge,
            ),
            (
                format!("GET /{} HTTP/1.0\r\nA: {}\r\n\r\n", long(39), long(120)),
                HeadError::TooLarge,
            ),
            (
                format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(5)),
                HeadError::TooLarge,
            ),
            (
                format!("GET /{} HTTP/1.0\r\nA: {}", long(60), long(60)),
                HeadError::TargetTooLong,
            ),
        ] {
            assert_eq!(parse(input.as_bytes()), Err(expected), "{input:?}");
        }
        let target = format!("GET /{} HTTP/1.0\r\n\r\n", long(39));
        assert!(parse(target.as_bytes()).is_ok_and(|head| head.is_some()));
        let fields = format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(4));
        assert!(parse(fields.as_bytes()).is_ok_and(|head| head.is_some()));
    }

    #[test]
    fn an_expectation_counts_in_http_11_only() {
        for (version, fields, expected) in [
            ("1.1", "", Expectation::None),
            ("1.1", "Expect: 100-CONTINUE\r\n", Expectation::Continue),
            ("1.1", "Expect: ,\r\n", Expectation::None),
            ("1.1", "Expect: tea\r\n", Expectation::Unknown),
            ("1.1", "Expect: 100-continue, tea\r\n", Expectation::Unknown),
            ("1.0", "Expect: 100-continue\r\n", Expectation::None),
            ("1.0", "Expect: tea\r\n", Expectation::None),
        ] {
            let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
            let mut storage = FieldStorage::default();
            let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
            let (request, _) = parsed.unwrap().unwrap();
            assert_eq!(request.expectation, expected, "{head:?}");
        }
    }

    #[test]
    fn the_target_overrides_the_host_field() {
        for (line, authority) in [
            ("GET /", "pond"),
            ("OPTIONS *", "pond"),
            ("GET http://lake:81/", "lake:81"),
            ("CONNECT lake:443", "lake:443"),
        ] {
            let head = format!("{line} HTTP/1.1\r\nHost: pond\r\n\r\n");
            let mut storage = FieldStorage::default();
            let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
            let (request, _) = parsed.unwrap().unwrap();
            assert_eq!(request.authority(), authority.as_bytes(), "{line}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        for (error, text) in [
            (HeadError::Syntax, "malformed"),
            (HeadError::TlsHello, "TLS"),
            (HeadError::InvalidTarget, "target"),
            (HeadError::TargetTooLong, "url-bytes-max"),
            (HeadError::TooLarge, "header-bytes-max"),
            (HeadError::UnsupportedVersion, "HTTP/1.0"),
            (HeadError::InvalidHost, "Host"),
        ] {
            assert!(error.to_string().contains(text), "{error}");
        }
        let framing = FramingError::UnknownTransferCoding;
        assert_eq!(HeadError::from(framing).to_string(), framing.to_string());
        assert!(!framing.to_string().is_empty());
    }
}

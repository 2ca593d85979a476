//! A strict parser of responses: anything that a sender of RFC 9112 messages must not do is a
//! failure.

use flate2::read::GzDecoder;
use std::{io::Read, str};

/// A final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: String,
    /// The fields as they were sent, in their order.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
}

impl Response {
    /// Parses the response to `method` at the beginning of `bytes`. Also returns its length.
    ///
    /// Returns `None` if more bytes are needed.
    pub(crate) fn parse(bytes: &[u8], method: &str) -> Result<Option<(Self, usize)>, String> {
        let Some(head_length) = find(bytes, b"\r\n\r\n").map(|position| position + 4) else {
            return Ok(None);
        };
        let head = str::from_utf8(&bytes[..head_length]).map_err(|_| "a head beyond ASCII")?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let (status, reason) = status_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(field_line).collect::<Result<Vec<_>, _>>()?;
        let mut response = Self {
            status,
            reason: reason.to_owned(),
            fields,
            content: Vec::new(),
        };
        let content_length = response.check(method)?;
        let Some(content) = bytes[head_length..].get(..content_length) else {
            return Ok(None);
        };
        response.content = content.to_vec();
        Ok(Some((response, head_length + content_length)))
    }

    /// Returns the value of a field that may occur at most once.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.values(name);
        assert!(values.len() <= 1, "{name} comes twice in {self:?}");
        values.first().copied()
    }

    /// Returns the content as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.content).expect("text is UTF-8")
    }

    /// Returns the content after removing its Brotli coding, which the response must declare.
    #[track_caller]
    pub(crate) fn unbrotlied(&self) -> Vec<u8> {
        assert_eq!(self.field("content-encoding"), Some("br"));
        let mut content = Vec::new();
        brotli::Decompressor::new(&*self.content, 4096)
            .read_to_end(&mut content)
            .expect("it is Brotli");
        content
    }

    /// Returns the content after removing the coding that the server makes for a client that
    /// accepts both codings equally.
    #[track_caller]
    pub(crate) fn uncompressed(&self) -> Vec<u8> {
        if MADE == "br" {
            self.unbrotlied()
        } else {
            self.gunzipped()
        }
    }

    /// Returns the content after removing its gzip coding, which the response must declare.
    #[track_caller]
    pub(crate) fn gunzipped(&self) -> Vec<u8> {
        assert_eq!(self.field("content-encoding"), Some("gzip"));
        let mut content = Vec::new();
        GzDecoder::new(&*self.content)
            .read_to_end(&mut content)
            .expect("it is gzip");
        content
    }

    /// Returns the values of a field that may occur several times.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        let is_named = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        fields.filter(is_named).map(|field| &*field.1).collect()
    }

    /// Returns `true` if the server announces that it will close the connection.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Returns the fields with an empty `Date`, so that two responses can be compared.
    pub(crate) fn fields_without_date(&self) -> Vec<(&str, &str)> {
        let blank = |name: &str| name.eq_ignore_ascii_case("date");
        let fields = self.fields.iter();
        fields
            .map(|(name, value)| (name.as_str(), if blank(name) { "" } else { value }))
            .collect()
    }

    /// Checks the rules for every response of this server. Returns the length of its content.
    fn check(&self, method: &str) -> Result<usize, String> {
        for name in [
            "date",
            "content-length",
            "content-type",
            "etag",
            "connection",
            "location",
        ] {
            if self
                .fields
                .iter()
                .filter(|field| field.0.eq_ignore_ascii_case(name))
                .count()
                > 1
            {
                return Err(format!("{name} more than once"));
            }
        }
        // RFC 9110 §6.6.1: an origin server with a clock must send it in all responses except 1xx
        // and 5xx.
        let date = self.field("date").ok_or("no Date")?;
        if !is_imf_fixdate(date) {
            return Err(format!("no IMF-fixdate: {date}"));
        }
        if self.field("transfer-encoding").is_some() {
            return Err("a transfer coding, where every length is known".to_owned());
        }
        let length = self
            .field("content-length")
            .map(content_length)
            .transpose()?;
        match self.status {
            // RFC 9110 §8.6: must not be sent; §15.4.5: no content, and no metadata about it.
            204 | 304 if length.is_some() => Err(format!("Content-Length in {}", self.status)),
            204 | 304 => Ok(0),
            status if !(200..600).contains(&status) => Err(format!("status {status}")),
            _ if method == "HEAD" => length.map(|_| 0).ok_or("no Content-Length".to_owned()),
            _ => length.ok_or("no Content-Length".to_owned()),
        }
    }
}

/// Parses the responses to `methods`. A connection that closes early answers fewer.
#[track_caller]
pub(crate) fn responses<'method>(
    mut output: &[u8],
    methods: impl IntoIterator<Item = &'method str>,
) -> Vec<Response> {
    let mut methods = methods.into_iter();
    let mut all = Vec::new();
    while !output.is_empty() {
        let method = methods
            .next()
            .unwrap_or_else(|| panic!("more responses than requests"));
        match Response::parse(output, method) {
            Ok(Some((response, length))) => {
                output = &output[length..];
                all.push(response);
            }
            other => panic!("{other:?} in \"{}\"", output.escape_ascii()),
        }
    }
    all
}

/// Returns the bytes with the value of every `Date` field blanked, the only part that changes with
/// time.
pub(crate) fn without_dates(output: &[u8]) -> Vec<u8> {
    let mut rest = output;
    let mut blanked = Vec::with_capacity(output.len());
    while let Some(start) = find(rest, b"\r\nDate: ").map(|position| position + 8) {
        blanked.extend_from_slice(&rest[..start]);
        rest = &rest[start..];
        rest = &rest[find(rest, b"\r\n").unwrap_or(rest.len())..];
    }
    blanked.extend_from_slice(rest);
    blanked
}

/// Parses a status line (RFC 9112 §4) with the recommended reason phrase.
fn status_line(line: &str) -> Result<(u16, &str), String> {
    let wrong = || format!("not a status line: {line:?}");
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or_else(wrong)?;
    let (status, reason) = rest.split_once(' ').ok_or_else(wrong)?;
    let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || reason.is_empty() || !reason.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(wrong());
    }
    Ok((status.parse().map_err(|_| wrong())?, reason))
}

/// Parses a field line (RFC 9112 §5) with the usual single space.
fn field_line(line: &str) -> Result<(String, String), String> {
    let wrong = || format!("not a field line: {line:?}");
    let (name, value) = line.split_once(": ").ok_or_else(wrong)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let value_is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if name.is_empty() || !name.bytes().all(token) || !value_is_plain || value.trim() != value {
        return Err(wrong());
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn content_length(value: &str) -> Result<usize, String> {
    let plain = value == "0" || !value.starts_with('0');
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let length = value.parse().ok().filter(|_| plain && digits);
    length.ok_or_else(|| format!("Content-Length: {value}"))
}

/// Returns `true` for the only date format that may be generated (RFC 9110 §5.6.7).
fn is_imf_fixdate(value: &str) -> bool {
    let shape: String = value
        .chars()
        .map(|char| match char {
            '0'..='9' => '0',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    shape == "Aaa, 00 Aaa 0000 00:00:00 AAA" && value.ends_with(" GMT")
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The coding that the server makes for a client that accepts all of them equally.
pub(crate) const MADE: &str = if cfg!(feature = "brotli") {
    "br"
} else {
    "gzip"
};

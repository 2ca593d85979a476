//! Where the content of a request ends (RFC 9112 §6.3).

use super::chunked::ChunkedDecoder;
use super::fields::{FieldName, Fields};
use super::request::{HeadError, Version};

/// How the content of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no content.
    None,
    /// This many bytes, never zero.
    Length(u64),
    /// Chunks (RFC 9112 §7.1).
    Chunked,
}

impl Framing {
    /// Decides by the fields of a request. Whatever another recipient could read differently is an
    /// error, since the two would disagree on where the next request starts.
    pub fn of_request(version: Version, fields: &Fields<'_>) -> Result<Self, HeadError> {
        let has_length = fields.contains(FieldName::ContentLength);
        if fields.contains(FieldName::TransferEncoding) {
            // RFC 9112 §6.3: both fields present, or HTTP/1.0: an attempt at request smuggling.
            if has_length || version == Version::Http10 {
                return Err(HeadError::ConflictingFraming);
            }
            return transfer_coding(fields).map(|()| Self::Chunked);
        }
        if has_length {
            return match content_length(fields).ok_or(HeadError::InvalidContentLength)? {
                0 => Ok(Self::None),
                length => Ok(Self::Length(length)),
            };
        }
        Ok(Self::None)
    }
}

/// Accepts `chunked` alone (RFC 9112 §6.1). Empty members, which a list may have, are not forgiven
/// here: not everybody does.
fn transfer_coding(fields: &Fields<'_>) -> Result<(), HeadError> {
    let (mut is_last_chunked, mut has_others) = (false, false);
    let codings = fields
        .values(FieldName::TransferEncoding)
        .flat_map(|value| value.split(|byte| *byte == b','));
    for coding in codings.map(<[u8]>::trim_ascii) {
        if is_last_chunked || coding.is_empty() {
            return Err(HeadError::InvalidTransferEncoding);
        }
        is_last_chunked = coding.eq_ignore_ascii_case(b"chunked");
        has_others |= !is_last_chunked;
    }
    match (is_last_chunked, has_others) {
        (false, _) => Err(HeadError::InvalidTransferEncoding),
        (true, true) => Err(HeadError::UnknownTransferCoding),
        (true, false) => Ok(()),
    }
}

/// One value, or the same value several times (RFC 9110 §8.6).
fn content_length(fields: &Fields<'_>) -> Option<u64> {
    let mut length = None;
    for value in fields.values(FieldName::ContentLength) {
        for member in value.split(|byte| *byte == b',') {
            let member = parse_decimal(member.trim_ascii())?;
            if *length.get_or_insert(member) != member {
                return None;
            }
        }
    }
    length
}

fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Finds the end of one request's content, whose bytes are dropped.
#[derive(Clone, Debug)]
pub enum ContentDecoder {
    /// The bytes still to come.
    Length(u64),
    /// Chunks and trailer fields.
    Chunked(ChunkedDecoder),
}

/// Why content cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentError {
    /// The frame breaks the grammar.
    Malformed,
    /// More than the limit.
    TooLarge,
}

/// How far a decoder got in the bytes that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of them were used and more is to come.
    More,
    /// The content ended after this many.
    Done(usize),
}

impl ContentDecoder {
    /// A decoder for `framing`, or `None` where there is no content. A length above
    /// `content_bytes_max` is an error at once.
    pub fn new(framing: Framing, content_bytes_max: u64) -> Result<Option<Self>, ContentError> {
        match framing {
            Framing::None => Ok(None),
            Framing::Length(length) if length > content_bytes_max => Err(ContentError::TooLarge),
            Framing::Length(length) => Ok(Some(Self::Length(length))),
            Framing::Chunked => Ok(Some(Self::Chunked(ChunkedDecoder::new(content_bytes_max)))),
        }
    }

    /// Reads on in `input`.
    pub fn decode(&mut self, input: &[u8]) -> Result<Progress, ContentError> {
        match self {
            Self::Chunked(decoder) => decoder.decode(input),
            Self::Length(remaining) => {
                let available = u64::try_from(input.len()).unwrap_or(u64::MAX);
                match usize::try_from(*remaining) {
                    Ok(end) if *remaining <= available => Ok(Progress::Done(end)),
                    _ => {
                        *remaining -= available;
                        Ok(Progress::More)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use httparse::Header;

    fn framing(
        version: Version,
        lines: &[(&'static str, &'static str)],
    ) -> Result<Framing, HeadError> {
        let lines: Vec<_> = lines
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        Framing::of_request(version, &Fields::new(&lines))
    }

    const CL: &str = "Content-Length";
    const TE: &str = "Transfer-Encoding";

    #[test]
    fn a_length_is_digits_that_do_not_contradict_each_other() {
        for (values, expected) in [
            (&["0"][..], Ok(Framing::None)),
            (&["5"], Ok(Framing::Length(5))),
            (&["007"], Ok(Framing::Length(7))),
            (&["5, 5"], Ok(Framing::Length(5))),
            (&["5", "5"], Ok(Framing::Length(5))),
            (&["18446744073709551615"], Ok(Framing::Length(u64::MAX))),
            (&["5, 6"], Err(HeadError::InvalidContentLength)),
            (&["5", "6"], Err(HeadError::InvalidContentLength)),
            (&["5,"], Err(HeadError::InvalidContentLength)),
            (&[""], Err(HeadError::InvalidContentLength)),
            (&["+5"], Err(HeadError::InvalidContentLength)),
            (&["-5"], Err(HeadError::InvalidContentLength)),
            (&["5 5"], Err(HeadError::InvalidContentLength)),
            (&["0x5"], Err(HeadError::InvalidContentLength)),
            (
                &["18446744073709551616"],
                Err(HeadError::InvalidContentLength),
            ),
        ] {
            let lines: Vec<_> = values.iter().map(|value| (CL, *value)).collect();
            assert_eq!(framing(Version::Http11, &lines), expected, "{values:?}");
        }
    }

    #[test]
    fn chunked_stands_alone_and_last() {
        for (values, expected) in [
            (&["chunked"][..], Ok(Framing::Chunked)),
            (&["Chunked"], Ok(Framing::Chunked)),
            (&["gzip, chunked"], Err(HeadError::UnknownTransferCoding)),
            (&["gzip", "chunked"], Err(HeadError::UnknownTransferCoding)),
            (&["chunked, gzip"], Err(HeadError::InvalidTransferEncoding)),
            (
                &["chunked, chunked"],
                Err(HeadError::InvalidTransferEncoding),
            ),
            (&["gzip"], Err(HeadError::InvalidTransferEncoding)),
            (&["identity"], Err(HeadError::InvalidTransferEncoding)),
            (&["chunked;q=1"], Err(HeadError::InvalidTransferEncoding)),
            (&["xchunked"], Err(HeadError::InvalidTransferEncoding)),
            (&[""], Err(HeadError::InvalidTransferEncoding)),
            (&["chunked,"], Err(HeadError::InvalidTransferEncoding)),
            (&[",chunked"], Err(HeadError::InvalidTransferEncoding)),
            (&["", "chunked"], Err(HeadError::InvalidTransferEncoding)),
        ] {
            let lines: Vec<_> = values.iter().map(|value| (TE, *value)).collect();
            assert_eq!(framing(Version::Http11, &lines), expected, "{values:?}");
        }
    }

    #[test]
    fn both_fields_or_chunks_in_http_10_are_refused() {
        let both = [(CL, "5"), (TE, "chunked")];
        assert_eq!(
            framing(Version::Http11, &both),
            Err(HeadError::ConflictingFraming)
        );
        let chunked = [(TE, "chunked")];
        assert_eq!(
            framing(Version::Http10, &chunked),
            Err(HeadError::ConflictingFraming)
        );
        assert_eq!(framing(Version::Http11, &[]), Ok(Framing::None));
    }

    #[test]
    fn a_length_is_counted_down_over_any_split() {
        let decoder = || ContentDecoder::new(Framing::Length(3), 3).unwrap().unwrap();
        assert_eq!(decoder().decode(b"abcGET"), Ok(Progress::Done(3)));
        let mut bytewise = decoder();
        assert_eq!(bytewise.decode(b"a"), Ok(Progress::More));
        assert_eq!(bytewise.decode(b""), Ok(Progress::More));
        assert_eq!(bytewise.decode(b"b"), Ok(Progress::More));
        assert_eq!(bytewise.decode(b"cd"), Ok(Progress::Done(1)));
        assert!(matches!(
            ContentDecoder::new(Framing::Length(4), 3),
            Err(ContentError::TooLarge)
        ));
    }
}

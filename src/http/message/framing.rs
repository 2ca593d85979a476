//! The end of a request's content (RFC 9112 §6.3).

use super::fields::{FieldName, Fields};
use super::status::Status;
use super::version::Version;
use std::fmt;

/// The delimitation of a request's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No content.
    None,
    /// This many bytes, never zero.
    Length(u64),
    /// Chunks (RFC 9112 §7.1).
    Chunked,
}

/// The reason why the end of a request's content is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// A `Content-Length` that is not one number.
    InvalidContentLength,
    /// A `Transfer-Encoding` that does not end in exactly one `chunked`.
    InvalidTransferEncoding,
    /// A `Transfer-Encoding` with a coding before `chunked`.
    UnknownTransferCoding,
    /// `Transfer-Encoding` together with `Content-Length`, or in HTTP/1.0.
    ConflictingFraming,
}

impl FramingError {
    /// Returns the status that answers it.
    pub const fn status(self) -> Status {
        match self {
            Self::InvalidContentLength
            | Self::InvalidTransferEncoding
            | Self::ConflictingFraming => Status::BadRequest,
            // RFC 9112 §6.1: a transfer coding that the server does not support.
            Self::UnknownTransferCoding => Status::NotImplemented,
        }
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::InvalidContentLength => "the Content-Length is not one number",
            Self::InvalidTransferEncoding => "the Transfer-Encoding does not end in chunked, once",
            Self::UnknownTransferCoding => "the Transfer-Encoding has a coding before chunked",
            Self::ConflictingFraming => {
                "the length of the body is given in two ways, which may differ"
            }
        })
    }
}

impl Framing {
    /// Decides from the fields of a request. Anything that another recipient could read differently
    /// is an error, since both would disagree on where the next request starts.
    pub fn of_request(version: Version, fields: &Fields<'_>) -> Result<Self, FramingError> {
        let has_length = fields.contains(FieldName::ContentLength);
        if fields.contains(FieldName::TransferEncoding) {
            // RFC 9112 §6.3: both fields present, or HTTP/1.0, may be an attempt at request
            // smuggling.
            if has_length || version == Version::Http10 {
                return Err(FramingError::ConflictingFraming);
            }
            return transfer_coding(fields).map(|()| Self::Chunked);
        }
        if has_length {
            return match content_length(fields).ok_or(FramingError::InvalidContentLength)? {
                0 => Ok(Self::None),
                length => Ok(Self::Length(length)),
            };
        }
        Ok(Self::None)
    }
}

/// Accepts only `chunked` (RFC 9112 §6.1). Empty list members are valid in general, but an error
/// here, because not all recipients accept them.
fn transfer_coding(fields: &Fields<'_>) -> Result<(), FramingError> {
    let (mut is_last_chunked, mut has_others) = (false, false);
    let codings = fields
        .values(FieldName::TransferEncoding)
        .flat_map(|value| value.split(|byte| *byte == b','));
    for coding in codings.map(<[u8]>::trim_ascii) {
        if is_last_chunked || coding.is_empty() {
            return Err(FramingError::InvalidTransferEncoding);
        }
        is_last_chunked = coding.eq_ignore_ascii_case(b"chunked");
        has_others |= !is_last_chunked;
    }
    match (is_last_chunked, has_others) {
        (false, _) => Err(FramingError::InvalidTransferEncoding),
        (true, true) => Err(FramingError::UnknownTransferCoding),
        (true, false) => Ok(()),
    }
}

/// Returns one value, or one that is repeated (RFC 9110 §8.6).
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

#[cfg(test)]
mod tests {
    use super::*;
    use httparse::Header;

    fn framing(
        version: Version,
        lines: &[(&'static str, &'static str)],
    ) -> Result<Framing, FramingError> {
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
    fn a_length_is_one_decimal_number_or_repetitions_of_it() {
        for (values, expected) in [
            (&["0"][..], Ok(Framing::None)),
            (&["5"], Ok(Framing::Length(5))),
            (&["007"], Ok(Framing::Length(7))),
            (&["5, 5"], Ok(Framing::Length(5))),
            (&["5", "5"], Ok(Framing::Length(5))),
            (&["18446744073709551615"], Ok(Framing::Length(u64::MAX))),
            (&["5, 6"], Err(FramingError::InvalidContentLength)),
            (&["5", "6"], Err(FramingError::InvalidContentLength)),
            (&["5,"], Err(FramingError::InvalidContentLength)),
            (&[""], Err(FramingError::InvalidContentLength)),
            (&["+5"], Err(FramingError::InvalidContentLength)),
            (&["-5"], Err(FramingError::InvalidContentLength)),
            (&["5 5"], Err(FramingError::InvalidContentLength)),
            (&["0x5"], Err(FramingError::InvalidContentLength)),
            (
                &["18446744073709551616"],
                Err(FramingError::InvalidContentLength),
            ),
        ] {
            let lines: Vec<_> = values.iter().map(|value| (CL, *value)).collect();
            assert_eq!(framing(Version::Http11, &lines), expected, "{values:?}");
        }
    }

    #[test]
    fn chunked_must_be_the_only_coding() {
        for (values, expected) in [
            (&["chunked"][..], Ok(Framing::Chunked)),
            (&["Chunked"], Ok(Framing::Chunked)),
            (&["gzip, chunked"], Err(FramingError::UnknownTransferCoding)),
            (
                &["gzip", "chunked"],
                Err(FramingError::UnknownTransferCoding),
            ),
            (
                &["chunked, gzip"],
                Err(FramingError::InvalidTransferEncoding),
            ),
            (
                &["chunked, chunked"],
                Err(FramingError::InvalidTransferEncoding),
            ),
            (&["gzip"], Err(FramingError::InvalidTransferEncoding)),
            (&["identity"], Err(FramingError::InvalidTransferEncoding)),
            (&["chunked;q=1"], Err(FramingError::InvalidTransferEncoding)),
            (&["xchunked"], Err(FramingError::InvalidTransferEncoding)),
            (&[""], Err(FramingError::InvalidTransferEncoding)),
            (&["chunked,"], Err(FramingError::InvalidTransferEncoding)),
            (&[",chunked"], Err(FramingError::InvalidTransferEncoding)),
            (&["", "chunked"], Err(FramingError::InvalidTransferEncoding)),
        ] {
            let lines: Vec<_> = values.iter().map(|value| (TE, *value)).collect();
            assert_eq!(framing(Version::Http11, &lines), expected, "{values:?}");
        }
    }

    #[test]
    fn both_fields_together_and_chunks_in_http_10_are_rejected() {
        let both = [(CL, "5"), (TE, "chunked")];
        assert_eq!(
            framing(Version::Http11, &both),
            Err(FramingError::ConflictingFraming)
        );
        let chunked = [(TE, "chunked")];
        assert_eq!(
            framing(Version::Http10, &chunked),
            Err(FramingError::ConflictingFraming)
        );
        assert_eq!(framing(Version::Http11, &[]), Ok(Framing::None));
    }
}

//! The content of a request, read to find its end: by a length that is counted down, or by the
//! chunked transfer coding (RFC 9112 §7.1).
//!
//! The framing of chunks is read byte by byte and their data in whole slices, so that any split of
//! the input gives the same result. The decoder is strict: a bare LF, a stray space or a bare CR is
//! an error, because lenient recipients differ in how they read them.

use super::fields::is_token_byte;
use super::framing::Framing;

/// A decoder that finds the end of one request's content and drops its bytes.
#[derive(Clone, Debug)]
pub enum ContentDecoder {
    /// The number of bytes still to come.
    Length(u64),
    /// Chunks and trailer fields.
    Chunked(ChunkedDecoder),
}

/// The reason why content cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentError {
    /// The chunked framing is malformed.
    Malformed,
    /// The content exceeds the limit.
    TooLarge,
}

/// The progress of a decoder in the bytes that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes are used, and more must follow.
    More,
    /// The content ended after this many bytes.
    Done(usize),
}

impl ContentDecoder {
    /// Creates a decoder for `framing`, or returns `None` if there is no content. A length above
    /// `content_bytes_max` is an error at once.
    pub fn new(framing: Framing, content_bytes_max: u64) -> Result<Option<Self>, ContentError> {
        match framing {
            Framing::None => Ok(None),
            Framing::Length(length) if length > content_bytes_max => Err(ContentError::TooLarge),
            Framing::Length(length) => Ok(Some(Self::Length(length))),
            Framing::Chunked => Ok(Some(Self::Chunked(ChunkedDecoder::new(content_bytes_max)))),
        }
    }

    /// Reads the next part of the content.
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

/// Reads chunks and trailer fields up to the end of the content.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// The number of bytes that may still come: data, chunk extensions and trailer fields together.
    allowance: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The first digit of a chunk's size.
    SizeStart,
    /// The size so far.
    Size(u64),
    /// White space before an extension (RFC 9110 §5.6.3): only an extension may follow.
    SizeSpace(u64),
    /// Within chunk extensions, which are ignored.
    Extension(u64),
    /// The LF after a size line.
    SizeEnd(u64),
    /// This many bytes of data.
    Data(u64),
    /// The CR, then the LF, after the data.
    DataCr,
    DataLf,
    /// The first byte of a trailer field line, or the CR that ends the content.
    TrailerStart,
    TrailerName,
    TrailerValue,
    /// The LF after a trailer field line.
    TrailerLf,
    /// The LF that ends the content.
    LastLf,
}

impl ChunkedDecoder {
    /// Creates a decoder that accepts up to `content_bytes_max` bytes.
    pub fn new(content_bytes_max: u64) -> Self {
        Self {
            state: State::SizeStart,
            allowance: content_bytes_max,
        }
    }

    /// Reads the next part of the content.
    pub fn decode(&mut self, input: &[u8]) -> Result<Progress, ContentError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if let State::Data(remaining) = self.state {
                at += self.skip_data(remaining, input.len() - at);
                continue;
            }
            at += 1;
            if let (State::LastLf, b'\n') = (self.state, byte) {
                return Ok(Progress::Done(at));
            }
            self.state = self.step(byte)?;
        }
        Ok(Progress::More)
    }

    /// Skips as much data as is available, and returns the number of bytes skipped.
    fn skip_data(&mut self, remaining: u64, available: usize) -> usize {
        let skipped = usize::try_from(remaining).map_or(available, |want| want.min(available));
        let left = remaining.saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX));
        self.state = if left == 0 {
            State::DataCr
        } else {
            State::Data(left)
        };
        skipped
    }

    fn step(&mut self, byte: u8) -> Result<State, ContentError> {
        match (self.state, byte) {
            (State::SizeStart, _) => Ok(State::Size(hex_digit(byte)?)),
            (State::Size(size) | State::Extension(size), b'\r') => Ok(State::SizeEnd(size)),
            (State::Size(size) | State::SizeSpace(size), b';') => Ok(State::Extension(size)),
            (State::Size(size) | State::SizeSpace(size), b' ' | b'\t') => {
                self.spend(1)?;
                Ok(State::SizeSpace(size))
            }
            (State::Size(size), _) => {
                let shifted = size.checked_mul(16).ok_or(ContentError::TooLarge);
                let digit = hex_digit(byte)?;
                // Further zeros before the size are valid, but they must end at some point.
                self.spend(u64::from(size == 0))?;
                Ok(State::Size(shifted? + digit))
            }
            (State::Extension(size), _) if is_field_byte(byte) => {
                self.spend(1)?;
                Ok(State::Extension(size))
            }
            (State::SizeEnd(0) | State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::SizeEnd(size), b'\n') => {
                self.spend(size)?;
                Ok(State::Data(size))
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::SizeStart),
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::TrailerStart | State::TrailerName, _) if is_token_byte(byte) => {
                self.spend(1)?;
                Ok(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, _) if is_field_byte(byte) => {
                self.spend(1)?;
                Ok(State::TrailerValue)
            }
            _ => Err(ContentError::Malformed),
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ContentError> {
        self.allowance = self
            .allowance
            .checked_sub(bytes)
            .ok_or(ContentError::TooLarge)?;
        Ok(())
    }
}

fn hex_digit(byte: u8) -> Result<u64, ContentError> {
    char::from(byte)
        .to_digit(16)
        .map(u64::from)
        .ok_or(ContentError::Malformed)
}

/// Returns `true` for a byte of a field value (RFC 9110 §5.5): no control byte except the tab.
const fn is_field_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes the input whole, byte by byte, in two parts, and with trailing bytes; all must agree.
    fn decode(input: &[u8], limit: u64) -> Result<Progress, ContentError> {
        let whole = ChunkedDecoder::new(limit).decode(input);
        let mut decoder = ChunkedDecoder::new(limit);
        let mut bytewise = Ok(Progress::More);
        for (at, byte) in input.iter().enumerate() {
            bytewise = decoder.decode(&[*byte]);
            match bytewise {
                Ok(Progress::More) => {}
                Ok(Progress::Done(used)) => {
                    bytewise = Ok(Progress::Done(at + used));
                    break;
                }
                Err(_) => break,
            }
        }
        assert_eq!(whole, bytewise, "{:?}", String::from_utf8_lossy(input));
        for middle in 0..input.len() {
            let mut decoder = ChunkedDecoder::new(limit);
            if let Ok(Progress::More) = decoder.decode(&input[..middle]) {
                let rest = decoder.decode(&input[middle..]).map(|end| match end {
                    Progress::More => Progress::More,
                    Progress::Done(used) => Progress::Done(middle + used),
                });
                assert_eq!(rest, whole, "{input:?} {middle}");
            }
        }
        if let Ok(Progress::Done(_)) = whole {
            let trailing = [input, b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(ChunkedDecoder::new(limit).decode(&trailing), whole);
        }
        whole
    }

    #[test]
    fn content_ends_after_its_trailer_fields() {
        for input in [
            &b"0\r\n\r\n"[..],
            b"000\r\n\r\n",
            b"3\r\nabc\r\n0\r\n\r\n",
            b"3\r\n\r\n\r\r\n0\r\n\r\n",
            b"A\r\n0123456789\r\n1;x=y\r\n.\r\n0;last\r\n\r\n",
            b"12\r\n0123456789abcdefgh\r\n0\r\n\r\n",
            b"3 ;x=\"y z\"\r\nabc\r\n0\r\n\r\n",
            b"0\r\nA: b\r\nC:\r\n\r\n",
            b"0\r\nA: b c\td \xe9\r\n\r\n",
        ] {
            assert_eq!(
                decode(input, 100),
                Ok(Progress::Done(input.len())),
                "{input:?}"
            );
        }
    }

    #[test]
    fn content_is_incomplete_until_its_end() {
        for input in [
            &b""[..],
            b"3",
            b"3\r\nab",
            b"3\r\nabc\r\n",
            b"0\r\n",
            b"0\r\nA: b\r\n",
            b"0\r\n\r",
        ] {
            assert_eq!(decode(input, 100), Ok(Progress::More), "{input:?}");
        }
    }

    #[test]
    fn malformed_framing_is_an_error() {
        for input in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"0x1\r\n",
            b" 1\r\n",
            b"1\n",
            b"1\r\r",
            b"1 \r\n",
            b";x\r\n",
            b"1;\x00\r\n",
            b"1;\n",
            b"3\r\nabcd\r\n",
            b"3\r\nabc\n",
            b"3\r\nabc0\r\n",
            b"0\r\n: b\r\n",
            b"0\r\n A: b\r\n",
            b"0\r\nA : b\r\n",
            b"0\r\nA\r\n",
            b"0\r\nA: b\n",
            b"0\r\nA: \x00\r\n",
            b"0\r\nA: b\r\r\n",
            b"0\r\n\n",
            b"0\r\n\r\r",
        ] {
            assert_eq!(
                decode(input, 100),
                Err(ContentError::Malformed),
                "{input:?}"
            );
        }
    }

    #[test]
    fn data_extensions_trailers_and_leading_zeros_share_one_limit() {
        assert_eq!(
            decode(b"a\r\n0123456789\r\n0\r\n\r\n", 10),
            Ok(Progress::Done(20))
        );
        for input in [
            &b"b\r\n"[..],
            b"5\r\n01234\r\n6\r\n",
            b"ffffffffffffffff\r\n",
            b"10000000000000000\r\n",
            b"1;0123456789a\r\n",
            b"0\r\nA:0123456789a\r\n",
            b"0\r\nA123456789b:",
            b"000000000000",
            b"1           ;",
        ] {
            assert_eq!(decode(input, 10), Err(ContentError::TooLarge), "{input:?}");
        }
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

//! Checks of a precompressed file by its first and last bytes, without expanding it.

use super::coding::Coding;
use std::fmt;

/// The reason why a file must not be sent as a coding of some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It does not begin like a file of its coding.
    OtherFormat(Coding),
    /// It declares another length. Files of several members or frames do so too, and clients may
    /// read only the first one.
    OtherLength {
        /// The declared length, modulo 2^32 in `gzip`.
        declared: u64,
        /// The expected length.
        expected: u64,
    },
    /// It needs more memory to expand than clients must have.
    LargeWindow,
}

/// Checks that a file of this coding may be sent for content of `length` bytes, or of any length.
/// `head` is its first [`HEAD_BYTES`] and `tail` its last [`TAIL_BYTES`], or less if the file is
/// shorter.
pub fn check(coding: Coding, head: &[u8], tail: &[u8], length: Option<u64>) -> Result<(), Flaw> {
    match coding {
        // The format has no signature (RFC 7932).
        Coding::Brotli => Ok(()),
        Coding::Zstandard => check_zstandard(head, length),
        Coding::Gzip => check_gzip(head, tail, length),
    }
}

/// Checks the signature, the only compression method, and the content's size modulo 2^32 at the end
/// of each member (RFC 1952 §2.3).
fn check_gzip(head: &[u8], tail: &[u8], length: Option<u64>) -> Result<(), Flaw> {
    let (Some(size), true) = (gzip_length(tail), head.starts_with(&[0x1f, 0x8b, 8])) else {
        return Err(Flaw::OtherFormat(Coding::Gzip));
    };
    match length {
        Some(expected) if expected & u64::from(u32::MAX) != u64::from(size) => {
            Err(Flaw::OtherLength {
                declared: size.into(),
                expected,
            })
        }
        _ => Ok(()),
    }
}

/// Returns the size of the content of the last member, modulo 2^32, from the last bytes of a `gzip`
/// file.
pub fn gzip_length(tail: &[u8]) -> Option<u32> {
    tail.last_chunk().map(|size| u32::from_le_bytes(*size))
}

/// Checks the header of the first frame, which may declare the size of its content, and the memory
/// that it needs (RFC 8878 §3.1.1).
fn check_zstandard(head: &[u8], length: Option<u64>) -> Result<(), Flaw> {
    const OTHER: Flaw = Flaw::OtherFormat(Coding::Zstandard);
    // §3.1.2: skippable frames may come first, and we cannot see past them.
    if matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
        return Ok(());
    }
    let rest = head.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd]).ok_or(OTHER)?;
    let (descriptor, mut rest) = rest.split_first().ok_or(OTHER)?;
    let is_single_segment = descriptor & 0x20 != 0;
    let mut window = None;
    if !is_single_segment {
        let (byte, behind) = rest.split_first().ok_or(OTHER)?;
        let base = 1_u64 << (10 + (byte >> 3));
        window = Some(base + base / 8 * u64::from(byte & 7));
        rest = behind;
    }
    let dictionary_id_bytes = match descriptor & 3 {
        3 => 4,
        bytes => usize::from(bytes),
    };
    let rest = rest.get(dictionary_id_bytes..).ok_or(OTHER)?;
    let size = match (descriptor >> 6, is_single_segment) {
        (0, false) => None,
        (0, true) => rest.first().map(|byte| u64::from(*byte)),
        (1, _) => rest
            .first_chunk()
            .map(|size| u64::from(u16::from_le_bytes(*size)) + 256),
        (2, _) => rest
            .first_chunk()
            .map(|size| u64::from(u32::from_le_bytes(*size))),
        _ => rest.first_chunk().map(|size| u64::from_le_bytes(*size)),
    };
    // A single segment is kept in memory whole.
    if window
        .or(size)
        .is_some_and(|window| window > WINDOW_BYTES_MAX)
    {
        return Err(Flaw::LargeWindow);
    }
    match (size, length) {
        (Some(declared), Some(expected)) if declared != expected => {
            Err(Flaw::OtherLength { declared, expected })
        }
        _ => Ok(()),
    }
}

/// Writes the message for the author of the file.
impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherFormat(coding) => write!(out, "it is not in the format of {coding}"),
            Self::OtherLength { declared, expected } => write!(
                out,
                "it expands to {declared} bytes, and the file has {expected}; \
                 compress the file again, in one piece"
            ),
            Self::LargeWindow => out.write_str(
                "browsers do not decompress it, since it needs a window of more than 8 MiB; \
                 compress the file again, without --long and --ultra",
            ),
        }
    }
}

/// The number of bytes needed from the start of a file: the longest frame header of Zstandard.
pub const HEAD_BYTES: usize = 18;

/// The number of bytes needed from its end.
pub const TAIL_BYTES: usize = 4;

/// RFC 9659 §3: content with the coding `zstd` uses no larger window.
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

    #[test]
    fn gzip_has_its_size_at_the_end() {
        let other = |declared, expected| Err(Flaw::OtherLength { declared, expected });
        for (tail, length, expected) in [
            (&[0, 0, 0, 0][..], Some(0), Ok(())),
            (&[1, 2, 0, 0], Some(0x201), Ok(())),
            (&[1, 2, 0, 0], Some(0x1_0000_0201), Ok(())),
            (&[1, 2, 0, 0], None, Ok(())),
            (&[1, 2, 0, 0], Some(0x202), other(0x201, 0x202)),
            // `bgzip` ends its files like this: with an empty member.
            (&[0, 0, 0, 0], Some(7), other(0, 7)),
            (&[0, 0, 0], Some(0), Err(Flaw::OtherFormat(Coding::Gzip))),
        ] {
            assert_eq!(
                check(Coding::Gzip, GZIP, tail, length),
                expected,
                "{tail:?} {length:?}"
            );
        }
        for head in [
            &b""[..],
            b"\x1f\x8b",
            b"\x1f\x8b\x07",
            b"<!doctype html>",
            b"\x1f\x9d\x90",
        ] {
            let checked = check(Coding::Gzip, head, &[0; 4], None);
            assert_eq!(checked, Err(Flaw::OtherFormat(Coding::Gzip)), "{head:?}");
        }
    }

    #[test]
    fn zstandard_has_its_size_and_window_at_the_start() {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let other = |declared, expected| Err(Flaw::OtherLength { declared, expected });
        for (header, length, expected) in [
            // A single segment, with a size in one, two, four and eight bytes.
            (&[0x20, 7][..], Some(7), Ok(())),
            (&[0x20, 7], Some(8), other(7, 8)),
            (&[0x60, 1, 1], Some(513), Ok(())),
            (&[0x60, 1, 1], Some(514), other(513, 514)),
            (&[0xa0, 0, 0, 1, 0], Some(65_536), Ok(())),
            (&[0xe0, 0, 0, 1, 0, 0, 0, 0, 0], Some(65_536), Ok(())),
            // With a dictionary id.
            (&[0x23, 1, 2, 3, 4, 7], Some(7), Ok(())),
            // With a window size and no content size.
            (&[0x00, 0x58], Some(7), Ok(())),
            (&[0x00, 0x58, 1, 0, 0, 0, 0, 0, 0, 0], Some(7), Ok(())),
            (&[0x00, 0x59], Some(7), Ok(())),
            (&[0x00, 0x68], Some(7), Ok(())),
            (&[0x00, 0x69], Some(7), Err(Flaw::LargeWindow)),
            (&[0x00, 0xff], None, Err(Flaw::LargeWindow)),
            (&[0x80, 0x58, 9, 0, 0, 0], Some(9), Ok(())),
            // A single segment needs its whole size.
            (&[0xa0, 0, 0, 128, 0], Some(8 << 20), Ok(())),
            (
                &[0xa0, 1, 0, 128, 0],
                Some((8 << 20) + 1),
                Err(Flaw::LargeWindow),
            ),
        ] {
            let head = [&MAGIC, header].concat();
            let checked = check(Coding::Zstandard, &head, &[], length);
            assert_eq!(checked, expected, "{header:?}");
        }
        let skipped = [0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0];
        assert_eq!(check(Coding::Zstandard, &skipped, &[], Some(1)), Ok(()));
        for head in [
            &b""[..],
            &MAGIC,
            &[0x28, 0xb5, 0x2f, 0xfd, 0x00],
            b"plain text",
        ] {
            let checked = check(Coding::Zstandard, head, &[], None);
            assert_eq!(
                checked,
                Err(Flaw::OtherFormat(Coding::Zstandard)),
                "{head:?}"
            );
        }
    }

    #[test]
    fn a_flaw_tells_what_to_do() {
        for (flaw, text) in [
            (Flaw::OtherFormat(Coding::Gzip), "the format of gzip"),
            (
                Flaw::OtherLength {
                    declared: 7,
                    expected: 8,
                },
                "expands to 7 bytes, and the file has 8",
            ),
            (Flaw::LargeWindow, "without --long"),
        ] {
            assert!(flaw.to_string().contains(text), "{flaw}");
        }
    }
}

//! What a coded file says of the content that it expands to, in its first and last bytes.

use super::coding::Coding;
use std::fmt;

/// Why a file is not what a client is to get as a coding of some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It does not begin as a file of its coding does.
    OtherFormat(Coding),
    /// It says that it expands to another length. So does one of several members or frames, of which
    /// clients may read the first alone.
    OtherLength {
        /// What it says, modulo 2^32 where it is `gzip`.
        said: u64,
        /// What it should be.
        expected: u64,
    },
    /// It takes more memory to expand than clients need to have.
    LargeWindow,
}

/// What a file of this coding says against its being sent for content of `length` bytes, or of any
/// length. `head` is its first [`HEAD_BYTES`], `tail` its last [`TAIL_BYTES`], as far as it has them.
pub fn check(coding: Coding, head: &[u8], tail: &[u8], length: Option<u64>) -> Result<(), Flaw> {
    match coding {
        // It has no signature (RFC 7932).
        Coding::Brotli => Ok(()),
        Coding::Zstandard => check_zstandard(head, length),
        Coding::Gzip => check_gzip(head, tail, length),
    }
}

/// RFC 1952 §2.3: the signature, the only method that there is and, at the end of each member, the
/// size of its content modulo 2^32.
fn check_gzip(head: &[u8], tail: &[u8], length: Option<u64>) -> Result<(), Flaw> {
    let (Some(size), true) = (gzip_length(tail), head.starts_with(&[0x1f, 0x8b, 8])) else {
        return Err(Flaw::OtherFormat(Coding::Gzip));
    };
    match length {
        Some(expected) if expected & u64::from(u32::MAX) != u64::from(size) => {
            Err(Flaw::OtherLength {
                said: size.into(),
                expected,
            })
        }
        _ => Ok(()),
    }
}

/// What a file in `gzip` says, in its last bytes, that its last member expands to, modulo 2^32.
pub fn gzip_length(tail: &[u8]) -> Option<u32> {
    tail.last_chunk().map(|size| u32::from_le_bytes(*size))
}

/// RFC 8878 §3.1.1: the header of the first frame, which may say the size of its content, and how
/// much memory it takes.
fn check_zstandard(head: &[u8], length: Option<u64>) -> Result<(), Flaw> {
    const OTHER: Flaw = Flaw::OtherFormat(Coding::Zstandard);
    // §3.1.2: what is skipped may come first, and there is no seeing past it from here.
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
    // A single segment is held whole.
    if window
        .or(size)
        .is_some_and(|window| window > WINDOW_BYTES_MAX)
    {
        return Err(Flaw::LargeWindow);
    }
    match (size, length) {
        (Some(said), Some(expected)) if said != expected => {
            Err(Flaw::OtherLength { said, expected })
        }
        _ => Ok(()),
    }
}

/// To be read by whoever has made the file.
impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherFormat(coding) => write!(out, "it is not in the format of {coding}"),
            Self::OtherLength { said, expected } => write!(
                out,
                "it expands to {said} bytes, and the file has {expected}; \
                 compress the file again, in one piece"
            ),
            Self::LargeWindow => out.write_str(
                "browsers do not expand it, as that takes a window of more than 8 MiB; \
                 compress the file again, without --long and --ultra",
            ),
        }
    }
}

/// Of the start of a file, as much as is looked at: the longest header of a frame of Zstandard.
pub const HEAD_BYTES: usize = 18;

/// Of its end.
pub const TAIL_BYTES: usize = 4;

/// RFC 9659 §3: what is sent with the content coding `zstd` takes no larger a window.
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

    #[test]
    fn gzip_says_its_size_at_its_end() {
        let other = |said, expected| Err(Flaw::OtherLength { said, expected });
        for (tail, length, expected) in [
            (&[0, 0, 0, 0][..], Some(0), Ok(())),
            (&[1, 2, 0, 0], Some(0x201), Ok(())),
            (&[1, 2, 0, 0], Some(0x1_0000_0201), Ok(())),
            (&[1, 2, 0, 0], None, Ok(())),
            (&[1, 2, 0, 0], Some(0x202), other(0x201, 0x202)),
            // As `bgzip` ends its files: with an empty member.
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
    fn zstandard_says_its_size_and_window_at_its_start() {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let other = |said, expected| Err(Flaw::OtherLength { said, expected });
        for (header, length, expected) in [
            // A single segment, of a size in one, two, four and eight bytes.
            (&[0x20, 7][..], Some(7), Ok(())),
            (&[0x20, 7], Some(8), other(7, 8)),
            (&[0x60, 1, 1], Some(513), Ok(())),
            (&[0xa0, 0, 0, 1, 0], Some(65_536), Ok(())),
            (&[0xe0, 0, 0, 1, 0, 0, 0, 0, 0], Some(65_536), Ok(())),
            // With an identifier of a dictionary.
            (&[0x23, 1, 2, 3, 4, 7], Some(7), Ok(())),
            // With a window of its own, and no size.
            (&[0x00, 0x58], Some(7), Ok(())),
            (&[0x00, 0x68], Some(7), Ok(())),
            (&[0x00, 0x69], Some(7), Err(Flaw::LargeWindow)),
            (&[0x00, 0xff], None, Err(Flaw::LargeWindow)),
            (&[0x80, 0x58, 9, 0, 0, 0], Some(9), Ok(())),
            // A single segment needs all that it has.
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
}

//! Names, sizes and times in human-readable form.

use crate::http::date::HttpDate;
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Returns a name without invisible characters. Invalid UTF-8 becomes U+FFFD.
pub(super) fn shown_name(name: &[u8]) -> Cow<'_, str> {
    let name = String::from_utf8_lossy(name);
    let is_blank = name.chars().all(char::is_whitespace);
    if !is_blank && !name.chars().any(is_invisible) {
        return name;
    }
    let mut shown = String::with_capacity(name.len());
    for char in name.chars() {
        match char {
            _ if is_invisible(char) => push_code(&mut shown, char),
            _ if is_blank => shown.push('\u{2423}'),
            _ => shown.push(char),
        }
    }
    Cow::Owned(shown)
}

/// Returns text without invisible characters, except for line breaks and tabs.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let is_to_be_shown = |char| is_invisible(char) && !matches!(char, '\n' | '\r' | '\t');
    if !text.chars().any(is_to_be_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_to_be_shown(char) {
            push_code(&mut shown, char);
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// Writes a character as its code point.
fn push_code(shown: &mut String, char: char) {
    // Writing to a string cannot fail.
    let _ = write!(shown, "[U+{:04X}]", u32::from(char));
}

/// Returns `true` if a character is invisible and changes how others are displayed: controls,
/// characters that reorder text, so that `exe.jpg` could be read as `gpj.exe`, line breaks, and
/// characters without a width. Joiners have no width either, but some languages and emoji need
/// them.
fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A size with two or three digits, in the units of IEC 80000-13: `17 B`, `1.2 KiB`, `340 MiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        if bytes < 1024 {
            return write!(out, "{bytes} B");
        }
        for (power, unit) in (1..).zip(["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]) {
            let divisor = 1_u128 << (10 * power);
            let rounded = |parts: u128| (u128::from(bytes) * parts + divisor / 2) / divisor;
            let tenths = rounded(10);
            if tenths < 100 {
                return write!(out, "{}.{} {unit}", tenths / 10, tenths % 10);
            }
            let whole = rounded(1);
            if whole < 1024 {
                return write!(out, "{whole} {unit}");
            }
        }
        // 2^64 bytes are 16 EiB.
        Ok(())
    }
}

/// A number with a comma before every third digit from the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grouped(pub(super) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                out.write_str(",")?;
            }
            write!(out, "{digit}")?;
        }
        Ok(())
    }
}

/// A count with its noun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) usize, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, name) = *self;
        let plural = if count == 1 { "" } else { "s" };
        write!(out, "{} {name}{plural}", Grouped(count as u64))
    }
}

/// A time in UTC, for people and for machines.
#[derive(Clone, Debug)]
pub(super) struct Time(String);

impl Time {
    pub(super) fn new(date: HttpDate) -> Self {
        Self(date.to_rfc3339())
    }

    /// Returns the day: `1994-11-06`.
    pub(super) fn day(&self) -> &str {
        self.0.get(..10).unwrap_or_default()
    }

    /// Returns the time of day: `08:49`.
    pub(super) fn minute(&self) -> &str {
        self.0.get(11..16).unwrap_or_default()
    }

    /// Returns the whole time: `1994-11-06T08:49:37Z` (RFC 3339).
    pub(super) fn machine(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displayed_names_have_no_invisible_characters() {
        for (name, expected) in [
            (&b"a b.txt"[..], "a b.txt"),
            (b"\xff\xfe.txt", "\u{fffd}\u{fffd}.txt"),
            (b"caf\xc3\xa9", "caf\u{e9}"),
            (b"a\nb\x1b[31m\x7f", "a[U+000A]b[U+001B][31m[U+007F]"),
            (b"\xc2\x85", "[U+0085]"),
            (b"gpj.\xe2\x80\xaeexe", "gpj.[U+202E]exe"),
            (b"\xe2\x81\xa6a\xe2\x81\xa9", "[U+2066]a[U+2069]"),
            (b"\xe2\x80\x8b", "[U+200B]"),
            (b"\xef\xbb\xbfa", "[U+FEFF]a"),
            (b"  ", "\u{2423}\u{2423}"),
            (b" a ", " a "),
            (b"\xc2\xa0", "\u{2423}"),
            (
                "\u{1f468}\u{200d}\u{1f469}".as_bytes(),
                "\u{1f468}\u{200d}\u{1f469}",
            ),
        ] {
            assert_eq!(shown_name(name), expected, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_188, "9.9 KiB"),
            (10_189, "10 KiB"),
            (10_200, "10 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.0 MiB"),
            (123_456_789, "118 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }

    #[test]
    fn numbers_are_grouped_and_counted() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(Grouped(number).to_string(), expected);
        }
        assert_eq!(Count(1, "file").to_string(), "1 file");
        assert_eq!(Count(2000, "file").to_string(), "2,000 files");
        assert_eq!(Count(0, "folder").to_string(), "0 folders");
    }

    #[test]
    fn times_are_in_utc() {
        for (seconds, day, minute, machine) in [
            (784_111_777, "1994-11-06", "08:49", "1994-11-06T08:49:37Z"),
            (0, "1970-01-01", "00:00", "1970-01-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29", "00:00", "2024-02-29T00:00:00Z"),
        ] {
            let time = Time::new(HttpDate::from_unix_seconds(seconds).unwrap());
            assert_eq!((time.day(), time.minute()), (day, minute));
            assert_eq!(time.machine(), machine);
        }
    }
}

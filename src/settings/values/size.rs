//! Sizes in bytes.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, out_of_range, split_while, text};
use crate::settings::store::Settings;
use std::{ffi::OsString, ops::RangeInclusive};

/// A size in bytes: `usize` for sizes in memory, otherwise `u64`.
pub(crate) struct Size<T: 'static>(pub(crate) Field<T>, pub(crate) RangeInclusive<u64>);

impl<T: TryFrom<u64> + TryInto<u64> + Copy> Value for Size<T> {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = bytes(text(texts)?, &self.1)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        // No memory is larger.
        let size = get(self.0, settings).try_into().unwrap_or(u64::MAX);
        Printed::Text(bytes_text(size))
    }

    fn placeholder(&self) -> &'static str {
        "SIZE"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["integer", "string"],
            wanted: "a number of bytes or a size like \"16KiB\"",
        }
    }
}

/// Parses a size: `4096`, `4096B`, `16KiB`, `1MiB`.
fn bytes<T: TryFrom<u64>>(text: &str, range: &RangeInclusive<u64>) -> Result<T, String> {
    let (digits, unit) = split_while(text, |byte| byte.is_ascii_digit());
    let known = BYTE_UNITS.iter().find(|(name, _)| *name == unit);
    let factor = match (known, digits, unit) {
        (_, "", _) => None,
        (Some((_, factor)), ..) => Some(*factor),
        (None, _, "" | "B") => Some(1),
        (None, ..) => None,
    };
    let Some(factor) = factor else {
        return Err(format!(
            "{text:?} is not a size; write bytes, or KiB, MiB or GiB, like 16KiB"
        ));
    };
    let bytes = digits
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(factor));
    bytes
        .filter(|bytes| range.contains(bytes))
        .and_then(|bytes| T::try_from(bytes).ok())
        .ok_or_else(|| out_of_range(text, bytes_text(*range.start()), bytes_text(*range.end())))
}

/// Writes a size with the largest unit that divides it.
fn bytes_text(bytes: u64) -> String {
    BYTE_UNITS
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.checked_rem(*factor) == Some(0))
        .and_then(|(unit, factor)| Some(format!("{}{unit}", bytes.checked_div(*factor)?)))
        .unwrap_or_else(|| bytes.to_string())
}

/// The units in bytes, the largest first. Decimal units are not supported, since half of their
/// users mean 1024.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_bytes_or_has_a_unit_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("16KiB", 16 * 1024),
            ("1MiB", 1024 * 1024),
            ("3GiB", 3_u64 * 1024 * 1024 * 1024),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(bytes(text, &(0..=u64::MAX)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_invalid_size_is_rejected() {
        for text in [
            "", "KiB", "16k", "16K", "16KB", "16kib", "16 KiB", "1.5MiB", "-1", "+1", "0x10",
            "1_000", "16KiBKiB", "٣",
        ] {
            let message = bytes::<u64>(text, &(0..=u64::MAX)).expect_err(text);
            assert!(message.contains("is not a size"), "{text}: {message}");
        }
    }

    #[test]
    fn a_size_out_of_range_is_rejected_with_the_range() {
        let range = 256..=1 << 20;
        for text in [
            "0",
            "255",
            "1048577",
            "2MiB",
            "18446744073709551616",
            "16777216TiB",
        ] {
            let wanted = format!("{text} is out of range; use 256 to 1MiB");
            assert_eq!(bytes::<u64>(text, &range), Err(wanted));
        }
        assert_eq!(bytes::<u8>("300", &(0..=1000)).ok(), None, "does not fit");
    }

    #[test]
    fn a_size_is_written_as_it_is_parsed() {
        for text in [
            "0", "1", "1000", "1023", "1KiB", "1025", "16KiB", "64MiB", "1GiB", "5TiB",
        ] {
            assert_eq!(
                bytes(text, &(0..=u64::MAX)).map(bytes_text).as_deref(),
                Ok(text)
            );
        }
    }
}

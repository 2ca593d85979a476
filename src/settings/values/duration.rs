//! Durations.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, out_of_range, split_while, text};
use crate::settings::store::Settings;
use crate::settings::text::is_number;
use std::{ffi::OsString, fmt::Write, ops::RangeInclusive, time::Duration};

/// A duration.
pub(crate) struct Time(
    pub(crate) Field<Duration>,
    pub(crate) RangeInclusive<Duration>,
);

impl Value for Time {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = duration(text(texts)?, &self.1)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Text(duration_text(get(self.0, settings)))
    }

    fn placeholder(&self) -> &'static str {
        "DURATION"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "a duration in quotes, like \"10s\"",
        }
    }
}

/// Parses a duration such as `10s`, `1m30s` or `500ms`: numbers with units, the largest unit first.
fn duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    if is_number(text) {
        return Err(format!(
            "{text:?} has no unit; write it like 10s, 1m30s or 500ms"
        ));
    }
    let malformed = || format!("{text:?} is not a duration; write it like 10s, 1m30s or 500ms");
    let mut units = DURATION_UNITS.iter();
    let mut milliseconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split_while(after, |byte| byte.is_ascii_alphabetic());
        // The iterator continues after the last unit, so each unit is smaller than the one before.
        let (_, factor) = units
            .find(|(name, _)| *name == unit)
            .ok_or_else(malformed)?;
        let number: u64 = digits.parse().map_err(|_| malformed())?;
        milliseconds = number
            .checked_mul(*factor)
            .and_then(|part| milliseconds.checked_add(part))
            .ok_or_else(malformed)?;
        rest = after;
    }
    let duration = Duration::from_millis(milliseconds);
    match text {
        "" => Err(malformed()),
        _ if range.contains(&duration) => Ok(duration),
        _ => {
            let (start, end) = (duration_text(*range.start()), duration_text(*range.end()));
            Err(out_of_range(text, start, end))
        }
    }
}

/// Writes a duration with millisecond precision.
fn duration_text(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, factor) in DURATION_UNITS {
        let factor = u128::from(*factor);
        let number = rest.checked_div(factor).unwrap_or(0);
        rest = rest.checked_rem(factor).unwrap_or(0);
        if number > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{number}{unit}");
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// The units in milliseconds, the largest first.
const DURATION_UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::MAX;

    #[test]
    fn a_duration_is_numbers_with_units() {
        for (text, milliseconds) in [
            ("1ms", 1),
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("90s", 90_000),
            ("2h", 7_200_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
            ("007s", 7_000),
        ] {
            assert_eq!(
                duration(text, &ANY),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn an_invalid_duration_is_rejected() {
        for text in [
            "",
            "s",
            "ms",
            "10 s",
            " 10s",
            "10s ",
            "1.5s",
            "-1s",
            "+1s",
            "10S",
            "10sec",
            "1s1m",
            "1s1s",
            "1m30",
            "s10",
            "10s,",
            "٣s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            let message = duration(text, &ANY).expect_err(text);
            assert!(message.contains("is not a duration"), "{text}: {message}");
        }
        let message = duration("10", &ANY).expect_err("no unit");
        assert_eq!(
            message,
            r#""10" has no unit; write it like 10s, 1m30s or 500ms"#
        );
    }

    #[test]
    fn a_duration_out_of_range_is_rejected_with_the_range() {
        let range = Duration::from_millis(1)..=Duration::from_mins(1);
        assert_eq!(duration("1ms", &range), Ok(Duration::from_millis(1)));
        assert_eq!(duration("60s", &range), Ok(Duration::from_mins(1)));
        for text in ["0s", "61s", "1m1ms"] {
            let wanted = format!("{text} is out of range; use 1ms to 1m");
            assert_eq!(duration(text, &range), Err(wanted));
        }
    }

    #[test]
    fn a_duration_is_written_as_it_is_parsed() {
        for text in [
            "0s",
            "1ms",
            "999ms",
            "1s",
            "1m15s",
            "1m30s",
            "1h",
            "1d",
            "1d2h3m4s5ms",
        ] {
            assert_eq!(duration(text, &ANY).map(duration_text).as_deref(), Ok(text));
        }
    }
}

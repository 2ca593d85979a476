//! Counts.

use super::printed::Printed;
use super::value::{AUTO, Field, InvalidValue, TomlForm, Value, get, one, out_of_range, text};
use crate::settings::store::Settings;
use crate::settings::text::is_number;
use std::{ffi::OsString, ops::RangeInclusive};

/// A count.
pub(crate) struct Count(pub(crate) Field<usize>, pub(crate) RangeInclusive<usize>);

impl Value for Count {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = count(text(texts)?, &self.1)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Bare(get(self.0, settings).to_string())
    }

    fn placeholder(&self) -> &'static str {
        "NUMBER"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["integer"],
            wanted: "a number",
        }
    }
}

/// A count, or `auto`.
pub(crate) struct CountOrAuto(
    pub(crate) Field<Option<usize>>,
    pub(crate) RangeInclusive<usize>,
);

impl Value for CountOrAuto {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = match one(texts)? {
            word if word == AUTO => None,
            _ => Some(count(text(texts)?, &self.1)?),
        };
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        match get(self.0, settings) {
            Some(count) => Printed::Bare(count.to_string()),
            None => Printed::Text(AUTO.to_owned()),
        }
    }

    fn placeholder(&self) -> &'static str {
        "NUMBER|auto"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["integer", "string"],
            wanted: "a number or \"auto\"",
        }
    }
}

/// Parses a number within `range`.
fn count(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let count = if is_number(text) {
        text.parse().ok()
    } else {
        None
    };
    match count {
        Some(count) if range.contains(&count) => Ok(count),
        // Digits that do not fit the type exceed every range.
        _ if is_number(text) => Err(out_of_range(text, range.start(), range.end())),
        _ => Err(format!("{text:?} is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_digits_within_a_range() {
        let range = 1..=256;
        assert_eq!(count("1", &range), Ok(1));
        assert_eq!(count("256", &range), Ok(256));
        for text in ["0", "257", "99999999999999999999999"] {
            let wanted = format!("{text} is out of range; use 1 to 256");
            assert_eq!(count(text, &range), Err(wanted));
        }
        for text in ["", "+1", "-1", "1.0", "ten", " 1"] {
            assert_eq!(
                count(text, &range),
                Err(format!("{text:?} is not a number"))
            );
        }
    }
}

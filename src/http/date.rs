//! Dates in the format of HTTP (RFC 9110 §5.6.7), to the second, and in that of RFC 3339.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A point in time between 1970 and the end of the year 9999, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpDate {
    unix_seconds: u64,
}

impl HttpDate {
    /// Returns `None` before 1970 and after 9999, which a four-digit year cannot express.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        let unix_seconds = u64::try_from(seconds).ok()?;
        (unix_seconds <= LAST_SECOND_OF_9999).then_some(Self { unix_seconds })
    }

    /// Returns the second that contains `time`, or `None` as [`HttpDate::from_unix_seconds`] does.
    pub fn from_system_time(time: SystemTime) -> Option<Self> {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Self::from_unix_seconds(i64::try_from(since_epoch.as_secs()).ok()?)
    }

    /// Parses any of the three formats that a recipient must accept: the preferred one, RFC 850's
    /// and that of C's `asctime`.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        Self::from_system_time(httpdate::parse_http_date(text).ok()?)
    }

    /// Returns the date in the format of RFC 3339, in UTC: `1994-11-06T08:49:37Z`.
    pub fn to_rfc3339(self) -> String {
        // `Sun, 06 Nov 1994 08:49:37 GMT` has the same parts in another order.
        let text = self.to_string();
        let part = |range| text.get(range).unwrap_or_default();
        let (day, name, year, time) = (part(5..7), part(8..11), part(12..16), part(17..25));
        let month = MONTHS.iter().position(|known| *known == name);
        let month = month.map_or(0, |index| index + 1);
        format!("{year}-{month:02}-{day}T{time}Z")
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.unix_seconds);
        httpdate::HttpDate::from(time).fmt(f)
    }
}

/// In the spelling of RFC 9110 §5.6.7.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const LAST_SECOND_OF_9999: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_formats_express_the_same_second() {
        for form in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            let date = HttpDate::parse(form.as_bytes());
            assert_eq!(date, HttpDate::from_unix_seconds(784_111_777), "{form}");
        }
    }

    #[test]
    fn dates_are_written_in_the_preferred_form() {
        let date = HttpDate::from_unix_seconds(784_111_777).unwrap();
        assert_eq!(date.to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn dates_are_written_in_the_format_of_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let date = HttpDate::from_unix_seconds(seconds).unwrap();
            assert_eq!(date.to_rfc3339(), expected);
        }
    }

    #[test]
    fn invalid_dates_and_years_out_of_range_are_none() {
        for text in ["", "0", "yesterday", "Sun, 06 Nov 1994 08:49:37", "\u{ff}"] {
            assert_eq!(HttpDate::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(HttpDate::from_unix_seconds(-1), None);
        assert_eq!(HttpDate::from_unix_seconds(253_402_300_800), None);
        let last = HttpDate::from_unix_seconds(253_402_300_799).unwrap();
        assert_eq!(last.to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}

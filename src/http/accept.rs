//! The preferences of a client: `Accept` (RFC 9110 §12.5.1) and its quality values (§12.4.2).

use super::fields::{FieldName, Fields};

/// A preference, in thousandths; 0 means not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality(pub(super) u16);

impl Quality {
    /// Not acceptable.
    pub const NONE: Self = Self(0);
    /// The strongest preference, and the default.
    pub const FULL: Self = Self(1000);

    /// Parses a `qvalue`: 0 to 1 with up to three decimals.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (whole, decimals) = match value {
            [whole @ (b'0' | b'1')] | [whole @ (b'0' | b'1'), b'.'] => (*whole, &[][..]),
            [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => {
                (*whole, decimals)
            }
            _ => return None,
        };
        let mut thousandths = u16::from(whole - b'0');
        for place in 0..3 {
            let digit = decimals.get(place).copied().unwrap_or(b'0');
            if !digit.is_ascii_digit() {
                return None;
            }
            thousandths = thousandths * 10 + u16::from(digit - b'0');
        }
        (thousandths <= 1000).then_some(Self(thousandths))
    }
}

/// Returns the client's preference for a media type, like `text/html`: that of the most specific
/// range that matches it (RFC 9110 §12.5.1).
///
/// Parameters other than the weight are ignored. Nothing here has several variants of one type, and
/// a client that asks for one is better off with the only one there. A malformed member is ignored.
pub fn media_type_quality(fields: &Fields<'_>, media_type: &str) -> Quality {
    if !fields.contains(FieldName::Accept) {
        return Quality::FULL;
    }
    fields
        .members(FieldName::Accept)
        .filter_map(|member| range_quality(member, media_type))
        .max()
        .map_or(Quality::NONE, |(_, quality)| quality)
}

/// Returns the client's preference for a media type that it names itself, rather than by a range
/// with wildcards; [`Quality::NONE`] if it does not name it.
pub fn explicit_quality(fields: &Fields<'_>, media_type: &str) -> Quality {
    fields
        .members(FieldName::Accept)
        .filter_map(|member| range_quality(member, media_type))
        .filter(|(specificity, _)| *specificity == Specificity::Subtype)
        .map(|(_, quality)| quality)
        .max()
        .unwrap_or(Quality::NONE)
}

/// Returns `true` if a client accepts everything equally: it sends no `Accept`, or only `*/*`.
pub fn accepts_anything(fields: &Fields<'_>) -> bool {
    if !fields.contains(FieldName::Accept) {
        return true;
    }
    let ranges = || fields.members(FieldName::Accept);
    let is_any = |member: &[u8]| {
        let range = member.split(|byte| *byte == b';').next();
        range.is_some_and(|range| range.trim_ascii() == b"*/*")
    };
    // A list that is empty, or has no weight above 0, accepts nothing.
    ranges().all(is_any) && media_type_quality(fields, "*/*") > Quality::NONE
}

/// The specificity of a media range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    /// `*/*`
    Any,
    /// `text/*`
    Type,
    /// `text/html`
    Subtype,
}

/// Returns a member's preference for a media type, if its range matches that.
fn range_quality(member: &[u8], media_type: &str) -> Option<(Specificity, Quality)> {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let range = parts.next()?;
    let specificity = if range.eq_ignore_ascii_case(media_type.as_bytes()) {
        Specificity::Subtype
    } else if range == b"*/*" {
        Specificity::Any
    } else {
        let (main, _) = media_type.split_once('/')?;
        let wanted = range.strip_suffix(b"/*")?;
        wanted
            .eq_ignore_ascii_case(main.as_bytes())
            .then_some(Specificity::Type)?
    };
    let weight = parts.find_map(|part| match part {
        [b'q' | b'Q', b'=', value @ ..] => Some(Quality::parse(value)),
        _ => None,
    });
    Some((specificity, weight.unwrap_or(Some(Quality::FULL))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;
    use crate::http::request::RequestHead;

    fn quality(accept: &str, media_type: &str) -> u16 {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{accept}\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (head, _) = parsed.unwrap().unwrap();
        media_type_quality(&head.fields, media_type).0
    }

    #[test]
    fn the_most_specific_range_counts() {
        for (accept, html, json) in [
            ("", 1000, 1000),
            ("Accept:\r\n", 0, 0),
            ("Accept: */*\r\n", 1000, 1000),
            ("Accept: text/html\r\n", 1000, 0),
            ("Accept: TEXT/HTML\r\n", 1000, 0),
            ("Accept: application/json\r\n", 0, 1000),
            ("Accept: application/json, */*;q=0.1\r\n", 100, 1000),
            ("Accept: */*;q=0.1, application/json\r\n", 100, 1000),
            ("Accept: text/*;q=0.3, text/html;q=0.7\r\n", 700, 0),
            ("Accept: text/*, text/html;q=0\r\n", 0, 0),
            ("Accept: text/html;q=0, */*\r\n", 0, 1000),
            ("Accept: TEXT/* ; Q=0.25\r\n", 250, 0),
            ("Accept: text/html;level=1;q=0.4\r\n", 400, 0),
            ("Accept: application/json;charset=utf-8\r\n", 0, 1000),
            (
                "Accept: text/html\r\nAccept: application/json;q=0.5\r\n",
                1000,
                500,
            ),
            ("Accept: text/html;q=0.5, text/html;q=0.7\r\n", 700, 0),
            ("Accept: image/png\r\n", 0, 0),
            // A malformed member has no effect.
            ("Accept: text/html;q=2, */*;q=0.5\r\n", 500, 500),
            ("Accept: text/html;q=, a, ;, text\r\n", 0, 0),
            ("Accept: text/htmlx, xtext/html, */json\r\n", 0, 0),
        ] {
            let found = (
                quality(accept, "text/html"),
                quality(accept, "application/json"),
            );
            assert_eq!(found, (html, json), "{accept:?}");
        }
    }

    #[test]
    fn only_the_exact_type_counts_as_named() {
        for (accept, expected) in [
            ("", Quality::NONE),
            ("Accept: */*\r\n", Quality::NONE),
            ("Accept: text/*\r\n", Quality::NONE),
            ("Accept: text/html\r\n", Quality::FULL),
            ("Accept: text/html;q=0, */*\r\n", Quality::NONE),
            ("Accept: image/*, Text/HTML;q=0.5\r\n", Quality(500)),
            ("Accept: text/htmlx, xtext/html\r\n", Quality::NONE),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{accept}\r\n");
            let mut storage = FieldStorage::default();
            let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
            let (head, _) = parsed.unwrap().unwrap();
            assert_eq!(
                explicit_quality(&head.fields, "text/html"),
                expected,
                "{accept}"
            );
        }
    }

    #[test]
    fn a_client_without_accept_or_with_only_a_wildcard_accepts_anything() {
        for (accept, expected) in [
            ("", true),
            ("Accept: */*\r\n", true),
            ("Accept: */*;q=0.8\r\n", true),
            ("Accept: */* ; Q=1, */*\r\n", true),
            ("Accept:\r\n", false),
            ("Accept: */*;q=0\r\n", false),
            ("Accept: */*;q=x\r\n", false),
            ("Accept: text/html, */*\r\n", false),
            ("Accept: application/json, text/plain, */*\r\n", false),
            ("Accept: image/avif,*/*;q=0.8\r\n", false),
            ("Accept: */*\r\nAccept: text/css\r\n", false),
            ("Accept: text/*\r\n", false),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{accept}\r\n");
            let mut storage = FieldStorage::default();
            let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
            let (head, _) = parsed.unwrap().unwrap();
            assert_eq!(accepts_anything(&head.fields), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_quality_has_three_decimals_at_most() {
        for (value, expected) in [
            ("1", Some(1000)),
            ("0", Some(0)),
            ("1.", Some(1000)),
            ("0.", Some(0)),
            ("1.000", Some(1000)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.001", Some(1)),
            ("0.0001", None),
            ("1.001", None),
            ("2", None),
            (".5", None),
            ("", None),
            ("0,5", None),
            ("0.-1", None),
            ("00.5", None),
            ("+1", None),
        ] {
            let found = Quality::parse(value.as_bytes()).map(|quality| quality.0);
            assert_eq!(found, expected, "{value:?}");
        }
    }
}

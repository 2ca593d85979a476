//! Entity tags (RFC 9110 §8.8.3) and the lists of them in preconditions.

use super::coding::Coding;
use std::fmt;

/// A validator that distinguishes representations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    weak: bool,
    opaque: Box<str>,
}

impl EntityTag {
    /// Creates a strong tag: equal tags mean equal bytes. `opaque` consists of `etagc` characters,
    /// without quotes.
    pub fn strong(opaque: impl Into<Box<str>>) -> Self {
        Self::new(false, opaque.into())
    }

    /// Creates a weak tag: equal tags mean equivalent content, so ranges cannot rely on it.
    pub fn weak(opaque: impl Into<Box<str>>) -> Self {
        Self::new(true, opaque.into())
    }

    /// Returns the text between the quotes.
    pub fn opaque(&self) -> &str {
        &self.opaque
    }

    /// Returns `true` if equal tags mean equal bytes.
    pub fn is_strong(&self) -> bool {
        !self.weak
    }

    fn new(weak: bool, opaque: Box<str>) -> Self {
        debug_assert!(opaque.bytes().all(is_etagc), "{opaque:?} is no opaque-tag");
        Self { weak, opaque }
    }

    /// Compares as `If-Match` and `If-Range` require (RFC 9110 §8.8.3.2).
    pub fn matches_strongly(&self, other: RequestedTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque.as_bytes() == other.opaque
    }

    /// Compares as `If-None-Match` requires (RFC 9110 §8.8.3.2).
    pub fn matches_weakly(&self, other: RequestedTag<'_>) -> bool {
        self.opaque.as_bytes() == other.opaque
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\"{}\"",
            if self.weak { "W/" } else { "" },
            self.opaque
        )
    }
}

/// An entity tag in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> RequestedTag<'a> {
    /// Reads one tag from the start of `input`. Returns the tag and the bytes after it.
    fn read(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match input.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, input),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', inner)?;
        let (opaque, rest) = (inner.get(..end)?, inner.get(end + 1..)?);
        // Without an early exit, so that many bytes are checked at once.
        let is_sound = opaque
            .iter()
            .fold(true, |sound, byte| sound & is_etagc(*byte));
        is_sound.then_some((Self { weak, opaque }, rest))
    }

    /// Returns the coding of the representation, if this is one of our strong tags and the
    /// representation has a coding.
    pub fn coding(&self) -> Option<Coding> {
        let is_suffix = |coding: &Coding| self.opaque.ends_with(coding.tag_suffix().as_bytes());
        Coding::ALL
            .into_iter()
            .find(is_suffix)
            .filter(|_| !self.weak)
    }

    /// Parses a field value that is one entity tag, as `If-Range` may be.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::read(value)?;
        rest.is_empty().then_some(tag)
    }
}

/// Compares the members of `If-Match` or `If-None-Match` with the current tag.
///
/// `values` are the field's lines in order; `matches` compares one listed tag. After a syntax
/// error, only the tags before it count: a client that sends a broken list is answered as if it had
/// asked for less, never as if it had asked for more.
pub fn list_matches<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    mut matches: impl FnMut(RequestedTag<'a>) -> bool,
) -> TagList {
    let mut found = TagList::NoneMatch;
    for value in values {
        if value.trim_ascii() == b"*" {
            return TagList::Any;
        }
        let mut rest = value;
        loop {
            rest = skip_list_separators(rest);
            let Some((tag, after)) = RequestedTag::read(rest) else {
                break;
            };
            if matches(tag) {
                found = TagList::OneMatches;
            }
            rest = after;
        }
    }
    found
}

/// The result of [`list_matches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagList {
    /// The list is `*`.
    Any,
    /// A listed tag matches.
    OneMatches,
    /// No listed tag matches.
    NoneMatch,
}

fn skip_list_separators(list: &[u8]) -> &[u8] {
    let start = list
        .iter()
        .position(|byte| !matches!(byte, b',' | b' ' | b'\t'));
    list.get(start.unwrap_or(list.len())..).unwrap_or_default()
}

/// Returns `true` for an `etagc` of RFC 9110 §8.8.3.
const fn is_etagc(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weakly(tag: &EntityTag, lines: &[&str]) -> TagList {
        list_matches(lines.iter().map(|line| line.as_bytes()), |other| {
            tag.matches_weakly(other)
        })
    }

    #[test]
    fn the_comparison_table_of_rfc_9110_holds() {
        let parse = |text| RequestedTag::parse(text).unwrap();
        for (own, other, strong, weak) in [
            (EntityTag::weak("1"), &b"W/\"1\""[..], false, true),
            (EntityTag::weak("1"), b"W/\"2\"", false, false),
            (EntityTag::weak("1"), b"\"1\"", false, true),
            (EntityTag::strong("1"), b"\"1\"", true, true),
        ] {
            assert_eq!(own.matches_strongly(parse(other)), strong, "{own}");
            assert_eq!(own.matches_weakly(parse(other)), weak, "{own}");
        }
    }

    #[test]
    fn lists_may_span_lines_commas_and_spaces() {
        let tag = EntityTag::strong("a,b");
        assert_eq!(weakly(&tag, &["\"x\", W/\"a,b\""]), TagList::OneMatches);
        assert_eq!(
            weakly(&tag, &["\"x\"", ",, \t\"a,b\" ,"]),
            TagList::OneMatches
        );
        assert_eq!(weakly(&tag, &["\"x\"", " * "]), TagList::Any);
        assert_eq!(weakly(&tag, &["", ","]), TagList::NoneMatch);
    }

    #[test]
    fn a_broken_list_matches_only_the_tags_before_the_error() {
        let tag = EntityTag::strong("a");
        assert_eq!(weakly(&tag, &["\"a\", b"]), TagList::OneMatches);
        assert_eq!(weakly(&tag, &["b, \"a\""]), TagList::NoneMatch);
        assert_eq!(weakly(&tag, &["\"a"]), TagList::NoneMatch);
        assert_eq!(weakly(&tag, &["w/\"a\""]), TagList::NoneMatch);
    }

    #[test]
    fn a_single_tag_must_be_the_whole_value() {
        assert!(RequestedTag::parse(b"\"a\"").is_some());
        for broken in [
            &b""[..],
            b"a",
            b"\"a",
            b"a\"",
            b"\"a\"x",
            b"\"a b\"",
            b"W/a",
            b"\"\x7f\"",
        ] {
            assert_eq!(RequestedTag::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_strong_tag_identifies_its_coding() {
        for (tag, expected) in [
            (&b"\"a-gzip\""[..], Some(Coding::Gzip)),
            (b"\"a-br\"", Some(Coding::Brotli)),
            (b"\"s1-t2.3-zstd\"", Some(Coding::Zstandard)),
            (b"W/\"a-gzip\"", None),
            (b"\"a-gzip-b\"", None),
            (b"\"gzip\"", None),
            (b"\"a\"", None),
        ] {
            assert_eq!(RequestedTag::parse(tag).unwrap().coding(), expected);
        }
    }

    #[test]
    fn tags_are_written_as_they_are_parsed() {
        assert_eq!(EntityTag::strong("a").to_string(), "\"a\"");
        assert_eq!(EntityTag::weak("a").to_string(), "W/\"a\"");
        assert!(EntityTag::strong("a").is_strong() && !EntityTag::weak("a").is_strong());
        assert_eq!(EntityTag::weak("a").opaque(), "a");
    }
}

//! Byte ranges (RFC 9110 §14): parsing `Range`, and applying it to a length.

use std::iter;
use std::ops::Range;

/// The ranges of a request, not yet applied to a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet {
    first: RangeSpec,
    /// Empty, and so without an allocation, in the common case of one range.
    later: Vec<RangeSpec>,
}

/// The most ranges of one request that are answered with parts. Programs that download only the
/// changed parts of a file ask for one range per change: zsync for 20 at a time, zchunk for up to
/// 255. A longer list is usually an attack (RFC 9110 §17.15) and is answered with the whole
/// representation.
pub const RANGES_MAX: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeSpec {
    /// `first-` and `first-last`, including the last byte; `u64::MAX` stands for the end.
    From(u64, u64),
    /// `-length`: the last bytes.
    Suffix(u64),
}

/// The parts of a representation that a range set selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Satisfaction {
    /// No range can be served: 416.
    Unsatisfiable,
    /// The range field is ignored.
    Whole,
    /// One part, never empty.
    One(Range<u64>),
    /// Two or more parts that neither overlap nor touch, in the requested order.
    Many(Vec<Range<u64>>),
}

impl RangeSet {
    /// Parses the value of `Range`. Returns `None` for another unit, a syntax error or more than
    /// [`RANGES_MAX`] ranges; the field is ignored then (RFC 9110 §14.2).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (unit, list) = value.split_at_checked(b"bytes=".len())?;
        if !unit.eq_ignore_ascii_case(b"bytes=") {
            return None;
        }
        // RFC 9110 §5.6.1.2: a recipient must accept empty list elements.
        let mut members = list
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty());
        let first = RangeSpec::parse(members.next()?)?;
        let mut later = Vec::new();
        for member in members {
            if later.len() + 1 == RANGES_MAX {
                return None;
            }
            later.push(RangeSpec::parse(member)?);
        }
        Some(Self { first, later })
    }

    /// Applies the set to a representation of `length` bytes.
    pub fn satisfy(&self, length: u64) -> Satisfaction {
        if length == 0 {
            return self.satisfy_empty();
        }
        let mut fitted = self.specs().filter_map(|spec| spec.fit(length));
        let Some(first) = fitted.next() else {
            return Satisfaction::Unsatisfiable;
        };
        let Some(second) = fitted.next() else {
            return Satisfaction::One(first);
        };
        let parts = merged([first, second].into_iter().chain(fitted));
        match <[Range<u64>; 1]>::try_from(parts) {
            Ok([only]) => Satisfaction::One(only),
            Err(parts) => Satisfaction::Many(parts),
        }
    }

    /// Applies the ranges to an empty representation, which has no part that a `Content-Range`
    /// could name. A client that asks for everything from the start, like a proxy that fetches a
    /// file in pieces, gets the empty whole. A client that asks for a later part gets 416.
    fn satisfy_empty(&self) -> Satisfaction {
        let is_from_start =
            |spec: &RangeSpec| matches!(spec, RangeSpec::From(0, _) | RangeSpec::Suffix(1..));
        if self.specs().any(is_from_start) {
            Satisfaction::Whole
        } else {
            Satisfaction::Unsatisfiable
        }
    }

    fn specs(&self) -> impl Iterator<Item = &RangeSpec> {
        iter::once(&self.first).chain(&self.later)
    }
}

impl RangeSpec {
    fn parse(member: &[u8]) -> Option<Self> {
        let dash = memchr::memchr(b'-', member)?;
        let (first, last) = (member.get(..dash)?, member.get(dash + 1..)?);
        if first.is_empty() {
            return Some(Self::Suffix(parse_position(last)?));
        }
        let first = parse_position(first)?;
        let last = if last.is_empty() {
            u64::MAX
        } else {
            parse_position(last)?
        };
        // RFC 9110 §14.1.1: a last position below the first is invalid, not unsatisfiable.
        (first <= last).then_some(Self::From(first, last))
    }

    fn fit(&self, length: u64) -> Option<Range<u64>> {
        let range = match *self {
            Self::From(first, last) => first..last.saturating_add(1).min(length),
            Self::Suffix(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

/// Merges ranges that overlap or touch, in place of the first of them, so that no byte is sent
/// twice and no part merely continues another (RFC 9110 §15.3.7.2).
fn merged(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut parts: Vec<(usize, Range<u64>)> = ranges.enumerate().collect();
    parts.sort_unstable_by_key(|(_, range)| range.start);
    parts.dedup_by(|(place, range), (place_before, before)| {
        let is_joined = range.start <= before.end;
        if is_joined {
            before.end = before.end.max(range.end);
            *place_before = (*place_before).min(*place);
        }
        is_joined
    });
    parts.sort_unstable_by_key(|(place, _)| *place);
    parts.into_iter().map(|(_, range)| range).collect()
}

/// Parses a position of any number of digits. One that does not fit in 64 bits is past every end.
fn parse_position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |position, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(position.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn satisfy(value: &str, length: u64) -> Option<Satisfaction> {
        RangeSet::parse(value.as_bytes()).map(|set| set.satisfy(length))
    }

    #[test]
    fn single_ranges_are_clamped_to_the_length() {
        for (value, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-4", 2..5),
            ("bytes=2-", 2..10),
            ("bytes=9-99", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("BYTES=0-4", 0..5),
            ("bytes= 0-4 ,, ", 0..5),
            ("bytes=0-99999999999999999999999", 0..10),
        ] {
            assert_eq!(
                satisfy(value, 10),
                Some(Satisfaction::One(expected)),
                "{value}"
            );
        }
    }

    #[test]
    fn malformed_sets_and_other_units_are_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=4-2",
            "bytes=+1-2",
            "bytes=0x1-2",
            "lines=0-1",
            "bytes 0-1",
            "bytes=0-1,x",
            "bytes=1-2-3",
            "bytes=1 - 2",
        ] {
            assert_eq!(RangeSet::parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn ranges_past_the_end_are_unsatisfiable_unless_another_range_fits() {
        assert_eq!(satisfy("bytes=10-", 10), Some(Satisfaction::Unsatisfiable));
        assert_eq!(satisfy("bytes=-0", 10), Some(Satisfaction::Unsatisfiable));
        assert_eq!(
            satisfy("bytes=10-,-0", 10),
            Some(Satisfaction::Unsatisfiable)
        );
        assert_eq!(satisfy("bytes=10-,3-3", 10), Some(Satisfaction::One(3..4)));
    }

    #[test]
    fn an_empty_representation_is_sent_whole_for_ranges_from_its_start() {
        use Satisfaction::{Unsatisfiable, Whole};
        for (value, expected) in [
            ("bytes=0-", Whole),
            ("bytes=0-0", Whole),
            ("bytes=0-1048575", Whole),
            ("bytes=-5", Whole),
            ("bytes=7-, 0-", Whole),
            ("bytes=1-", Unsatisfiable),
            ("bytes=1-2, 5-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
        ] {
            assert_eq!(satisfy(value, 0), Some(expected), "{value}");
        }
    }

    #[test]
    fn ranges_keep_their_order_and_are_merged_if_they_overlap_or_touch() {
        for (value, expected) in [
            ("bytes=0-1,4-5", vec![0..2, 4..6]),
            ("bytes=4-5,0-1", vec![4..6, 0..2]),
            ("bytes=0-0,2-2,4-4", vec![0..1, 2..3, 4..5]),
            ("bytes=6-7,0-1,2-3", vec![6..8, 0..4]),
            ("bytes=2-3,6-7,0-1", vec![0..4, 6..8]),
            ("bytes=6-7,0-1,1-3", vec![6..8, 0..4]),
            ("bytes=8-8,0-1,4-5,1-4", vec![8..9, 0..6]),
            ("bytes=-2,0-1,6-7", vec![6..10, 0..2]),
        ] {
            assert_eq!(
                satisfy(value, 10),
                Some(Satisfaction::Many(expected)),
                "{value}"
            );
        }
        for (value, expected) in [
            ("bytes=0-5,3-8", 0..9),
            ("bytes=0-1,2-3", 0..4),
            ("bytes=4-5,0-1,2-3", 0..6),
            ("bytes=0-,0-,0-", 0..10),
            ("bytes=0-9,2-3,7-7", 0..10),
        ] {
            assert_eq!(
                satisfy(value, 10),
                Some(Satisfaction::One(expected)),
                "{value}"
            );
        }
    }

    #[test]
    fn the_limit_of_ranges_is_served_and_one_more_is_ignored() {
        let ranges = |count: usize| {
            let list: Vec<_> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
            satisfy(&format!("bytes={}", list.join(",")), 1000)
        };
        let served = ranges(RANGES_MAX);
        assert!(matches!(served, Some(Satisfaction::Many(parts)) if parts.len() == RANGES_MAX));
        assert_eq!(ranges(RANGES_MAX + 1), None);
    }
}

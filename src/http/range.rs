//! Range requests in bytes (RFC 9110 §14): reading `Range`, and fitting it to a length.

use std::ops::Range;

/// The ranges that a request asked for, not yet fitted to a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet {
    specs: [RangeSpec; RANGES_MAX],
    count: usize,
}

/// The most ranges of one request that are answered with parts. More is more often an attack than
/// a reader (RFC 9110 §17.15); the whole representation answers them.
pub const RANGES_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeSpec {
    /// `first-` and `first-last`, the last byte included; `u64::MAX` stands for the end.
    From(u64, u64),
    /// `-length`: the last bytes.
    Suffix(u64),
}

/// A range set, fitted to a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Satisfaction {
    /// No range can be served: 416.
    Unsatisfiable,
    /// The range field is answered as if it were not there.
    Whole,
    /// One part, never empty.
    One(Range<u64>),
    /// Two or more parts that do not overlap, in the order in which they were asked for.
    Many(Vec<Range<u64>>),
}

impl RangeSet {
    /// Reads the value of `Range`. `None` for another unit, a syntax error or more than
    /// [`RANGES_MAX`] ranges, in which case the field is ignored (RFC 9110 §14.2).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (unit, list) = value.split_at_checked(b"bytes=".len())?;
        if !unit.eq_ignore_ascii_case(b"bytes=") {
            return None;
        }
        let mut set = Self {
            specs: [RangeSpec::Suffix(0); RANGES_MAX],
            count: 0,
        };
        for member in list.split(|byte| *byte == b',') {
            let member = member.trim_ascii();
            // RFC 9110 §5.6.1.2: a recipient must accept empty list elements.
            if !member.is_empty() {
                *set.specs.get_mut(set.count)? = RangeSpec::parse(member)?;
                set.count += 1;
            }
        }
        (set.count > 0).then_some(set)
    }

    /// Fits the set to a representation of `length` bytes.
    pub fn satisfy(&self, length: u64) -> Satisfaction {
        let specs = self.specs.get(..self.count).unwrap_or_default();
        if length == 0 {
            // A suffix of nothing is satisfiable but has no Content-Range to be told with.
            let suffix = specs
                .iter()
                .any(|spec| matches!(spec, RangeSpec::Suffix(1..)));
            return if suffix {
                Satisfaction::Whole
            } else {
                Satisfaction::Unsatisfiable
            };
        }
        let mut fitted = specs.iter().filter_map(|spec| spec.fit(length));
        let Some(first) = fitted.next() else {
            return Satisfaction::Unsatisfiable;
        };
        let Some(second) = fitted.next() else {
            return Satisfaction::One(first);
        };
        let mut parts = vec![first];
        merge_into(&mut parts, second);
        for range in fitted {
            merge_into(&mut parts, range);
        }
        match <[Range<u64>; 1]>::try_from(parts) {
            Ok([only]) => Satisfaction::One(only),
            Err(parts) => Satisfaction::Many(parts),
        }
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

    fn fit(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.saturating_add(1).min(length),
            Self::Suffix(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

/// Adds a range to `parts`, at the place of the first part that it overlaps or at the end.
fn merge_into(parts: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let overlaps =
        |part: &Range<u64>, range: &Range<u64>| part.start < range.end && range.start < part.end;
    let mut place = parts.len();
    while let Some(index) = parts.iter().position(|part| overlaps(part, &range)) {
        let part = parts.remove(index);
        range = part.start.min(range.start)..part.end.max(range.end);
        place = place.min(index);
    }
    parts.insert(place.min(parts.len()), range);
}

/// A position of any number of digits: what does not fit in 64 bits lies past every end.
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
    fn what_lies_past_the_end_is_unsatisfiable_unless_another_range_is_not() {
        assert_eq!(satisfy("bytes=10-", 10), Some(Satisfaction::Unsatisfiable));
        assert_eq!(satisfy("bytes=-0", 10), Some(Satisfaction::Unsatisfiable));
        assert_eq!(
            satisfy("bytes=10-,-0", 10),
            Some(Satisfaction::Unsatisfiable)
        );
        assert_eq!(satisfy("bytes=10-,3-3", 10), Some(Satisfaction::One(3..4)));
    }

    #[test]
    fn an_empty_representation_has_no_range_but_an_empty_suffix() {
        assert_eq!(satisfy("bytes=0-", 0), Some(Satisfaction::Unsatisfiable));
        assert_eq!(satisfy("bytes=-5", 0), Some(Satisfaction::Whole));
    }

    #[test]
    fn several_ranges_keep_their_order_and_overlaps_are_merged() {
        for (value, expected) in [
            ("bytes=0-1,4-5", vec![0..2, 4..6]),
            ("bytes=4-5,0-1", vec![4..6, 0..2]),
            ("bytes=0-1,2-3", vec![0..2, 2..4]),
            ("bytes=6-7,0-1,1-3", vec![6..8, 0..4]),
            ("bytes=8-8,0-1,4-5,1-4", vec![8..9, 0..6]),
        ] {
            assert_eq!(
                satisfy(value, 10),
                Some(Satisfaction::Many(expected)),
                "{value}"
            );
        }
        assert_eq!(satisfy("bytes=0-5,3-8", 10), Some(Satisfaction::One(0..9)));
        assert_eq!(
            satisfy("bytes=0-,0-,0-", 10),
            Some(Satisfaction::One(0..10))
        );
    }

    #[test]
    fn sixteen_ranges_are_served_and_seventeen_ignored() {
        let ranges = |count: u64| {
            let list: Vec<_> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
            satisfy(&format!("bytes={}", list.join(",")), 100)
        };
        assert!(matches!(ranges(16), Some(Satisfaction::Many(parts)) if parts.len() == 16));
        assert_eq!(ranges(17), None);
    }
}

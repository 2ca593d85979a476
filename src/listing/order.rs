//! The order of entries.

use super::entry::Entry;
use super::kind::extension;
use super::view::{Column, Direction, Order};
use std::cmp::Ordering;

/// An entry with its order. The greatest comes first, because a heap returns the greatest first. A
/// heap fits into bounded steps: a push or a pop takes only as many comparisons as the number of
/// entries has bits.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) entry: Entry,
    pub(super) order: Order,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(&other.entry, &self.entry)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl Order {
    /// Compares two entries: directories come first, then the order decides, then the name.
    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        let by_column = || match self.by {
            Column::Name => compare_names(&a.name, &b.name),
            // All directories have the same type.
            Column::Type if a.size.is_none() => Ordering::Equal,
            Column::Type => compare_names(extension(&a.name), extension(&b.name)),
            Column::Size => a.size.cmp(&b.size),
            Column::Time => a.modified.cmp(&b.modified),
        };
        let directed = || match self.direction {
            Direction::Ascending => by_column(),
            Direction::Descending => by_column().reverse(),
        };
        a.size
            .is_some()
            .cmp(&b.size.is_some())
            .then_with(directed)
            .then_with(|| compare_names(&a.name, &b.name))
    }
}

/// Compares names as people do: ASCII letters without regard to case, and consecutive digits as one
/// number. Names that are equal in this sense are compared by their bytes.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let ordering = match (rest_a, rest_b) {
            ([], []) => return a.cmp(b),
            ([], _) => return Ordering::Less,
            (_, []) => return Ordering::Greater,
            ([b'0'..=b'9', ..], [b'0'..=b'9', ..]) => {
                let (number_a, number_b);
                (number_a, rest_a) = split_number(rest_a);
                (number_b, rest_b) = split_number(rest_b);
                // Without leading zeros, the longer number is the larger one.
                number_a
                    .len()
                    .cmp(&number_b.len())
                    .then_with(|| number_a.cmp(number_b))
            }
            ([first_a, others_a @ ..], [first_b, others_b @ ..]) => {
                (rest_a, rest_b) = (others_a, others_b);
                first_a
                    .to_ascii_lowercase()
                    .cmp(&first_b.to_ascii_lowercase())
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Splits off the number that the text starts with. Returns it without leading zeros, and the text
/// after it.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let zeros = text.iter().take_while(|byte| **byte == b'0').count();
    let text = text.get(zeros..).unwrap_or_default();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at_checked(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_sorted_as_people_expect() {
        let names: [&[u8]; 16] = [
            b" a",
            b"1",
            b"01",
            b"2",
            b"10",
            b"99999999999999999999999999",
            b"100000000000000000000000000",
            b"A",
            b"a",
            b"a1b",
            b"a02b",
            b"a2c",
            b"a10",
            b"B",
            b"b.txt",
            b"\xff",
        ];
        for (index, a) in names.iter().enumerate() {
            for (other, b) in names.iter().enumerate() {
                // "01" and "1" are the same number, so their bytes decide.
                let expected = match (*a, *b) {
                    (b"1", b"01") => Ordering::Greater,
                    (b"01", b"1") => Ordering::Less,
                    _ => index.cmp(&other),
                };
                assert_eq!(
                    compare_names(a, b),
                    expected,
                    "{} {}",
                    a.escape_ascii(),
                    b.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn entries_are_equal_in_an_order_if_neither_comes_first() {
        let ranked = |name: &'static [u8]| Ranked {
            entry: Entry {
                name: bytes::Bytes::from_static(name),
                size: None,
                modified: None,
            },
            order: Order::default(),
        };
        assert_eq!(ranked(b"a"), ranked(b"a"));
        assert_ne!(ranked(b"a"), ranked(b"A"));
        assert!(ranked(b"a") > ranked(b"b"), "a heap returns the greatest");
    }

    #[test]
    fn directories_have_no_type_to_be_sorted_by() {
        let entry = |name: &'static [u8], size| Entry {
            name: bytes::Bytes::from_static(name),
            size,
            modified: None,
        };
        for direction in [Direction::Ascending, Direction::Descending] {
            let by = Column::Type;
            let order = Order { by, direction };
            let compared = order.compare(&entry(b"a.z", None), &entry(b"z.a", None));
            assert_eq!(compared, Ordering::Less, "{direction:?}");
            let files = order.compare(&entry(b"a.z", Some(1)), &entry(b"z.a", Some(1)));
            let is_descending = direction == Direction::Descending;
            assert_eq!(files.is_lt(), is_descending, "{direction:?}");
        }
    }

    proptest! {
        #[test]
        fn every_order_is_total(
            a in "[aAbB019.\u{e9}]{0,6}", b in "[aAbB019.\u{e9}]{0,6}", c in "[aAbB019.\u{e9}]{0,6}",
        ) {
            let (a, b, c) = (a.as_bytes(), b.as_bytes(), c.as_bytes());
            prop_assert_eq!(compare_names(a, b), compare_names(b, a).reverse());
            prop_assert_eq!(compare_names(a, b).is_eq(), a == b);
            if compare_names(a, b).is_le() && compare_names(b, c).is_le() {
                prop_assert!(compare_names(a, c).is_le());
            }
        }
    }
}

//! Parts are within the representation, are not empty, and neither overlap nor touch. They contain
//! exactly the requested bytes, as determined by a slow parser of the field.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::http::range::{RANGES_MAX, RangeSet, Satisfaction};

// The first byte is the length of the representation, and the rest the value of the field.
fuzz_target!(|input: &[u8]| {
    let Some((&length, value)) = input.split_first() else {
        return;
    };
    let set = RangeSet::parse(value);
    let wanted = wanted_bytes(value, length);
    assert_eq!(
        set.is_some(),
        wanted.is_some(),
        "the two readings agree on the grammar"
    );
    let (Some(set), Some(wanted)) = (set, wanted) else {
        return;
    };

    // No length causes an overflow.
    for length in [0, 1, u64::MAX - 1, u64::MAX] {
        parts_of(&set.satisfy(length), length);
    }
    let satisfaction = set.satisfy(length.into());
    if satisfaction == Satisfaction::Whole {
        assert_eq!(length, 0, "only an empty representation is sent whole");
        return;
    }
    let mut sent = vec![false; length.into()];
    for part in parts_of(&satisfaction, length.into()) {
        for at in part {
            let at = usize::try_from(at).expect("it is below 256");
            assert!(
                !std::mem::replace(&mut sent[at], true),
                "byte {at} is sent twice"
            );
        }
    }
    assert_eq!(sent, wanted);
});

fn parts_of(satisfaction: &Satisfaction, length: u64) -> Vec<std::ops::Range<u64>> {
    let parts = match satisfaction {
        Satisfaction::Unsatisfiable | Satisfaction::Whole => vec![],
        Satisfaction::One(part) => vec![part.clone()],
        Satisfaction::Many(parts) => {
            assert!((2..=RANGES_MAX).contains(&parts.len()));
            parts.clone()
        }
    };
    assert!(
        parts
            .iter()
            .all(|part| part.start < part.end && part.end <= length)
    );
    let mut in_order = parts.clone();
    in_order.sort_by_key(|part| part.start);
    assert!(
        in_order.windows(2).all(|pair| pair[0].end < pair[1].start),
        "there is a byte between any two"
    );
    parts
}

/// Returns the bytes that a `Range` field selects, according to RFC 9110 §14.1.1 and §14.1.2;
/// `None` if the field must be ignored.
fn wanted_bytes(value: &[u8], length: u8) -> Option<Vec<bool>> {
    let value = std::str::from_utf8(value).ok()?;
    let (unit, list) = value.split_once('=')?;
    let is_white = |byte: char| byte.is_ascii_whitespace();
    let specs: Vec<&str> = list
        .split(',')
        .map(|spec| spec.trim_matches(is_white))
        .filter(|spec| !spec.is_empty())
        .collect();
    if !unit.eq_ignore_ascii_case("bytes") || specs.is_empty() || specs.len() > RANGES_MAX {
        return None;
    }
    let length = u128::from(length);
    let mut wanted = vec![false; length as usize];
    for spec in specs {
        let (first, last) = spec.split_once('-')?;
        let asked = match (position(first), position(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1),
            (Some(first), None) if last.is_empty() => first..u128::MAX,
            (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
            _ => return None,
        };
        for (at, is_wanted) in (0..).zip(&mut wanted) {
            *is_wanted |= asked.contains(&at);
        }
    }
    Some(wanted)
}

/// Parses a position. Positions that exceed 64 bits are beyond every file, and compare as equal.
fn position(digits: &str) -> Option<u128> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| {
        digits
            .parse::<u128>()
            .unwrap_or(u128::MAX)
            .min(u64::MAX.into())
    })
}

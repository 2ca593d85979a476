//! The meaning of `Accept-Encoding` depends neither on the order nor on the case of its members,
//! and equals that of a slow parser of each member.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::http::accept::Quality;
use millpond::http::coding::{Acceptance, Coding};

fuzz_target!(|value: &[u8]| {
    let acceptance = Acceptance::parse(members(value));
    let mut reversed: Vec<_> = members(value).collect();
    reversed.reverse();
    assert_eq!(Acceptance::parse(reversed.into_iter()), acceptance, "order");
    let upper = value.to_ascii_uppercase();
    assert_eq!(Acceptance::parse(members(&upper)), acceptance, "case");
    let more = [value, b",gzip;q=2,;q=1,br;x=1"].concat();
    assert_eq!(
        Acceptance::parse(members(&more)),
        acceptance,
        "what breaks the grammar"
    );

    let others = lowest(value, &["*"]);
    for coding in Coding::ALL {
        let names: &[&str] = match coding {
            Coding::Brotli => &["br"],
            Coding::Zstandard => &["zstd"],
            Coding::Gzip => &["gzip", "x-gzip"],
        };
        let expected = lowest(value, names).or(others).unwrap_or(Quality::NONE);
        assert_eq!(acceptance.quality(coding), expected, "{coding}");
    }
    let expected = lowest(value, &["identity"]).or(others);
    assert_eq!(
        acceptance.identity_quality(),
        expected.unwrap_or(Quality::NONE)
    );
});

/// Splits a value like the field's parser.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// Returns the lowest quality of the members with one of these names.
fn lowest(value: &[u8], names: &[&str]) -> Option<Quality> {
    let qualities = members(value).filter_map(|member| {
        let member = str::from_utf8(member).ok()?.to_ascii_lowercase();
        let (name, quality) = match member.split_once(';') {
            None => (&*member, "1"),
            Some((name, parameter)) => {
                let parameter = parameter.trim_ascii_start();
                (name.trim_ascii_end(), parameter.strip_prefix("q=")?)
            }
        };
        names.contains(&name).then_some(())?;
        quality_of(quality)
    });
    qualities.min()
}

/// Returns the quality as a number, if its syntax is valid.
fn quality_of(text: &str) -> Option<Quality> {
    let decimals = match text.split_at_checked(1)? {
        ("0" | "1", "") => "",
        ("0" | "1", decimals) => decimals.strip_prefix('.')?,
        _ => return None,
    };
    let is_decimal = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let number: f64 = text.parse().ok().filter(|_| is_decimal)?;
    (number <= 1.0).then(|| Quality::parse(format!("{number:.3}").as_bytes()))?
}

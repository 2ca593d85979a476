//! A head has one meaning: however its bytes are split, the parser reaches the same result at the
//! same byte, and later bytes change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::http::Limits;
use millpond::http::fields::FieldStorage;
use millpond::http::request::{HeadError, RequestHead};

fuzz_target!(|input: &[u8]| {
    let whole = outcome(input);
    let first = (0..input.len())
        .map(|end| outcome(input.get(..end).unwrap_or_default()))
        .find(|outcome| *outcome != Ok(None));
    assert_eq!(
        first.unwrap_or_else(|| whole.clone()),
        whole,
        "byte by byte"
    );
    if whole != Ok(None) {
        assert_eq!(
            outcome(&[input, b"GET / HTTP/1.1\r\n"].concat()),
            whole,
            "with bytes trailing"
        );
    }
});

/// Returns a description of a head, and its length.
fn outcome(input: &[u8]) -> Result<Option<(String, usize)>, HeadError> {
    // Small, so that inputs often reach the limits, and trying every split is quick.
    let limits = Limits {
        request_target_bytes_max: 64,
        head_bytes_max: 512,
        fields_max: 8,
        content_bytes_max: 1024,
    };
    let mut storage = FieldStorage::default();
    let parsed = RequestHead::parse(input, &mut storage, &limits)?;
    Ok(parsed.map(|(head, length)| {
        assert!(length <= input.len().min(limits.head_bytes_max));
        assert!(
            input[..length].ends_with(b"\r\n\r\n"),
            "a head ends with an empty line"
        );
        assert!(!input[..length].contains(&0), "no NUL gets through");
        assert!(head.target_bytes.len() <= limits.request_target_bytes_max);
        (format!("{head:?}"), length)
    }))
}

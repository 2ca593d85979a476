//! The part of percent-encoding (RFC 3986 §2.1) that hosts and paths share.

/// Returns `true` if two hexadecimal digits follow each `%`.
pub(super) fn escapes_are_whole(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).all(|at| {
        text.get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

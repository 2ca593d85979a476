//! Searches in received bytes for the start and the end of a head.

/// Skips an empty line before a request line (RFC 9112 §2.2), a few times at most. Returns the
/// number of bytes skipped.
pub(super) fn skip_empty_line(input: &[u8], empty_lines: &mut u8) -> usize {
    if *empty_lines < EMPTY_LINES_MAX && input.starts_with(b"\r\n") {
        *empty_lines += 1;
        2
    } else {
        0
    }
}

/// Returns `true` if a head that was incomplete after `parsed` bytes should be parsed again: when
/// it may be complete, is too large, or has doubled in size. So parsing a head that arrives byte by
/// byte costs at most twice as much as parsing it whole, and an error in it is still found early.
pub(super) fn is_worth_parsing(input: &[u8], parsed: usize, head_bytes_max: usize) -> bool {
    let unseen = input.get(parsed.saturating_sub(3)..).unwrap_or_default();
    input.len() >= parsed.saturating_mul(2)
        || input.len() >= head_bytes_max
        || memchr::memmem::find(unseen, b"\n\r\n").is_some()
        || memchr::memmem::find(unseen, b"\n\n").is_some()
}

/// RFC 9112 §2.2 asks for at least one; a few more do no harm.
const EMPTY_LINES_MAX: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_trickles_is_parsed_as_often_as_it_doubles() {
        let head = [b'a'; 1000];
        let mut parsed = 0;
        let mut times = 0;
        for end in 1..=head.len() {
            if is_worth_parsing(&head[..end], parsed, 2000) {
                (parsed, times) = (end, times + 1);
            }
        }
        assert_eq!(times, 10);
    }

    #[test]
    fn a_head_that_may_be_complete_or_too_large_is_parsed_at_once() {
        assert!(is_worth_parsing(b"GET / HTTP/1.0\r\n\r\n", 17, 100));
        assert!(is_worth_parsing(b"GET / HTTP/1.0\n\n", 15, 100));
        assert!(is_worth_parsing(b"GET / HTTP", 9, 10));
        assert!(!is_worth_parsing(b"GET / HTTP", 9, 11));
    }
}

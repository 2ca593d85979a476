//! The host and port of a request (RFC 9110 §7.2, RFC 3986 §3.2): the check of their grammar.

use super::escape::escapes_are_whole;
use crate::http::fields::is_token_byte;
use std::net::Ipv6Addr;

/// Whether an authority needs a port.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Optional,
    Required,
}

/// Returns `true` if `value` is a valid `Host` (RFC 9110 §7.2), which may be empty.
pub fn is_host(value: &[u8]) -> bool {
    is_authority(value, Port::Optional)
}

/// Returns `true` for a `uri-host [ ":" port ]` of RFC 9110 §7.2, without user information.
pub(super) fn is_authority(value: &[u8], port: Port) -> bool {
    let (host_is_valid, rest) = if let Some(inner) = value.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', inner) else {
            return false;
        };
        let (address, rest) = inner.split_at(end);
        (
            is_ip_literal(address),
            rest.strip_prefix(b"]").unwrap_or_default(),
        )
    } else {
        split_registered_name(value)
    };
    let port_is_valid = match rest.strip_prefix(b":") {
        Some(digits) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        None => rest.is_empty() && port == Port::Optional,
    };
    host_is_valid && port_is_valid
}

/// Returns `true` for the inside of an `IP-literal` (RFC 3986 §3.2.2): an IPv6 address or a later
/// kind.
fn is_ip_literal(address: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(address) else {
        return false;
    };
    let is_future = || {
        let (version, rest) = text.strip_prefix(['v', 'V'])?.split_once('.')?;
        let version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let rest = !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte == b':' || is_unreserved_or_sub_delim(byte));
        Some(version && rest)
    };
    text.parse::<Ipv6Addr>().is_ok() || is_future() == Some(true)
}

/// Reads the `reg-name` (RFC 3986 §3.2.2) at the start of a value, which may be an IPv4 address.
/// Returns `true` if it is valid, and the rest of the value.
fn split_registered_name(value: &[u8]) -> (bool, &[u8]) {
    let is_plain = |byte: &u8| PLAIN_BYTES.get(usize::from(*byte)) == Some(&true);
    let plain = value.iter().take_while(|byte| is_plain(byte)).count();
    match value.get(plain) {
        Some(b'%') => {
            let is_of_name = |byte: &u8| *byte == b'%' || is_plain(byte);
            let length = value.iter().take_while(|byte| is_of_name(byte)).count();
            let (name, rest) = value.split_at(length);
            (escapes_are_whole(name), rest)
        }
        _ => (true, value.get(plain..).unwrap_or_default()),
    }
}

/// The bytes that stand for themselves in a `reg-name`.
static PLAIN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &mut [bool] = &mut table;
    let mut byte = 0_u8;
    while let [is_plain, later @ ..] = rest {
        *is_plain = is_unreserved_or_sub_delim(byte);
        rest = later;
        byte = byte.wrapping_add(1);
    }
    table
};

const fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    // All token bytes except those that a URI does not allow, and the delimiters that a token does
    // not allow.
    (is_token_byte(byte) && !matches!(byte, b'#' | b'%' | b'^' | b'`' | b'|'))
        || matches!(byte, b'(' | b')' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for valid in [
            "",
            "a",
            "a.example",
            "A-b_c~1",
            "127.0.0.1",
            "127.0.0.1:8080",
            "a:",
            "[::1]",
            "[::1]:80",
            "[v1.a:b]",
            "a%20b",
            "xn--caf-dma.example",
        ] {
            assert!(is_host(valid.as_bytes()), "{valid}");
        }
        for invalid in [
            "a b", "a/b", "a,b", "u@a", "a:b", "a:1:2", "::1", "[::1", "[::1]a", "[a]", "[]",
            "[v.a]", "[vx.a]", "[v1.]", "[v1.a/b]", "a%2", "a%zz", "a\\b", "a#b", "a?b", "\u{e9}",
            "a:123456", "<a>",
        ] {
            let expected = invalid == "a,b"; // A sub-delimiter: unusual, but valid.
            assert_eq!(is_host(invalid.as_bytes()), expected, "{invalid}");
        }
    }
}

//! The host and port of a request (RFC 9110 §7.2, RFC 3986 §3.2): whether they follow the grammar.

use super::escape::escapes_are_whole;
use super::fields::is_token_byte;
use std::net::Ipv6Addr;

/// Whether an authority must name a port.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Optional,
    Required,
}

/// Whether `value` is a valid `Host` (RFC 9110 §7.2); it may be empty.
pub fn is_host(value: &[u8]) -> bool {
    is_authority(value, Port::Optional)
}

/// `uri-host [ ":" port ]` of RFC 9110 §7.2, without user information.
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
        let end = memchr::memchr(b':', value).unwrap_or(value.len());
        let (name, rest) = value.split_at(end);
        (is_registered_name(name), rest)
    };
    let port_is_valid = match rest.strip_prefix(b":") {
        Some(digits) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        None => rest.is_empty() && port == Port::Optional,
    };
    host_is_valid && port_is_valid
}

/// The inside of `IP-literal` (RFC 3986 §3.2.2): an IPv6 address or a later kind.
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

/// `reg-name` of RFC 3986 §3.2.2, which IPv4 addresses are of, too.
fn is_registered_name(name: &[u8]) -> bool {
    let (mut valid, mut escaped) = (true, false);
    for byte in name {
        let class = NAME_BYTES
            .get(usize::from(*byte))
            .copied()
            .unwrap_or(NameByte::Other);
        valid &= class != NameByte::Other;
        escaped |= class == NameByte::Percent;
    }
    valid && (!escaped || escapes_are_whole(name))
}

/// What a byte is in a `reg-name`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NameByte {
    Plain,
    Percent,
    Other,
}

/// The class of each byte.
static NAME_BYTES: [NameByte; 256] = {
    let mut table = [NameByte::Other; 256];
    let mut rest: &mut [NameByte] = &mut table;
    let mut byte = 0_u8;
    while let [class, later @ ..] = rest {
        if byte == b'%' {
            *class = NameByte::Percent;
        } else if is_unreserved_or_sub_delim(byte) {
            *class = NameByte::Plain;
        }
        rest = later;
        byte = byte.wrapping_add(1);
    }
    table
};

const fn is_unreserved_or_sub_delim(byte: u8) -> bool {
    // The token bytes that a URI has no place for, and the delimiters that a token has none for.
    (is_token_byte(byte) && !matches!(byte, b'#' | b'%' | b'^' | b'`' | b'|'))
        || matches!(byte, b'(' | b')' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_maybe_a_port() {
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
            "[v.a]", "a%2", "a%zz", "a\\b", "a#b", "a?b", "\u{e9}", "a:123456", "<a>",
        ] {
            let expected = invalid == "a,b"; // A sub-delimiter: odd, but within the grammar.
            assert_eq!(is_host(invalid.as_bytes()), expected, "{invalid}");
        }
    }
}

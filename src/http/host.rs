//! Hosts without their ports (RFC 9110 §4.2.3): the names that a server may be asked for.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host to compare with those that requests are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A registered name or an IPv4 address, in lower case and without a dot at its end.
    Name(String),
    /// An IPv6 address, which may be written in several ways.
    Ipv6(Ipv6Addr),
}

/// Why a text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// There is nothing in it.
    Empty,
    /// A port follows the host.
    HasPort,
    /// It is neither a name nor an address.
    Syntax,
}

impl Host {
    /// Reads a name, an IPv4 address, or an IPv6 address with or without its brackets.
    ///
    /// A name may have letters, digits, hyphens, underscores and dots: what browsers send. The
    /// other bytes that RFC 3986 §3.2.2 lets stand in one, `*` among them, would never match.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let inside = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        if let Ok(address) = inside.unwrap_or(text).parse() {
            return Ok(Self::Ipv6(address));
        }
        if let Some((host, port)) = text.rsplit_once(':')
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && Self::parse(host).is_ok()
        {
            return Err(HostError::HasPort);
        }
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match text.strip_suffix('.').unwrap_or(text) {
            "" => Err(HostError::Empty),
            name if name.bytes().all(is_name_byte) => Ok(Self::Name(name.to_ascii_lowercase())),
            _ => Err(HostError::Syntax),
        }
    }

    /// Whether an authority, its port aside, is this host. Names are compared without regard to
    /// case (RFC 9110 §4.2.3), and a name that ends in a dot is the same name, fully qualified.
    pub fn matches(&self, authority: &[u8]) -> bool {
        let host = without_port(authority);
        match self {
            Self::Name(name) => {
                let host = host.strip_suffix(b".").unwrap_or(host);
                host.eq_ignore_ascii_case(name.as_bytes())
            }
            Self::Ipv6(address) => {
                let inside = host.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]"));
                let text = inside.and_then(|inside| std::str::from_utf8(inside).ok());
                text.and_then(|text| text.parse().ok()) == Some(*address)
            }
        }
    }
}

/// As it stands in a URI.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Ipv6(address) => write!(out, "[{address}]"),
        }
    }
}

/// Whether an authority is one that no stranger can have lead here: an address, a name without a
/// dot, or one of a domain that is kept out of the public DNS, or none at all. For who has a name
/// in the public DNS can point it at any address, and have a browser ask for it there.
pub fn is_out_of_public_dns(authority: &[u8]) -> bool {
    let host = without_port(authority);
    let Ok(host) = std::str::from_utf8(host.strip_suffix(b".").unwrap_or(host)) else {
        return false;
    };
    if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let is_beneath = |domain: &str| {
        let above = host.len().saturating_sub(domain.len());
        host.get(above..)
            .is_some_and(|end| end.eq_ignore_ascii_case(domain))
    };
    !host.contains('.') || PRIVATE_DOMAINS.iter().any(|domain| is_beneath(domain))
}

/// RFC 6761 §6.3, RFC 6762 §3, RFC 8375 §3, and what ICANN reserved on 2024-07-29.
const PRIVATE_DOMAINS: [&str; 4] = [".localhost", ".local", ".home.arpa", ".internal"];

fn without_port(authority: &[u8]) -> &[u8] {
    // The colons of an IPv6 address stand in brackets.
    let inside = memchr::memrchr(b']', authority).unwrap_or(0);
    match memchr::memrchr(b':', authority).filter(|colon| *colon >= inside) {
        Some(colon) => authority.get(..colon).unwrap_or_default(),
        None => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_its_port_its_case_and_its_last_dot() {
        for (host, authority, same) in [
            ("a.example", "a.example", true),
            ("a.example", "A.Example:8080", true),
            ("A.EXAMPLE", "a.example:", true),
            ("a.example.", "a.example", true),
            ("a.example", "a.example.:80", true),
            ("a.example", "b.a.example", false),
            ("a.example", "a.example.evil", false),
            ("a.example", "a%2eexample", false),
            ("a.example", "", false),
            ("a.example", ":80", false),
            ("127.0.0.1", "127.0.0.1:80", true),
            ("127.0.0.1", "127.1", false),
            ("::1", "[::1]", true),
            ("[::1]", "[0:0::1]:8080", true),
            ("::1", "[::2]", false),
            ("::1", "localhost", false),
            ("2001:db8::1", "[2001:DB8::1]:1", true),
            ("localhost", "127.0.0.1", false),
        ] {
            let matches = Host::parse(host).map(|host| host.matches(authority.as_bytes()));
            assert_eq!(matches, Ok(same), "{host} and {authority}");
        }
    }

    #[test]
    fn only_names_of_the_public_dns_can_be_led_here_by_strangers() {
        for authority in [
            "",
            "127.0.0.1:9090",
            "192.0.2.1",
            "[::1]:9090",
            "localhost",
            "LOCALHOST.:9090",
            "a.localhost",
            "millpond",
            "millpond:9090",
            "millpond.web.svc.cluster.local:9090",
            "Printer.Local",
            "a.home.arpa",
            "a.internal.",
        ] {
            assert!(is_out_of_public_dns(authority.as_bytes()), "{authority}");
        }
        for authority in [
            "a.example",
            "a.example:9090",
            "127.0.0.1.a.example",
            "localhost.a.example",
            "notlocal.a",
            "a.xlocal",
            "127.1.a",
            "local.a.example:80",
        ] {
            assert!(!is_out_of_public_dns(authority.as_bytes()), "{authority}");
        }
        assert!(!is_out_of_public_dns(b"\xff.local"));
    }

    #[test]
    fn what_is_no_host_is_told_from_what_has_a_port() {
        for (text, error) in [
            ("", HostError::Empty),
            (".", HostError::Empty),
            ("a:80", HostError::HasPort),
            ("a:", HostError::HasPort),
            ("[::1]:80", HostError::HasPort),
            (":80", HostError::Syntax),
            ("a b", HostError::Syntax),
            ("a/b", HostError::Syntax),
            ("http://a", HostError::Syntax),
            ("user@a", HostError::Syntax),
            ("caf\u{e9}", HostError::Syntax),
            ("[a]", HostError::Syntax),
            ("*.example", HostError::Syntax),
        ] {
            assert_eq!(Host::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_host_is_written_as_it_is_read() {
        for text in ["a.example", "192.0.2.1", "[2001:db8::1]"] {
            assert_eq!(
                Host::parse(text).map(|host| host.to_string()).as_deref(),
                Ok(text)
            );
        }
    }
}

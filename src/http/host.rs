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
    /// Every host that can only be meant for the machine that is asked: `localhost`, the names
    /// beneath it, and any IP address.
    ///
    /// A page elsewhere on the web can have its own name resolve to our address (DNS rebinding), and
    /// then the browser sends that name. `localhost` and what is beneath it resolve to the loopback
    /// whatever the DNS says (RFC 6761 §6.3), and an address does not resolve at all.
    Local,
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
    /// Reads a name, an IPv4 address, an IPv6 address with or without its brackets, or `local`.
    ///
    /// A host whose name is `local` is written with a dot at its end.
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
            _ if text == LOCAL => Ok(Self::Local),
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
            Self::Local => is_local(host),
        }
    }

    /// What a client of ours puts into `Host` to be answered.
    pub fn authority(&self) -> String {
        match self {
            Self::Local => LOCALHOST.to_owned(),
            host => host.to_string(),
        }
    }
}

/// As it stands in a URI and in the settings.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // With the dot of a fully qualified name, which makes it no word of the settings.
            Self::Name(name) if KEYWORDS.contains(&name.as_str()) => write!(out, "{name}."),
            Self::Name(name) => out.write_str(name),
            Self::Ipv6(address) => write!(out, "[{address}]"),
            Self::Local => out.write_str(LOCAL),
        }
    }
}

/// Whether a host without its port is [`Host::Local`], or none is named. Browsers always name one.
fn is_local(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let beneath = || host.len().checked_sub(LOCALHOST.len() + 1);
    match host {
        [] => true,
        [b'[', inside @ .., b']'] => {
            std::str::from_utf8(inside).is_ok_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
        }
        // In all its notations: no domain at the top is a number, so that no name ends in one.
        [b'0'..=b'9', ..] if host.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.')) => true,
        _ if host.eq_ignore_ascii_case(LOCALHOST.as_bytes()) => true,
        _ => beneath()
            .and_then(|start| host.get(start..))
            .and_then(|end| end.strip_prefix(b"."))
            .is_some_and(|end| end.eq_ignore_ascii_case(LOCALHOST.as_bytes())),
    }
}

const LOCALHOST: &str = "localhost";

/// The word for [`Host::Local`] in the settings.
const LOCAL: &str = "local";

/// The words of the settings that are no names of hosts.
const KEYWORDS: [&str; 3] = [LOCAL, "any", "auto"];

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
    fn only_hosts_that_no_stranger_can_point_here_are_local() {
        for authority in [
            "localhost",
            "localhost:8080",
            "LOCALHOST:8080",
            "localhost.",
            "localhost.:80",
            "app.localhost",
            "a.b.LocalHost:3000",
            "app.localhost.",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.0.0.1.:8080",
            "192.0.2.7:80",
            "0.0.0.0",
            "127.1:8080",
            "2130706433",
            "[::1]:8080",
            "[::1]",
            "[0:0:0:0:0:0:0:1]:80",
            "[::ffff:127.0.0.1]",
            "[2001:DB8::1]",
            "",
            ":8080",
        ] {
            assert!(Host::Local.matches(authority.as_bytes()), "{authority}");
        }
        for authority in [
            "127.0.0.1.nip.io",
            "127.0.0.1.nip.io:8080",
            "evil.example",
            "localhost.evil.example",
            "localhost.localdomain",
            "notlocalhost",
            "evil-localhost",
            ".evil.localhost.example",
            "local",
            "printer.local",
            "mybox",
            "1and1.example",
            "127.0.0.1x",
            ".1",
            "0x7f.1",
            "l%6fcalhost",
            "localhost..",
            "localhost%00",
            "[::1",
            "[v1.a]",
            "[fe80::1%25eth0]",
            "[evil.example]",
        ] {
            assert!(!Host::Local.matches(authority.as_bytes()), "{authority}");
        }
        assert!(!Host::Local.matches(b"\xff.localhost.\xff"));
    }

    #[test]
    fn a_host_with_the_name_of_a_keyword_has_a_dot_at_its_end() {
        assert_eq!(Host::parse("local"), Ok(Host::Local));
        assert_eq!(Host::parse("local."), Ok(Host::Name("local".to_owned())));
        for text in ["local", "local.", "any.", "auto."] {
            assert_eq!(Host::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Host::Local.authority(), "localhost");
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

//! Hosts without their ports (RFC 9110 §4.2.3): the names that requests use for a server.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host to compare with the host of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A registered name or an IPv4 address, in lower case and without a trailing dot.
    Name(String),
    /// An IPv6 address, which has several notations.
    Ipv6(Ipv6Addr),
    /// All hosts that can only mean the machine that receives the request: `localhost`, the names
    /// beneath it, and any IP address.
    ///
    /// A web page elsewhere can make its own name resolve to our address (DNS rebinding); the
    /// browser then sends that name. `localhost` and the names beneath it resolve to the loopback
    /// whatever the DNS says (RFC 6761 §6.3), and an address does not resolve at all.
    Local,
    /// Every name of one label in `.local`. Multicast DNS resolves these names, and the public DNS
    /// does not (RFC 6762 §3). So only a machine in the same network can direct one here, and such
    /// a machine can connect anyway.
    Link,
}

/// The reason why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// The text is empty.
    Empty,
    /// A port follows the host.
    HasPort,
    /// The text is neither a name nor an address.
    Syntax,
}

impl Host {
    /// Reads a name, an IPv4 address, an IPv6 address with or without its brackets, `local`, or
    /// `.local` for all names that multicast DNS resolves.
    ///
    /// A trailing dot marks a host whose name is `local`.
    ///
    /// A name may have letters, digits, hyphens, underscores and dots, as browsers send them. RFC
    /// 3986 §3.2.2 allows other bytes, such as `*`, but they would never match.
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
            LINK => Ok(Self::Link),
            name if name.bytes().all(is_name_byte) => Ok(Self::Name(name.to_ascii_lowercase())),
            _ => Err(HostError::Syntax),
        }
    }

    /// Returns `true` if an authority, without its port, is this host. Names are compared without
    /// regard to case (RFC 9110 §4.2.3), and a trailing dot does not change a name.
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
            Self::Link => is_of_link(host),
        }
    }

    /// Returns `true` if the authority without its port is empty or [`Host::Local`].
    pub fn is_local(authority: &[u8]) -> bool {
        is_local(without_port(authority))
    }

    /// Returns the value of `Host` in our own requests to this server.
    pub fn authority(&self) -> String {
        match self {
            Self::Local | Self::Link => LOCALHOST.to_owned(),
            host => host.to_string(),
        }
    }
}

/// Writes the host as in a URI and in the settings.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // With the trailing dot of a fully qualified name, so that it is not a keyword.
            Self::Name(name) if KEYWORDS.contains(&name.as_str()) => write!(out, "{name}."),
            Self::Name(name) => out.write_str(name),
            Self::Ipv6(address) => write!(out, "[{address}]"),
            Self::Local => out.write_str(LOCAL),
            Self::Link => out.write_str(LINK),
        }
    }
}

/// Returns `true` if a host without its port is [`Host::Local`], or is empty. Browsers always send
/// one.
fn is_local(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let beneath = || host.len().checked_sub(LOCALHOST.len() + 1);
    match host {
        [] => true,
        [b'[', inside @ .., b']'] => {
            std::str::from_utf8(inside).is_ok_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
        }
        // All notations of IPv4 addresses: no top-level domain is a number, so no name ends in one.
        [b'0'..=b'9', ..] if host.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.')) => true,
        _ if host.eq_ignore_ascii_case(LOCALHOST.as_bytes()) => true,
        _ => beneath()
            .and_then(|start| host.get(start..))
            .and_then(|end| end.strip_prefix(b"."))
            .is_some_and(|end| end.eq_ignore_ascii_case(LOCALHOST.as_bytes())),
    }
}

/// Returns `true` if a host without its port is a name of one label in `.local`.
fn is_of_link(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    host.len().checked_sub(LINK.len()).is_some_and(|start| {
        let (label, domain) = host.split_at(start);
        !label.is_empty() && !label.contains(&b'.') && domain.eq_ignore_ascii_case(LINK.as_bytes())
    })
}

const LOCALHOST: &str = "localhost";

/// The keyword for [`Host::Local`] in the settings.
const LOCAL: &str = "local";

/// The word for [`Host::Link`], and the domain itself.
const LINK: &str = ".local";

/// The keywords of the settings that are not host names.
const KEYWORDS: [&str; 3] = [LOCAL, "any", "auto"];

/// Returns `true` if no attacker can make this authority resolve to this server: it is an address,
/// a name without a dot, a name in a domain outside the public DNS, or empty. The owner of a name
/// in the public DNS can point it to any address, and make a browser request it there.
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

/// RFC 6761 §6.3, RFC 6762 §3, RFC 8375 §3, and the domain that ICANN reserved on 2024-07-29.
const PRIVATE_DOMAINS: [&str; 4] = [".localhost", ".local", ".home.arpa", ".internal"];

/// Returns `true` if a text can be the label of a host: letters and digits, with hyphens between
/// them (RFC 1123 §2.1).
pub fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The longest label (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Returns the host of an authority, without the port.
pub fn without_port(authority: &[u8]) -> &[u8] {
    // The colons of an IPv6 address are inside the brackets. From the end, as ports are short.
    let last = authority
        .iter()
        .rposition(|byte| matches!(byte, b':' | b']'));
    match last.and_then(|at| authority.split_at_checked(at)) {
        Some((host, [b':', ..])) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_its_port_its_case_and_its_trailing_dot() {
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
    fn a_label_is_a_valid_host_name() {
        for (text, is_one) in [
            ("millpond", true),
            ("a", true),
            ("My-Site-2", true),
            (&"a".repeat(63), true),
            (&"a".repeat(64), false),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a.b", false),
            ("a_b", false),
            ("é", false),
        ] {
            assert_eq!(is_label(text), is_one, "{text}");
        }
    }

    #[test]
    fn a_name_of_the_link_is_one_label_in_the_domain_of_multicast_dns() {
        assert_eq!(Host::parse(".local"), Ok(Host::Link));
        assert_eq!(Host::Link.to_string(), ".local");
        for (authority, same) in [
            ("millpond.local", true),
            ("Millpond-2.LOCAL:8080", true),
            ("millpond.local.", true),
            ("a.b.local", false),
            (".local", false),
            ("local", false),
            ("millpond.local.evil.example", false),
            ("millpondlocal", false),
            ("127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(
                Host::Link.matches(authority.as_bytes()),
                same,
                "{authority}"
            );
        }
    }

    #[test]
    fn only_hosts_that_no_attacker_can_point_here_are_local() {
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
    fn a_host_named_like_a_keyword_is_written_with_a_trailing_dot() {
        assert_eq!(Host::parse("local"), Ok(Host::Local));
        assert_eq!(Host::parse("local."), Ok(Host::Name("local".to_owned())));
        for text in ["local", "local.", "any.", "auto."] {
            assert_eq!(Host::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Host::Local.authority(), "localhost");
    }

    #[test]
    fn only_names_in_the_public_dns_can_be_pointed_here_by_attackers() {
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
    fn an_invalid_host_and_a_host_with_a_port_are_different_errors() {
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
    fn a_host_is_written_as_it_is_parsed() {
        for text in ["a.example", "192.0.2.1", "[2001:db8::1]"] {
            assert_eq!(
                Host::parse(text).map(|host| host.to_string()).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn a_local_authority_may_have_a_port() {
        for (authority, expected) in [
            ("", true),
            (":80", true),
            ("localhost", true),
            ("LOCALHOST.:8080", true),
            ("127.0.0.1:80", true),
            ("[::1]:80", true),
            ("lake", false),
            ("lake:80", false),
            ("localhost.lake:80", false),
        ] {
            let found = Host::is_local(authority.as_bytes());
            assert_eq!(found, expected, "{authority}");
        }
    }
}

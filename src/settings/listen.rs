//! The syntax of listen addresses, and the messages for wrong ones.
//!
//! Other servers have taught people a dozen spellings. All unambiguous ones are accepted: `3000`,
//! `:3000`, `*:3000`, `localhost`, `[::]`, `http://127.0.0.1:3000/`, `/run/millpond.sock`. A port
//! alone names no network, so it is open to this machine only, as with `--port`. A colon or an
//! asterisk before it stands for every address, as in Caddy, Go and `ss`.

use super::text::{is_number, path, utf8};
use crate::server::ListenAddress;
use std::{
    ffi::OsStr,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// A listen address, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WrittenAddress {
    Tcp {
        /// `true` for HTTPS.
        is_tls: bool,
        /// One address, or one of each family. Their ports are ignored.
        hosts: Vec<SocketAddr>,
        /// `None` if the option `port` sets it.
        port: Option<u16>,
    },
    Unix(PathBuf),
}

impl WrittenAddress {
    /// Returns the addresses to listen on; `port` is used where none is written.
    pub(super) fn resolve(&self, port: u16) -> Vec<ListenAddress> {
        match self {
            Self::Tcp {
                is_tls,
                hosts,
                port: own,
            } => {
                let port = own.unwrap_or(port);
                let address = |host: &SocketAddr| {
                    let mut address = *host;
                    address.set_port(port);
                    if *is_tls {
                        ListenAddress::Tls(address)
                    } else {
                        ListenAddress::Tcp(address)
                    }
                };
                hosts.iter().map(address).collect()
            }
            Self::Unix(path) => vec![ListenAddress::Unix(path.clone())],
        }
    }

    /// Returns `true` if the address depends on the option `port`.
    pub(super) fn lacks_port(&self) -> bool {
        matches!(self, Self::Tcp { port: None, .. })
    }

    /// Returns `true` if no second listener can use this address. Port 0 gives each listener its
    /// own port.
    pub(super) fn is_exclusive(&self) -> bool {
        !matches!(self, Self::Tcp { port: Some(0), .. })
    }
}

/// Parses a listen address.
pub(super) fn parse(text: &OsStr) -> Result<WrittenAddress, String> {
    if let Some(path) = socket_path(text.as_bytes()) {
        return unix(OsStr::from_bytes(path?), text);
    }
    let text = utf8(text)?.trim();
    let (is_tls, authority) = authority(text)?;
    let (host, port) = split(authority, text)?;
    let hosts = match host {
        None => LOOPBACK.to_vec(),
        // An empty address is probably a mistake, so it does not stand for every address.
        Some("") if port.is_none() => return Err(unknown(text)),
        Some("" | "*") => ALL.to_vec(),
        Some(host) if host.eq_ignore_ascii_case("localhost") => LOOPBACK.to_vec(),
        Some(host) => vec![ip(host).ok_or_else(|| no_ip(host, text))?],
    };
    Ok(WrittenAddress::Tcp {
        is_tls,
        hosts,
        port,
    })
}

/// Parses a listen address that must include a port.
pub(super) fn parse_with_port(text: &OsStr) -> Result<WrittenAddress, String> {
    let address = parse(text)?;
    if address.lacks_port() {
        let text = text.to_string_lossy();
        return Err(format!(
            "{text:?} lacks a port; write one, like 127.0.0.1:9090"
        ));
    }
    Ok(address)
}

/// Writes a listen address.
pub(super) fn text(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Tls(address) => format!("https://{address}"),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Parses a port. For an address, the message explains where it belongs.
pub(super) fn port(text: &str) -> Result<u16, String> {
    if is_number(text) {
        return number(text);
    }
    Err(match parse(OsStr::new(text)) {
        Ok(_) => format!("{text:?} is an address; use --listen for it, or write the port alone"),
        Err(_) => format!("{text:?} is not a port; write a number up to {}", u16::MAX),
    })
}

/// Returns the path if the text is a socket in the file system: `unix:/a`, `unix:///a` as in URLs,
/// `unix//a` as in Caddy, or only the path.
fn socket_path(text: &[u8]) -> Option<Result<&[u8], String>> {
    if let Some(rest) = text.strip_prefix(b"unix:") {
        return Some(match rest.strip_prefix(b"//") {
            None => Ok(rest),
            Some(path) if path.starts_with(b"/") => Ok(path),
            Some(path) => {
                let path = String::from_utf8_lossy(path);
                Err(format!(
                    "unix://{path} has two slashes; write unix:/{path} or unix:{path}"
                ))
            }
        });
    }
    let path = text.strip_prefix(b"unix/").unwrap_or(text);
    let is_path = [&b"/"[..], b"./", b"../", b"~/"];
    let is_path = is_path.iter().any(|start| path.starts_with(start));
    is_path.then_some(Ok(path))
}

fn unix(socket: &OsStr, text: &OsStr) -> Result<WrittenAddress, String> {
    match socket.len() {
        ..=SOCKET_PATH_BYTES_MAX => path(socket).map(WrittenAddress::Unix),
        _ => Err(format!(
            "{:?} is too long for a socket: it may have {SOCKET_PATH_BYTES_MAX} bytes",
            text.to_string_lossy()
        )),
    }
}

/// Returns whether a URL is HTTPS, and the part between the scheme and the path. The path must be
/// empty. Text without a scheme is HTTP.
fn authority(text: &str) -> Result<(bool, &str), String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok((false, text));
    };
    let is_tls = match scheme.to_ascii_lowercase().as_str() {
        "http" | "tcp" => false,
        "https" => true,
        _ => return Err(unknown(text)),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    match authority.split_once(['/', '?', '#']) {
        None if authority.is_empty() => Err(unknown(text)),
        None => Ok((is_tls, authority)),
        Some((authority, _)) => Err(format!(
            "{text:?} has a path, and an address has none; write {scheme}://{authority}/"
        )),
    }
}

/// Splits an authority into host and port. A port alone has no host.
fn split<'t>(authority: &'t str, text: &str) -> Result<(Option<&'t str>, Option<u16>), String> {
    if is_number(authority) {
        return Ok((None, Some(number(authority)?)));
    }
    let (host, port) = match authority.rsplit_once(':') {
        // The colon is part of an IPv6 address.
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => {
            return unbracketed(authority, text).map(|host| (Some(host), None));
        }
        Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
        None => (authority, None),
    };
    let port = match port {
        Some(port) if is_number(port) => Some(number(port)?),
        Some(_) if ip(host).is_none() && !["", "*", "localhost"].contains(&host) => {
            return Err(unknown(text));
        }
        Some(port) => {
            return Err(format!(
                "{text:?} has {port:?} for a port; write a number, like {host}:8080"
            ));
        }
        None => None,
    };
    Ok((Some(host), port))
}

/// Returns an IPv6 address without brackets, unless its end could be a port.
fn unbracketed<'t>(authority: &'t str, text: &str) -> Result<&'t str, String> {
    match authority.rsplit_once(':') {
        Some((host, port)) if is_number(port) && ip(host).is_some() => Err(format!(
            "{text:?} has no brackets around the IPv6 address, so its port is ambiguous; write \
             [{host}]:{port}"
        )),
        _ => Ok(authority),
    }
}

/// Parses an IP address, in brackets or not. The result has port 0.
fn ip(host: &str) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Some(SocketAddr::from((ip, 0)));
    }
    let bare = host
        .strip_prefix('[')
        .map_or(Some(host), |it| it.strip_suffix(']'))?;
    // Unlike `Ipv6Addr`, this type accepts an interface number: fe80::1%2.
    format!("[{bare}]:0").parse().ok()
}

fn number(digits: &str) -> Result<u16, String> {
    digits.parse().map_err(|_| {
        format!(
            "{digits} is too high for a port; the highest is {}",
            u16::MAX
        )
    })
}

/// Returns the message for a host that is not an IP address.
fn no_ip(host: &str, text: &str) -> String {
    let is_name = |char: char| char.is_alphanumeric() || ".-_".contains(char);
    let has_letter = host.contains(char::is_alphabetic);
    if host.contains('%') {
        return format!(
            "{text:?} names an interface; write its number, like [fe80::1%2]:8080 (ip link shows it)"
        );
    }
    match host.rsplit_once('.') {
        Some((_, "sock" | "socket")) => {
            format!("{text:?} is not an address; for a socket, write unix:{text}")
        }
        _ if has_letter && host.chars().all(is_name) => format!(
            "{text:?} is a name; write an IP address of this machine, like 127.0.0.1, or * for all"
        ),
        _ => unknown(text),
    }
}

fn unknown(text: &str) -> String {
    if text.contains(',') {
        return format!("{text:?} is more than one address; give each by itself");
    }
    format!(
        "{text:?} is not an address; write one like 127.0.0.1:8080, [::1]:8080, localhost, *:8080 \
         or unix:/run/millpond.sock"
    )
}

const LOOPBACK: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

const ALL: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
];

/// The size of the path in `sockaddr_un` on Linux, without the final NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> Result<String, String> {
        let address = parse(OsStr::new(written))?;
        let all = address.resolve(8080);
        Ok(all.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_spelling_of_an_address_is_accepted() {
        let (all, own) = ("0.0.0.0:3000 [::]:3000", "127.0.0.1:3000 [::1]:3000");
        for (written, expected) in [
            ("3000", own),
            (" 3000 ", own),
            ("localhost:3000", own),
            ("LOCALHOST:3000", own),
            ("http://localhost:3000", own),
            ("http://localhost:3000/", own),
            (":3000", all),
            ("*:3000", all),
            ("http://*:3000", all),
            ("http://:3000/", all),
            ("*", "0.0.0.0:8080 [::]:8080"),
            ("localhost", "127.0.0.1:8080 [::1]:8080"),
            ("localhost:", "127.0.0.1:8080 [::1]:8080"),
            ("0", "127.0.0.1:0 [::1]:0"),
            (":0", "0.0.0.0:0 [::]:0"),
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("HTTP://127.0.0.1:3000/", "127.0.0.1:3000"),
            ("https://127.0.0.1:3000", "https://127.0.0.1:3000"),
            ("HTTPS://127.0.0.1/", "https://127.0.0.1:8080"),
            ("tcp://0.0.0.0:3000", "0.0.0.0:3000"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("0.0.0.0", "0.0.0.0:8080"),
            ("127.0.0.1", "127.0.0.1:8080"),
            ("http://127.0.0.1", "127.0.0.1:8080"),
            ("::", "[::]:8080"),
            ("::1", "[::1]:8080"),
            ("[::]", "[::]:8080"),
            ("[::1]:3000", "[::1]:3000"),
            ("http://[::1]:3000/", "[::1]:3000"),
            ("2001:db8::1", "[2001:db8::1]:8080"),
            ("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:8080"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80"),
            ("fe80::1%2", "[fe80::1%2]:8080"),
            ("unix:/run/a b", "unix:/run/a b"),
            ("unix:relative.sock", "unix:relative.sock"),
            ("unix:///run/m.sock", "unix:/run/m.sock"),
            ("unix//run/m.sock", "unix:/run/m.sock"),
            ("/run/m.sock", "unix:/run/m.sock"),
            ("./m.sock", "unix:./m.sock"),
            ("unix:/a,b", "unix:/a,b"),
        ] {
            assert_eq!(read(written).as_deref(), Ok(expected), "{written}");
        }
    }

    #[test]
    fn a_wrong_address_gets_advice() {
        for (written, advice) in [
            (
                "",
                "\"\" is not an address; write one like 127.0.0.1:8080, [::1]:8080, localhost",
            ),
            (":", "is not an address"),
            ("127.0.0.1:80:80", "is not an address"),
            ("127.1", "is not an address"),
            ("[::1", "is not an address"),
            ("[::1]x", "is not an address"),
            ("http://", "is not an address"),
            ("http:///", "is not an address"),
            ("ftp://127.0.0.1", "is not an address"),
            ("http://me@127.0.0.1/", "is not an address"),
            (
                "65536",
                "65536 is too high for a port; the highest is 65535",
            ),
            ("*:99999999999999999999", "is too high for a port"),
            (
                "127.0.0.1:65536",
                "65536 is too high for a port; the highest is 65535",
            ),
            ("[::1]:70000", "70000 is too high for a port"),
            (
                "127.0.0.1:http",
                "has \"http\" for a port; write a number, like 127.0.0.1:8080",
            ),
            ("localhost:http", "write a number, like localhost:8080"),
            (":https", "write a number, like :8080"),
            ("127.0.0.1:-1", "has \"-1\" for a port"),
            (
                "example.org:80",
                "is a name; write an IP address of this machine",
            ),
            ("http://example.org/", "is a name; write an IP address"),
            ("eth0", "is a name; write an IP address"),
            ("dist", "is a name; write an IP address"),
            ("millpond.sock", "for a socket, write unix:millpond.sock"),
            ("[fe80::1%eth0]:80", "names an interface; write its number"),
            ("2001:db8::1:80", "write [2001:db8::1]:80"),
            (":::3000", "write [::]:3000"),
            ("::1:3000", "write [::1]:3000"),
            (
                "http://localhost:3000/blog",
                "has a path, and an address has none; write http://localhost:3000/",
            ),
            ("127.0.0.1:80,[::1]:80", "is more than one address"),
            ("unix:", "a path cannot be empty"),
            ("unix://", "unix:// has two slashes"),
            ("unix://run/a", "write unix:/run/a or unix:run/a"),
            ("unix:/a\0b", "has a NUL"),
            ("~/m.sock", "~"),
        ] {
            let message = read(written).expect_err(written);
            assert!(message.contains(advice), "{written}: {message}");
            assert!(message.len() < 190 && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn an_admin_address_needs_a_port() {
        for written in ["9090", "localhost:9090", "*:9090", "[::1]:9090", "/run/a"] {
            assert!(parse_with_port(OsStr::new(written)).is_ok(), "{written}");
        }
        for written in ["localhost", "*", "127.0.0.1", "[::1]"] {
            let message = parse_with_port(OsStr::new(written)).expect_err(written);
            assert!(message.ends_with("lacks a port; write one, like 127.0.0.1:9090"));
        }
    }

    #[test]
    fn a_port_is_a_number_and_an_address_as_port_gets_advice() {
        for (text, expected) in [("0", 0), ("80", 80), ("65535", 65535), ("08080", 8080)] {
            assert_eq!(port(text), Ok(expected), "{text}");
        }
        for (text, advice) in [
            (
                "65536",
                "65536 is too high for a port; the highest is 65535",
            ),
            ("-1", "\"-1\" is not a port; write a number up to 65535"),
            ("", "\"\" is not a port"),
            ("http", "\"http\" is not a port"),
            ("8080:80", "is not a port"),
            ("3000/tcp", "is not a port"),
            (
                ":3000",
                "\":3000\" is an address; use --listen for it, or write the port alone",
            ),
            ("0.0.0.0:3000", "is an address; use --listen for it"),
            ("/tmp/web.socket", "is an address; use --listen for it"),
        ] {
            let message = port(text).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[test]
    fn a_socket_path_need_not_be_utf8() {
        let address = parse(OsStr::from_bytes(b"unix:/run/\xff"));
        let path = PathBuf::from(OsStr::from_bytes(b"/run/\xff"));
        assert_eq!(address, Ok(WrittenAddress::Unix(path)));
    }

    #[test]
    fn a_socket_path_must_fit_the_structure_of_the_kernel() {
        let longest = format!("unix:{}", "x".repeat(107));
        assert!(read(&longest).is_ok());
        assert!(read(&format!("{longest}x")).is_err());
    }
}

//! How an address to listen on is written, and what is said of one that is wrong.
//!
//! Other servers have taught people a dozen spellings. All that can mean one thing alone are taken:
//! `3000`, `:3000`, `*:3000`, `localhost`, `[::]`, `http://127.0.0.1:3000/`, `/run/millpond.sock`.
//! A port by itself names no network, so it gets none: it is this machine's alone, as with `--port`.
//! A colon or an asterisk before it stands for every address, as it does in Caddy, Go and `ss`.

use super::value::{is_number, path, utf8};
use crate::server::ListenAddress;
use std::{
    ffi::OsStr,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// An address to listen on, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WrittenAddress {
    Tcp {
        /// One, or one of each family. Their own ports mean nothing.
        hosts: Vec<SocketAddr>,
        /// None where it is left to the option `port`.
        port: Option<u16>,
    },
    Unix(PathBuf),
}

impl WrittenAddress {
    /// What is to be listened on, if `port` is the port of addresses that name none.
    pub(super) fn resolve(&self, port: u16) -> Vec<ListenAddress> {
        match self {
            Self::Tcp { hosts, port: own } => {
                let port = own.unwrap_or(port);
                let address = |host: &SocketAddr| {
                    let mut address = *host;
                    address.set_port(port);
                    ListenAddress::Tcp(address)
                };
                hosts.iter().map(address).collect()
            }
            Self::Unix(path) => vec![ListenAddress::Unix(path.clone())],
        }
    }

    /// Whether it depends on the option `port`.
    pub(super) fn lacks_port(&self) -> bool {
        matches!(self, Self::Tcp { port: None, .. })
    }

    /// Whether two listeners cannot have the same address: port 0 gives each a port of its own.
    pub(super) fn is_exclusive(&self) -> bool {
        !matches!(self, Self::Tcp { port: Some(0), .. })
    }
}

/// Reads an address to listen on.
pub(super) fn parse(text: &OsStr) -> Result<WrittenAddress, String> {
    if let Some(path) = socket_path(text.as_bytes()) {
        return unix(OsStr::from_bytes(path?), text);
    }
    let text = utf8(text)?.trim();
    let authority = authority(text)?;
    let (host, port) = split(authority, text)?;
    let hosts = match host {
        None => LOOPBACK.to_vec(),
        // What is empty has been left out by mistake, and is not to mean everything.
        Some("") if port.is_none() => return Err(unknown(text)),
        Some("" | "*") => ALL.to_vec(),
        Some(host) if host.eq_ignore_ascii_case("localhost") => LOOPBACK.to_vec(),
        Some(host) => vec![ip(host).ok_or_else(|| no_ip(host, text))?],
    };
    Ok(WrittenAddress::Tcp { hosts, port })
}

/// Reads an address to listen on that has to name its port.
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

/// Writes an address to listen on.
pub(super) fn text(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Reads a port. Where an address stands in its place, it says where that belongs.
pub(super) fn port(text: &str) -> Result<u16, String> {
    if is_number(text) {
        return number(text);
    }
    Err(match parse(OsStr::new(text)) {
        Ok(_) => format!("{text:?} is an address, which --listen takes; a port is a number alone"),
        Err(_) => format!("{text:?} is not a port; write a number up to {}", u16::MAX),
    })
}

/// The path, if a socket in the file system is meant: `unix:/a`, `unix:///a` as in URLs, `unix//a`
/// as in Caddy, or the path by itself.
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

/// What stands in a URL between the scheme and the path, which has to be empty; or else all.
fn authority(text: &str) -> Result<&str, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(text);
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "tcp" => {}
        "https" => {
            return Err(format!(
                "{text:?} asks for HTTPS, which millpond does not have; put a proxy in front that \
                 has it, and write http://{rest}"
            ));
        }
        _ => return Err(unknown(text)),
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    match authority.split_once(['/', '?', '#']) {
        None if authority.is_empty() => Err(unknown(text)),
        None => Ok(authority),
        Some((authority, _)) => Err(format!(
            "{text:?} has a path, and an address has none; write http://{authority}/"
        )),
    }
}

/// The host and the port. There is no host where a port stands by itself.
fn split<'t>(authority: &'t str, text: &str) -> Result<(Option<&'t str>, Option<u16>), String> {
    if is_number(authority) {
        return Ok((None, Some(number(authority)?)));
    }
    let (host, port) = match authority.rsplit_once(':') {
        // Colons of an IPv6 address.
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

/// An IPv6 address without brackets, unless its end could be a port.
fn unbracketed<'t>(authority: &'t str, text: &str) -> Result<&'t str, String> {
    match authority.rsplit_once(':') {
        Some((host, port)) if is_number(port) && ip(host).is_some() => Err(format!(
            "{text:?} has no brackets, so its port cannot be told from the address; write \
             [{host}]:{port}"
        )),
        _ => Ok(authority),
    }
}

/// The address, in brackets or not, with port 0.
fn ip(host: &str) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Some(SocketAddr::from((ip, 0)));
    }
    let bare = host
        .strip_prefix('[')
        .map_or(Some(host), |it| it.strip_suffix(']'))?;
    // Unlike that of an address alone, this grammar has the number of an interface: fe80::1%2.
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

/// What is said of a host that is no IP address.
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

/// What `sockaddr_un` holds on Linux, without the NUL at the end (unix(7)).
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
    fn every_spelling_of_an_address_is_taken() {
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
    fn an_address_that_is_wrong_gets_advice() {
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
                "https://localhost:3000",
                "asks for HTTPS, which millpond does not have",
            ),
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
    fn an_address_for_the_operator_names_its_port() {
        for written in ["9090", "localhost:9090", "*:9090", "[::1]:9090", "/run/a"] {
            assert!(parse_with_port(OsStr::new(written)).is_ok(), "{written}");
        }
        for written in ["localhost", "*", "127.0.0.1", "[::1]"] {
            let message = parse_with_port(OsStr::new(written)).expect_err(written);
            assert!(message.ends_with("lacks a port; write one, like 127.0.0.1:9090"));
        }
    }

    #[test]
    fn a_port_is_a_number_and_an_address_in_its_place_is_sent_where_it_belongs() {
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
                "\":3000\" is an address, which --listen takes; a port is a number alone",
            ),
            ("0.0.0.0:3000", "is an address, which --listen takes"),
            ("/tmp/web.socket", "is an address, which --listen takes"),
        ] {
            let message = port(text).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[test]
    fn the_path_of_a_socket_need_not_be_utf8() {
        let address = parse(OsStr::from_bytes(b"unix:/run/\xff"));
        let path = PathBuf::from(OsStr::from_bytes(b"/run/\xff"));
        assert_eq!(address, Ok(WrittenAddress::Unix(path)));
    }

    #[test]
    fn the_path_of_a_socket_fits_the_kernels_structure() {
        let longest = format!("unix:{}", "x".repeat(107));
        assert!(read(&longest).is_ok());
        assert!(read(&format!("{longest}x")).is_err());
    }
}

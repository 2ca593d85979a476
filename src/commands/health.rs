//! The health check, a small client: the command `--health`, for images without other programs.

use crate::http::host::Host;
use crate::http::method::Method;
use crate::http::target::RequestTarget;
use crate::server::{ListenAddress, Options, addresses};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The reason why a server is considered unhealthy.
#[derive(Debug)]
pub enum Unhealthy {
    /// The text is not a URL that can be requested.
    Url(String),
    /// The settings let the system choose the port.
    AnyPort,
    /// The connection failed.
    Unreachable(String, io::Error),
    /// The response is not HTTP.
    NotHttp(String),
    /// The server does not answer in time.
    Silent(String),
    /// The status is neither a success nor a redirect.
    Status(String, u16),
    /// The root has no page, and no other URL was given.
    NoIndex(String),
}

/// Checks the health of the server at `url`, or else of the server that `options` start, by
/// requesting its root like any client. Returns a line about a healthy server.
pub fn check_health(url: Option<&OsStr>, options: &Options) -> Result<String, Unhealthy> {
    let probe = match url {
        Some(url) => Probe::at(url)?,
        None => Probe::of(options)?,
    };
    let name = probe.name.clone();
    let is_tls = probe.is_tls;
    // In a thread, so that one deadline covers resolving, connecting and waiting.
    let (sender, receiver) = mpsc::channel();
    let spawned = thread::Builder::new().spawn(move || sender.send(probe.ask()));
    if let Err(error) = spawned {
        return Err(Unhealthy::Unreachable(name, error));
    }
    match receiver.recv_timeout(TIMEOUT) {
        Ok(Ok(Some(status @ 200..=399))) => Ok(format!("{name} answers {status}\n")),
        // The server is up, and the check has no password.
        Ok(Ok(Some(401))) => Ok(format!("{name} answers 401: it asks for a password\n")),
        // The server's answer to plain HTTP. It shows that the server is up; more would need a TLS
        // client.
        Ok(Ok(Some(400))) if is_tls => Ok(format!("{name} speaks HTTPS and answers\n")),
        Ok(Ok(Some(404))) if url.is_none() => Err(Unhealthy::NoIndex(name)),
        Ok(Ok(Some(status))) => Err(Unhealthy::Status(name, status)),
        Ok(Ok(None)) => Err(Unhealthy::NotHttp(name)),
        Ok(Err(error)) => Err(Unhealthy::Unreachable(name, error)),
        Err(_) => Err(Unhealthy::Silent(name)),
    }
}

/// The request of a health check and its destination.
#[derive(Debug, PartialEq, Eq)]
struct Probe {
    /// The URL, for messages.
    name: String,
    endpoint: Endpoint,
    /// The value of `Host`.
    host: String,
    target: String,
    /// `true` if the server expects HTTPS, so that it can only be asked over plain HTTP whether it
    /// answers.
    is_tls: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    /// A host and a port.
    Tcp(String),
    /// The path of a Unix-domain socket.
    Unix(PathBuf),
}

impl Probe {
    fn at(url: &OsStr) -> Result<Self, Unhealthy> {
        let name = url.to_string_lossy().into_owned();
        if let Some(path) = url.as_bytes().strip_prefix(b"unix:") {
            return Ok(Self {
                endpoint: Endpoint::Unix(PathBuf::from(OsStr::from_bytes(path))),
                name,
                host: "localhost".to_owned(),
                target: "/".to_owned(),
                is_tls: false,
            });
        }
        let target = RequestTarget::parse(name.as_bytes(), Method::Get);
        let is_http = name
            .get(..5)
            .is_some_and(|it| it.eq_ignore_ascii_case("http:"));
        let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(RequestTarget::Absolute { authority, .. }) =
            target.filter(|_| is_http && is_plain)
        else {
            return Err(Unhealthy::Url(name));
        };
        let host = String::from_utf8_lossy(authority).into_owned();
        Ok(Self {
            endpoint: Endpoint::Tcp(with_port(&host)),
            // RFC 9112 §3.2.2: servers must accept a whole URL as the target.
            target: name.clone(),
            name,
            host,
            is_tls: false,
        })
    }

    fn of(options: &Options) -> Result<Self, Unhealthy> {
        let addresses = addresses(options);
        // Prefer the first address with plain HTTP, because a page can be requested there.
        let mut plain = addresses.iter().filter(|address| !address.is_tls());
        let address = plain.next().or(addresses.first());
        let address = address.ok_or(Unhealthy::AnyPort)?;
        let (endpoint, authority) = match address {
            ListenAddress::Tcp(at) | ListenAddress::Tls(at) if at.port() == 0 => {
                return Err(Unhealthy::AnyPort);
            }
            ListenAddress::Tcp(address) | ListenAddress::Tls(address) => {
                let address = SocketAddr::new(reachable(address.ip()), address.port());
                (Endpoint::Tcp(address.to_string()), address.to_string())
            }
            ListenAddress::Unix(path) => (Endpoint::Unix(path.clone()), "localhost".to_owned()),
        };
        // If hosts are set, a request for another one is rejected as misdirected.
        let site = options.sites.first();
        let hosts = match site {
            Some(site) if !site.hosts.is_empty() => site.hosts.clone(),
            _ => options.answered_hosts(options.audience()),
        };
        let named = hosts.first().filter(|host| **host != Host::Local);
        let host = named.map(Host::authority);
        let target = site.map_or("/".to_owned(), |site| site.policy.base.to_string());
        let below = target.trim_start_matches('/');
        Ok(Self {
            name: if address.is_tls() {
                format!("https://{authority}/{below}")
            } else {
                format!("{}{below}", address_of(&endpoint))
            },
            endpoint,
            host: host.unwrap_or(authority),
            target,
            is_tls: address.is_tls(),
        })
    }

    /// Returns the status of the response; `None` if it is not HTTP.
    fn ask(&self) -> io::Result<Option<u16>> {
        match &self.endpoint {
            Endpoint::Tcp(address) => self.ask_over(TcpStream::connect(address)?),
            Endpoint::Unix(path) => self.ask_over(UnixStream::connect(path)?),
        }
    }

    fn ask_over(&self, mut stream: impl Read + Write) -> io::Result<Option<u16>> {
        let Self { target, host, .. } = self;
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: millpond-health\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut line = Vec::new();
        BufReader::new(stream)
            .take(STATUS_LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        Ok(parse_status_line(&line))
    }
}

fn address_of(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(address) => format!("http://{address}/"),
        Endpoint::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Returns the address at which a listener can be reached from its own machine.
fn reachable(listening: IpAddr) -> IpAddr {
    match listening {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// Returns an authority with its port, adding the default one (RFC 9110 §4.2.1).
fn with_port(authority: &str) -> String {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let port = if port.is_empty() { "80" } else { port };
    format!("{host}:{port}")
}

/// Parses the status in `HTTP/1.1 200 OK` (RFC 9112 §4).
fn parse_status_line(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (digits, after) = rest
        .strip_prefix(b"1 ")
        .or(rest.strip_prefix(b"0 "))?
        .split_at_checked(3)?;
    let is_whole = digits.iter().all(u8::is_ascii_digit)
        && after.starts_with(b" ")
        && after.ends_with(b"\r\n");
    std::str::from_utf8(digits)
        .ok()?
        .parse()
        .ok()
        .filter(|_| is_whole)
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(
                out,
                "cannot check {url:?}; write http://127.0.0.1:8080/ or unix: and a path"
            ),
            Self::AnyPort => out.write_str(
                "cannot check a port that the system chooses; name the URL: --health URL",
            ),
            Self::Unreachable(url, error) => write!(out, "cannot connect to {url}: {error}"),
            Self::NotHttp(url) => write!(out, "{url} does not answer in HTTP"),
            Self::Silent(url) => {
                write!(out, "{url} does not answer within {} s", TIMEOUT.as_secs())
            }
            Self::Status(url, status) => write!(out, "{url} answers {status}"),
            Self::NoIndex(url) => write!(
                out,
                "{url} answers 404: the site has no index file, or is not mounted; add index.html, \
                 or name the URL of a file that is there: --health URL"
            ),
        }
    }
}

impl std::error::Error for Unhealthy {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(_, error) => Some(error),
            _ => None,
        }
    }
}

/// The deadline of the whole check. Docker and Kubernetes start a check every 10 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(3);

/// No status line is this long.
const STATUS_LINE_BYTES_MAX: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(endpoint: Endpoint, host: &str, target: &str) -> (Endpoint, String, String) {
        (endpoint, host.to_owned(), target.to_owned())
    }

    #[test]
    fn a_url_determines_the_request_and_its_destination() {
        let tcp = |address: &str| Endpoint::Tcp(address.to_owned());
        for (url, expected) in [
            ("http://a", probed(tcp("a:80"), "a", "http://a")),
            ("http://a:/", probed(tcp("a:80"), "a:", "http://a:/")),
            (
                "HTTP://a:8/b?c",
                probed(tcp("a:8"), "a:8", "HTTP://a:8/b?c"),
            ),
            (
                "http://[::1]/",
                probed(tcp("[::1]:80"), "[::1]", "http://[::1]/"),
            ),
            (
                "http://[::1]:8/",
                probed(tcp("[::1]:8"), "[::1]:8", "http://[::1]:8/"),
            ),
            (
                "unix:/a b",
                probed(Endpoint::Unix("/a b".into()), "localhost", "/"),
            ),
        ] {
            let asked = Probe::at(OsStr::new(url)).expect(url);
            assert_eq!(
                (asked.endpoint, asked.host, asked.target),
                expected,
                "{url}"
            );
        }
        for url in [
            "",
            "a",
            "/",
            "https://a/",
            "http://",
            "http://a/ b",
            "http://u@a/",
            "ftp://a",
        ] {
            let refused = Probe::at(OsStr::new(url));
            assert!(matches!(refused, Err(Unhealthy::Url(_))), "{url}");
        }
    }

    #[test]
    fn the_settings_determine_the_destination() {
        for (listen, hosts, expected) in [
            ("", "", "http://127.0.0.1:8080/ 127.0.0.1:8080"),
            ("0.0.0.0:80", "", "http://127.0.0.1:80/ 127.0.0.1:80"),
            ("[::]:80", "", "http://[::1]:80/ [::1]:80"),
            ("192.0.2.1:80", "", "http://192.0.2.1:80/ 192.0.2.1:80"),
            ("0.0.0.0:80", "a.example", "http://127.0.0.1:80/ a.example"),
            ("unix:/a", "", "unix:/a localhost"),
        ] {
            let mut options = Options::default();
            options.listen.extend(match listen.strip_prefix("unix:") {
                Some(path) => Some(ListenAddress::Unix(path.into())),
                None => listen.parse().ok().map(ListenAddress::Tcp),
            });
            options.hosts = Host::parse(hosts).ok().map(|host| vec![host]);
            let asked = Probe::of(&options).expect("a known port");
            assert_eq!(
                format!("{} {}", asked.name, asked.host),
                expected,
                "{listen}"
            );
        }
    }

    #[test]
    fn plain_http_listeners_are_preferred_to_https() {
        let tls = ListenAddress::Tls(([127, 0, 0, 1], 8443).into());
        let plain = ListenAddress::Tcp(([127, 0, 0, 1], 8080).into());
        let mut options = Options {
            listen: vec![tls, plain],
            ..Options::default()
        };
        let asked = Probe::of(&options).expect("a known port");
        assert_eq!(
            (asked.name.as_str(), asked.is_tls),
            ("http://127.0.0.1:8080/", false)
        );
        options.listen.pop();
        let asked = Probe::of(&options).expect("a known port");
        assert_eq!(
            (asked.name.as_str(), asked.is_tls),
            ("https://127.0.0.1:8443/", true)
        );
    }

    #[test]
    fn the_configured_port_is_used_without_a_listen_address() {
        let options = Options {
            port: 3000,
            ..Options::default()
        };
        let asked = Probe::of(&options).expect("a known port");
        assert_eq!(asked.name, "http://127.0.0.1:3000/");
    }

    #[test]
    fn a_port_chosen_by_the_system_is_unknown() {
        let options = Options {
            listen: vec![ListenAddress::Tcp(([127, 0, 0, 1], 0).into())],
            ..Options::default()
        };
        assert!(matches!(Probe::of(&options), Err(Unhealthy::AnyPort)));
    }

    #[test]
    fn only_a_status_line_has_a_status() {
        for (line, status) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 404 \r\n", Some(404)),
            ("HTTP/1.1 200\r\n", None),
            ("HTTP/1.1 200 OK", None),
            ("HTTP/2 200 OK\r\n", None),
            ("HTTP/1.1 20x OK\r\n", None),
            ("SSH-2.0-OpenSSH\r\n", None),
            ("", None),
        ] {
            assert_eq!(parse_status_line(line.as_bytes()), status, "{line:?}");
        }
    }
}

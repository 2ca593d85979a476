//! The health check as a client: the answer to `--health`, for images that hold no other program.

use crate::http::host::Host;
use crate::http::method::Method;
use crate::http::target::RequestTarget;
use crate::server::{ListenAddress, Options};
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

/// Why a server is not taken to be well.
#[derive(Debug)]
pub enum Unhealthy {
    /// This is no URL that can be asked for.
    Url(String),
    /// The settings let the kernel choose the port.
    AnyPort,
    /// It cannot be talked to.
    Unreachable(String, io::Error),
    /// What it says is no response.
    NotHttp(String),
    /// It says nothing for too long.
    Silent(String),
    /// It answers with neither a success nor a redirect.
    Status(String, u16),
    /// It has nothing at its root, where no other URL was named.
    NoIndex(String),
}

/// Asks a server whether it is well, and says so: the one at `url`, or else the one that `options`
/// start, for its root, as everybody may.
pub fn check_health(url: Option<&OsStr>, options: &Options) -> Result<String, Unhealthy> {
    let question = match url {
        Some(url) => Question::at(url)?,
        None => Question::of(options)?,
    };
    let name = question.name.clone();
    // In a thread, so that resolving, connecting and waiting have one deadline together.
    let (tell, answer) = mpsc::channel();
    let asking = thread::Builder::new().spawn(move || tell.send(question.ask()));
    if let Err(error) = asking {
        return Err(Unhealthy::Unreachable(name, error));
    }
    match answer.recv_timeout(TIMEOUT) {
        Ok(Ok(Some(status @ 200..=399))) => Ok(format!("{name} answers {status}\n")),
        Ok(Ok(Some(404))) if url.is_none() => Err(Unhealthy::NoIndex(name)),
        Ok(Ok(Some(status))) => Err(Unhealthy::Status(name, status)),
        Ok(Ok(None)) => Err(Unhealthy::NotHttp(name)),
        Ok(Err(error)) => Err(Unhealthy::Unreachable(name, error)),
        Err(_) => Err(Unhealthy::Silent(name)),
    }
}

/// What to ask for, and where.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// The URL, to speak of it.
    name: String,
    place: Place,
    /// What stands in `Host`.
    host: String,
    target: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A host and a port.
    Tcp(String),
    /// The path of a Unix-domain socket.
    Unix(PathBuf),
}

impl Question {
    fn at(url: &OsStr) -> Result<Self, Unhealthy> {
        let name = url.to_string_lossy().into_owned();
        if let Some(path) = url.as_bytes().strip_prefix(b"unix:") {
            return Ok(Self {
                place: Place::Unix(PathBuf::from(OsStr::from_bytes(path))),
                name,
                host: "localhost".to_owned(),
                target: "/".to_owned(),
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
            place: Place::Tcp(with_port(&host)),
            // RFC 9112 §3.2.2: a server has to take a whole URL for a target.
            target: name.clone(),
            name,
            host,
        })
    }

    fn of(options: &Options) -> Result<Self, Unhealthy> {
        let default = ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)));
        let address = options.listen.first().unwrap_or(&default);
        let (place, authority) = match address {
            ListenAddress::Tcp(address) if address.port() == 0 => return Err(Unhealthy::AnyPort),
            ListenAddress::Tcp(address) => {
                let address = SocketAddr::new(reachable(address.ip()), address.port());
                (Place::Tcp(address.to_string()), address.to_string())
            }
            ListenAddress::Unix(path) => (Place::Unix(path.clone()), "localhost".to_owned()),
        };
        // Any other than a host that is set would be misdirected.
        let hosts = options.answered_hosts(options.audience());
        let named = hosts.first().filter(|host| **host != Host::Local);
        let host = named.map(Host::authority);
        Ok(Self {
            name: address_of(&place),
            place,
            host: host.unwrap_or(authority),
            target: "/".to_owned(),
        })
    }

    /// The status of the answer; `None` if it is none of HTTP.
    fn ask(&self) -> io::Result<Option<u16>> {
        match &self.place {
            Place::Tcp(address) => self.ask_over(TcpStream::connect(address)?),
            Place::Unix(path) => self.ask_over(UnixStream::connect(path)?),
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

fn address_of(place: &Place) -> String {
    match place {
        Place::Tcp(address) => format!("http://{address}/"),
        Place::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// The address at which a listener can be reached from its own machine.
fn reachable(listening: IpAddr) -> IpAddr {
    match listening {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// An authority with the port that it leaves out (RFC 9110 §4.2.1).
fn with_port(authority: &str) -> String {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let port = if port.is_empty() { "80" } else { port };
    format!("{host}:{port}")
}

/// The status in `HTTP/1.1 200 OK` (RFC 9112 §4).
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
                "{url:?} cannot be asked; write http://127.0.0.1:8080/ or unix: and a path"
            ),
            Self::AnyPort => out
                .write_str("the settings let the system choose the port; name the URL to be asked"),
            Self::Unreachable(url, error) => write!(out, "{url} cannot be asked: {error}"),
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

/// For all of it. Docker and Kubernetes start a check every 10 to 30 s.
const TIMEOUT: Duration = Duration::from_secs(3);

/// No status line is as long.
const STATUS_LINE_BYTES_MAX: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn question(place: Place, host: &str, target: &str) -> (Place, String, String) {
        (place, host.to_owned(), target.to_owned())
    }

    #[test]
    fn a_url_says_whom_to_ask_for_what() {
        let tcp = |address: &str| Place::Tcp(address.to_owned());
        for (url, expected) in [
            ("http://a", question(tcp("a:80"), "a", "http://a")),
            ("http://a:/", question(tcp("a:80"), "a:", "http://a:/")),
            (
                "HTTP://a:8/b?c",
                question(tcp("a:8"), "a:8", "HTTP://a:8/b?c"),
            ),
            (
                "http://[::1]/",
                question(tcp("[::1]:80"), "[::1]", "http://[::1]/"),
            ),
            (
                "http://[::1]:8/",
                question(tcp("[::1]:8"), "[::1]:8", "http://[::1]:8/"),
            ),
            (
                "unix:/a b",
                question(Place::Unix("/a b".into()), "localhost", "/"),
            ),
        ] {
            let asked = Question::at(OsStr::new(url)).expect(url);
            assert_eq!((asked.place, asked.host, asked.target), expected, "{url}");
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
            let refused = Question::at(OsStr::new(url));
            assert!(matches!(refused, Err(Unhealthy::Url(_))), "{url}");
        }
    }

    #[test]
    fn the_settings_say_whom_to_ask() {
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
            let asked = Question::of(&options).expect("a known port");
            assert_eq!(
                format!("{} {}", asked.name, asked.host),
                expected,
                "{listen}"
            );
        }
    }

    #[test]
    fn without_an_address_the_port_that_is_set_is_asked() {
        let options = Options {
            port: 3000,
            ..Options::default()
        };
        let asked = Question::of(&options).expect("a known port");
        assert_eq!(asked.name, "http://127.0.0.1:3000/");
    }

    #[test]
    fn a_port_that_the_system_chooses_is_not_known() {
        let options = Options {
            listen: vec![ListenAddress::Tcp(([127, 0, 0, 1], 0).into())],
            ..Options::default()
        };
        assert!(matches!(Question::of(&options), Err(Unhealthy::AnyPort)));
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

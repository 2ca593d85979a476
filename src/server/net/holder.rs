//! Finding the program that uses an address, for the operator, who may want to stop it.
//!
//! The kernel shows this in `/proc` for processes that we may inspect: those of our user, or all
//! for root. It is read once, when the server is about to give up.

use crate::server::listen_address::ListenAddress;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The name of its program, up to 15 bytes.
    pub program: String,
    /// Its process id.
    pub process: u32,
}

impl Holder {
    /// Returns `true` if it is a server like this one.
    pub fn is_millpond(&self) -> bool {
        self.program == env!("CARGO_PKG_NAME")
    }

    /// Returns the process that listens on an address, if it can be found.
    pub(crate) fn of(address: &ListenAddress) -> Option<Self> {
        let sockets = match address {
            ListenAddress::Tcp(address) | ListenAddress::Tls(address) => {
                ["/proc/net/tcp", "/proc/net/tcp6"]
                    .iter()
                    .filter_map(|table| fs::read_to_string(table).ok())
                    .flat_map(|table| tcp_sockets(&table, *address))
                    .collect()
            }
            ListenAddress::Unix(path) => {
                let table = fs::read("/proc/net/unix").unwrap_or_default();
                unix_sockets(&table, path.as_os_str().as_bytes())
            }
        };
        let mut processes: Vec<u32> = fs::read_dir("/proc")
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        // The first one is the parent of the others, which have inherited the socket.
        processes.sort_unstable();
        let process = processes.into_iter().find(|it| has_any(*it, &sockets))?;
        let program = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
        Some(Self {
            program: program.trim_end().replace(char::is_control, "\u{FFFD}"),
            process,
        })
    }
}

/// Returns `true` if a process has one of the sockets, which are identified by inode.
fn has_any(process: u32, sockets: &[String]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"));
    let mut targets = descriptors
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    !sockets.is_empty()
        && targets.any(|target| {
            let socket = target.to_str().and_then(|it| it.strip_prefix("socket:["));
            let inode = socket.and_then(|it| it.strip_suffix(']'));
            inode.is_some_and(|inode| sockets.iter().any(|it| it == inode))
        })
}

/// Returns the inodes of the sockets in a table like `/proc/net/tcp` that conflict with an address:
/// those on the same address and port, and those on the same port if either address stands for all.
fn tcp_sockets(table: &str, wanted: SocketAddr) -> Vec<String> {
    let ip = in_table(wanted.ip());
    let clashes = |address: &str| {
        let (at, port) = address.split_once(':')?;
        let is_all = |ip: &str| ip.bytes().all(|byte| byte == b'0');
        // An IPv4 address may be embedded at the end of an IPv6 address.
        let is_there = is_all(at) || is_all(&ip) || at.ends_with(&ip);
        (is_there && u16::from_str_radix(port, 16) == Ok(wanted.port())).then_some(())
    };
    let socket = |line: &str| {
        let mut columns = line.split_whitespace();
        let address = columns.nth(1)?;
        let state = columns.nth(1)?;
        let inode = columns.nth(5)?;
        clashes(address)?;
        (state == LISTEN).then(|| inode.to_owned())
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// Returns an IP address in the notation of the tables: words of four bytes in native order.
fn in_table(ip: IpAddr) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (words, _) = octets.as_chunks();
    let words = words.iter().map(|word| u32::from_ne_bytes(*word));
    let words: Vec<_> = words.map(|word| format!("{word:08X}")).collect();
    words.concat()
}

/// Returns the inodes of the sockets at a path, from a table like `/proc/net/unix`.
fn unix_sockets(table: &[u8], path: &[u8]) -> Vec<String> {
    let socket = |line: &[u8]| {
        // The inode is padded, and the path may contain spaces.
        let (mut inode, mut rest) = (&b""[..], line);
        for _ in 0..7 {
            let start = rest.iter().position(|byte| *byte != b' ')?;
            let column = rest.get(start..)?;
            let end = column.iter().position(|byte| *byte == b' ')?;
            (inode, rest) = column.split_at_checked(end)?;
        }
        let is_there = rest.strip_prefix(b" ") == Some(path);
        is_there.then(|| String::from_utf8_lossy(inode).into_owned())
    };
    table
        .split(|byte| *byte == b'\n')
        .filter_map(socket)
        .collect()
}

/// `TCP_LISTEN` of the kernel, in the notation of the tables.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    #[test]
    fn sockets_that_listen_on_a_port_are_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                     uid  timeout inode\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     \
                     0        0 4711 1 0000000000000000 100 0 0 10 0\n   \
                     1: 0100007F:1F90 0100007F:D2A4 01 00000000:00000000 00:00000000 00000000     \
                     0        0 4712 1 0000000000000000 100 0 0 10 0\n   \
                     2: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     \
                     0        0 4713 1 0000000000000000 100 0 0 10 0\n";
        for (wanted, found) in [
            ("127.0.0.1:8080", &["4711"][..]),
            ("0.0.0.0:8080", &["4711"]),
            ("[::]:8080", &["4711"]),
            ("127.0.0.2:8080", &[]),
            ("[::1]:8080", &[]),
            ("127.0.0.2:8081", &["4713"]),
            ("127.0.0.1:80", &[]),
        ] {
            assert_eq!(
                tcp_sockets(table, wanted.parse().unwrap()),
                found,
                "{wanted}"
            );
        }
        assert!(tcp_sockets("", "127.0.0.1:80".parse().unwrap()).is_empty());
        assert_eq!(
            in_table("::1".parse().unwrap()),
            "00000000000000000000000001000000"
        );
    }

    #[test]
    fn sockets_at_a_path_are_found_in_the_table() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
                      0000000000000000: 00000002 00000000 00010000 0001 01    47 /run/a b.sock\n\
                      0000000000000000: 00000002 00000000 00010000 0001 01  4712 @/run/a\n\
                      0000000000000000: 00000003 00000000 00000000 0001 03  4713\n";
        assert_eq!(unix_sockets(table, b"/run/a b.sock"), ["47"]);
        assert!(unix_sockets(table, b"/run/a").is_empty());
        assert!(unix_sockets(table, b"b.sock").is_empty());
    }

    #[test]
    fn the_process_that_listens_is_found() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let directory =
            std::env::temp_dir().join(format!("millpond-holder-{}", std::process::id()));
        let path = directory.join("s.sock");
        fs::create_dir(&directory).unwrap();
        let _unix = UnixListener::bind(&path).unwrap();
        for address in [
            ListenAddress::Tcp(tcp.local_addr().unwrap()),
            ListenAddress::Unix(path),
        ] {
            let holder = Holder::of(&address).map(|holder| holder.process);
            assert_eq!(holder, Some(std::process::id()), "{address}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}

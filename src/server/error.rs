//! The errors that prevent a start, in sentences for the operator.

use super::listen_address::ListenAddress;
use super::net::holder::Holder;
use super::observe::access_log::LogDestination;
use crate::process::{PidFileError, PrivilegeError, SandboxError, User};
use crate::site;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fmt, io};

/// The reason why a server cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The root cannot be opened.
    Root(PathBuf, io::Error),
    /// The access log cannot be opened.
    AccessLog(LogDestination, io::Error),
    /// An address cannot be listened on.
    Listen(ListenAddress, io::Error),
    /// Another program listens on an address.
    InUse {
        /// The requested address.
        address: ListenAddress,
        /// The program that uses it, if known.
        holder: Option<Holder>,
        /// A free alternative.
        free: Option<FreePort>,
    },
    /// An inherited socket cannot be used.
    Inherited(io::Error),
    /// There is no certificate for an HTTPS address, for this reason.
    Certificate(String),
    /// A password file cannot be used, for this reason.
    Users(String),
    /// Live reload is not possible together with this.
    Live(&'static str),
    /// The PID file cannot be written.
    PidFile(PathBuf, PidFileError),
    /// The server cannot run in the background.
    Daemon(io::Error),
    /// Privileges cannot be dropped to the user.
    Privileges(Option<User>, PrivilegeError),
    /// A required sandbox is not possible.
    Sandbox(SandboxError),
    /// The system refuses something that every server needs.
    System(io::Error),
}

/// An alternative to a port in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreePort {
    /// This port, on the default addresses.
    Alone(u16),
    /// The requested address, with another port.
    OfAddress(SocketAddr),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path, error) if error.kind() == io::ErrorKind::NotFound => {
                write_missing_root(f, path)
            }
            Self::Root(path, error) if error.kind() == io::ErrorKind::NotADirectory => {
                write!(f, "{} is not a directory", path.display())?;
                match directory_of(path) {
                    Some(directory) => write!(f, "; serve {}, which it is in", directory.display()),
                    None => Ok(()),
                }
            }
            Self::Root(path, error) => {
                write!(f, "cannot open the directory {}: {error}", path.display())
            }
            Self::AccessLog(LogDestination::File(path), error) => {
                write!(f, "cannot open the access log {}: {error}", path.display())
            }
            Self::AccessLog(_, error) => write!(f, "cannot open the access log: {error}"),
            Self::InUse {
                address,
                holder,
                free,
            } => write_in_use(f, address, holder.as_ref(), *free),
            Self::Inherited(error) => {
                write!(f, "cannot use an inherited socket: {error}")
            }
            Self::Certificate(reason) | Self::Users(reason) => f.write_str(reason),
            Self::Live(reason) => write!(
                f,
                "cannot reload pages with {reason}: --live is for the author of a site, in a terminal. \
                 Start millpond without --live"
            ),
            Self::Listen(address, error) => {
                write!(f, "cannot listen on {address}: {error}")?;
                match address.socket_address() {
                    Some(address)
                        if address.port() < ROOT_PORTS_END
                            && error.kind() == io::ErrorKind::PermissionDenied =>
                    {
                        write_ways_to_low_ports(f, address)
                    }
                    _ => Ok(()),
                }
            }
            Self::PidFile(path, PidFileError::Taken(pid)) if is_number(pid) => write!(
                f,
                "millpond is already running as process {pid} (pid file {}); stop it with: kill {pid}",
                path.display()
            ),
            Self::PidFile(path, error) => {
                write!(f, "cannot create the pid file {}: {error}", path.display())
            }
            Self::Daemon(error) => write!(f, "cannot run in the background: {error}"),
            Self::Privileges(Some(user), error) => {
                write!(f, "cannot drop privileges to {user}: {error}")
            }
            Self::Privileges(None, error) => {
                write!(f, "cannot set no_new_privs: {error}")
            }
            Self::Sandbox(error) => error.fmt(f),
            Self::System(error) => write!(
                f,
                "the system refused a call that the server needs: {error}"
            ),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Root(_, error)
            | Self::AccessLog(_, error)
            | Self::Listen(_, error)
            | Self::Inherited(error)
            | Self::Daemon(error)
            | Self::System(error) => Some(error),
            Self::PidFile(_, error) => Some(error),
            Self::Privileges(_, error) => Some(error),
            Self::Sandbox(error) => Some(error),
            Self::Certificate(_) | Self::Users(_) | Self::InUse { .. } | Self::Live(_) => None,
        }
    }
}

/// Returns the directory of a file, if the path is a file.
fn directory_of(file: &Path) -> Option<&Path> {
    let parent = file.parent().filter(|_| file.is_file())?;
    Some(if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    })
}

/// Writes the flag to try.
impl fmt::Display for FreePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (port, option) = match self {
            Self::Alone(port) => (*port, format!("--port {port}")),
            Self::OfAddress(free @ SocketAddr::V4(_)) => (free.port(), format!("--listen {free}")),
            // Shells treat brackets as a pattern.
            Self::OfAddress(free @ SocketAddr::V6(_)) => {
                (free.port(), format!("--listen '{free}'"))
            }
        };
        write!(f, "the next free port is {port}: try {option}")
    }
}

fn write_missing_root(f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
    write!(f, "there is no directory {} to serve", path.display())?;
    if path == site::Options::default().root {
        f.write_str("; name another: millpond DIR")?;
    } else if path.to_string_lossy().contains("://") {
        write!(f, "; to name an origin: --cors={}", path.display())?;
    }
    Ok(())
}

/// Writes that an address is in use, and which port is free.
fn write_in_use(
    f: &mut fmt::Formatter<'_>,
    address: &ListenAddress,
    holder: Option<&Holder>,
    free: Option<FreePort>,
) -> fmt::Result {
    write_holder(f, address, holder)?;
    free.map_or(Ok(()), |free| write!(f, "; {free}"))
}

fn write_holder(
    f: &mut fmt::Formatter<'_>,
    address: &ListenAddress,
    holder: Option<&Holder>,
) -> fmt::Result {
    match (holder, address) {
        (Some(Holder { program, process }), _) if holder.is_some_and(Holder::is_millpond) => {
            write!(
                f,
                "{program} is already running at {address} as process {process}; stop it with: kill {process}"
            )
        }
        (Some(Holder { program, process }), _) => {
            write!(f, "{address} is in use by {program}, process {process}")
        }
        (None, ListenAddress::Tcp(at) | ListenAddress::Tls(at)) => write!(
            f,
            "{address} is in use by another program; find it with: sudo ss -ltnp 'sport = {}'",
            at.port()
        ),
        (None, ListenAddress::Unix(_)) => write!(
            f,
            "{address} is in use by another program; find it with: sudo ss -lxp"
        ),
    }
}

/// Writes the ways to use a privileged port, one line each.
fn write_ways_to_low_ports(f: &mut fmt::Formatter<'_>, address: SocketAddr) -> fmt::Result {
    let high = SocketAddr::new(address.ip(), HIGH_PORT);
    let program = env::current_exe().unwrap_or_else(|_| env!("CARGO_PKG_NAME").into());
    let program = program.display();
    writeln!(
        f,
        ". Only root can use ports below {ROOT_PORTS_END}. Do one of these:"
    )?;
    writeln!(f, "  use a higher port: --listen '{high}'")?;
    writeln!(
        f,
        "  start as root and drop its privileges: sudo {program} DIR --listen '{address}' --user www-data"
    )?;
    writeln!(
        f,
        "  let systemd open the port: config/millpond.socket, docs/systemd.md"
    )?;
    write!(
        f,
        "  allow this program low ports: sudo setcap cap_net_bind_service=+ep {program}"
    )
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// On Linux, only root can use lower ports, unless `net.ipv4.ip_unprivileged_port_start` changes
/// that.
const ROOT_PORTS_END: u16 = 1024;

/// An alternative to a privileged port.
const HIGH_PORT: u16 = 8080;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_privileged_port_is_explained() {
        let refused = |port| {
            let address = ListenAddress::Tcp((Ipv4Addr::LOCALHOST, port).into());
            let error = io::Error::from(io::ErrorKind::PermissionDenied);
            StartError::Listen(address, error).to_string()
        };
        let message = refused(80);
        assert!(
            message.starts_with("cannot listen on http://127.0.0.1:80/: permission denied. "),
            "{message}"
        );
        for way in [
            "--listen '127.0.0.1:8080'",
            "sudo /",
            "--user www-data",
            "config/millpond.socket",
            "setcap cap_net_bind_service=+ep /",
        ] {
            assert_eq!(message.matches(way).count(), 1, "{way}: {message}");
        }
        assert!(refused(8080).ends_with(": permission denied"));
    }

    #[test]
    fn an_address_in_use_is_reported_with_its_holder_and_advice() {
        let message = |holder: Option<&str>, free: Option<&str>| {
            let holder = holder.map(|program| Holder {
                program: program.to_owned(),
                process: 7,
            });
            let error = StartError::InUse {
                address: ListenAddress::Tcp((Ipv4Addr::LOCALHOST, 8080).into()),
                holder,
                free: free.map(|it| FreePort::OfAddress(it.parse().unwrap())),
            };
            error.to_string()
        };
        assert_eq!(
            message(Some("millpond"), Some("127.0.0.1:8081")),
            "millpond is already running at http://127.0.0.1:8080/ as process 7; stop it with: kill 7; \
             the next free port is 8081: try --listen 127.0.0.1:8081"
        );
        assert_eq!(
            message(Some("nginx"), None),
            "http://127.0.0.1:8080/ is in use by nginx, process 7"
        );
        assert_eq!(
            message(None, Some("[::1]:8081")),
            "http://127.0.0.1:8080/ is in use by another program; find it with: \
             sudo ss -ltnp 'sport = 8080'; the next free port is 8081: try --listen '[::1]:8081'"
        );
    }
}

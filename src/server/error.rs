//! What can keep a server from starting, in sentences for its operator.

use super::listen_address::ListenAddress;
use super::net::holder::Holder;
use super::observe::access_log::LogDestination;
use crate::process::{PidFileError, PrivilegeError, SandboxError, User};
use crate::site;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fmt, io};

/// Why a server cannot start.
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
        /// What was wanted.
        address: ListenAddress,
        /// Who has it, if that can be told.
        holder: Option<Holder>,
        /// What could be had.
        free: Option<FreePort>,
    },
    /// A socket that was handed over is of no use.
    Inherited(io::Error),
    /// The process id cannot be told.
    PidFile(PathBuf, PidFileError),
    /// The server cannot go to the background.
    Daemon(io::Error),
    /// The user cannot be dropped to.
    Privileges(Option<User>, PrivilegeError),
    /// There is no sandbox where there has to be one.
    Sandbox(SandboxError),
    /// The system refuses what every server needs.
    System(io::Error),
}

/// What to listen on in place of a port that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreePort {
    /// This port, of the addresses that are listened on by default.
    Alone(u16),
    /// The address that was asked for, with another port.
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
                write!(
                    f,
                    "the directory {} cannot be opened: {error}",
                    path.display()
                )
            }
            Self::AccessLog(LogDestination::File(path), error) => {
                write!(
                    f,
                    "the access log {} cannot be opened: {error}",
                    path.display()
                )
            }
            Self::AccessLog(_, error) => write!(f, "the access log cannot be opened: {error}"),
            Self::InUse {
                address,
                holder,
                free,
            } => write_in_use(f, address, holder.as_ref(), *free),
            Self::Inherited(error) => {
                write!(f, "a socket that was handed over cannot be used: {error}")
            }
            Self::Listen(address, error) => {
                write!(f, "{address} cannot be listened on: {error}")?;
                match address {
                    ListenAddress::Tcp(address)
                        if address.port() < ROOT_PORTS_END
                            && error.kind() == io::ErrorKind::PermissionDenied =>
                    {
                        write_ways_to_low_ports(f, *address)
                    }
                    _ => Ok(()),
                }
            }
            Self::PidFile(path, PidFileError::Taken(pid)) if is_number(pid) => write!(
                f,
                "millpond runs already, as process {pid}, by the pid file {}; to stop it: kill {pid}",
                path.display()
            ),
            Self::PidFile(path, error) => {
                write!(f, "the pid file {} cannot be had: {error}", path.display())
            }
            Self::Daemon(error) => write!(f, "the server cannot go to the background: {error}"),
            Self::Privileges(Some(user), error) => {
                write!(f, "the server cannot become {user}: {error}")
            }
            Self::Privileges(None, error) => {
                write!(f, "programs may go on getting more powers: {error}")
            }
            Self::Sandbox(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system refuses what a server needs: {error}"),
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
            Self::InUse { .. } => None,
        }
    }
}

/// The directory that a file is in, if it is a file.
fn directory_of(file: &Path) -> Option<&Path> {
    let parent = file.parent().filter(|_| file.is_file())?;
    Some(if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    })
}

/// The flag to try.
impl fmt::Display for FreePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (port, option) = match self {
            Self::Alone(port) => (*port, format!("--port {port}")),
            Self::OfAddress(free @ SocketAddr::V4(_)) => (free.port(), format!("--listen {free}")),
            // Shells take brackets for a pattern.
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

/// An address that is in use, and which port is free in its place.
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
                "{program} runs already at {address}, as process {process}; to stop it: kill {process}"
            )
        }
        (Some(Holder { program, process }), _) => {
            write!(f, "{address} is in use by {program}, process {process}")
        }
        (None, ListenAddress::Tcp(at)) => write!(
            f,
            "{address} is in use by another program, which sudo ss -ltnp 'sport = {}' names",
            at.port()
        ),
        (None, ListenAddress::Unix(_)) => write!(
            f,
            "{address} is in use by another program, which sudo ss -lxp names"
        ),
    }
}

/// What there is to do about a port that only root may have, a line each.
fn write_ways_to_low_ports(f: &mut fmt::Formatter<'_>, address: SocketAddr) -> fmt::Result {
    let high = SocketAddr::new(address.ip(), HIGH_PORT);
    let program = env::current_exe().unwrap_or_else(|_| env!("CARGO_PKG_NAME").into());
    let program = program.display();
    writeln!(
        f,
        ". Ports below {ROOT_PORTS_END} are for root alone. Do one of these:"
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

/// Linux lets nobody but root have the ports before, unless `net.ipv4.ip_unprivileged_port_start` says
/// otherwise.
const ROOT_PORTS_END: u16 = 1024;

/// A port in place of one that only root may have.
const HIGH_PORT: u16 = 8080;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn who_may_not_have_a_port_is_told_whose_it_is() {
        let refused = |port| {
            let address = ListenAddress::Tcp((Ipv4Addr::LOCALHOST, port).into());
            let error = io::Error::from(io::ErrorKind::PermissionDenied);
            StartError::Listen(address, error).to_string()
        };
        let said = refused(80);
        assert!(
            said.starts_with("http://127.0.0.1:80/ cannot be listened on: permission denied. "),
            "{said}"
        );
        for way in [
            "--listen '127.0.0.1:8080'",
            "sudo /",
            "--user www-data",
            "config/millpond.socket",
            "setcap cap_net_bind_service=+ep /",
        ] {
            assert_eq!(said.matches(way).count(), 1, "{way}: {said}");
        }
        assert!(refused(8080).ends_with(": permission denied"));
    }

    #[test]
    fn an_address_in_use_names_who_has_it_and_what_to_do() {
        let said = |holder: Option<&str>, free: Option<&str>| {
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
            said(Some("millpond"), Some("127.0.0.1:8081")),
            "millpond runs already at http://127.0.0.1:8080/, as process 7; to stop it: kill 7; \
             the next free port is 8081: try --listen 127.0.0.1:8081"
        );
        assert_eq!(
            said(Some("nginx"), None),
            "http://127.0.0.1:8080/ is in use by nginx, process 7"
        );
        assert_eq!(
            said(None, Some("[::1]:8081")),
            "http://127.0.0.1:8080/ is in use by another program, which \
             sudo ss -ltnp 'sport = 8080' names; the next free port is 8081: try --listen '[::1]:8081'"
        );
    }
}

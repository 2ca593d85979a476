//! What can keep a server from starting, in sentences for its operator.

use super::listen_address::ListenAddress;
use super::observe::access_log::LogDestination;
use crate::process::{PidFileError, PrivilegeError, SandboxError, User};
use crate::site;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fmt, io};

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
    /// Another program listens on a port; the next one that is free, if any is near.
    PortInUse {
        /// What was wanted.
        address: SocketAddr,
        /// What could be had.
        free: Option<SocketAddr>,
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

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(path, error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "there is no directory {} to serve", path.display())?;
                if *path == site::Options::default().root {
                    f.write_str("; name another: millpond DIR")?;
                }
                Ok(())
            }
            Self::Root(path, error) if error.kind() == io::ErrorKind::NotADirectory => {
                write!(f, "{} is not a directory", path.display())
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
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use by another program")
            }
            Self::PortInUse { address, free } => {
                write!(f, "http://{address}/ is in use by another program")?;
                let Some(free) = free else {
                    return Ok(());
                };
                let port = free.port();
                write!(f, "; the next free port is {port}: try --listen ")?;
                match free {
                    SocketAddr::V4(free) => write!(f, "{free}"),
                    // Shells take brackets for a pattern.
                    SocketAddr::V6(free) => write!(f, "'{free}'"),
                }
            }
            Self::Inherited(error) => {
                write!(f, "a socket that was handed over cannot be used: {error}")
            }
            Self::Listen(address, error) => {
                write!(f, "{address} cannot be listened on: {error}")?;
                if is_roots_alone(address) && error.kind() == io::ErrorKind::PermissionDenied {
                    f.write_str("; ports below 1024 are root's, which may become a --user then")?;
                }
                Ok(())
            }
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
            Self::PortInUse { .. } => None,
        }
    }
}

fn is_roots_alone(address: &ListenAddress) -> bool {
    matches!(address, ListenAddress::Tcp(address) if address.port() < 1024)
}

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
        assert_eq!(
            refused(80),
            "http://127.0.0.1:80/ cannot be listened on: permission denied; \
             ports below 1024 are root's, which may become a --user then"
        );
        assert!(refused(8080).ends_with(": permission denied"));
    }
}

//! What an operator would regret, told before it happens. Nothing here keeps a server from starting.

use crate::server::net::bind::are_sockets_handed_over;
use crate::server::{ListenAddress, LogDestination, Options};
use crate::site;
use std::fmt;
use std::path::PathBuf;

/// Something that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// There is what is not for the public in the root.
    PrivateFiles(PathBuf, Vec<&'static str>),
    /// What is for the operator is served like any other file.
    Published(&'static str, PathBuf),
    /// There is nothing to serve in a container.
    EmptyRoot(PathBuf),
    /// Every user of the machine can put files into the root.
    WritableRoot(PathBuf),
    /// Strangers talk to a process that may do anything.
    Privileged,
    /// What is for the operator is told to other machines.
    ExposedAdmin(ListenAddress),
    /// A redirect, by its number, leads to a path that the site redirects back.
    Circle(usize, String),
}

/// All concerns about a server with these options.
///
/// Where only this machine can connect, private files are in the root because it is what somebody
/// works on, `.git` and all; hidden files are not served there either. To run as root is a concern
/// only where other machines can reach the server: behind the loopback are
/// those who are on this machine already, and there it is how people try things out.
pub fn concerns(options: &Options) -> Vec<Concern> {
    let root = &options.site.root;
    let mut concerns = Vec::new();
    // A root that cannot be looked at is no concern but an error, which is told elsewhere.
    if let Ok(inspection) = site::inspect(root) {
        if !inspection.private.is_empty() && !is_on_loopback_alone(options) {
            concerns.push(Concern::PrivateFiles(root.clone(), inspection.private));
        }
        // Elsewhere files may come later; here, a mount or a COPY is missing. Whether this is a
        // container shows in that it runs nothing else.
        if inspection.is_empty && std::process::id() == 1 {
            concerns.push(Concern::EmptyRoot(root.clone()));
        }
        if inspection.is_writable_by_all {
            concerns.push(Concern::WritableRoot(root.clone()));
        }
    }
    let published = own_files(options).filter(|(_, path)| site::is_served(root, path));
    concerns.extend(published.map(|(what, path)| Concern::Published(what, path.clone())));
    let is_for_good = rustix::process::geteuid().is_root() && options.user.is_none();
    if is_for_good && options.listen.iter().any(ListenAddress::is_for_others) {
        concerns.push(Concern::Privileged);
    }
    let exposed = options.admin.iter().filter(|at| at.is_for_others());
    concerns.extend(exposed.cloned().map(Concern::ExposedAdmin));
    let undoing = options
        .policy
        .redirects
        .undoing(options.site.addressing.clean)
        // Of a path with placeholders nobody knows; of a file's, there is no redirect.
        .filter(|(_, to)| to.contains(['{', '.']) || site::has_directory(root, to));
    concerns.extend(undoing.map(|(number, to)| Concern::Circle(number, to)));
    concerns
}

/// The files of the server's own that say what not everybody is to know.
fn own_files(options: &Options) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    let log = match &options.access_log {
        LogDestination::File(path) => Some(("access log", path)),
        LogDestination::Off | LogDestination::Stdout | LogDestination::Stderr => None,
    };
    let settings = options.settings_file.iter();
    log.into_iter()
        .chain(settings.map(|path| ("file of settings", path)))
}

/// Whether only this machine can connect, and not by way of a proxy's socket.
fn is_on_loopback_alone(options: &Options) -> bool {
    let is_loopback = |address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => address.ip().is_loopback(),
        ListenAddress::Unix(_) => false,
    };
    !are_sockets_handed_over() && options.listen.iter().all(is_loopback)
}

impl fmt::Display for Concern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivateFiles(root, names) => write!(
                out,
                "{} holds private files, not served but better kept elsewhere: {}",
                root.display(),
                names.join(", ")
            ),
            Self::EmptyRoot(root) => {
                let root = root.display();
                write!(
                    out,
                    "{root} is empty, so there is nothing to serve; mount your site there (docker run \
                     --volume \"$PWD/site:{root}:ro\") or copy it into an image of your own (FROM \
                     millpond, COPY site {root})"
                )
            }
            Self::Published(what, path) => write!(
                out,
                "the {what} is served to everybody, as it lies in the root; better keep it elsewhere: {}",
                path.display()
            ),
            Self::WritableRoot(root) => write!(
                out,
                "{} can be written to by every user of this machine; what they put there is served",
                root.display()
            ),
            Self::Privileged => out.write_str(
                "it runs as root where other machines can reach it; name a --user to become",
            ),
            Self::Circle(number, to) => write!(
                out,
                "redirect {number} leads to {to}, from where a directory's slash or a clean address \
                 may lead back to where it came from"
            ),
            Self::ExposedAdmin(address) => write!(
                out,
                "other machines may read health and metrics at {address} (admin); keep those out \
                 who should not"
            ),
        }
    }
}

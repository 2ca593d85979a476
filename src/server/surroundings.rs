//! The directories around the root and around the settings file.
//!
//! The kernel knows files and directories, not their names: a right to `/home/me/site/dist`
//! disappears with that directory. A build that creates another directory with this name creates
//! one without a right. The same applies to an editor that replaces the settings file. Only a right
//! to the parent directory covers the replacement, and also everything else there. It is granted if
//! that is a reasonable risk, see [`Reach`].

use super::listen_address::ListenAddress;
use super::options::Options;
use crate::process::SandboxMode;
use crate::process::sandbox::LimitNote;
use rustix::fs::{AtFlags, CWD, StatVfsMountFlags, StatxAttributes, StatxFlags, statvfs, statx};
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

/// The directories that may be granted in addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// No directory.
    Strict,
    /// Any: only programs on this machine can connect, and most of them can read the user's files
    /// anyway.
    ThisMachine,
    /// All except the top of the file system, these directories, and directories that contain one
    /// of them.
    Others { homes: Vec<PathBuf> },
}

/// A change that a running server in the sandbox cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    subject: Subject,
    /// The path that is replaced.
    path: PathBuf,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// The served directory.
    Root,
    /// A link to the served directory.
    Link,
    Settings,
}

/// The reason why the directory around a path is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Strict,
    /// It is the top of the file system.
    Top,
    /// It is this home directory, or contains it.
    Home(PathBuf),
}

impl Reach {
    /// Returns the reach of a server with these options that listens on these addresses.
    pub(crate) fn of<'a>(
        options: &Options,
        mut addresses: impl Iterator<Item = &'a ListenAddress>,
    ) -> Self {
        if options.sandbox == SandboxMode::Strict {
            Self::Strict
        } else if addresses.any(ListenAddress::is_for_others) {
            let passwd = fs::read("/etc/passwd").unwrap_or_default();
            let passwd = String::from_utf8_lossy(&passwd);
            let own = env::var_os("HOME").map(PathBuf::from);
            let homes = own.into_iter().chain(homes(&passwd));
            Self::Others {
                homes: homes.filter_map(|home| home.canonicalize().ok()).collect(),
            }
        } else {
            Self::ThisMachine
        }
    }

    /// Returns the directories around a root that may be granted. A swapped link needs less than
    /// the directory of the link.
    pub(crate) fn around_root(&self, root: &Path) -> Vec<PathBuf> {
        // A missing root may appear in its parent directory.
        let around = parent_of_root(root).or_else(|| parent(root));
        let mut around: Vec<_> = around.into_iter().collect();
        if *self == Self::ThisMachine {
            around.extend(parent(root));
        }
        around.retain(|directory| self.refusal(directory).is_none());
        around
    }

    /// Returns the directory of a settings file, if it may be granted.
    pub(crate) fn around_settings(&self, path: &Path) -> Option<PathBuf> {
        parent(path).filter(|directory| self.refusal(directory).is_none())
    }

    fn refusal(&self, directory: &Path) -> Option<Reason> {
        match self {
            Self::Strict => Some(Reason::Strict),
            Self::ThisMachine => None,
            Self::Others { .. } if directory.parent().is_none() => Some(Reason::Top),
            Self::Others { homes } => {
                let mut held = homes.iter().filter(|home| home.starts_with(directory));
                held.next().cloned().map(Reason::Home)
            }
        }
    }
}

impl Limit {
    /// Returns the limit of a root, unless its directory is granted.
    pub(crate) fn of_root(
        root: &Path,
        reach: &Reach,
        is_allowed: impl Fn(&Path) -> bool,
    ) -> Option<Self> {
        let subject = if root.is_symlink() {
            Subject::Link
        } else {
            Subject::Root
        };
        let around = parent_of_root(root).or_else(|| parent(root))?;
        Self::of(subject, root, &around, reach, is_allowed)
    }

    /// Returns the limit of a settings file, unless its directory is granted.
    pub(crate) fn of_settings(
        path: &Path,
        reach: &Reach,
        is_allowed: impl Fn(&Path) -> bool,
    ) -> Option<Self> {
        Self::of(Subject::Settings, path, &parent(path)?, reach, is_allowed)
    }

    fn of(
        subject: Subject,
        path: &Path,
        directory: &Path,
        reach: &Reach,
        is_allowed: impl Fn(&Path) -> bool,
    ) -> Option<Self> {
        // Independent of rights: a mount keeps the directory that was mounted.
        let is_fixed = is_mount(path) || is_read_only(path);
        let reason = reach.refusal(directory)?;
        (!is_fixed && !is_allowed(directory)).then(|| Self {
            subject,
            path: path.to_owned(),
            reason,
        })
    }

    /// Returns the message about the limit.
    pub(crate) fn note(&self) -> LimitNote {
        LimitNote {
            text: self.to_string(),
            is_intended: self.reason == Reason::Strict,
        }
    }
}

/// Returns the parent of the root itself, after following links. Returns `None` for a root that is
/// replaced by swapping a link, and for the top directory.
fn parent_of_root(root: &Path) -> Option<PathBuf> {
    Some(root.canonicalize().ok()?.parent()?.to_owned())
}

/// Returns the directory that contains a name.
fn parent(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.parent()?.canonicalize().ok()
}

/// Returns the home directories of users who can log in, according to `passwd(5)`. Those of
/// services are often the directories of their files, such as /var/www.
fn homes(passwd: &str) -> impl Iterator<Item = PathBuf> + '_ {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(5);
        let (home, shell) = (fields.next()?, fields.next().unwrap_or_default());
        let can_log_in = !["nologin", "false", "sync"]
            .iter()
            .any(|it| shell.ends_with(it));
        (can_log_in && home.starts_with('/')).then(|| PathBuf::from(home))
    })
}

fn is_mount(path: &Path) -> bool {
    let flags = AtFlags::NO_AUTOMOUNT;
    statx(CWD, path, flags, StatxFlags::empty())
        .is_ok_and(|facts| facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Returns `true` if nothing there can change, as in a container that was started read-only.
/// Elsewhere, it may be read-only only for this process, as with systemd.
fn is_read_only(path: &Path) -> bool {
    let is_container = rustix::process::getpid().is_init();
    is_container && statvfs(path).is_ok_and(|it| it.f_flag.contains(StatVfsMountFlags::RDONLY))
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.subject {
            Subject::Root => write!(
                f,
                "a build that removes {path} and makes it again, or moves another in its place, \
                 stops the site (503) until a restart"
            )?,
            Subject::Link => write!(
                f,
                "if the link {path} is switched to another directory, that one is not served \
                 until a restart"
            )?,
            Subject::Settings => write!(
                f,
                "if {path} is replaced, as editors and sed -i do, a reload cannot read it, and it \
                 needs a restart"
            )?,
        }
        match &self.reason {
            Reason::Strict => {
                return f.write_str(": sandbox = \"strict\" allows nothing around it");
            }
            Reason::Top => f.write_str(": the sandbox does not allow all of /")?,
            Reason::Home(home) => {
                let home = home.display();
                write!(f, ": the sandbox does not allow the home directory {home}")?;
            }
        }
        let remedy = match self.subject {
            Subject::Root | Subject::Link => "serve a directory further down",
            Subject::Settings => "keep it in a directory of its own",
        };
        write!(
            f,
            " where other machines can connect; {remedy}, or turn the sandbox off"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_of_users_who_can_log_in() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\
                      daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
                      sync:x:4:65534:sync:/bin:/bin/sync\n\
                      www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
                      postgres:x:101:1:,,,:/var/lib/postgresql:/bin/false\n\
                      me:x:1000:1000:Me:/var/home/me:/bin/zsh\n\
                      no shell is the usual one:x:1001:1001::/home/you:\n\
                      relative:x:1002:1002::home:/bin/sh\n\
                      short:x:1003\n";
        let found: Vec<_> = homes(passwd).collect();
        let expected = ["/root", "/var/home/me", "/home/you"].map(PathBuf::from);
        assert_eq!(found, expected);
        assert_eq!(homes("").next(), None);
    }

    #[test]
    fn no_home_or_parent_of_one_is_granted_if_others_can_connect() {
        let homes = vec![PathBuf::from("/home/me"), PathBuf::from("/srv/deploy")];
        let others = Reach::Others { homes };
        for (directory, is_refused) in [
            ("/", true),
            ("/home", true),
            ("/home/me", true),
            ("/home/me/site", false),
            ("/home/you", false),
            ("/srv", true),
            ("/srv/deploy", true),
            ("/srv/www", false),
            ("/srv/deployed", false),
        ] {
            let directory = Path::new(directory);
            assert_eq!(
                others.refusal(directory).is_some(),
                is_refused,
                "{directory:?}"
            );
            assert_eq!(Reach::ThisMachine.refusal(directory), None);
            assert_eq!(Reach::Strict.refusal(directory), Some(Reason::Strict));
        }
    }

    #[test]
    fn every_address_determines_who_can_connect() {
        let reach = |listen: &[&str], admin: &[&str]| {
            let parse = |address: &&str| match address.strip_prefix("unix:") {
                Some(path) => ListenAddress::Unix(path.into()),
                None => ListenAddress::Tcp(address.parse().unwrap()),
            };
            let options = Options {
                admin: admin.iter().map(parse).collect(),
                ..Options::default()
            };
            let listen: Vec<_> = listen.iter().map(parse).collect();
            Reach::of(&options, listen.iter().chain(&options.admin)) == Reach::ThisMachine
        };
        assert!(reach(
            &["127.0.0.1:80", "[::1]:80", "unix:/run/a"],
            &["127.0.0.1:90"]
        ));
        assert!(!reach(&["127.0.0.1:80", "192.0.2.1:80"], &[]));
        assert!(!reach(&["[::]:80"], &[]));
        assert!(!reach(&["127.0.0.1:80"], &["0.0.0.0:90"]));
    }
}

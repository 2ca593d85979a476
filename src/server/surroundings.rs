//! The directories around what is served and around the settings file.
//!
//! The kernel knows files and directories, and not their names: a right to `/home/me/site/dist` goes
//! away with that directory, and a build that makes another one of the same name makes one that
//! nobody has a right to. So does an editor that puts another settings file in the place of the one
//! before. Only a right to the directory around them leads to what comes next, and to all else that
//! lies there. It is given where that is no more than a reasonable risk, see [`Reach`].

use super::listen_address::ListenAddress;
use super::options::Options;
use crate::process::SandboxMode;
use crate::process::sandbox::LimitNote;
use rustix::fs::{AtFlags, CWD, StatVfsMountFlags, StatxAttributes, StatxFlags, statvfs, statx};
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

/// Around what a right may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Around nothing.
    Strict,
    /// Around anything: only programs on this machine can connect, most of which can read the files
    /// of whoever runs them anyway.
    ThisMachine,
    /// Around what is neither the top of the file system nor one of these directories, nor holds
    /// one.
    Others { homes: Vec<PathBuf> },
}

/// A change that the sandbox keeps a running server from following.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    subject: Subject,
    /// What is replaced.
    path: PathBuf,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A directory that is served.
    Root,
    /// A link to one.
    Link,
    Settings,
}

/// Why there is no right to the directory around something.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Strict,
    /// It is the top of the file system.
    Top,
    /// It is this home directory, or holds it.
    Home(PathBuf),
}

impl Reach {
    /// What a server with these options may have that listens at these addresses.
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

    /// The directories around a root to which a right may be given. To follow a link that is swapped
    /// takes less than the directory that the link is in.
    pub(crate) fn around_root(&self, root: &Path) -> Vec<PathBuf> {
        let mut around: Vec<_> = parent_of_root(root).into_iter().collect();
        if *self == Self::ThisMachine {
            around.extend(parent(root));
        }
        around.retain(|directory| self.refusal(directory).is_none());
        around
    }

    /// The directory around a settings file, if a right to it may be given.
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
    /// Of a root, unless there is a right to what it is in.
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
        Self::of(subject, root, &parent_of_root(root)?, reach, is_allowed)
    }

    /// Of a settings file, unless there is a right to what it is in.
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
        // Whatever the rights: a mount stays with what was mounted.
        let is_fixed = is_mount(path) || is_read_only(path);
        let reason = reach.refusal(directory)?;
        (!is_fixed && !is_allowed(directory)).then(|| Self {
            subject,
            path: path.to_owned(),
            reason,
        })
    }

    /// What to report of it.
    pub(crate) fn note(&self) -> LimitNote {
        LimitNote {
            text: self.to_string(),
            is_intended: self.reason == Reason::Strict,
        }
    }
}

/// The directory that the root itself lies in, wherever links lead; none of one that is replaced by
/// swapping a link, and of the top.
fn parent_of_root(root: &Path) -> Option<PathBuf> {
    Some(root.canonicalize().ok()?.parent()?.to_owned())
}

/// The directory that a name is in.
fn parent(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.parent()?.canonicalize().ok()
}

/// The home directories of those who can log in, by `passwd(5)`: those of services are often where
/// their files are, such as /var/www.
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

/// Whether nothing there can change: in a container that was started read-only. Elsewhere, it may be
/// so for this process alone, as systemd has it.
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
                "where the link {path} leads to next is not served before a restart"
            )?,
            Subject::Settings => write!(
                f,
                "once {path} is replaced, as editors and sed -i do it, a reload cannot read it; it \
                 takes a restart"
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
    fn homes_are_those_of_who_can_log_in() {
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
    fn where_others_can_connect_no_home_and_nothing_above_one_is_opened() {
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
    fn who_can_connect_is_told_by_every_address() {
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

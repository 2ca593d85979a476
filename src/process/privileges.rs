//! Dropping privileges: a server needs some to start and must not have any once it answers.
//!
//! Names are looked up only in /etc/passwd and /etc/group, because a static binary has no other
//! source. Images do not need these files if the user is given as a number.

use rustix::io::Errno;
use rustix::process::{Gid, Uid, getgroups};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
};
use std::{fmt, fs, io};

/// The user that a server becomes after it has bound its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub user: NameOrId,
    /// The only group to belong to; `None` keeps all groups of the user.
    pub group: Option<NameOrId>,
}

/// A user or a group, as the operator gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOrId {
    /// A name.
    Name(String),
    /// A number.
    Number(u32),
}

/// The numeric ids of a [`User`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    /// All groups. The first one is the primary group.
    groups: Vec<u32>,
    /// `true` if the account should belong to that group alone.
    is_group_named: bool,
}

/// The reason why privileges could not be dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// No user has this name.
    NoUser(String),
    /// No group has this name.
    NoGroup(String),
    /// The user is root, which drops no privileges.
    Root,
    /// The file with the names cannot be read.
    Unreadable(&'static str, io::Error),
    /// The process has this many threads, but must have one.
    Threads(usize),
    /// The process belongs to this other group, and lacks the privilege to leave it.
    Group(u32),
    /// The kernel refuses.
    Refused(io::Error),
    /// The kernel would give the privileges back.
    Kept,
}

impl Account {
    /// Looks up the names, if any.
    pub(crate) fn of(user: &User) -> Result<Self, PrivilegeError> {
        // Numbers work even if these files do not exist.
        let is_numeric = matches!(user.user, NameOrId::Number(_))
            && !matches!(user.group, Some(NameOrId::Name(_)));
        // Other entries may be in any encoding.
        let read = |path| match fs::read(path) {
            Err(error) if !is_numeric => Err(PrivilegeError::Unreadable(path, error)),
            text => Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()),
        };
        Self::among(user, &read(PASSWD)?, &read(GROUP)?)
    }

    fn among(user: &User, passwd: &str, group: &str) -> Result<Self, PrivilegeError> {
        // passwd(5): name:password:uid:gid:…
        let entry = passwd.lines().find_map(|line| {
            let [name, _, uid, gid] = first_fields(line)?;
            let (uid, gid) = (number(uid)?, number(gid)?);
            let is_meant = match &user.user {
                NameOrId::Name(wanted) => name == wanted,
                NameOrId::Number(wanted) => uid == *wanted,
            };
            is_meant.then_some((name, uid, gid))
        });
        let (name, uid, gid) = match (&user.user, entry) {
            (_, Some((name, uid, gid))) => (Some(name), uid, gid),
            // Without an entry, assume the group with the same number, as is usual for a user's own
            // group.
            (NameOrId::Number(number), None) => (None, *number, *number),
            (NameOrId::Name(name), None) => return Err(PrivilegeError::NoUser(name.clone())),
        };
        let (gid, others) = match (&user.group, name) {
            (Some(NameOrId::Number(gid)), _) => (*gid, Vec::new()),
            (Some(NameOrId::Name(name)), _) => (group_named(name, group)?, Vec::new()),
            (None, Some(name)) => (gid, groups_with(name, group)),
            (None, None) => (gid, Vec::new()),
        };
        if uid == 0 {
            return Err(PrivilegeError::Root);
        }
        let others = others.into_iter().filter(|other| *other != gid);
        let groups = std::iter::once(gid).chain(others).collect();
        Ok(Self {
            uid,
            gid,
            groups,
            is_group_named: user.group.is_some(),
        })
    }

    /// Becomes this user. A process that already is this user needs no privileges for it.
    fn assume(&self) -> Result<(), PrivilegeError> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
        // The effective id alone is not enough: a process with root as its real or saved id can
        // still become root, and has to do so once to leave root's groups.
        let is_root = set_thread_uid(Uid::ROOT).is_ok();
        // Groups first: only root can change them.
        let are_set = match set_thread_groups(&groups) {
            Err(Errno::PERM) => false,
            outcome => outcome.map(|()| true).map_err(refused)?,
        };
        // All three ids of each, since any of them would be a way back.
        set_thread_res_gid(gid, gid, gid)
            .and_then(|()| set_thread_res_uid(uid, uid, uid))
            .map_err(refused)?;
        // If no group is named, the process keeps the groups that it was started with.
        if are_set || !is_root && !self.is_group_named {
            return Ok(());
        }
        let present = getgroups().map_err(refused)?;
        let other = present.iter().find(|group| !groups.contains(group));
        other.map_or(Ok(()), |other| Err(PrivilegeError::Group(other.as_raw())))
    }
}

/// Proof that privileges were dropped, if any had to be. Later steps take it as an argument.
#[derive(Debug)]
pub(crate) struct Dropped(());

/// Becomes the user, if one is given. In any case, no program that this process starts gets more
/// privileges than it has.
pub(crate) fn drop_to(user: Option<&User>) -> Result<Dropped, PrivilegeError> {
    set_no_new_privs(true).map_err(refused)?;
    let Some(user) = user else {
        return Ok(Dropped(()));
    };
    let account = Account::of(user)?;
    require_one_thread()?;
    account.assume()?;
    // The kernel drops the capabilities with the user id, unless the process had been set to keep
    // them.
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    clear_ambient_capability_set()
        .and_then(|()| set_capabilities(None, none))
        .map_err(refused)?;
    // Checks the result, whatever the process was before.
    match set_thread_uid(Uid::ROOT) {
        Ok(()) => Err(PrivilegeError::Kept),
        Err(_) => Ok(Dropped(())),
    }
}

/// Requires that the process has one thread. On Linux, users, groups and Landlock rules belong to a
/// thread, so the process has only dropped what its only thread has dropped.
pub(crate) fn require_one_thread() -> Result<(), PrivilegeError> {
    match fs::read_dir(TASKS).map(Iterator::count) {
        Ok(1) => Ok(()),
        Ok(count) => Err(PrivilegeError::Threads(count)),
        // There is no /proc in a chroot. A second thread would be a bug of ours, which tests
        // elsewhere find, so a missing /proc does not prevent a start.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PrivilegeError::Unreadable(TASKS, error)),
    }
}

fn refused(errno: Errno) -> PrivilegeError {
    PrivilegeError::Refused(errno.into())
}

fn first_fields<const COUNT: usize>(line: &str) -> Option<[&str; COUNT]> {
    let fields: Vec<_> = line.split(':').take(COUNT).collect();
    fields.try_into().ok()
}

/// Parses an id. System calls use the highest number for "no id".
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number < u32::MAX)
}

fn group_named(name: &str, group: &str) -> Result<u32, PrivilegeError> {
    // group(5): name:password:gid:members
    let gid = group.lines().find_map(|line| {
        let [each, _, gid] = first_fields(line)?;
        if each == name { number(gid) } else { None }
    });
    gid.ok_or_else(|| PrivilegeError::NoGroup(name.to_owned()))
}

/// Returns the groups that have the user as a member.
fn groups_with(user: &str, group: &str) -> Vec<u32> {
    let gids = group.lines().filter_map(|line| {
        let [_, _, gid, members] = first_fields(line)?;
        let is_member = members.split(',').any(|member| member == user);
        if is_member { number(gid) } else { None }
    });
    gids.collect()
}

impl fmt::Display for NameOrId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// Writes the user as it was given: `www-data`, `65532:65532`.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)?;
        match &self.group {
            Some(group) => write!(f, ":{group}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<_> = self.groups.iter().map(u32::to_string).collect();
        write!(f, "user {} in group {}", self.uid, groups.join(", "))
    }
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser(name) => write!(f, "{PASSWD} has no user {name}"),
            Self::NoGroup(name) => write!(f, "{GROUP} has no group {name}"),
            Self::Root => f.write_str("root is not an unprivileged user"),
            Self::Unreadable(path, error) => write!(f, "{path} cannot be read: {error}"),
            Self::Threads(count) => write!(
                f,
                "there are {count} threads, of which only one would lose its privileges"
            ),
            Self::Group(gid) => write!(f, "it is in group {gid}, too, which only root can leave"),
            Self::Refused(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                f.write_str("only root can become another user")
            }
            Self::Refused(error) => error.fmt(f),
            Self::Kept => f.write_str("the kernel would let this process become root again"),
        }
    }
}

impl std::error::Error for PrivilegeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) | Self::Refused(error) => Some(error),
            Self::NoUser(_)
            | Self::NoGroup(_)
            | Self::Root
            | Self::Threads(_)
            | Self::Group(_)
            | Self::Kept => None,
        }
    }
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// The directory with an entry for each thread of this process.
const TASKS: &str = "/proc/self/task";

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
# a comment, and a line that is broken:
broken:x:many
www:x:33:34:web:/var/www:/bin/false
toor:x:0:0::/:
12:x:99:99::/:
";
    const GROUP: &str = "root:x:0:\nwww:x:34:\nlogs:x:40:syslog,www\nalso:x:41:www\nbare:x:42\n";

    fn account(user: &str, group: Option<&str>) -> Result<(u32, Vec<u32>), String> {
        let name_or_id = |text: &str| {
            text.parse()
                .map_or_else(|_| NameOrId::Name(text.to_owned()), NameOrId::Number)
        };
        let user = User {
            user: name_or_id(user),
            group: group.map(name_or_id),
        };
        Account::among(&user, PASSWD, GROUP)
            .map(|account| (account.uid, account.groups))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_user_keeps_its_groups_unless_one_is_named() {
        assert_eq!(account("www", None), Ok((33, vec![34, 40, 41])));
        assert_eq!(account("33", None), Ok((33, vec![34, 40, 41])));
        assert_eq!(account("www", Some("bare")), Ok((33, vec![42])));
        assert_eq!(account("www", Some("7")), Ok((33, vec![7])));
        assert_eq!(account("12", Some("12")), Ok((12, vec![12])));
    }

    #[test]
    fn a_user_id_without_an_entry_gets_the_group_with_the_same_number() {
        assert_eq!(account("65532", None), Ok((65532, vec![65532])));
    }

    #[test]
    fn unknown_names_and_root_are_refused() {
        for (user, group, sentence) in [
            ("nobody", None, "/etc/passwd has no user nobody"),
            ("www", Some("wheel"), "/etc/group has no group wheel"),
            ("broken", None, "/etc/passwd has no user broken"),
            ("root", None, "root is not an unprivileged user"),
            ("0", Some("34"), "root is not an unprivileged user"),
            ("toor", Some("www"), "root is not an unprivileged user"),
        ] {
            assert_eq!(account(user, group), Err(sentence.to_owned()));
        }
    }

    #[test]
    fn several_threads_are_refused() {
        // The test runner's own thread waits for this one.
        let refused = require_one_thread().expect_err("a test is not alone");
        assert!(matches!(refused, PrivilegeError::Threads(2..)), "{refused}");
    }
}

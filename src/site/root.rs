//! The root: the one descriptor that every file is opened beneath, and what it is beneath.
//!
//! Its path may lead to another directory later; [`super::root_path`] follows that.

use super::stamp::Stamp;
use super::trail::{LINKS_MAX, steps};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags,
};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::path::Arg;
use std::collections::VecDeque;
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory and what is beneath it. Whoever has work to do there keeps it, and is not led astray
/// when the path leads to another one in the meantime.
#[derive(Debug)]
pub(super) struct Root {
    /// Absolute, its symbolic links left as they are: they may be swapped.
    path: PathBuf,
    /// Where the path led when it was opened.
    real_path: PathBuf,
    directory: OwnedFd,
    identity: Identity,
    /// Whether it had a name when it was opened. Some file systems do not count them, where one that
    /// had one and has none was removed.
    has_link_count: bool,
}

/// Device and inode: what `path` leads to.
pub(super) type Identity = (u32, u32, u64);

/// What a path leads to, compared with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// To the same.
    Same,
    /// To the same, which has no name left: it is being removed.
    Nameless,
    /// To the same, which is mounted here, and was removed where it is mounted from.
    NamelessMount,
    /// To another one or to none.
    Other,
}

impl Root {
    /// Opens the directory that an absolute path leads to.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        // By its name within itself, so that one which may not be entered is found out now.
        let facts = rustix::fs::statx(&directory, c".", AtFlags::empty(), StatxFlags::BASIC_STATS)?;
        require_openat2(&directory)?;
        Ok(Self {
            path: path.to_owned(),
            real_path: path.canonicalize()?,
            identity: identity(&facts),
            has_link_count: facts.stx_nlink > 0,
            directory,
        })
    }

    /// What tells it from every other directory, for as long as it is open.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether it had a name when it was opened, as its file system counts them.
    pub(super) fn has_link_count(&self) -> bool {
        self.has_link_count
    }

    /// What its path leads to now.
    pub(super) fn compare(&self) -> Sight {
        match look_at(&self.path) {
            Ok(facts) if identity(&facts) != self.identity => Sight::Other,
            Ok(facts) if facts.stx_nlink > 0 => Sight::Same,
            Ok(facts) if facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) => {
                Sight::NamelessMount
            }
            Ok(_) => Sight::Nameless,
            Err(_) => Sight::Other,
        }
    }

    /// Whether it still is where it was when it was opened, wherever its path leads by now. Where
    /// that cannot be looked at, it is.
    pub(super) fn is_in_place(&self) -> bool {
        look_at(&self.real_path).map_or_else(
            |errno| !is_missing(errno),
            |facts| identity(&facts) == self.identity,
        )
    }

    /// Whether a sandbox keeps from it who could read it without. A directory that may be entered
    /// and not be listed is none of that: the files in it may be readable.
    pub(super) fn is_outside_sandbox(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.directory, c".", flags, Mode::empty());
        // Permissions are the same for both calls; a sandbox has a say in opening alone.
        let by_permissions =
            || rustix::fs::accessat(&self.directory, c".", Access::READ_OK, AtFlags::EACCESS);
        opened.is_err() && by_permissions().is_ok()
    }

    /// Opens what the path names to read it, never above the root. What is not known to be a file
    /// may by now be something else, so it is not waited for.
    pub(super) fn open_beneath(&self, path: &CStr) -> Result<OwnedFd> {
        self.reach(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
    }

    /// Opens a directory to read which names are in it, never above the root.
    pub(super) fn open_directory_beneath(&self, path: &CStr) -> Result<OwnedFd> {
        self.reach(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Looks at what the path names, never above the root, without opening it: to open a FIFO or a
    /// device would have effects.
    pub(super) fn look_beneath(&self, path: &CStr) -> Result<Statx> {
        stat_descriptor(self.reach(path, OFlags::PATH)?)
    }

    fn reach(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
        match self.openat2(path, flags) {
            // The kernel takes no absolute link, but one may lead to a place within.
            Err(Errno::XDEV) => self.openat2(&self.follow_links(path)?, flags),
            reached => reached,
        }
    }

    fn openat2(&self, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        // openat2(2): EAGAIN says that a rename elsewhere kept the kernel from being sure.
        let mut attempts = 0..ATTEMPTS_MAX;
        let open = || rustix::fs::openat2(&self.directory, path, flags, Mode::empty(), BENEATH);
        loop {
            // A file system in user space may let a signal to us interrupt it.
            match retry_on_intr(open) {
                Err(Errno::AGAIN) if attempts.next().is_some() => {}
                opened => return opened,
            }
        }
    }

    /// The place within the root that a path leads to. All its links are followed here, as an
    /// absolute one may be met only on the way that a relative one takes. Each step is taken
    /// beneath the root, and the place is to be opened beneath it like any other.
    fn follow_links(&self, path: &CStr) -> Result<PathBuf> {
        let mut ahead: VecDeque<_> = steps(Path::new(OsStr::from_bytes(path.to_bytes()))).collect();
        let mut links = 0..LINKS_MAX;
        // There is no link in it, so that `..` after it takes off its last name.
        let mut walked = PathBuf::new();
        while let Some(name) = ahead.pop_front() {
            walked.push(&name);
            let step = self.openat2(&walked, OFlags::PATH | OFlags::NOFOLLOW)?;
            if name == ".." {
                walked.pop();
                walked.pop();
                continue;
            }
            let Ok(target) = rustix::fs::readlinkat(step, c"", Vec::new()) else {
                continue;
            };
            links.next().ok_or(Errno::LOOP)?;
            walked.pop();
            let mut target = Path::new(OsStr::from_bytes(target.to_bytes()));
            if target.is_absolute() {
                walked.clear();
                target = self.within(target).ok_or(Errno::XDEV)?;
            }
            for name in steps(target).rev() {
                ahead.push_front(name);
            }
        }
        if walked.as_os_str().is_empty() {
            walked.push(".");
        }
        Ok(walked)
    }

    /// What is left of an absolute path that begins with the root, by either of its names.
    fn within<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        [&self.path, &self.real_path]
            .into_iter()
            .find_map(|root| path.strip_prefix(root).ok())
    }

    /// The stamp of what the path names now, through whatever links: cheap, but not held beneath
    /// the root.
    pub(super) fn stamp(&self, path: &CStr) -> Result<Stamp> {
        self.look(path).map(|facts| Stamp::of(&facts))
    }

    /// The same, but that a link at the end of the path is not followed.
    pub(super) fn stamp_itself(&self, path: &[u8]) -> Result<Stamp> {
        let flags = AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::statx(&self.directory, path, flags, StatxFlags::BASIC_STATS)
            .map(|facts| Stamp::of(&facts))
    }

    /// Looks at what the path names now, through whatever links.
    pub(super) fn look(&self, path: &CStr) -> Result<Statx> {
        let (flags, mask) = (AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS);
        rustix::fs::statx(&self.directory, path, flags, mask)
    }

    /// The same, held beneath the root.
    pub(super) fn stamp_beneath(&self, path: &CStr) -> Result<Stamp> {
        self.look_beneath(path).map(|facts| Stamp::of(&facts))
    }

    /// Whether the path names anything but a directory now. A link is followed beneath the root, as
    /// one that leads out is more than nothing.
    pub(super) fn has_file(&self, path: &CStr) -> bool {
        let flags = AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
        let type_of = |facts: Statx| FileType::from_raw_mode(facts.stx_mode.into());
        let itself = rustix::fs::statx(&self.directory, path, flags, StatxFlags::TYPE);
        let found = match itself.map(type_of) {
            Ok(FileType::Symlink) => self.look_beneath(path).map(type_of),
            found => found,
        };
        found.map_or_else(
            |errno| !matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG),
            |file_type| file_type != FileType::Directory,
        )
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

fn look_at(path: &Path) -> Result<Statx> {
    let (flags, mask) = (AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS);
    rustix::fs::statx(CWD, path, flags, mask)
}

/// Whether a path leads nowhere.
pub(super) fn is_nowhere(path: &Path) -> bool {
    look_at(path).is_err_and(is_missing)
}

/// Whether the error says that a path leads nowhere.
pub(super) fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

/// Without `openat2` there is a server that answers nothing, and each time with another reason than
/// the true one. Containers may be refused it where the kernel has it.
fn require_openat2(directory: &OwnedFd) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(directory, c".", flags, Mode::empty(), BENEATH) {
        Err(Errno::NOSYS | Errno::PERM) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the system call openat2 is missing; it takes Linux 5.6, and a filter of system calls \
             (seccomp) that lets it pass, as Docker's does from 20.10 on and systemd's does not \
             with RestrictSUIDSGID=",
        )),
        _ => Ok(()),
    }
}

/// Looks at what a descriptor is open on.
pub(super) fn stat_descriptor(descriptor: impl AsFd) -> Result<Statx> {
    let (flags, mask) = (AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
    retry_on_intr(|| rustix::fs::statx(&descriptor, c"", flags, mask))
}

fn identity(facts: &Statx) -> Identity {
    (facts.stx_dev_major, facts.stx_dev_minor, facts.stx_ino)
}

/// The kernel itself keeps every step beneath the root, and out of links such as /proc/self/fd.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// How often a lookup that the kernel was not sure of is made again.
const ATTEMPTS_MAX: usize = 8;

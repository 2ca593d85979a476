//! The root: the one descriptor beneath which every file is opened.
//!
//! Its path may lead to another directory later; [`super::path`] handles that.

use super::link_targets::{LinkTargets, target_outside};
use super::walk::Walk;
use crate::site::fingerprint::Fingerprint;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    Access, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags,
};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::path::Arg;
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory and everything beneath it. A job keeps the root that it began with, even if the path
/// leads to another directory in the meantime.
#[derive(Debug)]
pub(crate) struct Root {
    /// Absolute, with its symbolic links, which may be swapped.
    path: PathBuf,
    /// The path without links, as it was when the directory was opened.
    real_path: PathBuf,
    directory: OwnedFd,
    /// The directories outside that symbolic links may lead to.
    links: LinkTargets,
    file_id: FileId,
    /// `true` if its link count was not 0 when it was opened. Some file systems always report 0. On
    /// the others, the count falls to 0 when the directory is removed.
    has_link_count: bool,
}

/// Device and inode.
pub(crate) type FileId = (u32, u32, u64);

/// The result of comparing a path with an open directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It leads to the same directory.
    Same,
    /// It leads to the same directory, whose link count is 0: it is being removed.
    Nameless,
    /// It leads to the same directory, which is a mount of a directory that was removed.
    NamelessMount,
    /// It leads to another directory or to none.
    Other,
}

impl Root {
    /// Opens the directory at an absolute path.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        // By its name within itself, so that a directory that we may not enter is an error now.
        let facts = rustix::fs::statx(&directory, c".", AtFlags::empty(), StatxFlags::BASIC_STATS)?;
        require_openat2(&directory)?;
        Ok(Self {
            path: path.to_owned(),
            real_path: path.canonicalize()?,
            file_id: file_id(&facts),
            has_link_count: facts.stx_nlink > 0,
            directory,
            links: LinkTargets::default(),
        })
    }

    /// Returns the same root, with directories that symbolic links may lead to.
    pub(crate) fn with_links(self, links: &LinkTargets) -> Self {
        let links = links.clone();
        Self { links, ..self }
    }

    /// Returns the identity that no other directory has as long as this one is open.
    pub(crate) fn file_id(&self) -> FileId {
        self.file_id
    }

    /// Returns `true` if its link count was not 0 when it was opened.
    pub(crate) fn has_link_count(&self) -> bool {
        self.has_link_count
    }

    /// Compares what its path leads to now.
    pub(crate) fn compare(&self) -> Sight {
        match look_at(&self.path) {
            Ok(facts) if file_id(&facts) != self.file_id => Sight::Other,
            Ok(facts) if facts.stx_nlink > 0 => Sight::Same,
            Ok(facts) if facts.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) => {
                Sight::NamelessMount
            }
            Ok(_) => Sight::Nameless,
            Err(_) => Sight::Other,
        }
    }

    /// Returns `true` if it is still where it was opened, wherever its path leads now, or if that
    /// place cannot be inspected.
    pub(crate) fn is_in_place(&self) -> bool {
        look_at(&self.real_path).map_or_else(
            |errno| !is_missing(errno),
            |facts| file_id(&facts) == self.file_id,
        )
    }

    /// Returns `true` if the sandbox forbids reading it although its permissions allow it. A
    /// directory that we may enter but not list does not count, because its files may be readable.
    pub(crate) fn is_outside_sandbox(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.directory, c".", flags, Mode::empty());
        // Both calls check permissions; only opening is checked by the sandbox.
        let by_permissions =
            || rustix::fs::accessat(&self.directory, c".", Access::READ_OK, AtFlags::EACCESS);
        opened.is_err() && by_permissions().is_ok()
    }

    /// Opens a file for reading, never above the root. The path may name a FIFO by now, so opening
    /// does not wait.
    pub(crate) fn open_beneath(&self, path: &CStr) -> Result<OwnedFd> {
        self.reach(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
    }

    /// Opens a directory to list it, never above the root.
    pub(crate) fn open_directory_beneath(&self, path: &CStr) -> Result<OwnedFd> {
        self.reach(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Stats what the path names, never above the root, without opening it: opening a FIFO or a
    /// device has effects.
    pub(crate) fn look_beneath(&self, path: &CStr) -> Result<Statx> {
        stat_descriptor(self.reach(path, OFlags::PATH)?)
    }

    /// Returns the path that a path leads to, over any links, relative to the root.
    pub(crate) fn real_path_beneath(&self, path: &CStr) -> Option<Vec<u8>> {
        let reached = self.reach(path, OFlags::PATH).ok()?;
        let link = format!("/proc/self/fd/{}", reached.as_raw_fd());
        let real = rustix::fs::readlinkat(CWD, link, Vec::new()).ok()?;
        let real = Path::new(OsStr::from_bytes(real.to_bytes()));
        let beneath = real.strip_prefix(&self.real_path).ok()?;
        Some(beneath.as_os_str().as_bytes().to_vec())
    }

    fn reach(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
        match openat2(&self.directory, path, flags) {
            // The kernel refuses absolute links, but one may lead to a place within the root, or in
            // a directory that links may lead to.
            Err(Errno::XDEV) => {
                let (base, path) = self.follow_links(path)?;
                openat2(base.descriptor(), &path, flags)
            }
            reached => reached,
        }
    }

    /// Returns the place that a path leads to: a path within the root, or within a directory that
    /// links may lead to. Follows all links, since a relative one may lead to an absolute one. Each
    /// step is taken beneath that directory, and the result must be opened beneath it like any other
    /// path.
    fn follow_links(&self, path: &CStr) -> Result<(Base<'_>, PathBuf)> {
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        let mut base = Base::Root(self);
        let mut walk = Walk::new(Path::new(""), path);
        while let Some(step) = walk.step() {
            let opened = openat2(base.descriptor(), step, OFlags::PATH | OFlags::NOFOLLOW)?;
            // A directory that `..` leads to is no link, so reading it as one is an error.
            let Ok(target) = rustix::fs::readlinkat(opened, c"", Vec::new()) else {
                continue;
            };
            let target = Path::new(OsStr::from_bytes(target.to_bytes()));
            let outside = if self.links.is_empty() {
                target.is_absolute().then(|| target.to_owned())
            } else {
                target_outside(base.real_path(), step, target)
            };
            let is_followed = match outside {
                None => walk.follow(target),
                Some(outside) => {
                    let (next, rest) = self.place_of(&outside)?;
                    base = next;
                    walk.restart(Path::new(""), rest)
                }
            };
            if !is_followed {
                return Err(Errno::LOOP);
            }
        }
        let mut end = walk.end();
        if end.as_os_str().is_empty() {
            end.push(".");
        }
        Ok((base, end))
    }

    /// Returns the directory that an absolute path leads into, and the rest of the path.
    fn place_of<'a>(&self, path: &'a Path) -> Result<(Base<'_>, &'a Path)> {
        if let Some(rest) = self.within(path) {
            return Ok((Base::Root(self), rest));
        }
        let (target, rest) = self.links.find(path).ok_or(Errno::XDEV)?;
        Ok((Base::Link(target.open()?, target.real_path()), rest))
    }

    /// Returns the rest of an absolute path that begins with the root, by either of its names.
    fn within<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        [&self.path, &self.real_path]
            .into_iter()
            .find_map(|root| path.strip_prefix(root).ok())
    }

    /// Returns the fingerprint of what the path names now. Follows links, even out of the root:
    /// this is cheap and opens nothing.
    pub(crate) fn fingerprint(&self, path: &CStr) -> Result<Fingerprint> {
        self.look(path).map(|facts| Fingerprint::of(&facts))
    }

    /// Returns the fingerprint of what the path names now, without following a link at its end.
    pub(crate) fn fingerprint_itself(&self, path: &[u8]) -> Result<Fingerprint> {
        let flags = AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::statx(&self.directory, path, flags, StatxFlags::BASIC_STATS)
            .map(|facts| Fingerprint::of(&facts))
    }

    /// Stats what the path names now. Follows links, even out of the root.
    pub(crate) fn look(&self, path: &CStr) -> Result<Statx> {
        let (flags, mask) = (AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS);
        rustix::fs::statx(&self.directory, path, flags, mask)
    }

    /// Returns the fingerprint of what the path names now, never above the root.
    pub(crate) fn fingerprint_beneath(&self, path: &CStr) -> Result<Fingerprint> {
        self.look_beneath(path).map(|facts| Fingerprint::of(&facts))
    }

    /// Returns `true` if the path names anything but a directory now, even a link that leads out of
    /// the root.
    pub(crate) fn has_file(&self, path: &CStr) -> bool {
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

/// The directory beneath which a path is opened.
#[derive(Debug)]
enum Base<'a> {
    Root(&'a Root),
    /// One that links may lead to, with its real path.
    Link(OwnedFd, &'a Path),
}

impl Base<'_> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(root) => root.directory.as_fd(),
            Self::Link(directory, _) => directory.as_fd(),
        }
    }

    fn real_path(&self) -> &Path {
        match self {
            Self::Root(root) => &root.real_path,
            Self::Link(_, real_path) => real_path,
        }
    }
}

/// Opens a path beneath a directory.
fn openat2(directory: impl AsFd, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    // openat2(2): EAGAIN means that the kernel cannot be sure, because of a concurrent rename.
    let mut attempts = 0..ATTEMPTS_MAX;
    let open = || rustix::fs::openat2(&directory, path, flags, Mode::empty(), BENEATH);
    loop {
        // On a file system in user space, a signal may interrupt the call.
        match retry_on_intr(open) {
            Err(Errno::AGAIN) if attempts.next().is_some() => {}
            opened => return opened,
        }
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

/// Returns `true` if nothing is at a path.
pub(crate) fn is_nowhere(path: &Path) -> bool {
    look_at(path).is_err_and(is_missing)
}

/// Returns `true` if the error means that nothing exists at a path.
pub(crate) fn is_missing(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

/// Checks that `openat2` works: without it, every request would fail with a misleading reason. Some
/// containers forbid it although the kernel has it.
fn require_openat2(directory: &OwnedFd) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(directory, c".", flags, Mode::empty(), BENEATH) {
        Err(Errno::NOSYS | Errno::PERM) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the system call openat2 is missing; it needs Linux 5.6, and a seccomp filter that \
             allows it: Docker's does from 20.10 on, and systemd's does not with \
             RestrictSUIDSGID=",
        )),
        _ => Ok(()),
    }
}

/// Stats an open descriptor.
pub(crate) fn stat_descriptor(descriptor: impl AsFd) -> Result<Statx> {
    let (flags, mask) = (AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
    retry_on_intr(|| rustix::fs::statx(&descriptor, c"", flags, mask))
}

/// Returns the identity of a directory.
pub(crate) fn file_id(facts: &Statx) -> FileId {
    (facts.stx_dev_major, facts.stx_dev_minor, facts.stx_ino)
}

/// The kernel itself keeps every step beneath the root, and follows no link such as /proc/self/fd.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// The number of times that a lookup is repeated if the kernel was not sure of its result.
const ATTEMPTS_MAX: usize = 8;

//! Replacing a file atomically: no reader ever sees a half-written one.

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Statx, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write as _};

/// Writes a file of this name, with the time, the permissions and the owner of the original.
pub(super) fn replace(
    directory: &OwnedFd,
    name: &[u8],
    content: &[u8],
    original: &Statx,
) -> io::Result<()> {
    // A hidden name is never served. Only one process writes here (see `Tree::lock`), so a file
    // with this name is left from a killed one.
    let new = [b".", name, b".new"].concat();
    match rustix::fs::unlinkat(directory, &*new, AtFlags::empty()) {
        Err(Errno::NOENT) => {}
        removed => removed?,
    }
    let written = write(directory, &new, content, original)
        .and_then(|()| Ok(rustix::fs::renameat(directory, &*new, directory, name)?));
    if written.is_err() {
        // The file may not exist.
        let _ = rustix::fs::unlinkat(directory, &*new, AtFlags::empty());
    }
    written
}

/// Sets the modification time of a file to that of the original.
pub(super) fn set_time(file: BorrowedFd<'_>, original: &Statx) -> io::Result<()> {
    let modified = &original.stx_mtime;
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.tv_sec,
            tv_nsec: modified.tv_nsec.into(),
        },
    };
    Ok(rustix::fs::futimens(file, &times)?)
}

fn write(directory: &OwnedFd, name: &[u8], content: &[u8], original: &Statx) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let own = Mode::RUSR | Mode::WUSR;
    let mut file = File::from(rustix::fs::openat(directory, name, flags, own)?);
    file.write_all(content)?;
    // Only root can change the owner, and only members of a group can set it.
    let (user, group) = (original.stx_uid, original.stx_gid);
    let _ = rustix::fs::fchown(&file, None, Some(Gid::from_raw(group)));
    let _ = rustix::fs::fchown(&file, Some(Uid::from_raw(user)), None);
    rustix::fs::fchmod(
        &file,
        Mode::from_raw_mode(original.stx_mode.into()) & PERMISSIONS,
    )?;
    set_time(rustix::fd::AsFd::as_fd(&file), original)
}

/// The permissions that are copied: all but set-user-ID, set-group-ID and sticky.
const PERMISSIONS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

//! Why a path names no file that can be served.

use crate::plan::{Absence, Move};
use log::Level;
use rustix::io::Errno;
use std::fmt;

/// Why there is no file to serve, for the operator to read. The client learns less: the
/// [`Absence`] that it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// A segment of the path starts with a dot.
    Hidden,
    /// There is no such file.
    Nothing,
    /// The directory is there, but no index file is in it.
    NoIndex,
    /// The path asks for a directory, but names a file.
    FileWithSlash,
    /// The path names a directory, but does not end in a slash.
    NeedsSlash,
    /// Addresses are to be clean, and this one is not.
    Moved(Move),
    /// A symbolic link leads out of the root.
    LeadsOut,
    /// Symbolic links lead in a circle, or into the kernel's own.
    TooManyLinks,
    /// It is a FIFO, a socket or a device.
    NotRegular,
    /// A segment, or the path, is longer than the file system allows.
    NameTooLong,
    /// It says that it is small, and has more than is read of such a file.
    Endless,
    /// It is there in coded forms alone, which the client does not accept, and cannot be expanded.
    OnlyCoded,
    /// What it was to be expanded from is no sound `gzip`.
    Damaged,
    /// Our user may not read it.
    Forbidden,
    /// No descriptors or memory are left, or the file is locked by a lease.
    Exhausted,
    /// Listings that are being sent take as much memory as they may.
    Crowded,
    /// The file system failed.
    Failed(Errno),
    /// The root's path leads to no directory that can be served.
    RootLost,
}

impl Miss {
    pub(super) fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Nothing,
            Errno::XDEV => Self::LeadsOut,
            Errno::LOOP => Self::TooManyLinks,
            // What opening a socket or a device without a driver says.
            Errno::NXIO | Errno::NODEV => Self::NotRegular,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Self::Exhausted,
            errno => Self::Failed(errno),
        }
    }

    /// The same for a look by name: some file systems know names that no file of theirs can have.
    pub(super) fn of_look(errno: Errno) -> Self {
        match errno {
            Errno::INVAL | Errno::ILSEQ => Self::Nothing,
            errno => Self::of(errno),
        }
    }

    /// Whether it may be so because the whole root is another directory by now, or gone.
    pub(super) const fn may_be_of_root(self) -> bool {
        matches!(self, Self::Nothing | Self::NoIndex | Self::Failed(_))
    }

    /// What the client learns of it.
    pub const fn absence(self) -> Absence {
        match self {
            Self::Hidden => Absence::Hidden,
            Self::Nothing
            | Self::NoIndex
            | Self::FileWithSlash
            | Self::LeadsOut
            | Self::TooManyLinks
            | Self::NotRegular
            | Self::OnlyCoded
            | Self::NameTooLong => Absence::NotFound,
            Self::NeedsSlash => Absence::Moved(Move::AddSlash),
            Self::Moved(way) => Absence::Moved(way),
            Self::Forbidden => Absence::Forbidden,
            Self::Exhausted | Self::Crowded => Absence::Exhausted,
            Self::Endless | Self::Damaged | Self::Failed(_) => Absence::Failed,
            Self::RootLost => Absence::RootLost,
        }
    }

    /// How much the operator wants to know of it: what strangers can bring about with a mistyped
    /// address, little; what is wrong with the site, more.
    pub const fn level(self) -> Level {
        match self {
            Self::Hidden
            | Self::Nothing
            | Self::FileWithSlash
            | Self::NeedsSlash
            | Self::Moved(_)
            | Self::NameTooLong
            // It is logged once, when it is noticed.
            | Self::RootLost => Level::Debug,
            Self::NoIndex
            | Self::LeadsOut
            | Self::TooManyLinks
            | Self::NotRegular
            | Self::OnlyCoded
            | Self::Forbidden
            | Self::Crowded => Level::Info,
            Self::Exhausted | Self::Endless | Self::Damaged => Level::Warn,
            Self::Failed(_) => Level::Error,
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "a name in it starts with a dot, which is served below /.well-known/ only",
            Self::Nothing => "there is no such file",
            Self::NoIndex => "the directory has no index file; add index.html, or let directories be listed (listing)",
            Self::FileWithSlash => "it is a file, and the address ends in a slash",
            Self::NeedsSlash => "it is a directory, and the address does not end in a slash",
            Self::Moved(_) => "it is served under its clean address",
            Self::LeadsOut => "a symbolic link leads out of the root; put the file inside, or serve a directory above both",
            Self::TooManyLinks => "its symbolic links lead in a circle",
            Self::NotRegular => "it is not a regular file",
            Self::NameTooLong => "the name is longer than the file system allows",
            Self::Endless => "it has more than 1 MiB, though it says that it is small; save a copy of it, and serve that",
            Self::OnlyCoded => "only compressed files of it are there, which this client does not accept and millpond cannot expand; put the file itself beside them, or a .gz of up to 16 MiB",
            Self::Damaged => "only a .gz of it is there, and that is damaged; compress the file again",
            Self::Forbidden => "the server's user may not read it; see its permissions and those of the directories above",
            Self::Exhausted => "no file descriptors or memory are left, or the file is locked; raise the limit on open files",
            Self::Crowded => "long listings that are still being sent take all the memory that they may",
            Self::RootLost => "the root is gone",
            Self::Failed(errno) => return write!(f, "reading it failed: {errno}"),
        })
    }
}

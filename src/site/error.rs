//! The reasons why no file can be served for a path.

use crate::plan::{CanonicalForm, Concealed, Unavailable};
use log::Level;
use rustix::io::Errno;
use std::fmt;

/// The reason why there is no file to serve, for the operator. The client gets less detail: the
/// corresponding [`Unavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// A segment of the path starts with a dot.
    Concealed(Concealed),
    /// The file does not exist.
    Nothing,
    /// The directory exists, but has no index file.
    NoIndex,
    /// The path of a file has a trailing slash.
    FileWithSlash,
    /// The path of a directory lacks a trailing slash.
    NeedsSlash,
    /// Clean URLs are on, and this URL is not clean.
    Moved(CanonicalForm),
    /// A symbolic link leads out of the root.
    LeadsOut,
    /// Symbolic links form a circle, or lead to internal links of the kernel.
    TooManyLinks,
    /// The file is a FIFO, a socket or a device.
    NotRegular,
    /// A segment, or the path, is longer than the file system allows.
    NameTooLong,
    /// The file claims to be small, but has more content than is read from a small file.
    Endless,
    /// The file exists only in precompressed forms that the client does not accept, and cannot be
    /// expanded.
    OnlyPrecompressed,
    /// The file to expand is not valid `gzip`.
    Damaged,
    /// The server's user may not read the file.
    Forbidden,
    /// No descriptors or memory are left, or the file is locked by a lease.
    OutOfResources,
    /// The listings being sent already use the permitted memory.
    TooManyListings,
    /// The file system failed.
    Failed(Errno),
    /// The path of the root leads to no directory that can be served.
    RootLost,
}

impl LookupError {
    pub(crate) fn of(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Nothing,
            Errno::XDEV => Self::LeadsOut,
            Errno::LOOP => Self::TooManyLinks,
            // These errors come from opening a socket, or a device without a driver.
            Errno::NXIO | Errno::NODEV => Self::NotRegular,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Self::OutOfResources,
            errno => Self::Failed(errno),
        }
    }

    /// Converts the error of a lookup by name: some file systems reject names that none of their
    /// files can have.
    pub(crate) fn of_look(errno: Errno) -> Self {
        match errno {
            Errno::INVAL | Errno::ILSEQ => Self::Nothing,
            errno => Self::of(errno),
        }
    }

    /// Returns `true` if the reason may be that the root directory was replaced or removed.
    pub(crate) const fn may_be_of_root(self) -> bool {
        matches!(self, Self::Nothing | Self::NoIndex | Self::Failed(_))
    }

    /// Returns what the client learns about the reason.
    pub const fn unavailable(self) -> Unavailable {
        match self {
            Self::Concealed(_) => Unavailable::Hidden,
            Self::Nothing
            | Self::NoIndex
            | Self::FileWithSlash
            | Self::LeadsOut
            | Self::TooManyLinks
            | Self::NotRegular
            | Self::OnlyPrecompressed
            | Self::NameTooLong => Unavailable::NotFound,
            Self::NeedsSlash => Unavailable::Moved(CanonicalForm::AddSlash),
            Self::Moved(way) => Unavailable::Moved(way),
            Self::Forbidden => Unavailable::Forbidden,
            Self::OutOfResources | Self::TooManyListings => Unavailable::Exhausted,
            Self::Endless | Self::Damaged | Self::Failed(_) => Unavailable::Failed,
            Self::RootLost => Unavailable::RootLost,
        }
    }

    /// Returns the log level. Errors that any client can cause with a wrong URL get a low one;
    /// problems of the site get a higher one.
    pub const fn level(self) -> Level {
        match self {
            Self::Concealed(_)
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
            | Self::OnlyPrecompressed
            | Self::Forbidden
            | Self::TooManyListings => Level::Info,
            Self::OutOfResources | Self::Endless | Self::Damaged => Level::Warn,
            Self::Failed(_) => Level::Error,
        }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Concealed(Concealed::Hidden) => "a name in the path starts with a dot; such files are served only below /.well-known/, and where dotfiles names them",
            Self::Concealed(Concealed::Private) => "a name in the path is private; dotfiles serves it only by a pattern without wildcards",
            Self::Nothing => "there is no such file",
            Self::NoIndex => "the directory has no index file; add index.html, or turn on directory listings (listing)",
            Self::FileWithSlash => "it is a file, but the URL ends in a slash",
            Self::NeedsSlash => "it is a directory, but the URL does not end in a slash",
            Self::Moved(_) => "it is served at its clean URL",
            Self::LeadsOut => "a symbolic link leads out of the root; put the file inside, name the directory that it leads to (links), or serve a directory above both",
            Self::TooManyLinks => "its symbolic links form a loop",
            Self::NotRegular => "it is not a regular file",
            Self::NameTooLong => "the name is longer than the file system allows",
            Self::Endless => "it is larger than 1 MiB, but reports a smaller size; serve a copy of it",
            Self::OnlyPrecompressed => "only compressed files exist, which this client does not accept and millpond cannot decompress; add the file itself, or a .gz of up to 16 MiB",
            Self::Damaged => "only a .gz of it exists, and it is damaged; compress the file again",
            Self::Forbidden => "the server has no permission to read it; check the permissions of the file and of the directories above it",
            Self::OutOfResources => "no file descriptors or memory are left, or the file is locked; raise the limit on open files",
            Self::TooManyListings => "too many long listings are being sent at the same time",
            Self::RootLost => "the root is gone",
            Self::Failed(errno) => return write!(f, "reading it failed: {errno}"),
        })
    }
}

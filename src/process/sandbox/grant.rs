//! What a confined process may go on doing, and where.

use landlock::{AccessFs, BitFlags};
use std::path::PathBuf;

/// A right to a file, or to all that lies beneath a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Without symbolic links.
    pub(crate) path: PathBuf,
    pub(crate) right: Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// To read files and list directories.
    Serve,
    /// To read files.
    Read,
    /// To write to files and to create them, but not to read, cut or remove any.
    Append,
    /// To remove files.
    Remove,
}

impl Grant {
    pub(crate) fn new(path: PathBuf, right: Right) -> Self {
        Self { path, right }
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        let is_enough =
            self.right == other.right || (self.right, other.right) == (Right::Serve, Right::Read);
        is_enough && other.path.starts_with(&self.path)
    }
}

impl Right {
    pub(super) fn beneath(self) -> BitFlags<AccessFs> {
        match self {
            Self::Serve => AccessFs::ReadFile | AccessFs::ReadDir,
            Self::Read => AccessFs::ReadFile.into(),
            Self::Append => AccessFs::WriteFile | AccessFs::MakeReg,
            Self::Remove => AccessFs::RemoveFile.into(),
        }
    }
}

/// A change that a sandbox keeps a server from following.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitNote {
    /// What it is, and what to do about it.
    pub(crate) text: String,
    /// Whether it was asked for.
    pub(crate) is_intended: bool,
}

//! The access that a confined process keeps.

use landlock::{AccessFs, BitFlags};
use std::path::PathBuf;

/// A right to a file, or to everything beneath a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The path, with symbolic links resolved.
    pub(crate) path: PathBuf,
    pub(crate) right: Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Reading files and listing directories.
    Serve,
    /// Reading files.
    Read,
    /// Creating files and appending to them, but not reading, truncating or removing them.
    Append,
    /// Removing files.
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

/// A change that a server in a sandbox cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitNote {
    /// A description of the change, and what to do about it.
    pub(crate) text: String,
    /// `true` if the operator asked for this limit.
    pub(crate) is_intended: bool,
}

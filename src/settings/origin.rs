//! The source of a value.

use std::{fmt, path::PathBuf};

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line: the flag, or the placeholder of an argument without a flag.
    Argument(String),
    /// An environment variable.
    Variable(String),
    /// A file.
    File {
        /// The path as it was given.
        path: PathBuf,
        /// The line and the column in characters, both from 1; `None` for the file as a whole.
        place: Option<(usize, usize)>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) | Self::Variable(name) => out.write_str(name),
            Self::File { path, place: None } => write!(out, "{}", path.display()),
            Self::File {
                path,
                place: Some((line, column)),
            } => {
                write!(out, "{}:{line}:{column}", path.display())
            }
        }
    }
}

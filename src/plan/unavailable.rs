//! The reasons why there is no file to send.

use crate::http::Status;

/// The reason why there is no representation to select. Each reason has one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// Nothing is served under this path.
    NotFound,
    /// Nothing is served under such a path, whatever exists there.
    Hidden,
    /// The file has another URL.
    Moved(CanonicalForm),
    /// The file may not be read.
    Forbidden,
    /// The file cannot be opened now, but perhaps soon: no descriptors are left.
    Exhausted,
    /// Reading the file failed.
    Failed,
    /// The whole site is missing, perhaps briefly: it is being rebuilt or moved.
    RootLost,
}

impl Unavailable {
    /// Returns the status of the error response, if it is an error.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::NotFound | Self::Hidden => Some(Status::NotFound),
            Self::Moved(_) => None,
            Self::Forbidden => Some(Status::Forbidden),
            Self::Exhausted | Self::RootLost => Some(Status::ServiceUnavailable),
            Self::Failed => Some(Status::InternalServerError),
        }
    }
}

/// The way from a path to the canonical path of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanonicalForm {
    /// A directory: with a trailing slash, as relative references need.
    AddSlash,
    /// A page: without the trailing slash.
    DropSlash,
    /// A page: without its extension.
    DropExtension,
    /// An index file: as its directory.
    DropName,
}

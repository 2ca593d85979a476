//! A file as a lookup finds it: its metadata and its source.

use crate::http::coding::Codings;
use crate::plan::{Fallback, Representation};
use crate::site::codings::Variants;
use bytes::Bytes;
use rustix::fd::OwnedFd;
use std::rc::Rc;

/// A file, opened and inspected, or content that was generated instead.
#[derive(Debug)]
pub struct File {
    /// Whether the file exists on disk or was made by the server.
    pub origin: Origin,
    /// The metadata for responses.
    pub representation: Representation,
    /// The source of its bytes.
    pub source: Source,
    /// Its path, relative to the root.
    pub path_on_disk: Box<[u8]>,
    pub(crate) variants: Option<Variants>,
}

impl File {
    /// Returns the fallback that the file serves as; `None` if it was requested itself.
    pub fn fallback(&self) -> Option<Fallback> {
        self.representation.metadata().fallback
    }

    /// Returns the codings that its content is available in.
    pub fn codings(&self) -> Codings {
        let variants = self.variants.as_ref();
        variants.map_or(Codings::EMPTY, Variants::codings)
    }

    /// Returns `true` if the file is stored only in precompressed forms, so it must be sent in one
    /// of them or expanded.
    pub fn is_only_precompressed(&self) -> bool {
        matches!(self.source, Source::Coded)
    }

    /// Returns `true` if the file holds a descriptor.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.source, Source::Descriptor(_))
    }
}

/// The origin of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file on disk.
    Disk,
    /// A file that exists on disk only in precompressed forms.
    Coded,
    /// The expansion of a precompressed file.
    Expanded,
    /// The listing of a directory.
    Listing,
}

/// The source of a file's bytes.
#[derive(Clone, Debug)]
pub enum Source {
    /// Memory, with the content as it was when the file was read.
    Memory(Bytes),
    /// The file itself, from which the bytes are sent.
    Descriptor(Rc<OwnedFd>),
    /// Precompressed files beside it.
    Coded,
}

//! A file as a look at the site finds it: what can be said of it, and where its bytes are.

use super::variants::Variants;
use crate::http::coding::CodingSet;
use crate::plan::{Representation, StandIn};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use std::rc::Rc;

/// A file, opened and looked at, or what is made in place of one.
#[derive(Debug)]
pub struct File {
    /// Whether it is there, or was made.
    pub origin: Origin,
    /// What a response can say of it.
    pub representation: Representation,
    /// Where its bytes are.
    pub source: Source,
    /// Where it was found, relative to the root.
    pub place: Box<[u8]>,
    pub(super) variants: Option<Variants>,
}

impl File {
    /// What it is served in place of; `None` where it was asked for.
    pub fn stand_in(&self) -> Option<StandIn> {
        self.representation.facts().stand_in
    }

    /// The codings that its content is to be had in besides.
    pub fn codings(&self) -> CodingSet {
        let variants = self.variants.as_ref();
        variants.map_or(CodingSet::EMPTY, Variants::codings)
    }

    /// Whether it is there in coded forms alone, so that there is nothing to be sent but in one of them,
    /// or expanded.
    pub fn is_coded_alone(&self) -> bool {
        matches!(self.source, Source::Coded)
    }

    /// Whether it holds a descriptor.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.source, Source::Descriptor(_))
    }
}

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is one on disk.
    Disk,
    /// It is not on disk, but coded forms of it are.
    Coded,
    /// It was expanded from a coded form.
    Expanded,
    /// It lists a directory.
    Listing,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In memory, as they were when the file was read.
    Memory(Bytes),
    /// In the file, to be sent from there.
    Descriptor(Rc<OwnedFd>),
    /// In files beside it, in which they are coded.
    Coded,
}

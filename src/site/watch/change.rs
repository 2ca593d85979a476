//! Changes beneath the root.

/// A change beneath the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A change of this file or, if the path ends in a slash, of everything in this directory. The
    /// path is relative to the root.
    Path(Box<[u8]>, Kind),
    /// Anything may have changed.
    Everything,
    /// The root is gone, and is being looked for.
    RootLost,
}

/// The kind of change of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is being written, and its writer has not closed it.
    Writing,
    /// It was written completely, or moved into its place.
    Written,
    /// Its permissions or times have changed.
    Touched,
    /// It is gone.
    Removed,
}

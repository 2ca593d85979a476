//! The identity of a job.

use crate::listing::View;
use crate::site::cache::Key;
use crate::site::fingerprint::Fingerprint;
use crate::site::root::FileId;

/// The identity of a job. Equal keys mean equal results: a response is never older than the tick of
/// its request, whichever request began the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobKey {
    /// Hashing the file with this key in the cache, in this state.
    Hash(Key, Fingerprint),
    /// Making the file with this key in the cache.
    Make(Key),
    /// Listing a directory beneath a root. A root that replaces this one has another id.
    List {
        root: FileId,
        path: Box<[u8]>,
        view: View,
    },
}

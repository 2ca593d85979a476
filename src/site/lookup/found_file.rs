//! A file as it was found.

use crate::site::file::File;
use crate::site::fingerprint::Fingerprint;
use std::ffi::CString;

/// A file as it was found, with the data needed to check that it is still the same.
#[derive(Debug)]
pub(crate) struct FoundFile {
    pub(crate) file: File,
    /// Its path, relative to the root.
    pub(crate) path_on_disk: CString,
    /// `true` if the path is a symbolic link, or could not be distinguished from one.
    pub(crate) is_link: bool,
    /// Other paths that were checked, each with `true` if a file existed. If one of them changes,
    /// the result may change too.
    pub(crate) depends_on: Vec<(CString, bool)>,
    pub(crate) fingerprint: Fingerprint,
    /// `true` if an equal fingerprint, later on, will mean equal content.
    pub(crate) is_stable: bool,
    /// `true` if the file has yet to be hashed for its tag.
    pub(crate) lacks_hash: bool,
}

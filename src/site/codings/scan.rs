//! Searching for the precompressed files beside a file.

use crate::http::coding::{Coding, CodingSet};
use crate::site::fingerprint::Fingerprint;
use crate::site::root::Root;
use rustix::fs::FileType;
use std::ffi::CStr;

/// Returns the codings of the precompressed files beside the path. Older ones are reported.
pub(crate) fn scan(
    root: &Root,
    path_on_disk: &CStr,
    original: Option<&Fingerprint>,
    report_older: impl Fn(&CStr, Fingerprint),
) -> CodingSet {
    let mut name = Vec::with_capacity(path_on_disk.count_bytes() + EXTENSION_BYTES_MAX + 1);
    let is_there = |coding: &Coding| {
        let Some(path_on_disk) = sidecar(path_on_disk, *coding, &mut name) else {
            return false;
        };
        // This check is only a hint. Opening the file later happens beneath the root, and checks it
        // again.
        let Ok(found) = root.look(path_on_disk) else {
            return false;
        };
        let is_file = FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile;
        let found = Fingerprint::of(&found);
        let is_older = original.is_some_and(|original| found.is_older_than(original));
        if is_file && is_older {
            report_older(path_on_disk, found);
        }
        is_file && !is_older
    };
    Coding::ALL.into_iter().filter(is_there).collect()
}

/// Returns `true` if this is the path of a precompressed file.
pub(crate) fn is_coded(path_on_disk: &CStr) -> bool {
    let is_of = |coding: Coding| {
        path_on_disk
            .to_bytes()
            .ends_with(coding.extension().as_bytes())
    };
    Coding::ALL.into_iter().any(is_of)
}

/// Returns the path of the precompressed file with this coding, assembled in `name`.
pub(crate) fn sidecar<'a>(
    path_on_disk: &CStr,
    coding: Coding,
    name: &'a mut Vec<u8>,
) -> Option<&'a CStr> {
    name.clear();
    name.extend_from_slice(path_on_disk.to_bytes());
    name.extend_from_slice(coding.extension().as_bytes());
    name.push(0);
    CStr::from_bytes_with_nul(name).ok()
}

/// The length of the longest extension of a coding.
const EXTENSION_BYTES_MAX: usize = 4;

//! Files that exist only in precompressed forms: `app.css.gz` without `app.css`.
//!
//! The result is a [`File`] without content. It is available in its codings like any other file,
//! and can be expanded from `gzip`.

use super::context::{Lookup, Role};
use super::found_file::FoundFile;
use crate::http::coding::Coding;
use crate::plan::{Metadata, Representation};
use crate::site::codings::{VARY, Variants, is_coded, scan, sidecar};
use crate::site::error::LookupError;
use crate::site::file::{File, Origin, Source};
use std::ffi::{CStr, CString};

impl Lookup<'_> {
    /// Finds a file that exists in one of these places only in precompressed forms. `depends_on`
    /// are the places where nothing was found.
    pub(crate) fn load_coded(
        &self,
        places: impl Iterator<Item = Vec<u8>>,
        mut depends_on: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> Result<FoundFile, LookupError> {
        for place in places {
            let path_on_disk = CString::new(place).map_err(|_| LookupError::Nothing)?;
            let Some((coded, variants)) = self.find_only_precompressed(&path_on_disk) else {
                continue;
            };
            if let Role::Asked(path) = role {
                self.check_address(path, &path_on_disk, &mut depends_on)?;
            }
            return Ok(self.without_content(&path_on_disk, coded, variants, depends_on, role));
        }
        Err(LookupError::Nothing)
    }

    fn without_content(
        &self,
        path_on_disk: &CString,
        coded: CString,
        variants: Variants,
        depends_on: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> FoundFile {
        let (place, fingerprint) = (path_on_disk.as_bytes(), *variants.fingerprint());
        let mut facts = Metadata {
            length: 0,
            content_type: self.stored_as(place, role).0,
            fallback: None,
            coding: None,
            vary: Some(VARY),
            security_policy: None,
            edits: Vec::new(),
            entity_tag: None,
            last_modified: None,
            is_date_strong: false,
        };
        self.apply_role(&mut facts, place, role);
        FoundFile {
            is_link: self.root.fingerprint_itself(coded.as_bytes()) != Ok(fingerprint),
            is_stable: variants.is_stable(),
            lacks_hash: false,
            file: File {
                origin: Origin::Coded,
                representation: Representation::new(facts, self.policy),
                source: Source::Coded,
                path_on_disk: place.into(),
                variants: Some(variants),
            },
            // If this file changes or disappears, so does the result.
            path_on_disk: coded,
            depends_on,
            fingerprint,
        }
    }

    /// Searches for precompressed forms of a missing file. Returns the path of the one to expand,
    /// or else of the first one, and the codings of all.
    pub(crate) fn find_only_precompressed(
        &self,
        path_on_disk: &CStr,
    ) -> Option<(CString, Variants)> {
        if !self.finder.precompressed() || is_coded(path_on_disk) {
            return None;
        }
        let found = scan(self.root, path_on_disk, None, |_, _| {});
        let is_expanded = found.contains(Coding::Gzip);
        let first = found.iter().next()?;
        let coding = if is_expanded { Coding::Gzip } else { first };
        let coded = CString::from(sidecar(path_on_disk, coding, &mut Vec::new())?);
        let fingerprint = self.root.fingerprint(&coded).ok()?;
        let is_stable = fingerprint.is_stable(self.wall);
        let variants = Variants::alone(path_on_disk, fingerprint, is_stable, found, is_expanded);
        Some((coded, variants))
    }
}

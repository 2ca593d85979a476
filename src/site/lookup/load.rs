//! Finding the file for a path on disk.

use super::context::{Lookup, Role};
use super::found_file::FoundFile;
use super::opened::{Opened, look, open_regular};
use super::script::add_script;
use crate::http::path::RequestPath;
use crate::plan::{CanonicalForm, Fallback, Representation};
use crate::site::codings::Variants;
use crate::site::error::LookupError;
use crate::site::file::{File, Origin};
use crate::site::root::Root;
use rustix::fs::FileType;
use std::ffi::{CStr, CString};

impl Lookup<'_> {
    /// Finds the file for a path: the first one among its candidates. The opened file is checked
    /// again, so nothing can be swapped in between.
    pub(crate) fn load(&self, path: &RequestPath<'_>) -> Result<FoundFile, LookupError> {
        let (mut miss, mut depends_on) = (LookupError::Nothing, Vec::new());
        for place in self.addressing.places(path.as_bytes()) {
            let is_asked_for = place == path.as_bytes();
            let path_on_disk = CString::new(place).map_err(|_| LookupError::Nothing)?;
            let looked = look(self.root, &path_on_disk);
            if looked.is_ok() {
                self.check_address(path, &path_on_disk, &mut depends_on)?;
            }
            match looked.and_then(|()| open_regular(self.root, &path_on_disk)) {
                Ok(opened) => {
                    let role = Role::Asked(path);
                    return Ok(self.describe_file(path_on_disk, opened, depends_on, role));
                }
                // It does not exist, or was removed after the look.
                Err(LookupError::Nothing) => {}
                // A directory. A file with the same name and an extension takes precedence.
                Err(LookupError::NeedsSlash) if is_asked_for => miss = LookupError::NeedsSlash,
                // The candidate was derived from the URL, and exists as a directory or cannot exist
                // at all.
                Err(LookupError::NeedsSlash | LookupError::NameTooLong) if !is_asked_for => {}
                Err(miss) => return Err(miss),
            }
            depends_on.push((path_on_disk, false));
        }
        if miss == LookupError::Nothing && self.seeks_precompressed {
            let places = self.addressing.places(path.as_bytes());
            match self.load_coded(places, depends_on, Role::Asked(path)) {
                Err(LookupError::Nothing) => {}
                found => return found,
            }
        }
        if miss == LookupError::Nothing && path.is_directory() {
            miss = explain(self.root, path);
        }
        Err(miss)
    }

    /// Finds the file of a path to serve it as a fallback, without a redirect to a canonical URL.
    pub(crate) fn load_fallback(
        &self,
        fallback: Fallback,
        path: &RequestPath<'_>,
    ) -> Result<FoundFile, LookupError> {
        let mut depends_on = Vec::new();
        for place in self.addressing.places(path.as_bytes()) {
            let path_on_disk = CString::new(place).map_err(|_| LookupError::Nothing)?;
            let looked = look(self.root, &path_on_disk);
            match looked.and_then(|()| open_regular(self.root, &path_on_disk)) {
                Ok(opened) => {
                    let role = Role::StandsIn(fallback);
                    return Ok(self.describe_file(path_on_disk, opened, depends_on, role));
                }
                Err(LookupError::Nothing | LookupError::NeedsSlash) => {
                    depends_on.push((path_on_disk, false));
                }
                Err(miss) => return Err(miss),
            }
        }
        if !self.seeks_precompressed {
            return Err(LookupError::Nothing);
        }
        let places = self.addressing.places(path.as_bytes());
        self.load_coded(places, depends_on, Role::StandsIn(fallback))
    }

    /// Rejects a path that should be requested with another URL. The same file is found under that
    /// URL, so the redirect can neither form a circle nor lead to another file.
    pub(crate) fn check_address(
        &self,
        path: &RequestPath<'_>,
        path_on_disk: &CStr,
        depends_on: &mut Vec<(CString, bool)>,
    ) -> Result<(), LookupError> {
        let better = self
            .addressing
            .better(path.as_bytes(), path_on_disk.to_bytes());
        let Some((way, address)) = better else {
            return Ok(());
        };
        for place in self.addressing.places(&address) {
            if place == path_on_disk.to_bytes() {
                return Err(LookupError::Moved(way));
            }
            let place = CString::new(place).map_err(|_| LookupError::Nothing)?;
            let is_file = self.root.has_file(&place);
            depends_on.push((place, is_file));
            if is_file {
                // Another file has that URL.
                break;
            }
        }
        if way == CanonicalForm::DropSlash {
            Err(LookupError::FileWithSlash)
        } else {
            Ok(())
        }
    }

    /// Returns the path of the file for a request or, if there is none, the first candidate.
    pub(crate) fn path_on_disk(&self, path: &RequestPath<'_>) -> Vec<u8> {
        let places = || self.addressing.places(path.as_bytes());
        let is_there = |place: &Vec<u8>| {
            CString::new(place.as_slice()).is_ok_and(|at| look(self.root, &at).is_ok())
        };
        let coded = || {
            if !self.seeks_precompressed {
                return None;
            }
            let loaded = self
                .load_coded(places(), Vec::new(), Role::Asked(path))
                .ok()?;
            Some(loaded.path_on_disk.into_bytes())
        };
        let found = places().find(is_there).or_else(coded);
        let found = found.or_else(|| places().next());
        found.unwrap_or_else(|| path.as_bytes().to_vec())
    }

    fn describe_file(
        &self,
        path_on_disk: CString,
        mut opened: Opened,
        depends_on: Vec<(CString, bool)>,
        role: Role<'_>,
    ) -> FoundFile {
        let fingerprint = opened.fingerprint;
        let is_link = self.root.fingerprint_itself(path_on_disk.as_bytes()) != Ok(fingerprint);
        let place = path_on_disk.as_bytes();
        let (content_type, coding) = self.stored_as(place, role);
        let has_script = self.policy.live
            && coding.is_none()
            && add_script(&mut opened, &content_type, place, role);
        let (mut facts, lacks_hash) = self.describe(&opened, content_type, coding);
        self.apply_role(&mut facts, place, role);
        let is_stable = opened.is_stable(self.wall);
        let finder = self.finder;
        let variants = if has_script {
            // The file's own time belongs to other content.
            facts.last_modified = None;
            facts.is_date_strong = false;
            finder.find_made(&path_on_disk, &fingerprint, &facts, is_stable)
        } else {
            finder.find(self.root, &path_on_disk, &fingerprint, &facts, is_stable)
        };
        facts.vary = variants.as_ref().and_then(Variants::vary);
        FoundFile {
            file: File {
                origin: Origin::Disk,
                representation: Representation::new(facts, self.policy),
                source: opened.source,
                path_on_disk: place.into(),
                variants,
            },
            path_on_disk,
            is_link,
            depends_on,
            is_stable,
            // Error pages have no tag.
            lacks_hash: lacks_hash && !matches!(role, Role::StandsIn(Fallback::Error(_))),
            fingerprint,
        }
    }
}

/// Returns the reason why a directory's path has no file. Called only after a search failed, and
/// only for the log.
fn explain(root: &Root, path: &RequestPath<'_>) -> LookupError {
    let directory = path.as_bytes().strip_suffix(b"/").unwrap_or(b".");
    let Ok(directory) = CString::new(directory) else {
        return LookupError::Nothing;
    };
    match root.look_beneath(&directory) {
        Ok(facts) => match FileType::from_raw_mode(facts.stx_mode.into()) {
            FileType::Directory => LookupError::NoIndex,
            _ => LookupError::FileWithSlash,
        },
        Err(errno) => LookupError::of_look(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Policy;
    use crate::site::codings::VariantFinder;
    use crate::site::lookup::{Addressing, Digests};
    use crate::site::options::Options;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::SystemTime;
    use std::{env, fs, process, thread};

    /// A file that is removed between a look and its opening must not make the whole path missing.
    #[test]
    fn a_directory_that_loses_its_index_file_in_that_moment_can_still_be_listed() {
        let directory = env::temp_dir().join(format!("millpond-loses-{}", process::id()));
        fs::create_dir_all(directory.join("a")).unwrap();
        let (index, aside) = (directory.join("a/index.html"), directory.join("a/aside"));
        fs::write(&index, "index").unwrap();
        let root = Root::open(&directory).unwrap();
        let look = Lookup {
            root: &root,
            addressing: &Addressing::default(),
            finder: &VariantFinder::new(&Options::default()),
            policy: &Policy::default(),
            digests: &Digests::new(),
            seeks_precompressed: true,
            wall: SystemTime::now(),
        };
        let path = RequestPath::parse(b"/a/").unwrap();
        let (has_ended, mut found, mut missed) = (AtomicBool::new(false), 0, 0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !has_ended.load(Ordering::Relaxed) {
                    fs::rename(&index, &aside).unwrap();
                    fs::rename(&aside, &index).unwrap();
                }
            });
            for _ in 0..4000 {
                match look.load(&path) {
                    Ok(_) => found += 1,
                    Err(LookupError::NoIndex) => missed += 1,
                    Err(why) => {
                        has_ended.store(true, Ordering::Relaxed);
                        panic!("after {found} found and {missed} missed: {why:?}");
                    }
                }
            }
            has_ended.store(true, Ordering::Relaxed);
        });
        fs::remove_dir_all(&directory).unwrap();
    }
}

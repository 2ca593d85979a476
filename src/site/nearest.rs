//! The nearest directory with a file of some name: the search for error pages.

use super::error::LookupError;
use super::lookup::look;
use super::lookup_time::LookupTime;
use super::open::Site;
use std::ffi::CString;

impl Site {
    /// Returns the nearest directory that has a file of this name: this one, or one above it. Each
    /// has a trailing slash; the root is empty, and returned if no other directory has the file.
    /// The answer may be a second old.
    #[inline]
    pub(super) fn nearest_with<'p>(
        &mut self,
        name: &'static str,
        directory: &'p [u8],
        moment: &LookupTime,
    ) -> &'p [u8] {
        if directory.is_empty() {
            return directory;
        }
        let known = self.nearest.recall(name, directory, moment.now);
        let length = known.unwrap_or_else(|| {
            let length = self
                .search_upwards(name, directory, moment)
                .unwrap_or_default();
            self.nearest.note(name, directory, length, moment.now);
            length
        });
        directory.get(..length).unwrap_or_default()
    }

    /// Returns the length of the path of the nearest directory with the file. Looks only at
    /// directories that exist.
    fn search_upwards(&self, name: &str, directory: &[u8], moment: &LookupTime) -> Option<usize> {
        let look_up = self.look(moment)?;
        let prefix = |end: usize| directory.get(..end).unwrap_or_default();
        let exists = |end: &usize| {
            let path = CString::new(prefix(*end));
            path.is_ok_and(|path| look_up.root.look_beneath(&path).is_ok())
        };
        let ends = memchr::memchr_iter(b'/', directory).map(|slash| slash + 1);
        let existing: Vec<_> = ends.take_while(exists).collect();
        let has_file = |end: &usize| {
            let place = CString::new([prefix(*end), name.as_bytes()].concat());
            place.is_ok_and(|place| match look(look_up.root, &place) {
                Err(LookupError::Nothing) => look_up.find_only_precompressed(&place).is_some(),
                Err(LookupError::NeedsSlash) => false,
                // If it cannot be served, the log has to say so.
                Ok(()) | Err(_) => true,
            })
        };
        existing.into_iter().rev().find(has_file)
    }
}

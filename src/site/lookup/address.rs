//! The candidate paths of a requested file, and the URL that a file is served under.
//!
//! ARCHITECTURE.md has the whole list of steps for a path. These are the files among them, in
//! order:
//!
//! 1. the file at the path itself or, if the path ends in a slash, an index file in that directory;
//! 2. with clean URLs, the file at the path with `.html` appended;
//! 3. the file that exists only compressed;
//! 4. the target of a rewrite;
//! 5. for navigations in a single-page application, its start page;
//! 6. the site's own page for the error.

use crate::plan::CanonicalForm;

/// The mapping of URLs to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressing {
    /// The names of index files, in order of preference.
    pub index: Vec<String>,
    /// `true` if pages are served without `.html` at the end of their URL, and only there.
    pub clean: bool,
}

impl Default for Addressing {
    fn default() -> Self {
        Self {
            index: vec!["index.html".to_owned()],
            clean: false,
        }
    }
}

impl Addressing {
    /// Returns the candidate paths for a request, relative to the root, in order.
    pub(crate) fn places<'a>(&'a self, path: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
        let is_directory = is_directory(path);
        let names = self.index.iter().filter(move |_| is_directory);
        let itself = (!is_directory).then(|| path.to_vec());
        let indexes = names.map(move |name| [path, name.as_bytes()].concat());
        itself
            .into_iter()
            .chain(indexes)
            .chain(self.clean_place(path))
    }

    /// Returns the path of the page with a clean URL. The URL with a trailing slash leads there
    /// too.
    fn clean_place(&self, path: &[u8]) -> Option<Vec<u8>> {
        let page = path.strip_suffix(b"/").unwrap_or(path);
        let (_, name) = split(page);
        // Files with a leading dot are hidden, and must not become reachable under another name.
        let is_page = !name.is_empty() && !name.starts_with(b".") && !name.ends_with(EXTENSION);
        if !self.clean || !is_page {
            return None;
        }
        let place = [page, EXTENSION].concat();
        // An index file is reached with a trailing slash only in its own directory.
        let is_reached = !is_directory(path) || !self.is_index(split(&place).1);
        is_reached.then_some(place)
    }

    /// Returns the URL that the file at `place` should have been requested with, and the kind of
    /// redirect from `path`; `None` if the URL is correct, or if URLs need not be clean.
    pub(crate) fn better(&self, path: &[u8], place: &[u8]) -> Option<(CanonicalForm, Vec<u8>)> {
        if !self.clean {
            return None;
        }
        let (directory, name) = split(place);
        let is_index = self.is_index(name);
        let address = if is_index {
            directory
        } else {
            place.strip_suffix(EXTENSION)?
        };
        let way = if address == path {
            return None;
        } else if is_index {
            CanonicalForm::DropName
        } else if is_directory(path) {
            CanonicalForm::DropSlash
        } else {
            CanonicalForm::DropExtension
        };
        Some((way, address.to_vec()))
    }

    fn is_index(&self, name: &[u8]) -> bool {
        self.index.iter().any(|index| index.as_bytes() == name)
    }
}

/// Returns `true` if a path is that of a directory: the root, or a path with a trailing slash.
pub(crate) fn is_directory(path: &[u8]) -> bool {
    path.is_empty() || path.ends_with(b"/")
}

/// Splits a path after its last slash.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let after_slash = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    path.split_at_checked(after_slash)
        .unwrap_or((path, Default::default()))
}

/// The extension of pages.
const EXTENSION: &[u8] = b".html";

#[cfg(test)]
mod tests {
    use super::*;

    fn places(addressing: &Addressing, path: &str) -> String {
        let places = addressing.places(path.as_bytes());
        let places: Vec<_> = places
            .map(|place| String::from_utf8(place).unwrap())
            .collect();
        places.join(" ")
    }

    fn clean() -> Addressing {
        Addressing {
            index: vec!["index.html".to_owned(), "index.htm".to_owned()],
            clean: true,
        }
    }

    #[test]
    fn places_are_tried_in_order() {
        let plain = Addressing::default();
        for (path, itself, all) in [
            ("", "index.html", "index.html index.htm"),
            ("a", "a", "a a.html"),
            ("a/", "a/index.html", "a/index.html a/index.htm a.html"),
            ("a/b.js", "a/b.js", "a/b.js a/b.js.html"),
            ("a.html", "a.html", "a.html"),
            (
                "index/",
                "index/index.html",
                "index/index.html index/index.htm",
            ),
            (
                ".well-known/",
                ".well-known/index.html",
                ".well-known/index.html .well-known/index.htm",
            ),
            (".well-known/.a", ".well-known/.a", ".well-known/.a"),
        ] {
            assert_eq!(places(&plain, path), itself, "{path}");
            assert_eq!(places(&clean(), path), all, "{path}");
        }
    }

    #[test]
    fn a_file_has_one_clean_url() {
        for (path, place, better) in [
            ("a", "a.html", None),
            ("a.js", "a.js", None),
            (
                "a.html",
                "a.html",
                Some((CanonicalForm::DropExtension, "a")),
            ),
            ("a/", "a.html", Some((CanonicalForm::DropSlash, "a"))),
            ("a/", "a/index.html", None),
            ("", "index.html", None),
            (
                "index.html",
                "index.html",
                Some((CanonicalForm::DropName, "")),
            ),
            ("index", "index.html", Some((CanonicalForm::DropName, ""))),
            (
                "a/index.htm",
                "a/index.htm",
                Some((CanonicalForm::DropName, "a/")),
            ),
        ] {
            let found = clean().better(path.as_bytes(), place.as_bytes());
            let better = better.map(|(way, address)| (way, address.as_bytes().to_vec()));
            assert_eq!(found, better, "{path}");
            assert_eq!(
                Addressing::default().better(path.as_bytes(), place.as_bytes()),
                None
            );
        }
    }
}

//! Where the file of a path is looked for, and under which address a file is served.
//!
//! Of the list of what is tried for a path, which ARCHITECTURE.md has in full, these are the files, in
//! order:
//!
//! 1. the file that the path itself names, or, where it ends in a slash, an index file in it;
//! 2. with clean addresses, the file that it names with `.html` after it;
//! 3. for the navigations of an application, its start page: the root's index file;
//! 4. the site's own page of the error that it comes to.

use crate::plan::{Move, StandIn};

/// How addresses lead to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressing {
    /// The names of files that stand for their directory, the first that is there before the rest.
    pub index: Vec<String>,
    /// Whether pages are served without `.html` at the end of their address, and there alone.
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
    /// The places where the file of a path is looked for, relative to the root, in order.
    pub(super) fn places<'a>(&'a self, path: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
        let is_directory = is_directory(path);
        let names = self.index.iter().filter(move |_| is_directory);
        let itself = (!is_directory).then(|| path.to_vec());
        let indexes = names.map(move |name| [path, name.as_bytes()].concat());
        itself
            .into_iter()
            .chain(indexes)
            .chain(self.clean_place(path))
    }

    /// The places of the file that stands in for others. The page of an error lies in the root: to
    /// look for it in every directory on the way up would let strangers choose how often.
    pub(super) fn stand_ins(&self, stand_in: StandIn) -> impl Iterator<Item = Vec<u8>> {
        let page = match stand_in {
            StandIn::Start => None,
            StandIn::Error(status) => Some(format!("{}.html", status.code()).into_bytes()),
        };
        let index = page.is_none().then(|| self.places(b"")).into_iter();
        page.into_iter().chain(index.flatten())
    }

    /// Where the page of a clean address is. Its address with a slash after it leads there, too.
    fn clean_place(&self, path: &[u8]) -> Option<Vec<u8>> {
        let page = path.strip_suffix(b"/").unwrap_or(path);
        let (_, name) = split(page);
        // A name that starts with a dot is hidden, and must not come to light by another name.
        let is_page = !name.is_empty() && !name.starts_with(b".") && !name.ends_with(EXTENSION);
        if !self.clean || !is_page {
            return None;
        }
        let place = [page, EXTENSION].concat();
        // What stands for a directory has no slash but that directory's.
        let is_reached = !is_directory(path) || !self.is_index(split(&place).1);
        is_reached.then_some(place)
    }

    /// The address that the file at `place` should have been asked for by, and the way there from
    /// `path`; `None` if that is the right one already, or if addresses need not be clean.
    pub(super) fn better(&self, path: &[u8], place: &[u8]) -> Option<(Move, Vec<u8>)> {
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
            Move::DropName
        } else if is_directory(path) {
            Move::DropSlash
        } else {
            Move::DropExtension
        };
        Some((way, address.to_vec()))
    }

    fn is_index(&self, name: &[u8]) -> bool {
        self.index.iter().any(|index| index.as_bytes() == name)
    }
}

/// Whether a path asks for a directory: the root, or one with a slash at its end.
pub(super) fn is_directory(path: &[u8]) -> bool {
    path.is_empty() || path.ends_with(b"/")
}

/// A path up to and with its last slash, and the name after it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let after_slash = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    path.split_at_checked(after_slash)
        .unwrap_or((path, Default::default()))
}

/// Of a page.
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
    fn a_file_has_one_clean_address() {
        for (path, place, better) in [
            ("a", "a.html", None),
            ("a.js", "a.js", None),
            ("a.html", "a.html", Some((Move::DropExtension, "a"))),
            ("a/", "a.html", Some((Move::DropSlash, "a"))),
            ("a/", "a/index.html", None),
            ("", "index.html", None),
            ("index.html", "index.html", Some((Move::DropName, ""))),
            ("index", "index.html", Some((Move::DropName, ""))),
            ("a/index.htm", "a/index.htm", Some((Move::DropName, "a/"))),
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

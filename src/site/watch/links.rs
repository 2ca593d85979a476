//! The symbolic links to files. A change of a file counts as a change of the links to it, too.

use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Bound;

/// The links, by their paths and by the paths that they lead to.
#[derive(Debug, Default)]
pub(super) struct Links {
    targets: BTreeMap<Box<[u8]>, Box<[u8]>>,
    by_target: BTreeMap<Box<[u8]>, Vec<Box<[u8]>>>,
}

impl Links {
    /// Adds a link. Where it led before is forgotten.
    pub(super) fn insert(&mut self, link: &[u8], target: &[u8]) {
        self.remove(link);
        let links = self.by_target.entry(target.into()).or_default();
        if links.len() < LINKS_MAX {
            links.push(link.into());
            self.targets.insert(link.into(), target.into());
        }
    }

    /// Removes what is no longer a link, if it was one.
    pub(super) fn remove(&mut self, link: &[u8]) {
        let Some(target) = self.targets.remove(link) else {
            return;
        };
        if let Entry::Occupied(mut links) = self.by_target.entry(target) {
            links.get_mut().retain(|it| **it != *link);
            if links.get().is_empty() {
                links.remove();
            }
        }
    }

    /// Removes all links in a directory, whose path ends in a slash.
    pub(super) fn remove_in(&mut self, directory: &[u8]) {
        let after = (Bound::Included(directory), Bound::Unbounded);
        let links = self.targets.range::<[u8], _>(after).map(|(link, _)| link);
        let inside = links.take_while(|link| link.starts_with(directory));
        for link in inside.cloned().collect::<Vec<_>>() {
            self.remove(&link);
        }
    }

    /// Returns the links that lead to a file.
    pub(super) fn to(&self, target: &[u8]) -> &[Box<[u8]>] {
        self.by_target.get(target).map_or(&[], Vec::as_slice)
    }
}

/// The most links to one file.
const LINKS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_counts_only_for_the_file_that_it_leads_to() {
        let mut links = Links::default();
        let to = |links: &Links, target: &str| {
            let links = links.to(target.as_bytes()).iter();
            let names = links.map(|link| String::from_utf8_lossy(link).into_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        for (link, target) in [("a", "x"), ("d/b", "x"), ("d/c", "y"), ("e", "x")] {
            links.insert(link.as_bytes(), target.as_bytes());
        }
        assert_eq!(to(&links, "x"), "a d/b e");
        // It leads elsewhere.
        links.insert(b"a", b"y");
        assert_eq!(
            (to(&links, "x"), to(&links, "y")),
            ("d/b e".into(), "d/c a".into())
        );
        links.remove(b"e");
        links.remove(b"no link");
        links.remove_in(b"d/");
        assert_eq!(
            (to(&links, "x"), to(&links, "y")),
            (String::new(), "a".into())
        );
        assert_eq!((links.targets.len(), links.by_target.len()), (1, 1));
    }
}

//! The directories outside of the root that symbolic links in it may lead to.
//!
//! Such a directory is opened by its path each time that a link leads to it, so it may be mounted
//! or replaced later. Everything in it is opened beneath it, as everything else is beneath the root.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Result;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// The directories that links may lead to.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkTargets {
    directories: Rc<[LinkTarget]>,
}

/// A directory that links may lead to.
#[derive(Debug)]
pub(crate) struct LinkTarget {
    /// Absolute, as the operator names it.
    path: PathBuf,
    /// The path without links; the same as the path if nothing was there.
    real_path: PathBuf,
}

impl LinkTargets {
    pub(crate) fn new(paths: &[PathBuf]) -> Self {
        let directories = paths.iter().map(|path| LinkTarget {
            path: path.clone(),
            real_path: path.canonicalize().unwrap_or_else(|_| path.clone()),
        });
        Self {
            directories: directories.collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.directories.is_empty()
    }

    /// Returns the directory that an absolute path leads into, by either of its names, and the rest
    /// of the path.
    pub(crate) fn find<'a>(&self, path: &'a Path) -> Option<(&LinkTarget, &'a Path)> {
        self.directories.iter().find_map(|target| {
            let names = [&target.path, &target.real_path];
            let rest = names.into_iter().find_map(|it| path.strip_prefix(it).ok());
            Some((target, rest?))
        })
    }
}

impl LinkTarget {
    pub(crate) fn open(&self) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.path, flags, Mode::empty())
    }

    pub(crate) fn real_path(&self) -> &Path {
        &self.real_path
    }
}

/// Returns the absolute path that a link leads to, if it is not to a place beneath `base`, the
/// directory that the path of the link is relative to. Neither of these two has links, except the
/// link itself, so a `..` at the start of the target takes away their last name.
pub(crate) fn target_outside(base: &Path, link: &Path, target: &Path) -> Option<PathBuf> {
    if target.is_absolute() {
        return Some(target.to_owned());
    }
    let mut names = target.components().peekable();
    let mut up = 0;
    while let Some(Component::ParentDir | Component::CurDir) = names.peek() {
        up += usize::from(names.next() == Some(Component::ParentDir));
    }
    let depth = link.components().count().saturating_sub(1);
    let above = up.checked_sub(depth).filter(|above| *above > 0)?;
    let start = base.ancestors().nth(above).unwrap_or(Path::new("/"));
    Some(start.join(names.collect::<PathBuf>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_out_of_its_directory_or_not() {
        for (link, target, expected) in [
            ("a", "/x/../y", Some("/x/../y")),
            ("a", "b", None),
            ("a", "../b", Some("/srv/b")),
            ("a", "./.././b", Some("/srv/b")),
            ("a", "../../mnt", Some("/mnt")),
            ("a", "../../../../mnt", Some("/mnt")),
            ("a", "..", Some("/srv")),
            ("a/b", "../c", None),
            ("a/b", "../../c", Some("/srv/c")),
            ("a/b", "c/../../../d", None),
        ] {
            let found = target_outside("/srv/www".as_ref(), link.as_ref(), target.as_ref());
            assert_eq!(found.as_deref(), expected.map(Path::new), "{link} {target}");
        }
    }

    #[test]
    fn a_path_leads_into_a_directory_by_whole_names() {
        let targets = LinkTargets::new(&["/nowhere/a".into(), "/nowhere/b/".into()]);
        for (path, expected) in [
            ("/nowhere/a", Some("")),
            ("/nowhere/a/b/c", Some("b/c")),
            ("//nowhere/./a/b", Some("b")),
            ("/nowhere/b/c", Some("c")),
            ("/nowhere/ab", None),
            ("/nowhere", None),
            ("/nowhere/c/../a", None),
            ("/nowhere/a/../c", Some("../c")),
        ] {
            let found = targets.find(path.as_ref()).map(|(_, rest)| rest);
            assert_eq!(found, expected.map(Path::new), "{path}");
        }
        assert!(LinkTargets::default().find("/nowhere/a".as_ref()).is_none());
    }
}

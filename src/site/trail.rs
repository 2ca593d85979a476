//! The symbolic links on the way to a file, for the operator to read. Nothing is served by it: what
//! is opened, the kernel follows by itself.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The way that a path takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Each link, in the order in which they are met, with what stands in it.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Where the way ends, whether or not there is something.
    pub end: PathBuf,
}

/// Follows an absolute path link by link, as `path_resolution(7)` has it.
pub(super) fn follow(path: &Path) -> Trail {
    let mut links = Vec::new();
    let mut end = PathBuf::from("/");
    let mut ahead: VecDeque<OsString> = steps(path).collect();
    while let Some(step) = ahead.pop_front() {
        if step == ".." {
            end.pop();
            continue;
        }
        end.push(step);
        if links.len() < LINKS_MAX
            && let Ok(target) = end.read_link()
        {
            links.push((end.clone(), target.clone()));
            if target.is_absolute() {
                end = PathBuf::from("/");
            } else {
                end.pop();
            }
            for step in steps(&target).rev() {
                ahead.push_front(step);
            }
        }
    }
    Trail { links, end }
}

/// The names in a path, `..` among them.
pub(super) fn steps(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| component.as_os_str().to_owned())
}

/// As many as Linux follows (`path_resolution(7)`); then it says ELOOP.
pub(super) const LINKS_MAX: usize = 40;

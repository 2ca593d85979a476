//! The symbolic links on the path of a file, for the operator to read. Nothing is served by it: the
//! kernel follows links itself when a file is opened.

use super::walk::Walk;
use std::path::{Path, PathBuf};

/// The links that a path takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymlinkTrace {
    /// The links in the order of the path, each with its target.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// The path without links, which may not exist.
    pub end: PathBuf,
}

/// Follows an absolute path link by link, up to the number of links that Linux follows.
pub(crate) fn follow(path: &Path) -> SymlinkTrace {
    let top = Path::new("/");
    let mut walk = Walk::new(top, path);
    let mut links = Vec::new();
    while let Some(step) = walk.step() {
        let Ok(target) = step.read_link() else {
            continue;
        };
        let link = step.to_owned();
        let is_followed = if target.is_absolute() {
            walk.restart(top, &target)
        } else {
            walk.follow(&target)
        };
        if is_followed {
            links.push((link, target));
        }
    }
    SymlinkTrace {
        links,
        end: walk.end(),
    }
}

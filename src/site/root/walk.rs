//! A walk along a path, name by name, that can follow symbolic links (`path_resolution(7)`).
//!
//! The caller looks at each step and reads the links; the walk knows how the path continues.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Walk {
    /// The path so far. It has no link, except perhaps the last name, so `..` removes the last
    /// name. A `..` at its end, from the last step, still has to be removed.
    walked: PathBuf,
    ahead: VecDeque<OsString>,
    links_left: usize,
}

impl Walk {
    /// Begins a walk at `start`, which contains no link.
    pub(crate) fn new(start: &Path, path: &Path) -> Self {
        Self {
            walked: start.to_owned(),
            ahead: names(path).collect(),
            links_left: LINKS_MAX,
        }
    }

    /// Takes the next step. Returns the path up to there, or `None` at the end.
    pub(crate) fn step(&mut self) -> Option<&Path> {
        self.remove_parent();
        self.walked.push(self.ahead.pop_front()?);
        Some(&self.walked)
    }

    /// Follows the link of the last step to a target that is relative to the link's directory.
    /// Returns `false` if there were too many links.
    pub(crate) fn follow(&mut self, target: &Path) -> bool {
        self.continue_with(target, |walked| {
            walked.pop();
        })
    }

    /// Follows the link of the last step to a target that is relative to `start`.
    pub(crate) fn restart(&mut self, start: &Path, target: &Path) -> bool {
        self.continue_with(target, |walked| start.clone_into(walked))
    }

    /// Returns the path that was walked.
    pub(crate) fn end(mut self) -> PathBuf {
        self.remove_parent();
        self.walked
    }

    fn continue_with(&mut self, target: &Path, leave: impl FnOnce(&mut PathBuf)) -> bool {
        let Some(left) = self.links_left.checked_sub(1) else {
            return false;
        };
        self.links_left = left;
        leave(&mut self.walked);
        for name in names(target).rev() {
            self.ahead.push_front(name);
        }
        true
    }

    /// Removes a `..` at the end and the name before it. Nothing is above the top.
    fn remove_parent(&mut self) {
        if self.walked.ends_with("..") {
            self.walked.pop();
            self.walked.pop();
        }
    }
}

/// Returns the names in a path, `..` among them.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| component.as_os_str().to_owned())
}

/// The number of links that Linux follows before ELOOP.
const LINKS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a path, following these links. Returns each step and the end as text.
    fn walk(start: &str, path: &str, links: &[(&str, &str)]) -> String {
        let mut walk = Walk::new(start.as_ref(), path.as_ref());
        let mut steps = Vec::new();
        while let Some(step) = walk.step() {
            let step = step.to_str().unwrap().to_owned();
            let link = links.iter().find(|(link, _)| *link == step);
            steps.push(step);
            if let Some((_, target)) = link {
                let target = Path::new(target);
                assert!(if target.is_absolute() {
                    walk.restart(start.as_ref(), target)
                } else {
                    walk.follow(target)
                });
            }
        }
        steps.push(format!("= {}", walk.end().display()));
        steps.join(" ")
    }

    #[test]
    fn a_walk_takes_names_parents_and_links_step_by_step() {
        for (start, path, links, expected) in [
            ("/", "/a/b", &[][..], "/a /a/b = /a/b"),
            ("/", "/", &[], "= /"),
            ("/", "/a/../../b", &[], "/a /a/.. /.. /b = /b"),
            ("", "a/./b/..", &[], "a a/b a/b/.. = a"),
            ("", "a/..", &[], "a a/.. = "),
            ("/", "/a/b", &[("/a", "c/d")], "/a /c /c/d /c/d/b = /c/d/b"),
            (
                "/",
                "/a/b/c",
                &[("/a/b", "../d")],
                "/a /a/b /a/.. /d /d/c = /d/c",
            ),
            ("/", "/a/b/c", &[("/a/b", "/d")], "/a /a/b /d /d/c = /d/c"),
            ("", "a/b", &[("a", "/c")], "a c c/b = c/b"),
            ("", "a", &[("a", "b"), ("b", "c")], "a b c = c"),
        ] {
            assert_eq!(walk(start, path, links), expected, "{path} from {start:?}");
        }
    }

    #[test]
    fn no_more_than_forty_links_are_followed() {
        let mut walk = Walk::new("/".as_ref(), "/a".as_ref());
        let mut followed = 0;
        while walk.step().is_some() && walk.follow("a".as_ref()) {
            followed += 1;
        }
        assert_eq!(followed, 40);
    }
}

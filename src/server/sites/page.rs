//! `millpond FILE.html`: the page is shown, and the directory that it is in is served.

use crate::http::path::escaped;
use crate::server::options::Options;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

impl Options {
    /// Serves the directory of a page, if the root is a page, and remembers to show that page.
    pub fn open_page(&mut self) {
        let root = &self.site.root;
        if !is_page(root) || !root.is_file() {
            return;
        }
        let (Some(name), Some(directory)) = (root.file_name(), root.parent()) else {
            return;
        };
        let is_index = self.site.addressing.index.iter().any(|it| name == &**it);
        self.page = if is_index {
            String::new()
        } else {
            escaped(name.as_bytes()).to_string()
        };
        self.site.root = if directory.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            directory.to_owned()
        };
    }
}

/// Returns `true` if a path is that of a page, by its name. A hidden one is not served.
fn is_page(path: &Path) -> bool {
    let is_html = |extension: &std::ffi::OsStr| {
        extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm")
    };
    let is_hidden = path
        .file_name()
        .is_some_and(|it| it.as_bytes().starts_with(b"."));
    path.extension().is_some_and(is_html) && !is_hidden
}

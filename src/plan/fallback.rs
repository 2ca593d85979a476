//! A fallback: a file that is served instead of a missing one. It is the target of a rewrite, the
//! start page of an application, or an error page of the site.

use super::dotfiles::Dotfiles;
use crate::http::Status;
use crate::http::path::{RequestPath, has_hidden_segment};
use std::fmt;

/// The role of a file that is served for other paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The target of a rewrite ([`Rewrites`](super::Rewrites)).
    Rewrite,
    /// The start page of an application, which then shows the requested page.
    Start,
    /// The error page for this status.
    Error(Status),
}

/// Writes the fallback for log lines and `--explain`.
impl fmt::Display for Fallback {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rewrite => out.write_str("the target of the rewrite"),
            Self::Start => out.write_str("the start page of the application"),
            Self::Error(status) => write!(out, "the page of the error {}", status.code()),
        }
    }
}

/// Returns the name of the site's own page for an error, if the site can have one.
pub(super) fn error_page(status: Status) -> Option<&'static str> {
    match status {
        Status::Forbidden => Some("403.html"),
        Status::NotFound => Some("404.html"),
        Status::InternalServerError => Some("500.html"),
        Status::ServiceUnavailable => Some("503.html"),
        _ => None,
    }
}

/// Returns the directory in which the search for an error page begins, with its trailing slash:
/// that of the path, or the lowest one above it that is neither hidden nor too deep.
pub(super) fn first_directory<'p>(path: &'p RequestPath<'_>, dotfiles: &Dotfiles) -> &'p [u8] {
    let directory = path.directory();
    let ends = memchr::memchr_iter(b'/', directory).take(DIRECTORIES_MAX);
    let above = ends.map(|slash| directory.get(..=slash).unwrap_or_default());
    let is_served = |directory: &&[u8]| {
        !has_hidden_segment(directory) || dotfiles.check_hidden(directory).is_ok()
    };
    let visible = above.take_while(is_served);
    visible.last().unwrap_or_default()
}

/// The number of directories below the root that may have error pages of their own. It bounds the
/// lookups for a path, which may have thousands of segments.
const DIRECTORIES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_for_an_error_page_begins_in_the_lowest_visible_directory() {
        let deep = "/d".repeat(1000);
        for (path, first) in [
            ("/", ""),
            ("/a", ""),
            ("/a/", "a/"),
            ("/a/b", "a/"),
            ("/a/b/c.txt", "a/b/"),
            ("/a/%2egit/b/c", "a/"),
            ("/.git/config", ""),
            ("/.well-known/a/b", ".well-known/a/"),
            (&deep, &"d/".repeat(16)),
        ] {
            let path = RequestPath::parse(path.as_bytes()).unwrap();
            assert_eq!(
                first_directory(&path, &Dotfiles::default()),
                first.as_bytes(),
                "{path:?}"
            );
        }
    }

    #[test]
    fn four_errors_can_have_pages_of_the_site() {
        for status in [
            Status::Forbidden,
            Status::NotFound,
            Status::InternalServerError,
            Status::ServiceUnavailable,
        ] {
            let name = format!("{}.html", status.code());
            assert_eq!(error_page(status), Some(&*name));
            let shown = Fallback::Error(status).to_string();
            assert!(shown.ends_with(&status.code().to_string()), "{shown}");
        }
        assert_eq!(error_page(Status::BadRequest), None);
        assert!(Fallback::Rewrite.to_string().contains("rewrite"));
        assert!(Fallback::Start.to_string().contains("start page"));
    }
}

//! The operator's rewrites: files that are served under other URLs.

use super::redirects::{BadRedirect, Part, Redirect, Redirects};
use crate::http::Status;
use crate::http::path::RequestPath;

/// A rewrite as the operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// A path with placeholders, as in [`Redirect::from`].
    pub from: String,
    /// The path of the file, with placeholders of the same names.
    pub to: String,
}

/// All rewrites. They answer only requests for missing files, and are applied once, so they cannot
/// loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrites(Redirects);

impl Rewrites {
    /// Checks all rewrites and prepares them for lookups.
    pub fn new(rewrites: Vec<Rewrite>) -> Result<Self, BadRedirect> {
        for (index, Rewrite { to, .. }) in rewrites.iter().enumerate() {
            check_target(to).map_err(|message| BadRedirect {
                index,
                part: Part::To,
                message,
            })?;
        }
        // The status of the response with the file.
        let status = Status::Ok;
        let rewrites = rewrites.into_iter();
        let routes = rewrites.map(|Rewrite { from, to }| Redirect { from, to, status });
        Redirects::parse(routes.collect()).map(Self)
    }

    /// Returns the rewrites.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let rewrites = self.0.iter();
        rewrites.map(|rewrite| (rewrite.from.as_str(), rewrite.to.as_str()))
    }

    /// Returns the target of a path as a reference. Returns `None` if no rewrite has the path, or
    /// if the request would put a dot segment into the target.
    pub fn find(&self, path: &RequestPath<'_>) -> Option<String> {
        self.find_numbered(path).map(|(_, target)| target)
    }

    /// Returns the target with the number of the rewrite, from 1.
    pub fn find_numbered(&self, path: &RequestPath<'_>) -> Option<(usize, String)> {
        if self.0.is_empty() {
            return None;
        }
        let reference = path.to_reference().to_string();
        let (number, _, target) = self.0.find(&reference, None)?;
        Some((number, target))
    }
}

fn check_target(to: &str) -> Result<(), String> {
    if !to.starts_with('/') {
        return Err(format!(
            "{to:?} is not a path of this site; write a path like /app.html, or use [[redirect]] to \
             lead elsewhere"
        ));
    }
    if to.contains(['?', '#']) {
        return Err(format!(
            "{to:?} has a query or a fragment, which no file has; write the path alone"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrites(rows: &[(&str, &str)]) -> Result<Rewrites, BadRedirect> {
        let rewrite = |(from, to): &(&str, &str)| Rewrite {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        };
        Rewrites::new(rows.iter().map(rewrite).collect())
    }

    #[test]
    fn a_path_leads_to_the_target_of_the_most_specific_rewrite() {
        let rewrites = rewrites(&[
            ("/user/{id}", "/user.html"),
            ("/user/new", "/new-user.html"),
            ("/docs/{version}/{*rest}", "/manual/{rest}"),
            ("/{*rest}", "/index.html"),
        ])
        .unwrap();
        for (path, target) in [
            ("/user/42", "/user.html"),
            ("/user/new", "/new-user.html"),
            ("/user/42/edit", "/index.html"),
            ("/docs/2/a/b.html", "/manual/a/b.html"),
            ("/docs/2/a%20b", "/manual/a%20b"),
            ("/index.html", "/index.html"),
        ] {
            let path = RequestPath::parse(path.as_bytes()).unwrap();
            assert_eq!(rewrites.find(&path).as_deref(), Some(target), "{path:?}");
        }
    }

    #[test]
    fn rewrites_keep_their_order_and_have_numbers_from_1() {
        let rows = [("/a", "/b"), ("/c", "/d")];
        let rewrites = rewrites(&rows).unwrap();
        assert!(rewrites.iter().eq(rows));
        let path = RequestPath::parse(b"/c").unwrap();
        let found = rewrites.find_numbered(&path);
        assert_eq!(found, Some((2, "/d".to_owned())));
        assert_eq!(Rewrites::default().find_numbered(&path), None);
    }

    #[test]
    fn a_target_is_a_path_of_the_site_with_known_placeholders() {
        for (from, to, message) in [
            ("/a", "https://b.example/", "is not a path of this site"),
            ("/a", "b.html", "is not a path of this site"),
            ("/a", "/b.html?c", "has a query or a fragment"),
            ("/a/{id}", "/{name}.html", "which `from` lacks"),
            ("/a/:id", "/a.html", "write /a/{id}"),
            ("/a/{id}", "/a/:id.html", "write /a/{id}"),
            ("/a/{id}", "/a/$1.html", "write {id} for one"),
            ("^/a/(.*)$", "/b", "does not begin with a slash"),
            ("/a/(.*)", "/b", "write /a/{*rest}"),
        ] {
            let error = rewrites(&[(from, to)]).unwrap_err();
            assert!(error.message.contains(message), "{from} {to}: {error:?}");
        }
    }
}

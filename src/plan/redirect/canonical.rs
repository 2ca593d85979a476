//! Redirects from a URL to its canonical form.
//!
//! They are relative references (RFC 3986 §4.2), which the client resolves against the URL that it
//! requested. A proxy may serve this site below a path of its own and strip that path, so this
//! server does not know it. A reference begins with a name or with dots, never with a slash, a
//! backslash or a scheme, so it stays on its host.

use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::path::{RequestPath, escaped, name_reference, query_reference};
use crate::http::request::RequestHead;
use crate::plan::pages::page_response::redirect;
use crate::plan::response::Plan;
use crate::plan::unavailable::CanonicalForm;
use percent_encoding::percent_decode;

/// Returns the redirect to the canonical form of a path, which keeps the query. The path is
/// relative to the base path of its site.
pub(crate) fn redirect_to(
    form: CanonicalForm,
    path: &RequestPath<'_>,
    base: &BasePath,
    request: &RequestHead<'_>,
) -> Plan {
    let target = request.target.path_and_query();
    let asked = target.map(|target| target.path).unwrap_or_default();
    let mut location = reference(form, path, base, asked);
    if let Some(query) = target.and_then(|target| target.query) {
        location.push('?');
        location.push_str(&query_reference(query).to_string());
    }
    redirect(Status::MovedPermanently, &location)
}

/// Returns the reference from the requested path to its canonical form. `asked` is the path as the
/// client sent it, which it resolves references against.
fn reference(form: CanonicalForm, path: &RequestPath<'_>, base: &BasePath, asked: &[u8]) -> String {
    let slashes = asked.iter().rev().take_while(|byte| **byte == b'/').count();
    if has_dot_segment(asked) || slashes > STEPS_UP_MAX {
        return whole_reference(form, path, base);
    }
    let name = path.name();
    // The path of a file ends with its name, and all references except the last are relative to
    // that.
    match form {
        CanonicalForm::AddSlash => format!("{}/", name_reference(name)),
        CanonicalForm::DropExtension => name_reference(without_extension(name)).to_string(),
        CanonicalForm::DropName => "./".to_owned(),
        // For a client, there is an empty segment between two adjacent slashes.
        CanonicalForm::DropSlash => format!("{}{}", "../".repeat(slashes), escaped(name)),
    }
}

/// Returns the same reference as a path from the root. It begins with one slash, so it stays on
/// this host.
fn whole_reference(form: CanonicalForm, path: &RequestPath<'_>, base: &BasePath) -> String {
    let bytes = path.as_bytes();
    let (directory, _) = bytes.split_at(bytes.len().saturating_sub(path.name().len()));
    match form {
        CanonicalForm::AddSlash => format!("{base}{}/", escaped(bytes)),
        CanonicalForm::DropSlash => {
            format!(
                "{base}{}",
                escaped(bytes.strip_suffix(b"/").unwrap_or(bytes))
            )
        }
        CanonicalForm::DropExtension => format!("{base}{}", escaped(without_extension(bytes))),
        CanonicalForm::DropName => format!("{base}{}", escaped(directory)),
    }
}

/// Returns `true` if the client sent a dot segment, which is rare. Clients resolve references
/// differently then: an escaped dot may count as a dot or not, and they may first remove the dots
/// in their own URL (RFC 3986 §5.2.3, and the URL standard).
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|segment| {
        let decoded = || percent_decode(segment);
        decoded().eq(*b".") || decoded().eq(*b"..")
    })
}

/// The most trailing slashes in a requested path that are resolved by `../`. Each makes the
/// reference three bytes longer.
const STEPS_UP_MAX: usize = 16;

fn without_extension(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".html").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Resolves a reference against the requested path (RFC 3986 §5.2). Browsers treat an escaped
    /// dot as a dot (the URL standard), other clients do not.
    fn resolve(base: &str, reference: &str, is_browser: bool) -> String {
        let joined = if reference.starts_with('/') {
            reference.to_owned()
        } else if is_browser {
            // They have normalized their own URL before.
            let base = without_dots(base, true);
            format!("{}/{reference}", base.rsplit_once('/').unwrap().0)
        } else {
            format!("{}/{reference}", base.rsplit_once('/').unwrap().0)
        };
        without_dots(&joined, is_browser)
    }

    /// Removes dot segments (RFC 3986 §5.2.4).
    fn without_dots(path: &str, is_browser: bool) -> String {
        let segments: Vec<_> = path.split('/').skip(1).collect();
        let mut kept: Vec<&str> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let plain = if is_browser {
                segment.replace("%2e", ".").replace("%2E", ".")
            } else {
                (*segment).to_owned()
            };
            let is_last = index + 1 == segments.len();
            match plain.as_str() {
                "." if is_last => kept.push(""),
                "." => {}
                ".." => {
                    kept.pop();
                    if is_last {
                        kept.push("");
                    }
                }
                _ => kept.push(segment),
            }
        }
        format!("/{}", kept.join("/"))
    }

    fn parsed(path: &str) -> RequestPath<'static> {
        RequestPath::parse(path.as_bytes()).unwrap().into_owned()
    }

    /// Returns the canonical path of the resource.
    fn wanted(form: CanonicalForm, path: &RequestPath<'_>) -> String {
        let path = path.to_reference().to_string();
        match form {
            CanonicalForm::AddSlash => path + "/",
            CanonicalForm::DropSlash => path.trim_end_matches('/').to_owned(),
            CanonicalForm::DropExtension => path.strip_suffix(".html").unwrap_or(&path).to_owned(),
            CanonicalForm::DropName => format!("{}/", path.rsplit_once('/').unwrap().0),
        }
    }

    #[test]
    fn a_reference_is_relative_to_the_requested_path() {
        let many_slashes = "/about/////////////////";
        for (form, asked, expected) in [
            (CanonicalForm::AddSlash, "/live", "live/"),
            (CanonicalForm::AddSlash, "/a/b/live", "live/"),
            (CanonicalForm::AddSlash, "/a//live", "live/"),
            (CanonicalForm::AddSlash, "//evil.example", "evil.example/"),
            (
                CanonicalForm::AddSlash,
                "/%5cevil.example",
                "%5Cevil.example/",
            ),
            (
                CanonicalForm::AddSlash,
                "/\\evil.example",
                "%5Cevil.example/",
            ),
            (CanonicalForm::AddSlash, "/http:evil", "./http:evil/"),
            (
                CanonicalForm::AddSlash,
                "/javascript:alert(1)",
                "./javascript:alert(1)/",
            ),
            (CanonicalForm::AddSlash, "/a:b", "./a:b/"),
            (CanonicalForm::AddSlash, "/a%3ab", "./a:b/"),
            (CanonicalForm::AddSlash, "/%252e%252e", "%252e%252e/"),
            (CanonicalForm::AddSlash, "/@a", "@a/"),
            (CanonicalForm::AddSlash, "/%3fa%23b", "%3Fa%23b/"),
            (CanonicalForm::AddSlash, "/%0d%0aX: y", "./%0D%0AX:%20y/"),
            (CanonicalForm::DropExtension, "/a/about.html", "about"),
            (CanonicalForm::DropExtension, "/a:b.html", "./a:b"),
            (CanonicalForm::DropName, "/index.html", "./"),
            (CanonicalForm::DropName, "/a/index", "./"),
            (CanonicalForm::DropSlash, "/about/", "../about"),
            (CanonicalForm::DropSlash, "/a/about/", "../about"),
            (CanonicalForm::DropSlash, "/about//", "../../about"),
            (CanonicalForm::DropSlash, "/a:b/", "../a:b"),
            (CanonicalForm::DropSlash, many_slashes, "/about"),
            (CanonicalForm::DropSlash, "/about/.", "/about"),
            (CanonicalForm::DropSlash, "/x/about/y/..", "/x/about"),
            (CanonicalForm::DropSlash, "/about/%2e/", "/about"),
            (CanonicalForm::AddSlash, "/x/../live", "/live/"),
            (CanonicalForm::AddSlash, "/x//../live", "/live/"),
            (
                CanonicalForm::AddSlash,
                "//..//evil.example",
                "/evil.example/",
            ),
            (CanonicalForm::DropExtension, "/a/./b.html", "/a/b"),
            (CanonicalForm::DropName, "/a/./b/index.html", "/a/b/"),
            (CanonicalForm::DropName, "/a/../index.html", "/"),
        ] {
            let found = reference(form, &parsed(asked), &BasePath::default(), asked.as_bytes());
            assert_eq!(found, expected, "{form:?} {asked}");
        }
    }

    #[test]
    fn a_whole_reference_begins_with_the_base_path() {
        let base = BasePath::parse("/docs/").unwrap();
        for (form, asked, expected) in [
            (CanonicalForm::AddSlash, "/docs/live", "live/"),
            (CanonicalForm::AddSlash, "/x/../docs/live", "/docs/live/"),
            (CanonicalForm::DropSlash, "/docs/about/", "../about"),
            (CanonicalForm::DropSlash, "/docs/./about/", "/docs/about"),
            (CanonicalForm::DropExtension, "/docs/./b.html", "/docs/b"),
            (CanonicalForm::DropName, "/docs/index.html", "./"),
            (CanonicalForm::DropName, "/docs/a/../index.html", "/docs/"),
        ] {
            let path = parsed(asked).relative_to(base.as_bytes()).unwrap();
            let found = reference(form, &path, &base, asked.as_bytes());
            assert_eq!(found, expected, "{form:?} {asked}");
        }
    }

    #[test]
    fn up_to_16_slashes_are_resolved_by_steps_up() {
        for (slashes, expected) in [
            (1, "../a".to_owned()),
            (16, format!("{}a", "../".repeat(16))),
            (17, "/a".to_owned()),
        ] {
            let asked = format!("/a{}", "/".repeat(slashes));
            let path = RequestPath::parse(asked.as_bytes()).unwrap();
            let form = CanonicalForm::DropSlash;
            let found = reference(form, &path, &BasePath::default(), asked.as_bytes());
            assert_eq!(found, expected);
        }
    }

    proptest! {
        // A failing case becomes a test of its own, so no file stores it.
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// For any request, and any path that a proxy has stripped.
        #[test]
        fn a_reference_leads_to_the_canonical_path(
            segments in prop::collection::vec(
                prop::sample::select(vec![
                    "", ".", "..", "%2e", "%2E%2e", "a", "b.html", "index.html", "a:b.html",
                    "http:", "@", "%5c", "\\", "%20", "%3f", "%252e", "c%25", "~", "\u{fc}",
                ]),
                1..6,
            ),
            choice in 0..3_usize,
            is_browser: bool,
        ) {
            let asked = format!("/{}", segments.join("/"));
            let path = parsed(&asked);
            prop_assume!(!path.as_bytes().is_empty());
            let forms = [CanonicalForm::AddSlash, CanonicalForm::DropExtension, CanonicalForm::DropName];
            let form = if path.is_directory() { CanonicalForm::DropSlash } else { forms[choice] };
            let found = reference(form, &path, &BasePath::default(), asked.as_bytes());
            let wanted = wanted(form, &path);

            let reached = parsed(&resolve(&asked, &found, is_browser));
            prop_assert_eq!(&reached, &parsed(&wanted), "{} by {}", asked, found);

            let is_within = parsed(&format!("/app{asked}")).as_bytes()
                == [b"app/", path.as_bytes()].concat();
            if is_within && !found.starts_with('/') {
                let reached = parsed(&resolve(&format!("/app{asked}"), &found, is_browser));
                prop_assert_eq!(&reached, &parsed(&format!("/app{wanted}")), "{} by {}", asked, found);
            }

            let first = found.split('/').next().unwrap();
            prop_assert!(!first.contains(':') && !found.starts_with("//"), "{}", found);
            prop_assert!(
                found.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>?#".contains(&byte)),
                "{}", found
            );
        }
    }
}

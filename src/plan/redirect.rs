//! Redirects from a URL that is not quite right to the one that is.
//!
//! They are relative references (RFC 3986 §4.2), which the client resolves against the URL that it
//! asked for: a proxy that serves this site below a path of its own takes that path off, so that
//! nobody here knows it. A reference begins with a name or with dots, never with a slash, a backslash
//! or a scheme, so that it stays on its host.

use super::route::lead_to;
use super::{Move, Plan};
use crate::http::Status;
use crate::http::path::{RequestPath, escaped, name_reference, query_reference};
use crate::http::request::RequestHead;
use percent_encoding::percent_decode;

/// To the URL that the resource has, keeping the query.
pub(super) fn along(way: Move, path: &RequestPath<'_>, request: &RequestHead<'_>) -> Plan {
    let target = request.target.path_and_query();
    let asked = target.map(|target| target.path).unwrap_or_default();
    let mut location = reference(way, path, asked);
    if let Some(query) = target.and_then(|target| target.query) {
        location.push('?');
        location.push_str(&query_reference(query).to_string());
    }
    lead_to(Status::MovedPermanently, &location)
}

/// What leads from a path, in the form `asked` that the client has sent and resolves references
/// against, to the one that its resource has.
fn reference(way: Move, path: &RequestPath<'_>, asked: &[u8]) -> String {
    let slashes = asked.iter().rev().take_while(|byte| **byte == b'/').count();
    if has_dot_segment(asked) || slashes > STEPS_UP_MAX {
        return whole_reference(way, path);
    }
    let name = path.name();
    // What is no directory ends in its name, beside which all but the last of these are written.
    match way {
        Move::AddSlash => format!("{}/", name_reference(name)),
        Move::DropExtension => name_reference(without_extension(name)).to_string(),
        Move::DropName => "./".to_owned(),
        // To a client, there is an empty segment between each two slashes.
        Move::DropSlash => format!("{}{}", "../".repeat(slashes), escaped(name)),
    }
}

/// The same from the root on: a path that begins with one slash, and so stays on this host, too.
fn whole_reference(way: Move, path: &RequestPath<'_>) -> String {
    let bytes = path.as_bytes();
    let (directory, _) = bytes.split_at(bytes.len().saturating_sub(path.name().len()));
    match way {
        Move::AddSlash => format!("/{}/", escaped(bytes)),
        Move::DropSlash => format!("/{}", escaped(bytes.strip_suffix(b"/").unwrap_or(bytes))),
        Move::DropExtension => format!("/{}", escaped(without_extension(bytes))),
        Move::DropName => format!("/{}", escaped(directory)),
    }
}

/// Whether a client has sent a segment of dots, which hardly any does. Clients differ on what they
/// resolve a reference to then: on whether an escaped dot is one, and on whether their own URL loses
/// its dots first (RFC 3986 §5.2.3, and the URL standard).
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|segment| {
        let decoded = || percent_decode(segment);
        decoded().eq(*b".") || decoded().eq(*b"..")
    })
}

/// Slashes at the end of what was asked for, of which each makes the reference three bytes longer.
const STEPS_UP_MAX: usize = 16;

fn without_extension(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".html").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Resolves a reference against the path that was asked for (RFC 3986 §5.2). Browsers take an
    /// escaped dot for a dot (the URL standard), other clients do not.
    fn resolve(base: &str, reference: &str, is_browser: bool) -> String {
        let joined = if reference.starts_with('/') {
            reference.to_owned()
        } else if is_browser {
            // They have resolved their own URL before.
            let base = without_dots(base, true);
            format!("{}/{reference}", base.rsplit_once('/').unwrap().0)
        } else {
            format!("{}/{reference}", base.rsplit_once('/').unwrap().0)
        };
        without_dots(&joined, is_browser)
    }

    /// RFC 3986 §5.2.4
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

    /// The path that the resource has.
    fn wanted(way: Move, path: &RequestPath<'_>) -> String {
        let path = path.to_reference().to_string();
        match way {
            Move::AddSlash => path + "/",
            Move::DropSlash => path.trim_end_matches('/').to_owned(),
            Move::DropExtension => path.strip_suffix(".html").unwrap_or(&path).to_owned(),
            Move::DropName => format!("{}/", path.rsplit_once('/').unwrap().0),
        }
    }

    #[test]
    fn a_reference_is_written_beside_what_was_asked_for() {
        let many_slashes = "/about/////////////////";
        for (way, asked, expected) in [
            (Move::AddSlash, "/live", "live/"),
            (Move::AddSlash, "/a/b/live", "live/"),
            (Move::AddSlash, "/a//live", "live/"),
            (Move::AddSlash, "//evil.example", "evil.example/"),
            (Move::AddSlash, "/%5cevil.example", "%5Cevil.example/"),
            (Move::AddSlash, "/\\evil.example", "%5Cevil.example/"),
            (Move::AddSlash, "/http:evil", "./http:evil/"),
            (
                Move::AddSlash,
                "/javascript:alert(1)",
                "./javascript:alert(1)/",
            ),
            (Move::AddSlash, "/a:b", "./a:b/"),
            (Move::AddSlash, "/a%3ab", "./a:b/"),
            (Move::AddSlash, "/%252e%252e", "%252e%252e/"),
            (Move::AddSlash, "/@a", "@a/"),
            (Move::AddSlash, "/%3fa%23b", "%3Fa%23b/"),
            (Move::AddSlash, "/%0d%0aX: y", "./%0D%0AX:%20y/"),
            (Move::DropExtension, "/a/about.html", "about"),
            (Move::DropExtension, "/a:b.html", "./a:b"),
            (Move::DropName, "/index.html", "./"),
            (Move::DropName, "/a/index", "./"),
            (Move::DropSlash, "/about/", "../about"),
            (Move::DropSlash, "/a/about/", "../about"),
            (Move::DropSlash, "/about//", "../../about"),
            (Move::DropSlash, "/a:b/", "../a:b"),
            (Move::DropSlash, many_slashes, "/about"),
            (Move::DropSlash, "/about/.", "/about"),
            (Move::DropSlash, "/x/about/y/..", "/x/about"),
            (Move::DropSlash, "/about/%2e/", "/about"),
            (Move::AddSlash, "/x/../live", "/live/"),
            (Move::AddSlash, "/x//../live", "/live/"),
            (Move::AddSlash, "//..//evil.example", "/evil.example/"),
            (Move::DropExtension, "/a/./b.html", "/a/b"),
            (Move::DropName, "/a/./b/index.html", "/a/b/"),
            (Move::DropName, "/a/../index.html", "/"),
        ] {
            let found = reference(way, &parsed(asked), asked.as_bytes());
            assert_eq!(found, expected, "{way:?} {asked}");
        }
    }

    proptest! {
        // What fails becomes a test of its own; no file remembers it.
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Whatever is asked for, and whatever path a proxy has taken off.
        #[test]
        fn a_reference_leads_to_the_path_that_the_resource_has(
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
            let ways = [Move::AddSlash, Move::DropExtension, Move::DropName];
            let way = if path.is_directory() { Move::DropSlash } else { ways[choice] };
            let found = reference(way, &path, asked.as_bytes());
            let wanted = wanted(way, &path);

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

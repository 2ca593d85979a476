//! Navigations: requests for a page that a window will show.

use crate::http::accept::{Quality, accepts_anything, explicit_quality};
use crate::http::fields::FieldName;
use crate::http::path::as_if_separated;
use crate::http::request::RequestHead;

/// Returns `true` if the request is for a page rather than a part of one. The method is GET or
/// HEAD, because others are answered before.
///
/// Browsers send `text/html` only for pages. Other clients that request pages, such as monitors and
/// link previews, accept anything, and so do scripts by default. Scripts differ by
/// `Sec-Fetch-Dest`, which browsers send over TLS and on the same machine (Fetch Metadata), or by
/// an extension in the path.
pub(super) fn is_for_a_page(request: &RequestHead<'_>) -> bool {
    let fields = &request.fields;
    explicit_quality(fields, "text/html") > Quality::NONE
        || (accepts_anything(fields) && targets_a_window(request) && !has_extension(request))
}

/// Returns `true` if the response becomes the document of a window or a frame, or if the field is
/// absent.
fn targets_a_window(request: &RequestHead<'_>) -> bool {
    let mut destinations = request.fields.values(FieldName::SecFetchDest);
    destinations.all(|destination| {
        matches!(
            destination,
            b"document" | b"fencedframe" | b"frame" | b"iframe"
        )
    })
}

/// Returns `true` if the path ends like a file name: `app.js`, but also `jane.doe`.
fn has_extension(request: &RequestHead<'_>) -> bool {
    let target = request.target.path_and_query();
    let path = target.map(|target| target.path).unwrap_or_default();
    let path = as_if_separated(path);
    let last = path.rsplit(|byte| *byte == b'/').next();
    last.is_some_and(|name| name.contains(&b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;

    #[test]
    fn a_page_is_wanted_by_who_says_so_or_accepts_anything_without_an_extension() {
        for (target, fields, expected) in [
            ("/a", &[][..], true),
            ("/a", &["Accept: */*"], true),
            ("/a", &["Accept: text/html"], true),
            ("/a.js", &["Accept: text/html"], true),
            ("/a", &["Accept: text/html;q=0, */*"], false),
            ("/a", &["Accept: image/png"], false),
            ("/a.js", &["Accept: */*"], false),
            ("/a%2fb.js", &["Accept: */*"], false),
            ("/jane.doe/a", &["Accept: */*"], true),
            ("/a", &["Accept: */*", "Sec-Fetch-Dest: document"], true),
            ("/a", &["Accept: */*", "Sec-Fetch-Dest: iframe"], true),
            ("/a", &["Accept: */*", "Sec-Fetch-Dest: empty"], false),
            ("/a", &["Accept: text/html", "Sec-Fetch-Dest: empty"], true),
        ] {
            let lines: String = fields.iter().flat_map(|line| [*line, "\r\n"]).collect();
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            let mut storage = FieldStorage::default();
            let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
            let (request, _) = parsed.unwrap().unwrap();
            assert_eq!(is_for_a_page(&request), expected, "{target} {fields:?}");
        }
    }
}

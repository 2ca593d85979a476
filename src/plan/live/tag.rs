//! The script element of a page, and its place in the markup.

use super::paths::SCRIPT_PATH;
use crate::http::path::escaped;
use bytes::Bytes;
use memchr::memmem;

/// The content that a page shows, from which its script determines the changes that concern it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// This file, relative to the root.
    File(&'a [u8]),
    /// This file instead of a missing one.
    ErrorPage(&'a [u8]),
    /// The files in this directory. Its path ends in a slash or is empty.
    Directory(&'a [u8]),
    /// One of our own pages, which explains why nothing is shown.
    Nothing,
}

/// Returns the script element of a page.
pub fn tag(shown: Shown<'_>) -> String {
    let file = |path: &[u8]| {
        let reference = escaped(path).to_string().replace('&', "&amp;");
        format!(" data-file=\"/{reference}\"")
    };
    let data = match shown {
        Shown::File(path) | Shown::Directory(path) => file(path),
        Shown::ErrorPage(path) => format!("{} data-missing=\"\"", file(path)),
        Shown::Nothing => " data-missing=\"\"".to_owned(),
    };
    format!("<script src=\"/{SCRIPT_PATH}\" async=\"\"{data}></script>")
}

/// Returns `true` if files of this type are pages that contain the script.
pub fn is_html(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("text/html")
}

/// Returns the page with a script element before the last `</body>` or, if there is none, at the
/// end. Returns `None` if the page is in UTF-16 and so cannot contain it.
pub fn add_to_html(page: &[u8], tag: &str) -> Option<Bytes> {
    if page.starts_with(b"\xff\xfe") || page.starts_with(b"\xfe\xff") {
        return None;
    }
    let at = end_of_body(page).unwrap_or(page.len());
    let (before, after) = page.split_at_checked(at)?;
    Some(Bytes::from([before, tag.as_bytes(), after].concat()))
}

/// Returns the position of the last end tag of a body, unless it is in a comment.
fn end_of_body(page: &[u8]) -> Option<usize> {
    let is_end = |at: &usize| {
        let rest = page.get(at + 2..).unwrap_or_default();
        let name = rest.get(..4).unwrap_or_default();
        let next = rest.get(4);
        name.eq_ignore_ascii_case(b"body")
            && next.is_some_and(|next| *next == b'>' || next.is_ascii_whitespace())
    };
    let at = memmem::rfind_iter(page, b"</").find(is_end)?;
    let rest = page.get(at..).unwrap_or_default();
    let comment_ends = memmem::find(rest, b"-->");
    let comment_begins = memmem::find(rest, b"<!--");
    let is_in_comment = match (comment_ends, comment_begins) {
        (Some(end), Some(start)) => end < start,
        (Some(_), None) => true,
        (None, _) => false,
    };
    (!is_in_comment).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_comes_before_the_end_of_the_body_or_last() {
        for (page, expected) in [
            ("<body>a</body></html>", "<body>a[]</body></html>"),
            ("<BODY>a</BODY >\n", "<BODY>a[]</BODY >\n"),
            ("a", "a[]"),
            ("", "[]"),
            ("</bodyguard>", "</bodyguard>[]"),
            ("</body", "</body[]"),
            ("'</body>' b</body>c", "'</body>' b[]</body>c"),
            ("a<!-- </body> -->", "a<!-- </body> -->[]"),
            (
                "a<!-- </body> --><!-- b -->",
                "a<!-- </body> --><!-- b -->[]",
            ),
            ("a</body><!-- b -->", "a[]</body><!-- b -->"),
            ("\u{feff}a</body>", "\u{feff}a[]</body>"),
        ] {
            let found = add_to_html(page.as_bytes(), "[]").unwrap();
            assert_eq!(found, expected.as_bytes(), "{page}");
        }
        assert_eq!(add_to_html(b"\xff\xfe<\0", "[]"), None);
    }

    #[test]
    fn the_tag_names_what_the_page_shows() {
        let start = "<script src=\"/.well-known/millpond/live.js\" async=\"\"";
        for (shown, expected) in [
            (Shown::File(b"a/index.html"), " data-file=\"/a/index.html\""),
            (
                Shown::File(b"a \"<'&\xff.html"),
                " data-file=\"/a%20%22%3C'&amp;%FF.html\"",
            ),
            (
                Shown::ErrorPage(b"404.html"),
                " data-file=\"/404.html\" data-missing=\"\"",
            ),
            (Shown::Directory(b""), " data-file=\"/\""),
            (Shown::Nothing, " data-missing=\"\""),
        ] {
            let expected = format!("{start}{expected}></script>");
            assert_eq!(tag(shown), expected, "{shown:?}");
        }
    }

    #[test]
    fn html_is_recognised_by_its_type() {
        for (content_type, expected) in [
            ("text/html; charset=utf-8", true),
            ("Text/HTML", true),
            ("text/html-sandboxed", false),
            ("application/xhtml+xml", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_html(content_type), expected, "{content_type}");
        }
    }
}

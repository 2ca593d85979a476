//! Error pages of the nearest directory.

use super::table::{Asked, Row, Table, file};
use crate::http::Status;
use crate::plan::{Fallback, Policy, Unavailable};

#[test]
fn the_nearest_error_page_that_can_be_served_is_served() {
    let not_found = Fallback::Error(Status::NotFound);
    let page = |name| file(name).used_as_fallback(not_found);
    let rows = vec![
        (Asked::Fallback(not_found), page("404.html").row()),
        (Asked::ErrorPage("a/404.html"), page("a/404.html").row()),
        (
            Asked::ErrorPage("a/b/404.html"),
            page("a/b/404.html").later(),
        ),
        (
            Asked::ErrorPage("a/b/c/404.html"),
            Row::Absent(Unavailable::Forbidden),
        ),
    ];
    let mut table = Table::new(Policy::default(), rows);
    let nested = "GET /a/b/c/none.js";
    assert_eq!(table.answer(nested), "pending");
    assert_eq!(
        table.lookups,
        [
            "Path(\"none\")",
            "ErrorPage(\"a/b/c/404.html\")",
            "ErrorPage(\"a/b/404.html\")"
        ]
    );
    table.finish_jobs();
    for (request, answer) in [
        (nested, "404 a/b/404.html"),
        ("GET /a/none.js", "404 a/404.html"),
        ("GET /a/none/none.js", "404 a/404.html"),
        ("GET /none/none.js", "404 404.html"),
        ("GET /a/b%2fnone.js", "404 404.html"),
    ] {
        assert_eq!(table.answer(request), answer, "{request}");
    }
}

//! Whole decisions, step by step, on a site that is a table.

use super::table::{Asked, Row, Table, field, file};
use crate::http::Status;
use crate::http::base_path::BasePath;
use crate::http::coding::Coding;
use crate::http::host::Host;
use crate::plan::{CanonicalForm, Fallback, Policy, Redirect, Redirects, Unavailable};
use std::sync::Arc;
use std::task::Poll;

const HTML: &str = "Accept: text/html";
const NOT_FOUND: Fallback = Fallback::Error(Status::NotFound);
const BOTH: &[Coding] = &[Coding::Brotli, Coding::Gzip];

/// Creates a site with one file of each kind.
pub(super) fn pond(policy: Policy) -> Table {
    let (br, gzip) = (Coding::Brotli, Coding::Gzip);
    let rows = vec![
        (Asked::Path(""), file("index.html").row()),
        (Asked::Path("a.txt"), file("a.txt").row()),
        (Asked::Path("b.css"), file("b.css").with_codings(BOTH).row()),
        (Asked::Coded("b.css", br), file("b.css.br").coded(br).row()),
        (
            Asked::Coded("b.css", gzip),
            file("b.css.gz").coded(gzip).row(),
        ),
        // Its form in br has disappeared by the time of the request.
        (Asked::Path("c.css"), file("c.css").with_codings(BOTH).row()),
        (Asked::Coded("c.css", br), Row::GivenUp),
        (
            Asked::Coded("c.css", gzip),
            file("c.css.gz").coded(gzip).row(),
        ),
        (
            Asked::Path("made.css"),
            file("made.css").with_codings(&[gzip]).row(),
        ),
        (
            Asked::Coded("made.css", gzip),
            file("made.css.gz").coded(gzip).later(),
        ),
        (
            Asked::Path("alone.js"),
            file("alone.js")
                .with_codings(&[gzip])
                .only_precompressed()
                .row(),
        ),
        (
            Asked::Coded("alone.js", gzip),
            file("alone.js.gz").coded(gzip).row(),
        ),
        (Asked::Decoded("alone.js"), file("alone.js-decoded").later()),
        (
            Asked::Path("stuck.js"),
            file("stuck.js")
                .with_codings(&[br])
                .only_precompressed()
                .row(),
        ),
        (
            Asked::Coded("stuck.js", br),
            file("stuck.js.br").coded(br).row(),
        ),
        (Asked::Decoded("stuck.js"), Row::GivenUp),
        (
            Asked::Path("dir"),
            Row::Absent(Unavailable::Moved(CanonicalForm::AddSlash)),
        ),
        (
            Asked::Path("page.html"),
            Row::Absent(Unavailable::Moved(CanonicalForm::DropExtension)),
        ),
        (Asked::Path("dir/"), file("listing").later()),
        (
            Asked::Path("full/"),
            Row::Later(Box::new(Row::Absent(Unavailable::Exhausted))),
        ),
        (Asked::Path(".git"), Row::Absent(Unavailable::Hidden)),
        (Asked::Path("closed"), Row::Absent(Unavailable::Forbidden)),
        (Asked::Path("busy"), Row::Absent(Unavailable::Exhausted)),
        (Asked::Path("bad"), Row::Absent(Unavailable::Failed)),
        (Asked::Path("lost"), Row::Absent(Unavailable::RootLost)),
    ];
    Table::new(policy, rows)
}

/// Creates the same site with a start page and two error pages.
pub(super) fn pond_with_fallbacks(policy: Policy) -> Table {
    let (start, gzip) = (Fallback::Start, Coding::Gzip);
    let (busy, policy) = (
        Fallback::Error(Status::ServiceUnavailable),
        Policy {
            spa: Some("/".into()),
            ..policy
        },
    );
    let page = |name| file(name).used_as_fallback(NOT_FOUND);
    let fallbacks = vec![
        (
            Asked::Fallback(start),
            file("index.html").used_as_fallback(start).row(),
        ),
        (
            Asked::Fallback(NOT_FOUND),
            page("404.html").with_codings(&[gzip]).row(),
        ),
        (
            Asked::Coded("404.html", gzip),
            page("404.html.gz").coded(gzip).row(),
        ),
        (
            Asked::Fallback(busy),
            file("503.html").used_as_fallback(busy).later(),
        ),
    ];
    let mut table = pond(policy);
    table.rows.extend(fallbacks);
    table
}

#[track_caller]
fn assert_answers(mut table: Table, rows: &[(&str, &str)]) {
    for (request, answer) in rows {
        assert_eq!(table.answer(request), *answer, "{request}");
    }
}

#[test]
fn requests_that_need_no_lookup_cause_none() {
    let policy = Policy {
        hosts: Arc::from([Host::parse("pond").unwrap()]),
        redirects: redirects(),
        ..Policy::default()
    };
    let mut table = pond_with_fallbacks(policy);
    for (request, answer) in [
        ("GET http://lake/a.txt", "421 page"),
        ("GET http://lake/old/a", "421 page"),
        ("OPTIONS http://lake/a.txt", "421 page"),
        ("GET /a.txt\nExpect: tea", "417 page"),
        ("POST /a.txt", "405 page"),
        ("POST /old/a", "405 page"),
        ("BREW /a.txt", "501 page"),
        ("OPTIONS *", "204"),
        ("OPTIONS /a.txt", "204"),
        ("OPTIONS /a%2fb\nAccept: text/html", "204"),
        ("OPTIONS /%zz", "400 page"),
        ("GET /%zz", "400 page"),
        ("GET /%00\nAccept: text/html", "400 page"),
        ("GET /old/a%20b?q=1", "308 to /new/a%20b?q=1"),
        ("HEAD /x/../old/a", "308 to /new/a"),
        ("GET /b.css", "302 to https://lake/b.css"),
    ] {
        assert_eq!(table.answer(request), answer, "{request}");
    }
    assert_eq!(table.lookups, [""; 0]);
    assert_eq!(table.answer("GET /a.txt"), "200 a.txt");
}

#[test]
fn a_file_is_found_in_the_best_coding() {
    assert_answers(
        pond(Policy::default()),
        &[
            ("GET /", "200 index.html"),
            ("GET /a.txt", "200 a.txt"),
            ("HEAD /a.txt", "200 a.txt"),
            ("GET /a.txt\nAccept-Encoding: br, gzip", "200 a.txt"),
            ("GET /b.css", "200 b.css"),
            ("GET /b.css\nAccept-Encoding: br, gzip", "200 b.css.br"),
            ("GET /b.css\nAccept-Encoding: gzip", "200 b.css.gz"),
            (
                "GET /b.css\nAccept-Encoding: br;q=0.1, gzip",
                "200 b.css.gz",
            ),
            ("GET /b.css\nAccept-Encoding: zstd", "200 b.css"),
            // Another coding replaces one that turns out to be unavailable.
            ("GET /c.css\nAccept-Encoding: br, gzip", "200 c.css.gz"),
            ("GET /c.css\nAccept-Encoding: br", "200 c.css"),
            // A range refers to the file without a coding.
            (
                "GET /b.css\nAccept-Encoding: br\nRange: bytes=2-5",
                "206 b.css 2..6",
            ),
        ],
    );
}

#[test]
fn a_file_that_exists_only_in_codings_is_decoded_for_other_clients() {
    let mut table = pond(Policy::default());
    assert_eq!(
        table.answer("GET /alone.js\nAccept-Encoding: gzip"),
        "200 alone.js.gz"
    );
    assert_eq!(table.answer("GET /alone.js"), "pending");
    table.finish_jobs();
    assert_answers(
        table,
        &[
            ("GET /alone.js", "200 alone.js-decoded"),
            ("GET /stuck.js\nAccept-Encoding: br", "200 stuck.js.br"),
            // A coding that the client prefers less than identity is better than nothing.
            (
                "GET /stuck.js\nAccept-Encoding: br;q=0.1, identity",
                "200 stuck.js.br",
            ),
            ("GET /stuck.js\nAccept-Encoding: gzip", "404 page"),
        ],
    );
}

#[test]
fn a_decision_that_needs_a_job_is_pending_until_the_job_is_done() {
    let requests = [
        ("GET /made.css\nAccept-Encoding: gzip", "200 made.css.gz"),
        ("GET /dir/\nAccept: text/html", "200 listing"),
        ("GET /dir/\nRange: bytes=0-0", "206 listing 0..1"),
        ("GET /full/", "503 page"),
    ];
    let mut table = pond(Policy::default());
    for (request, _) in requests {
        assert!(table.decide(request).is_pending(), "{request}");
    }
    table.finish_jobs();
    assert_answers(table, &requests);
}

#[test]
fn a_job_that_fails_may_lead_to_a_fallback_that_takes_another() {
    let mut table = pond_with_fallbacks(Policy::default());
    let request = "GET /full/\nAccept: text/html";
    assert_eq!(table.answer(request), "pending");
    table.finish_job(Asked::Path("full/"));
    assert_eq!(table.answer(request), "pending");
    table.finish_jobs();
    assert_eq!(table.answer(request), "503 503.html");
}

#[test]
fn a_missing_file_gives_an_error_or_a_redirect() {
    assert_answers(
        pond(Policy::default()),
        &[
            ("GET /none", "404 page"),
            ("GET /none\nAccept: text/html", "404 page"),
            ("GET /a%2fb", "404 page"),
            ("GET /.git", "404 page"),
            ("GET /closed", "403 page"),
            ("GET /busy", "503 page"),
            ("GET /bad", "500 page"),
            ("GET /lost", "503 page"),
            ("GET /dir", "301 to dir/"),
            ("GET /dir?q=1", "301 to dir/?q=1"),
            ("GET /page.html", "301 to page"),
        ],
    );
}

#[test]
fn a_fallback_is_served_instead_of_a_missing_file() {
    let mut table = pond_with_fallbacks(Policy::default());
    assert_eq!(table.answer("GET /busy"), "pending");
    table.finish_jobs();
    assert_answers(
        table,
        &[
            ("GET /none\nAccept: text/html", "200 index.html"),
            ("GET /a%2fb\nAccept: text/html", "200 index.html"),
            ("GET /none.js\nAccept: */*", "404 404.html"),
            ("GET /none\nAccept: image/png", "404 404.html"),
            ("GET /none.js\nAccept-Encoding: gzip", "404 404.html.gz"),
            ("GET /a%2fb.js", "404 404.html"),
            // A hidden name is not a URL of the application, in any spelling.
            ("GET /.git\nAccept: text/html", "404 404.html"),
            ("GET /a%2f.git\nAccept: text/html", "404 404.html"),
            ("GET /busy", "503 503.html"),
            ("GET /lost\nAccept: text/html", "503 503.html"),
            // These have no error pages, and neither do redirects.
            ("GET /closed", "403 page"),
            ("GET /bad\nAccept: text/html", "500 page"),
            ("GET /dir\nAccept: text/html", "301 to dir/"),
            ("POST /none", "405 page"),
        ],
    );
    let policy = Policy {
        error_pages: false,
        ..Policy::default()
    };
    assert_answers(
        pond_with_fallbacks(policy),
        &[
            ("GET /none\nAccept: text/html", "200 index.html"),
            ("GET /none.js", "404 page"),
        ],
    );
}

#[test]
fn preconditions_and_ranges_apply_only_to_successes() {
    assert_answers(
        pond_with_fallbacks(Policy::default()),
        &[
            ("GET /a.txt\nIf-None-Match: \"a.txt\"", "304"),
            ("GET /a.txt\nIf-None-Match: \"b.css\"", "200 a.txt"),
            ("GET /a.txt\nIf-Match: \"b.css\"", "412 page"),
            ("GET /a.txt\nRange: bytes=2-5", "206 a.txt 2..6"),
            ("GET /a.txt\nRange: bytes=0-1,8-", "206 a.txt [0..2, 8..10]"),
            ("GET /a.txt\nRange: bytes=10-", "416 page"),
            (
                "GET /a.txt\nRange: bytes=2-5\nIf-Range: \"b.css\"",
                "200 a.txt",
            ),
            ("GET /a.txt\nRange: bytes=2-5\nIf-None-Match: *", "304"),
            // Each coding has a different tag.
            (
                "GET /b.css\nAccept-Encoding: br\nIf-None-Match: \"b.css\"",
                "200 b.css.br",
            ),
            (
                "GET /b.css\nAccept-Encoding: br\nIf-None-Match: \"b.css.br\"",
                "304",
            ),
            // The start page is a success, and an error page is not.
            (
                &format!("GET /none\n{HTML}\nIf-None-Match: \"index.html\""),
                "304",
            ),
            (
                &format!("GET /none\n{HTML}\nRange: bytes=1-"),
                "206 index.html 1..10",
            ),
            ("GET /none.js\nIf-None-Match: *", "404 404.html"),
            ("GET /none.js\nIf-Match: \"x\"", "404 404.html"),
            ("GET /none.js\nRange: bytes=1-", "404 404.html"),
            (
                "GET /none.js\nAccept-Encoding: gzip\nRange: bytes=1-",
                "404 404.html.gz",
            ),
            ("GET /closed\nIf-Match: \"x\"\nRange: bytes=0-", "403 page"),
        ],
    );
}

#[test]
fn an_error_that_depends_on_accept_has_vary() {
    for (spa, request, vary) in [
        (true, "GET /none.js", true),
        (true, "GET /a%2fb.js", true),
        (true, "GET /closed", false),
        (true, "GET /a.txt", false),
        (false, "GET /none.js", false),
    ] {
        let policy = Policy {
            spa: spa.then(|| "/".into()),
            ..Policy::default()
        };
        let Poll::Ready(decision) = pond(policy).decide(request) else {
            panic!("{request} is pending")
        };
        let expected = vary.then_some("Accept, Sec-Fetch-Dest");
        assert_eq!(
            field(&decision.plan.fields, "Vary").as_deref(),
            expected,
            "{request}"
        );
    }
}

pub(super) fn redirects() -> Redirects {
    let redirect = |from: &str, to: &str, status| Redirect {
        from: from.to_owned(),
        to: to.to_owned(),
        status,
    };
    Redirects::new(vec![
        redirect("/old/{*rest}", "/new/{*rest}", Status::PermanentRedirect),
        redirect("/b.css", "https://lake/b.css", Status::Found),
    ])
    .unwrap()
}

#[test]
fn a_site_below_a_base_path_answers_and_redirects_only_below_it() {
    let redirect = |from: &str, to: &str| Redirect {
        from: from.to_owned(),
        to: to.to_owned(),
        status: Status::Found,
    };
    let policy = |base: &str| Policy {
        base: BasePath::parse(base).unwrap(),
        redirects: Redirects::new(vec![
            redirect("/old/{*rest}", "/new/{rest}"),
            redirect("/away", "https://lake.example/"),
        ])
        .unwrap(),
        ..Policy::default()
    };
    assert_answers(
        pond(policy("/docs/")),
        &[
            ("GET /docs/", "200 index.html"),
            ("GET /docs/a.txt", "200 a.txt"),
            ("GET /docs", "301 to docs/"),
            ("GET /docs?b", "301 to docs/?b"),
            ("GET /a.txt", "404 page"),
            ("GET /docs/old/a?b", "302 to /docs/new/a?b"),
            ("GET /docs/away", "302 to https://lake.example/"),
            ("GET /old/a", "404 page"),
            ("OPTIONS *", "204"),
        ],
    );
    assert_answers(
        pond(policy("/")),
        &[
            ("GET /old/a?b", "302 to /new/a?b"),
            ("GET /away", "302 to https://lake.example/"),
            ("GET /docs", "404 page"),
        ],
    );
}

#[test]
fn only_the_response_for_a_path_where_nothing_exists_may_be_kept() {
    let mut table = pond(Policy::default());
    for request in [
        "GET /none",
        "GET /.git",
        "GET /closed",
        "GET /busy",
        "GET /bad",
        "GET /a%2fb",
        "GET /dir",
        "GET /a.txt",
        "POST /none",
    ] {
        assert_ne!(table.answer(request), "pending", "{request}");
    }
    assert_eq!(table.missing, ["none"]);
}

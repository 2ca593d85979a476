mod access;
mod error_pages;
mod respond;
mod rules;
mod table;

use super::{CanonicalForm, Content, Metadata, Plan, Policy, Unavailable};
use crate::http::Status;
use crate::http::date::HttpDate;
use crate::http::etag::EntityTag;
use crate::http::host::Host;
use std::task::Poll;
use table::{Asked, Row, Spec, Table};

/// 1994-11-06 08:49:37
const MODIFIED: i64 = 784_111_777;
const MODIFIED_DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn metadata() -> Metadata {
    Metadata {
        length: 10,
        fallback: None,
        content_type: "text/plain".into(),
        coding: None,
        vary: None,
        security_policy: None,
        edits: Vec::new(),
        entity_tag: Some(EntityTag::strong("tag")),
        last_modified: HttpDate::from_unix_seconds(MODIFIED),
        is_date_strong: true,
    }
}

/// Returns the plan for a request with this first line (without version) and these fields.
fn plan(line: &str, fields: &[&str], resource: Result<&Metadata, Unavailable>) -> Plan {
    plan_for(&[], line, fields, resource)
}

/// Returns the plan of a server that answers only for these hosts.
fn plan_for(
    hosts: &[Host],
    line: &str,
    fields: &[&str],
    resource: Result<&Metadata, Unavailable>,
) -> Plan {
    let policy = Policy {
        hosts: hosts.into(),
        ..Policy::default()
    };
    let row = match resource {
        Ok(metadata) => Row::File(Spec {
            metadata: metadata.clone(),
            ..table::file("a")
        }),
        Err(unavailable) => Row::Absent(unavailable),
    };
    let paths = [
        "",
        "a",
        "evil.example/a",
        "evil.example",
        "\\evil.example",
        "http:",
    ];
    let rows = paths.map(|path| (Asked::Path(path), row.clone()));
    let mut table = Table::new(policy, rows.into());
    match table.decide(&format!("{line}\n{}", fields.join("\n"))) {
        Poll::Ready(decision) => decision.plan,
        Poll::Pending => panic!("nothing here takes a job"),
    }
}

fn get(fields: &[&str]) -> Plan {
    plan("GET /a", fields, Ok(&metadata()))
}

fn field(plan: &Plan, name: &str) -> Option<String> {
    table::field(&plan.fields, name)
}

#[test]
fn the_whole_is_described() {
    let plan = get(&[]);
    assert_eq!((plan.status, &plan.content), (Status::Ok, &Content::Whole));
    for (name, value) in [
        ("Content-Type", "text/plain"),
        ("Content-Length", "10"),
        ("Last-Modified", MODIFIED_DATE),
        ("ETag", "\"tag\""),
        ("Cache-Control", "no-cache"),
        ("Accept-Ranges", "bytes"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(field(&plan, name).as_deref(), Some(value));
    }
}

#[test]
fn unknown_metadata_is_not_sent() {
    let metadata = Metadata {
        entity_tag: None,
        last_modified: None,
        ..metadata()
    };
    let plan = plan(
        "GET /a",
        &["If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT"],
        Ok(&metadata),
    );
    assert_eq!(plan.status, Status::Ok);
    assert_eq!(
        (field(&plan, "ETag"), field(&plan, "Last-Modified")),
        (None, None)
    );
}

#[test]
fn each_method_gets_its_own_response() {
    for (line, status, allow) in [
        ("GET /a", Status::Ok, None),
        ("HEAD /a", Status::Ok, None),
        ("OPTIONS /a", Status::NoContent, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS *", Status::NoContent, Some("GET, HEAD, OPTIONS")),
        (
            "POST /a",
            Status::MethodNotAllowed,
            Some("GET, HEAD, OPTIONS"),
        ),
        (
            "TRACE /a",
            Status::MethodNotAllowed,
            Some("GET, HEAD, OPTIONS"),
        ),
        (
            "CONNECT a:1",
            Status::MethodNotAllowed,
            Some("GET, HEAD, OPTIONS"),
        ),
        ("BREW /a", Status::NotImplemented, None),
        ("get /a", Status::NotImplemented, None),
        ("OPTIONS /%zz", Status::BadRequest, None),
        ("GET /%zz", Status::BadRequest, None),
        ("GET /a%2fb", Status::NotFound, None),
    ] {
        let plan = plan(line, &[], Ok(&metadata()));
        assert_eq!(
            (plan.status, field(&plan, "Allow").as_deref()),
            (status, allow),
            "{line}"
        );
    }
}

/// Returns a field with the date of the last change; the next two return the second before and
/// after it.
fn same(name: &str) -> String {
    format!("{name}: {MODIFIED_DATE}")
}

fn earlier(name: &str) -> String {
    format!("{name}: {EARLIER}")
}

fn later(name: &str) -> String {
    format!("{name}: {LATER}")
}

#[track_caller]
fn assert_status(fields: &[&str], status: Status) {
    assert_eq!(get(fields).status, status, "{fields:?}");
}

#[test]
fn each_precondition_is_evaluated_by_its_own_comparison() {
    for (field, status) in [
        ("If-Match: \"tag\"".to_owned(), Status::Ok),
        ("If-Match: *".to_owned(), Status::Ok),
        ("If-Match: \"x\"".to_owned(), Status::PreconditionFailed),
        ("If-Match: W/\"tag\"".to_owned(), Status::PreconditionFailed),
        (same("If-Unmodified-Since"), Status::Ok),
        (earlier("If-Unmodified-Since"), Status::PreconditionFailed),
        ("If-Unmodified-Since: soon".to_owned(), Status::Ok),
        ("If-None-Match: \"x\"".to_owned(), Status::Ok),
        ("If-None-Match: \"tag\"".to_owned(), Status::NotModified),
        ("If-None-Match: W/\"tag\"".to_owned(), Status::NotModified),
        ("If-None-Match: *".to_owned(), Status::NotModified),
        (same("If-Modified-Since"), Status::NotModified),
        (later("If-Modified-Since"), Status::NotModified),
        (earlier("If-Modified-Since"), Status::Ok),
        (
            "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT".to_owned(),
            Status::NotModified,
        ),
        (
            "If-Modified-Since: Sun Nov  6 08:49:37 1994".to_owned(),
            Status::NotModified,
        ),
    ] {
        assert_status(&[&field], status);
    }
}

#[test]
fn preconditions_are_evaluated_in_the_order_of_rfc_9110() {
    assert_status(
        &["If-Match: \"tag\"", &earlier("If-Unmodified-Since")],
        Status::Ok,
    );
    assert_status(
        &["If-None-Match: \"x\"", &later("If-Modified-Since")],
        Status::Ok,
    );
    let both = ["If-Match: \"x\"", "If-None-Match: \"tag\""];
    assert_status(&both, Status::PreconditionFailed);
    assert_status(
        &["If-None-Match: \"tag\"", "Range: bytes=0-1"],
        Status::NotModified,
    );
}

#[test]
fn lists_may_span_lines_and_repeated_dates_are_ignored() {
    assert_status(&["If-Match: \"x\"", "If-Match: \"tag\""], Status::Ok);
    let date = later("If-Modified-Since");
    assert_status(&[&date, &date], Status::Ok);
}

#[test]
fn preconditions_do_not_apply_to_missing_files() {
    for (unavailable, status) in [
        (Unavailable::NotFound, Status::NotFound),
        (
            Unavailable::Moved(CanonicalForm::AddSlash),
            Status::MovedPermanently,
        ),
        (Unavailable::Forbidden, Status::Forbidden),
        (Unavailable::Exhausted, Status::ServiceUnavailable),
        (Unavailable::RootLost, Status::ServiceUnavailable),
        (Unavailable::Failed, Status::InternalServerError),
    ] {
        let plan = plan(
            "GET /a",
            &["If-Match: \"x\"", "If-None-Match: *", "Range: bytes=0-1"],
            Err(unavailable),
        );
        assert_eq!(plan.status, status);
        let retry = field(&plan, "Retry-After").is_some();
        let may_pass = [Unavailable::Exhausted, Unavailable::RootLost].contains(&unavailable);
        assert_eq!(retry, may_pass, "{unavailable:?}");
    }
}

#[test]
fn a_304_has_the_fields_for_caches_and_none_that_describe_content() {
    let plan = get(&["If-None-Match: *"]);
    assert_eq!(
        plan.fields.as_bytes(),
        b"ETag: \"tag\"\r\nCache-Control: no-cache\r\n"
    );
    assert_eq!(plan.content, Content::Empty);
}

#[test]
fn a_range_is_described_as_a_part() {
    let plan = get(&["Range: bytes=2-5"]);
    assert_eq!(
        (plan.status, &plan.content),
        (Status::PartialContent, &Content::Part(2..6))
    );
    assert_eq!(
        field(&plan, "Content-Range").as_deref(),
        Some("bytes 2-5/10")
    );
    assert_eq!(field(&plan, "Content-Length").as_deref(), Some("4"));
    assert_eq!(field(&plan, "ETag").as_deref(), Some("\"tag\""));
}

#[test]
fn several_ranges_are_parts_whose_length_adds_up() {
    let plan = get(&["Range: bytes=0-1,4-"]);
    let Content::Parts(multipart) = &plan.content else {
        panic!("{plan:?}")
    };
    assert_eq!(multipart.ranges, [0..2, 4..10]);
    let head = |range| multipart.heads.head(range);
    assert_eq!(
        head(&(0..2)).as_ref(),
        b"\r\n--cut\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n"
    );
    assert_eq!(multipart.close.as_ref(), b"\r\n--cut--\r\n");
    let heads: usize = multipart.ranges.iter().map(|range| head(range).len()).sum();
    let length = heads + 2 + 6 + multipart.close.len();
    assert_eq!(field(&plan, "Content-Length"), Some(length.to_string()));
    let content_type = field(&plan, "Content-Type");
    assert_eq!(
        content_type.as_deref(),
        Some("multipart/byteranges; boundary=cut")
    );
    assert_eq!(field(&plan, "Content-Range"), None);
}

#[test]
fn parts_are_sent_up_to_8_kib_or_four_times_the_whole() {
    let parts = |length: u64, ranges: &str| {
        let metadata = Metadata {
            length,
            ..metadata()
        };
        let range = format!("Range: bytes={ranges}");
        let plan = plan("GET /a", &[&range], Ok(&metadata));
        (plan.status == Status::PartialContent).then(|| {
            field(&plan, "Content-Length")
                .unwrap()
                .parse::<u64>()
                .unwrap()
        })
    };
    let list = |starts: &mut dyn Iterator<Item = u64>| {
        let ranges: Vec<_> = starts.map(|start| format!("{start}-{start}")).collect();
        ranges.join(",")
    };
    let few = list(&mut (0..100).step_by(2));
    assert!(parts(100, &few).is_some_and(|length| length > 2000));
    let many = list(&mut (0..500).step_by(2));
    assert_eq!(parts(500, &many), None);
    assert!(parts(10_000, &many).is_some_and(|length| length > 8192));
    // One byte more each time, up to the limit.
    let others = list(&mut (1002..1192).step_by(2));
    let longest = (100..1000).filter_map(|last| parts(2000, &format!("0-{last},{others}")));
    assert_eq!(longest.max(), Some(8192));
}

#[test]
fn a_416_has_the_length() {
    let plan = get(&["Range: bytes=10-"]);
    assert_eq!(plan.status, Status::RangeNotSatisfiable);
    assert_eq!(field(&plan, "Content-Range").as_deref(), Some("bytes */10"));
}

#[test]
fn if_range_decides_whether_the_range_applies() {
    let date = format!("If-Range: {MODIFIED_DATE}");
    let later = format!("If-Range: {LATER}");
    for (if_range, status) in [
        ("If-Range: \"tag\"", Status::PartialContent),
        ("If-Range: \"x\"", Status::Ok),
        ("If-Range: W/\"tag\"", Status::Ok),
        ("If-Range: tag", Status::Ok),
        (date.as_str(), Status::PartialContent),
        (later.as_str(), Status::Ok),
    ] {
        assert_eq!(
            get(&["Range: bytes=0-1", if_range]).status,
            status,
            "{if_range}"
        );
    }
    let unsettled = Metadata {
        is_date_strong: false,
        ..metadata()
    };
    let plan = plan("GET /a", &["Range: bytes=0-1", &date], Ok(&unsettled));
    assert_eq!(
        plan.status,
        Status::Ok,
        "the file may change again within the same second"
    );
}

#[test]
fn a_range_that_is_malformed_or_repeated_is_ignored() {
    for fields in [
        &["Range: bytes=5-2"][..],
        &["Range: bytes"],
        &["Range: bytes=0-1", "Range: bytes=0-1"],
    ] {
        assert_eq!(get(fields).status, Status::Ok, "{fields:?}");
    }
}

#[test]
fn a_redirect_keeps_the_query_and_the_host() {
    for (line, location) in [
        ("GET /a", "a/"),
        ("GET /a?b=c%20d", "a/?b=c%20d"),
        ("GET //evil.example/a", "a/"),
        ("GET //evil.example", "evil.example/"),
        ("GET http://other/a?", "a/?"),
        ("GET /%5cevil.example", "%5Cevil.example/"),
        ("GET /http:?//evil.example", "./http:/?//evil.example"),
    ] {
        let plan = plan(line, &[], Err(Unavailable::Moved(CanonicalForm::AddSlash)));
        assert_eq!(
            field(&plan, "Location").as_deref(),
            Some(location),
            "{line}"
        );
    }
}

#[test]
fn an_unknown_expectation_is_checked_first() {
    for (line, fields, status) in [
        ("GET /a", "Expect: 100-continue", Status::Ok),
        ("GET /a", "Expect: tea", Status::ExpectationFailed),
        (
            "BREW /a",
            "Expect: 100-continue, tea",
            Status::ExpectationFailed,
        ),
    ] {
        assert_eq!(
            plan(line, &[fields], Ok(&metadata())).status,
            status,
            "{fields}"
        );
    }
}

#[test]
fn a_request_for_another_host_is_misdirected() {
    let hosts = ["pond", "::1"].map(|name| Host::parse(name).unwrap());
    for (line, status) in [
        ("GET /a", Status::Ok),
        ("GET http://POND:80/a", Status::Ok),
        ("GET http://[0::1]/a", Status::Ok),
        ("GET http://lake/a", Status::MisdirectedRequest),
        ("GET http://localhost/a", Status::MisdirectedRequest),
        ("OPTIONS *", Status::NoContent),
        ("OPTIONS http://lake", Status::MisdirectedRequest),
        ("POST http://lake/", Status::MisdirectedRequest),
        ("CONNECT lake:80", Status::MisdirectedRequest),
    ] {
        let plan = plan_for(&hosts, line, &[], Ok(&metadata()));
        assert_eq!(plan.status, status, "{line}");
    }
    // RFC 9112 §3.2.2: the target overrides the Host field, which is "pond" here.
    let hosts = [Host::parse("lake").unwrap()];
    for (line, status) in [
        ("GET /a", Status::MisdirectedRequest),
        ("OPTIONS *", Status::MisdirectedRequest),
        ("GET http://lake/a", Status::Ok),
    ] {
        let plan = plan_for(&hosts, line, &[], Ok(&metadata()));
        assert_eq!(plan.status, status, "{line}");
    }
}

#[test]
fn the_page_of_a_misdirected_request_names_the_host_and_the_setting() {
    let hosts = [Host::parse("pond").unwrap()];
    let plan = plan_for(&hosts, "GET http://l&ke:80/", &[], Ok(&metadata()));
    let Content::Page(page) = plan.content else {
        panic!("a page");
    };
    let page = std::str::from_utf8(&page).unwrap();
    assert!(
        page.contains("<code>l&amp;ke:80</code>") && page.contains("hosts"),
        "{page}"
    );
}

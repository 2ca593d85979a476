//! Judges by other projects: redbot and httplint, the tables of Go's file server, wfuzz's word
//! lists.
//!
//! The scripts beside `tests/strangers/mod.rs` read each of them as published in its registry, and
//! send their requests to the server. Deliberate differences are listed here with their reasons.

use crate::strangers::programs::{
    Choice, Judgement, assert_misses_are_choices, beside, count, judge, present, program, python,
    run, tools,
};
use crate::support::{Launch, Server, Site, noise};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn redbot_and_httplint_find_no_fault() {
    let Some(python) = python() else {
        return;
    };
    let site = Site::new();
    site.file("index.html", page())
        .file("guide/index.html", page())
        .file("data.bin", noise(300_000));
    let server = silent_server(site.root());
    // Its first entity tag is replaced by a hash of its content, perhaps between two requests.
    server.await_strong_etag("/data.bin");
    let mut lint = program(python, &site.outside(""));
    lint.arg(beside("lint.py")).arg(server.address.to_string());
    lint.args(["/", "/data.bin", "/guide", "/missing"]);
    let judgements = judge(&mut lint);
    assert_misses_are_choices(&judgements, LINT_CHOICES);
    assert!(
        judgements.len() >= 84,
        "only {} responses were judged",
        judgements.len()
    );
}

#[test]
fn ranges_and_conditional_requests_are_answered_as_in_gos_tables() {
    let Some(go) = present(
        PathBuf::from(GO_SOURCE),
        "Debian's golang-1.19-src brings it",
    ) else {
        return;
    };
    if !tools(&["python3"]) {
        return;
    }
    let site = Site::new();
    let go_tables = |action: &str, place: &str| {
        let mut script = program("python3", &site.outside(""));
        script
            .arg(beside("go_tables.py"))
            .arg(action)
            .arg(&go)
            .arg(place);
        script
    };
    run(&mut go_tables(
        "lay-out",
        site.root().to_str().expect("a temporary path is UTF-8"),
    ));
    let server = silent_server(site.root());
    let judgements = judge(&mut go_tables("judge", &server.address.to_string()));
    assert_misses_are_choices(&judgements, GO_CHOICES);
    // 22 ranges, 8 suffixes, and 23 conditional requests with two methods and four aspects.
    assert_eq!(judgements.len(), 22 + 8 + 23 * 2 * 4);
}

#[test]
fn no_word_of_wfuzz_climbs_out_of_the_root() {
    let Some(words) = present(PathBuf::from(WFUZZ_WORDS), "Debian's wfuzz brings it") else {
        return;
    };
    if !tools(&["python3"]) {
        return;
    }
    let site = Site::new();
    let directory = site.outside("climbing");
    let root = directory.join("a/b/c/root");
    fs::create_dir_all(&root).expect("a directory can be made");
    let server = silent_server(&root);
    let mut traversal = program("python3", &site.outside(""));
    traversal
        .arg(beside("traversal.py"))
        .arg(server.address.to_string())
        .arg(&directory);
    traversal.args(WFUZZ_LISTS.map(|list| words.join(list)));
    let judgements = judge(&mut traversal);
    assert_misses_are_choices(&judgements, &[]);
    assert_eq!(count(&judgements, "ok"), WFUZZ_LISTS.len());
    let reached_nothing = |judgement: &&Judgement| judgement.seen.contains(" 0 reached");
    let empty: Vec<_> = judgements.iter().filter(reached_nothing).collect();
    assert!(
        empty.is_empty(),
        "not even the files inside were reached: {empty:?}"
    );
}

/// Starts a server without log lines, which would hide the findings of a judge.
fn silent_server(root: impl AsRef<Path>) -> Server {
    Launch::of(root).args(["--access-log", "off"]).start()
}

/// Returns a page that is long enough for redbot to sample.
fn page() -> String {
    let text = "<p>Still as a millpond under load.</p>\n".repeat(200);
    let head = "<meta charset=\"utf-8\"><title>Page</title>";
    format!("<!doctype html>\n<html lang=\"en\">{head}\n{text}</html>\n")
}

const GO_SOURCE: &str = "/usr/share/go-1.19/src/net/http";
const WFUZZ_WORDS: &str = "/usr/share/wfuzz/wordlist";
const WFUZZ_LISTS: [&str; 4] = [
    "Injections/Traversal.txt",
    "vulns/dirTraversal.txt",
    "vulns/dirTraversal-nix.txt",
    "vulns/dirTraversal-win.txt",
];

/// Remarks of redbot and httplint about intended behaviour.
const LINT_CHOICES: &[Choice] = &[
    (
        "* ranges PARTIAL_WITHOUT_RANGE",
        "RFC 9110 §15.3.7.2: a multipart 206 must not have Content-Range outside its parts",
    ),
    (
        "* /guide * FRESHNESS_NO_CACHE_NO_VALIDATOR",
        "RFC 9111 §5.2.2.4: a redirect is asked for each time; the directory may become a file",
    ),
    (
        "* / unchanged VARY_STATUS_MISMATCH",
        "RFC 9110 §8.8.3.3: codings have tags of their own, so that of the gzip is not current \
         where none is accepted",
    ),
];

/// The cases in which Go's file server answers differently.
const GO_CHOICES: &[Choice] = &[
    (
        "range bytes=0-,1-,2-,3-,4-",
        "RFC 9110 §15.3.7.2: overlapping ranges may be coalesced; Go ignores them (§14.2)",
    ),
    (
        "suffix bytes=--*",
        "RFC 9110 §14.2: an invalid ranges-specifier may be ignored, which is 200; Go rejects it",
    ),
    ("suffix bytes=-6-", "as \"--6\""),
    (
        "suffix bytes=-0",
        "RFC 9110 §14.1.2: a suffix of no bytes is unsatisfiable; Go sends a 206 without content",
    ),
    (
        "range_no_overlap * content-type",
        "RFC 9110 §15.5: an error should be explained, here by a page and there by plain text",
    ),
    (
        "ifmatch_fail* content-type",
        "RFC 9110 §15.5: an error should be explained; Go's 412 has no content",
    ),
    ("if_unmodified_since_false * content-type", "as If-Match"),
    (
        "if_unmodified_since_false * last-modified",
        "RFC 9110 §15.5.13 asks for no validator; Go's 412 has Last-Modified",
    ),
    (
        "range_with_modtime * status",
        "RFC 9110 §8.8.2.2: a date in whole seconds may be carried over, so it is weak",
    ),
    ("range_with_modtime * content-range", "as its status"),
];

//! The request corpus of gunicorn, another server: requests that its parser must accept or reject.
//!
//! `tests/strangers/corpus.py` reads it from gunicorn's source package and sends it, whole and byte
//! by byte. Each case in which the server differs from the corpus is listed here with its reason.

use crate::strangers::programs::{
    Choice, assert_misses_are_choices, beside, count, downloaded, judge, program, python,
};
use crate::support::{Launch, Site};

#[test]
fn gunicorns_corpus_is_accepted_and_refused_as_it_asks() {
    let (Some(python), Some(package)) = (python(), downloaded("gunicorn-")) else {
        return;
    };
    let site = Site::small();
    let server = Launch::of(site.root())
        .args(["--access-log", "off"])
        .start();
    let mut corpus = program(python, &site.outside(""));
    corpus
        .arg(beside("corpus.py"))
        .arg(server.address.to_string())
        .arg(package);
    let judgements = judge(&mut corpus);
    assert_misses_are_choices(&judgements, CHOICES);
    // The number of cases in the pinned release; fewer would mean that some were not read.
    assert_eq!(judgements.len(), 143);
    assert_eq!(count(&judgements, "left-out"), 24);
}

/// The cases in which the corpus expects something else.
const CHOICES: &[Choice] = &[
    (
        "invalid/006",
        "gunicorn takes request lines of 4,094 bytes; RFC 9112 §3 recommends 8,000 at least",
    ),
    (
        "invalid/007",
        "gunicorn takes field lines of 8,190 bytes; here a head has 16 KiB (RFC 9110 §5.4)",
    ),
    ("invalid/008", "as 007"),
    ("invalid/017", "as 007"),
    (
        "invalid/041",
        "Content-Type twice (RFC 9110 §8.3), of content that is dropped unread",
    ),
    (
        "invalid/rfc9110_trailer_forbidden_*",
        "RFC 9112 §7.1.2: trailer fields may be discarded, which makes them as good as absent",
    ),
    (
        "invalid/rfc9112_leading_crlf_02",
        "two empty lines before a request; RFC 9112 §2.2: at least one should be ignored",
    ),
    (
        "invalid/rfc9112_smuggle_cl_list_form_01",
        "\"5, 5\"; RFC 9110 §8.6: identical values may be taken for the one that they are",
    ),
    (
        "invalid/rfc9112_target_non_ascii_02",
        "UTF-8 in a target; RFC 9112 §3.2 has 400 as a should, but curl sends it so",
    ),
    (
        "valid/005",
        "`#` in a target; RFC 9112 §3.2 has it in no form, and recipients differ on what it ends",
    ),
    (
        "valid/025*",
        "RFC 9112 §6.1: a transfer coding (gzip) that is not understood should give 501",
    ),
    ("valid/rfc9112_smuggle_gzip_chunked_01", "as 025"),
    (
        "valid/029",
        "RFC 9112 §7 knows no coding \"identity\" any more: unknown, so 501 (§6.1)",
    ),
    ("valid/030", "as 029"),
    ("valid/rfc9112_smuggle_te_identity_chunked_01", "as 029"),
    (
        "valid/031",
        "RFC 9110 §9.1: a method that is not recognized (-BLARGH) should be answered with 501",
    ),
    (
        "valid/099",
        "it announces 17,914 bytes and holds 8,599; RFC 9112 §8: an incomplete request",
    ),
    (
        "valid/rfc9112_target_absolute_userinfo_01",
        "RFC 9110 §4.2.4: a recipient should treat user information as an error",
    ),
];

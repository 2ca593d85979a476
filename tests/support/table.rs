//! Tables of cases, and tests that the machine may lack something for.

use std::{
    fmt::Debug,
    io::{self, Write},
};

/// Compares what each case gives with what stands beside it, and reports every case that differs.
#[track_caller]
pub(crate) fn assert_all<Case: Debug, Outcome: Debug + PartialEq>(
    table: impl IntoIterator<Item = (Case, Outcome)>,
    mut outcome_of: impl FnMut(&Case) -> Outcome,
) {
    let mut failures = Vec::new();
    for (case, expected) in table {
        let actual = outcome_of(&case);
        if actual != expected {
            failures.push(format!(
                "{case:?}\n     gives {actual:?}\n  instead of {expected:?}"
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Says that a test was skipped and why. Under `CI=true` what is missing is a failure.
#[track_caller]
pub(crate) fn unavailable(what: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|value| value != "true"),
        "missing: {what}"
    );
    skipped(what);
}

/// Whether root runs the tests. If not, it is said what this one would have needed its powers for;
/// who runs the tests is nothing that is missing, under `CI=true` neither.
pub(crate) fn is_root(purpose: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped(&format!("root's powers are needed {purpose}"));
    }
    is_root
}

/// Says that something was skipped and why, also where a test that passes is not listened to.
pub(crate) fn skipped(why: &str) {
    // What the macros print, the test harness keeps to itself.
    let _ = io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

//! Tables of cases, and tests that need something which the machine may lack.

use std::{
    fmt::Debug,
    io::{self, Write},
};

/// Compares the result of each case with the expected one, and reports every case that differs.
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

/// Reports that a test was skipped and why. Under `CI=true` this is a failure.
#[track_caller]
pub(crate) fn unavailable(what: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|value| value != "true"),
        "missing: {what}"
    );
    skipped(what);
}

/// Returns `true` if root runs the tests. Otherwise, reports the purpose of root's privileges. The
/// user is not a missing tool, so this does not fail under `CI=true`.
pub(crate) fn is_root(purpose: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped(&format!("root's powers are needed {purpose}"));
    }
    is_root
}

/// Reports that something was skipped and why, even if the output of passing tests is captured.
pub(crate) fn skipped(why: &str) {
    // The test harness captures the output of the macros.
    let _ = io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

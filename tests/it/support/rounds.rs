//! How often a test repeats what may differ each time.

use std::env;

/// Returns the number of rounds that `MILLPOND_TEST_ROUNDS` sets. Otherwise, they are few where
/// somebody waits for them, and `thorough` under `CI`.
pub(crate) fn rounds(few: usize, thorough: usize) -> usize {
    let default = if env::var_os("CI").is_some() {
        thorough
    } else {
        few
    };
    env::var("MILLPOND_TEST_ROUNDS").map_or(default, |rounds| rounds.parse().expect("a number"))
}

//! Sequences that nobody would think of: several connections to one server, their bytes in any order
//! and split, files that change in between, and settings that are reloaded.
//!
//! A number, the seed, determines what a sequence does. Every response must be one that a simple
//! reference server, the [`model`], could have given between the moment when the head of the request
//! was sent and the moment when the response has arrived. So old content after a change is an error.
//! Responses come in the order of their requests, none is lost or doubled, and the access log has
//! one line for each.
//!
//! ```sh
//! MILLPOND_TEST_ROUNDS=3000 cargo test --test it sequences:: -- --nocapture   # about half an hour
//! MILLPOND_TEST_SEED=4711 cargo test --test it sequences::                     # one of them again
//! ```

mod ask;
mod changes;
mod model;
mod peer;
mod random;
mod run;
mod totals;

use run::Run;
use std::{env, time::Instant};
use totals::Totals;

/// The number of sequences, unless more are wanted.
const ROUNDS: u64 = 8;

/// Seeds beyond these by which something was found: a list of files that was read while they changed.
const KEPT: [u64; 1] = [666];

#[test]
fn every_response_of_a_sequence_is_one_of_the_reference_server() {
    let number = |name| env::var(name).ok().map(|text| text.parse().expect(name));
    let seeds: Vec<_> = match number("MILLPOND_TEST_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("MILLPOND_TEST_ROUNDS").unwrap_or(ROUNDS))
            .chain(KEPT)
            .collect(),
    };
    let (begun, mut totals) = (Instant::now(), Totals::default());
    for (number, seed) in (1..).zip(seeds) {
        totals += Run::hold(seed);
        if number % 100 == 0 {
            println!("{totals} in {:?}", begun.elapsed());
        }
    }
    println!("{totals} in {:?}", begun.elapsed());
}

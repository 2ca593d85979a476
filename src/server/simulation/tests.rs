//! The simulated histories that every run of the tests plays.

use super::files::Files;
use super::history::{Summary, play};
use std::env;
use std::time::Instant;

/// With `MILLPOND_SIMULATION_SEED`, one history is played and printed; with
/// `MILLPOND_SIMULATION_SEEDS`, so many are.
#[test]
fn whatever_clients_do_the_loop_keeps_its_promises() {
    let files = Files::new("simulation");
    let number = |name| env::var(name).ok().map(|it| it.parse::<u64>().unwrap());
    if let Some(seed) = number("MILLPOND_SIMULATION_SEED") {
        eprintln!("{:?}", play(seed, &files, true));
        return;
    }
    let seeds = number("MILLPOND_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let begun = Instant::now();
    let summaries: Vec<Summary> = (0..seeds).map(|seed| play(seed, &files, false)).collect();
    let sum = |count: fn(&Summary) -> u64| summaries.iter().map(count).sum::<u64>();
    let a_second = u128::from(seeds) * 1000 / begun.elapsed().as_millis().max(1);
    let (ticks, responses) = (sum(|it| it.ticks), sum(|it| it.responses));
    let evicted = sum(|it| it.evicted);
    eprintln!(
        "{seeds} histories, {a_second} a second: {ticks} ticks, {responses} responses, \
         {evicted} connections closed for others"
    );
    // The histories are not all of the same kind.
    assert!(
        responses > seeds && evicted > seeds / 10,
        "{responses} {evicted}"
    );
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let files = Files::new("seed");
    for seed in 0..20 {
        assert_eq!(
            play(seed, &files, false),
            play(seed, &files, false),
            "{seed}"
        );
    }
}

/// As many as take a second or two without optimization.
const SEEDS: u64 = 300;

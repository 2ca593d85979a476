//! A history: what clients, the operator and time do to a server, as a seed decides.

use super::files::Files;
use super::random::Random;
use super::world::World;
use std::thread;
use std::time::Duration;

/// What a history comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// A hash of everything that was received and sent, and when.
    pub(super) trace: u64,
    pub(super) ticks: u64,
    pub(super) evicted: u64,
    pub(super) responses: u64,
}

/// Names the seed if the history of it fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self(seed) = self;
            eprintln!("the simulation failed; replay it with MILLPOND_SIMULATION_SEED={seed}");
        }
    }
}

/// Plays the history of a seed. Panics if something does not hold.
pub(super) fn play(seed: u64, files: &Files, explains: bool) -> Summary {
    let _named = Named(seed);
    let mut random = Random::new(seed);
    let mut world = World::new(files, &mut random, explains);
    for _ in 0..random.between(5, 120) {
        step(&mut world, &mut random);
    }
    world.drain(Duration::from_secs(random.pick(&[0, 1, 10])));
    for _ in 0..random.below(20) {
        step(&mut world, &mut random);
    }
    // Longer than any deadline.
    world.run(Duration::from_secs(20), TICKS_MAX, &mut random);
    assert!(
        world.stage.event_loop.is_done(),
        "the server does not stop: {world:?}"
    );
    let evicted = world.stage.event_loop.sessions.gauges().counters.evicted;
    let complete = world
        .stage
        .clients
        .iter()
        .map(|it| it.reader.complete as u64);
    let responses = complete.sum();
    let (trace, ticks) = world.close();
    Summary {
        trace,
        ticks,
        evicted,
        responses,
    }
}

/// Lets something happen, and some time pass.
fn step(world: &mut World<'_>, random: &mut Random) {
    match random.below(100) {
        _ if world.stage.clients.is_empty() => world.connect(random),
        0..8 => world.connect(random),
        8..10 => (0..4).for_each(|_| world.connect(random)),
        10..12 => world.reload(random),
        12..13 => world.lack_descriptors(random),
        13..14 => world.set_clock(random),
        _ => (0..random.between(1, 4)).for_each(|_| world.act(random)),
    }
    match random.below(100) {
        0..60 => world.run(Duration::ZERO, random.between(1, 3), random),
        60..80 => world.run(Duration::from_micros(random.next() % 2000), 50, random),
        80..95 => world.run(
            Duration::from_millis(random.next() % 200),
            TICKS_MAX,
            random,
        ),
        95..99 => world.run(
            Duration::from_millis(random.next() % 5000),
            TICKS_MAX,
            random,
        ),
        _ => world.run(
            Duration::from_millis(random.next() % 100_000),
            TICKS_MAX,
            random,
        ),
    }
}

/// More ticks than anything takes.
const TICKS_MAX: usize = 100_000;

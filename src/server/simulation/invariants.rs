//! What must always hold, whatever clients do and whenever it is looked at.
//!
//! Each is checked from outside: by the bytes on the wires, the times at which they moved, and the
//! counts that an operator sees. The order and the content of responses are checked where they are
//! read, in [`reader`](super::reader).

use super::client::Client;
use super::request::Content;
use super::stage::Stage;
use super::timeline::{Phase, SEND_STALLS};
use crate::server::net::memory::{End, MemoryEvent};
use std::time::{Duration, Instant};

/// What was so before a tick.
#[derive(Debug)]
pub(super) struct Before {
    /// The time from which the events were awaited.
    waited_from: Instant,
    evicted: u64,
    refused: u64,
    connections: usize,
    accepted_bytes: u64,
    /// The phase of each client.
    phases: Vec<Phase>,
    sent: Vec<u64>,
    /// The clients that must be answered in this tick.
    prompt: Vec<usize>,
}

impl Before {
    pub(super) fn of(stage: &Stage, events: &[(usize, MemoryEvent)]) -> Self {
        let gauges = stage.event_loop.sessions.gauges();
        let clients = stage.clients.iter();
        let numbers = events.iter().map(|(number, _)| *number);
        let is_prompt = |number: &usize| {
            let client = stage.clients.get(*number);
            client.is_some_and(|client| !stage.is_draining && must_be_answered_at_once(client))
        };
        Self {
            waited_from: stage.event_loop.now(),
            evicted: gauges.counters.evicted,
            refused: gauges.counters.refused,
            connections: stage.event_loop.sessions.len(),
            accepted_bytes: clients.clone().map(|it| it.seen.accepted).sum(),
            phases: clients.clone().map(Client::phase).collect(),
            sent: clients.map(|it| it.seen.accepted).collect(),
            prompt: numbers.filter(is_prompt).collect(),
        }
    }
}

/// Returns `true` if a client has small requests only, and room for their responses.
fn must_be_answered_at_once(client: &Client) -> bool {
    let has_room = {
        let wire = client.wire.state();
        wire.room() >= SMALL_ROOM && !wire.is_reset && !wire.is_deaf
    };
    let is_small = |content: &Content| match content {
        Content::Bytes(bytes) => bytes.len() <= 1024,
        Content::Head(_) | Content::Page => true,
        Content::File { .. } | Content::Gzip(_) => false,
    };
    let mut requests = client.arriving().iter();
    has_room
        && matches!(client.phase(), Phase::Fresh | Phase::Idle)
        && client.seen.accepted < SMALL_ROOM as u64
        && !client.arriving().is_empty()
        && requests.all(|it| is_small(&it.expected.content) && !it.expected.takes_job)
}

/// Checks everything that must hold after a tick.
pub(super) fn check(stage: &mut Stage, before: &Before) {
    check_between_ticks(stage, before);
    check_deadlines(stage, before);
}

/// Checks everything that must hold after something that an operator does.
pub(super) fn check_between_ticks(stage: &mut Stage, before: &Before) {
    check_counts(stage);
    check_promptness(stage, before);
    check_shares(stage, before);
    check_starvation(stage, before);
    check_closed(stage, before);
}

/// **Every byte is counted once**, in both directions, and every connection is.
fn check_counts(stage: &Stage) {
    let clients = stage.clients.iter();
    let metrics = &stage.event_loop.context.metrics;
    let received: u64 = clients.clone().map(|it| it.seen.received).sum();
    let accepted: u64 = clients.clone().map(|it| it.seen.accepted).sum();
    assert_eq!(metrics.received_bytes, received, "bytes received");
    assert_eq!(metrics.sent_bytes, accepted, "bytes sent");
    let is_open = |client: &&Client| {
        client.timeline.is_some() && matches!(client.wire.state().end, End::Open | End::Shut)
    };
    let open = clients.filter(is_open).count();
    assert_eq!(stage.event_loop.sessions.len(), open, "connections");
}

/// **A small request is answered in the tick that learns of it**, however many others download:
/// downloads get their share after it.
fn check_promptness(stage: &Stage, before: &Before) {
    for number in &before.prompt {
        let client = &stage.clients[*number];
        assert!(
            client.arriving().is_empty() || client.reader.has_last,
            "client {number} waits for others: {client:?}"
        );
    }
}

/// **A tick is short**: it moves no more than a share of a turn's budget in each of its four steps,
/// of which each may exceed its share by one turn.
fn check_shares(stage: &Stage, before: &Before) {
    let sent: u64 = stage.clients.iter().map(|it| it.seen.accepted).sum();
    let sent = sent - before.accepted_bytes;
    assert!(sent <= TICK_BYTES_MAX, "{sent} bytes are sent in one tick");
}

/// **Downloads take turns**: a client with room gets something at the latest when each other one had
/// its turn.
fn check_starvation(stage: &mut Stage, before: &Before) {
    let bound = stage.clients.iter().filter(|it| !it.seen.is_closed).count() + 2;
    for (client, number) in stage.clients.iter_mut().zip(0..) {
        let could_be_sent_to = client.waits()
            && !client.seen.is_closed
            && client.current().is_some_and(|it| !it.expected.takes_job)
            && {
                let wire = client.wire.state();
                wire.room() > 0 && !wire.lacks_room() && !wire.is_reset && wire.end == End::Open
            };
        let was_sent = before.sent.get(number).copied().unwrap_or_default();
        if could_be_sent_to && client.seen.accepted == was_sent {
            client.seen.starved += 1;
            assert!(
                client.seen.starved <= bound,
                "client {number} starves: {client:?}"
            );
        } else {
            client.seen.starved = 0;
        }
    }
}

/// **No deadline is missed**: a client that was late before the events were awaited, and whose
/// lateness was due to be noticed, is given up.
fn check_deadlines(stage: &Stage, before: &Before) {
    for (client, number) in stage.clients.iter().zip(0..) {
        if let Some(latest) = deadline(stage, client) {
            assert!(
                before.waited_from < latest,
                "client {number} is late since {:?}: {client:?}",
                before.waited_from - latest
            );
        }
    }
}

/// Returns the time at which a client must be given up at the latest.
fn deadline(stage: &Stage, client: &Client) -> Option<Instant> {
    let phase = client.phase();
    let is_full = client.wire.state().lacks_room();
    // Otherwise it waits for the server.
    if phase == Phase::Answering && !is_full {
        return None;
    }
    let deadline = client.timeline?.deadline(phase, stage.timeouts())?;
    // There may be no room for the response that says that it is late.
    let extra = if phase.is_arriving() && (is_full || client.wire.state().room() == 0) {
        stage.timeouts().send_stall * SEND_STALLS
    } else {
        Duration::ZERO
    };
    Some(deadline.latest + extra + RESOLUTION)
}

/// **No busy connection is closed**: each that was closed was finished, late, or given up by its
/// client; or it was closed for another one, and idle, slow to ask or slow to read for long enough.
fn check_closed(stage: &mut Stage, before: &Before) {
    let counters = stage.event_loop.sessions.gauges().counters;
    let mut made_room = 0;
    let mut refused = 0;
    let now = stage.event_loop.now();
    let timeouts = stage.timeouts().clone();
    for (client, number) in stage.clients.iter_mut().zip(0..) {
        let end = client.wire.state().end;
        if client.seen.is_closed {
            continue;
        }
        let was = before.phases.get(number).copied().unwrap_or(Phase::Fresh);
        let deadline = client.timeline.and_then(|it| it.deadline(was, &timeouts));
        let is_late =
            client.is_late && was.is_arriving() || deadline.is_some_and(|it| it.earliest <= now);
        assert_ne!(end, End::LostHeldBack, "client {number}: {client:?}");
        match end {
            End::Open => continue,
            End::Shut => {
                let was_shut = was == Phase::Lingering;
                assert!(
                    was_shut || client.reader.has_last || is_late,
                    "client {number} is given up early: {client:?}"
                );
                continue;
            }
            _ => client.seen.is_closed = true,
        }
        let (has_ended, is_reset) = {
            let wire = client.wire.state();
            (wire.has_ended, wire.is_reset)
        };
        let is_finished = has_ended && !client.waits();
        let is_answered = client.reader.has_last && was != Phase::Lingering;
        if is_reset || is_finished || is_late || is_answered && end == End::Closed {
            continue;
        }
        // The server never began with it.
        if client.seen.received == 0
            && client.seen.accepted == 0
            && was == Phase::Fresh
            && client.timeline.is_some_and(|it| it.accepted == now)
        {
            refused += 1;
            continue;
        }
        let due = client.timeline.and_then(|it| it.may_be_evicted(was));
        assert!(
            due.is_some_and(|due| due <= now),
            "client {number} was busy, {was:?}, and is closed, {end:?}: {client:?}"
        );
        made_room += 1;
    }
    let evicted = counters.evicted - before.evicted;
    assert!(
        made_room <= evicted,
        "{made_room} of {evicted} had to make room"
    );
    assert!(
        refused <= counters.refused - before.refused,
        "{refused} were refused"
    );
    let max = stage.options.connections_max.unwrap_or(usize::MAX);
    let connections = stage.event_loop.sessions.len();
    assert!(
        connections <= max.max(before.connections),
        "{connections} connections"
    );
}

/// **No connection is forgotten**: when the loop is about to wait until a time, or for events only,
/// everything that can be done is done, and it wakes up for every deadline.
pub(super) fn check_at_rest(stage: &Stage, wake: Option<Instant>) {
    for (client, number) in stage.clients.iter().zip(0..) {
        if client.seen.is_closed || client.timeline.is_none() {
            continue;
        }
        let (is_read, is_full, has_ended, is_reset) = {
            let wire = client.wire.state();
            let is_read = wire.arrived.is_empty();
            (is_read, wire.lacks_room(), wire.has_ended, wire.is_reset)
        };
        let is_done = is_read && !client.waits() && !client.reader.has_last
            || client.phase() == Phase::Lingering && is_read;
        let is_over = has_ended || is_reset;
        assert!(
            is_full && !is_reset || is_done && !is_over,
            "client {number} is forgotten: {client:?}"
        );
        if let Some(latest) = deadline(stage, client) {
            assert!(
                wake.is_some_and(|wake| wake <= latest),
                "client {number} will be late by {:?}: {client:?}",
                wake.map(|wake| wake - latest)
            );
        }
    }
    assert!(
        stage.queue.len() == 0 || wake.is_some(),
        "clients wait to be accepted, and nothing will wake the loop"
    );
}

/// The shortest interval in which deadlines are checked.
const RESOLUTION: Duration = Duration::from_millis(100);

/// Enough for the responses to some small requests.
const SMALL_ROOM: usize = 20_000;

const TICK_BYTES_MAX: u64 = 9 * 1024 * 1024;

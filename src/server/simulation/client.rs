//! A client: what it sends and reads, and what it must get.

use super::files::Files;
use super::random::Random;
use super::reader::{Head, Reader};
use super::request::{Content, Request};
use super::time;
use super::timeline::{Phase, Timeline};
use crate::conn::Timeouts;
use crate::server::net::memory::{self, End, MemorySocket, Wire};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

pub(super) struct Client {
    pub(super) wire: Wire,
    pub(super) address: IpAddr,
    /// Everything that it sends, and how much of that it has sent.
    script: Vec<u8>,
    sent: usize,
    requests: Vec<Request>,
    pub(super) reader: Reader,
    manner: Manner,
    /// `None` until the connection is accepted.
    pub(super) timeline: Option<Timeline>,
    /// `true` if the request that is arriving is late, or has been, so the server may give it up; or
    /// if it was when the response began that is under way.
    pub(super) is_late: bool,
    /// What was so after the last tick.
    pub(super) seen: Seen,
}

/// The state of a connection after a tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    end: End,
    pub(super) received: u64,
    pub(super) accepted: u64,
    pub(super) is_closed: bool,
    /// The number of ticks in a row in which the server could send and did not.
    pub(super) starved: usize,
}

/// How a client behaves.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// How often it sends something, in a hundred turns, and how much at most.
    sends: usize,
    sent_max: usize,
    /// How often it reads something, and how much at most.
    reads: usize,
    read_max: usize,
    /// How often it ends, closes, resets or vanishes.
    leaves: usize,
}

impl fmt::Debug for Client {
    /// Shows what matters, with times as how long ago they were.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.wire.state();
        out.debug_struct("Client")
            .field("state", &*state)
            .field("room", &state.room())
            .field("timeline", &self.timeline)
            .field("seen", &self.seen)
            .field("reader", &self.reader)
            .field("current", &self.current())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Returns a client that connects, and the server's end of the connection.
    pub(super) fn connect(files: &Files, random: &mut Random) -> (Self, MemorySocket) {
        let capacity = random.pick(&[600, 5_000, 40_000, 128 * 1024]);
        let (socket, wire) = memory::connection([capacity, capacity * 16]);
        let mut script = Vec::new();
        let mut requests: Vec<Request> = Vec::new();
        for _ in 0..random.between(1, 6) {
            if requests.last().is_some_and(|it| it.expected.is_last) {
                break;
            }
            requests.push(Request::make_up(&mut script, files, random));
        }
        let manner = Manner {
            sends: random.pick(&[5, 40, 90]),
            sent_max: random.pick(&[1, 20, 100, 5_000]),
            reads: random.pick(&[0, 10, 50, 95]),
            read_max: random.pick(&[100, 10_000, 1_000_000, 30_000_000]),
            leaves: random.pick(&[0, 0, 1, 5]),
        };
        let host = u8::try_from(random.below(3)).unwrap();
        let client = Self {
            wire,
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)),
            script,
            sent: 0,
            requests,
            reader: Reader::default(),
            manner,
            timeline: None,
            is_late: false,
            seen: Seen {
                end: End::Open,
                received: 0,
                accepted: 0,
                is_closed: false,
                starved: 0,
            },
        };
        (client, socket)
    }

    /// Does something, or nothing. Returns what, in words.
    pub(super) fn act(&mut self, random: &mut Random, generation: u32) -> Option<String> {
        let manner = self.manner;
        if self.seen.is_closed {
            return None;
        }
        if random.percent(manner.leaves) {
            return Some(self.leave(random));
        }
        let has_ended = self.wire.state().has_ended;
        if self.sent < self.script.len() && !has_ended && random.percent(manner.sends) {
            let length = random.between(1, manner.sent_max);
            let end = self.whole_method(self.script.len().min(self.sent + length));
            let part = self.sent..end;
            self.wire.send(&self.script[part.clone()]);
            self.sent = end;
            for request in &mut self.requests {
                // The response is made when the head is complete.
                let decided = request.head_end.min(request.may_answer);
                if part.contains(&usize::try_from(decided - 1).unwrap()) {
                    request.generation = generation;
                }
            }
            return Some(format!("sends {part:?} of {}", self.script.len()));
        }
        if random.percent(manner.reads) && !self.wire.state().has_vanished {
            let bytes = self.wire.acknowledge(random.between(1, manner.read_max));
            if let Some(timeline) = self.timeline.as_mut().filter(|_| bytes > 0) {
                timeline.read = time::now();
            }
            return Some(format!("reads {bytes}"));
        }
        None
    }

    /// Returns the next end of a part that cuts no method. Whether a request is one for a head
    /// alone must not depend on when it is given up.
    fn whole_method(&self, end: usize) -> usize {
        let methods = self.requests.iter().map(|request| {
            let start = usize::try_from(request.start).unwrap();
            start + 1..start + b"HEAD ".len()
        });
        let cut = methods.into_iter().find(|method| method.contains(&end));
        cut.map_or(end, |method| method.end)
    }

    fn leave(&mut self, random: &mut Random) -> String {
        let how = match random.below(8) {
            0..4 => {
                self.wire.end();
                "ends"
            }
            4..6 => {
                self.wire.close();
                "closes"
            }
            6 => {
                self.wire.reset();
                "resets"
            }
            _ => {
                self.wire.state().has_vanished = true;
                "vanishes"
            }
        };
        // Nothing is sent after this.
        self.script.truncate(self.sent);
        how.to_owned()
    }

    /// Reads what the server sent in a tick, and takes the times.
    pub(super) fn observe(&mut self, now: Instant, timeouts: &Timeouts, is_draining: bool) {
        let Some(mut timeline) = self.timeline else {
            return;
        };
        let is_late = |timeline: Timeline, phase: Phase| {
            let deadline = timeline.deadline(phase, timeouts);
            phase.is_arriving() && deadline.is_some_and(|it| it.earliest <= now)
        };
        // A response that says so may wait for room: until the tick that receives the rest, or one
        // with longer timeouts.
        let was = self.phase_with(self.seen.received, self.seen.end);
        let was_late = is_late(timeline, was) || self.is_late && was.is_arriving();
        let (received, runs, accepted, end, lacks_room) = {
            let mut state = self.wire.state();
            let runs = std::mem::take(&mut state.sent);
            let lacks_room = state.lacks_room();
            (state.received, runs, state.accepted, state.end, lacks_room)
        };
        let before = self.seen.received;
        if received > before {
            timeline.received = now;
            for request in &self.requests {
                if (before..received).contains(&request.start) {
                    timeline.begun = now;
                }
                if (before..received).contains(&(request.head_end - 1)) {
                    timeline.head = now;
                }
            }
        }
        if lacks_room {
            timeline.first_full.get_or_insert(now);
        }
        if end == End::Shut {
            timeline.shut.get_or_insert(now);
        }
        self.timeline = Some(timeline);
        let phase = self.phase_with(received, self.seen.end);
        // The head of a response may be sent over many ticks.
        if !self.reader.is_amid() {
            self.is_late = was_late || is_late(timeline, phase);
        }
        let mut reader = std::mem::take(&mut self.reader);
        for run in runs {
            reader.read(run, &mut |index, head| {
                self.expect(index, head, received, is_draining)
            });
        }
        self.reader = reader;
        if let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|_| accepted > self.seen.accepted)
        {
            timeline.sent = now;
        }
        self.seen.received = received;
        self.seen.accepted = accepted;
        self.seen.end = end;
    }

    /// Returns the content of a response with this head. Panics if there must be no such response
    /// now.
    fn expect(&self, index: usize, head: Head, received: u64, is_draining: bool) -> Content {
        let request = self.requests.get(index);
        let begun = request.filter(|request| request.start < received);
        let request = begun.unwrap_or_else(|| panic!("nothing was asked, but {head:?} is sent"));
        let is_cut_short = received < request.end && self.wire.state().has_ended;
        match head.status {
            408 => assert!(self.is_late && head.is_last, "{head:?} {self:?}"),
            // Its content, or a malformed head, is not complete.
            400 if is_cut_short => assert!(head.is_last, "{head:?}"),
            status => {
                assert!(request.may_answer <= received, "{head:?} comes early");
                assert_eq!(status, request.expected.status, "{index}: {request:?}");
                assert!(
                    head.generation >= request.generation,
                    "{head:?} {request:?}"
                );
                let must_be_last = request.expected.is_last;
                assert!(
                    head.is_last == must_be_last || head.is_last && is_draining,
                    "{head:?} {request:?}"
                );
                return request.expected.content.clone();
            }
        }
        match request.expected.content {
            Content::Head(_) => Content::Head(head.length),
            _ => Content::Page,
        }
    }

    /// Returns the number of responses that are due, before the one that is the last.
    pub(super) fn due(&self) -> usize {
        let is_due = |request: &&Request| request.must_answer <= self.seen.received;
        self.requests.iter().filter(is_due).count()
    }

    /// Returns `true` if a response is due and not complete.
    pub(super) fn waits(&self) -> bool {
        // A server that has shut its side discards what comes.
        let is_open = self.seen.end == End::Open && !self.reader.has_last;
        is_open && (self.reader.is_amid() || self.reader.complete < self.due())
    }

    /// Returns the first request whose response is not complete.
    pub(super) fn current(&self) -> Option<&Request> {
        self.requests.get(self.reader.complete)
    }

    /// Returns the requests that will have arrived with all that was sent.
    pub(super) fn arriving(&self) -> &[Request] {
        let arrived = self.requests.iter();
        let count = arrived.filter(|it| it.end <= self.sent as u64).count();
        self.requests
            .get(self.reader.complete..count)
            .unwrap_or_default()
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase_with(self.seen.received, self.wire.state().end)
    }

    fn phase_with(&self, received: u64, end: End) -> Phase {
        match end {
            End::Open => {}
            End::Shut => return Phase::Lingering,
            _ => return Phase::Closed,
        }
        let is_due = |request: &&Request| request.must_answer <= received;
        let due = self.requests.iter().filter(is_due).count();
        if self.reader.has_last {
            return Phase::Answered;
        }
        if self.reader.is_amid() || self.reader.complete < due {
            return Phase::Answering;
        }
        match self.requests.get(due) {
            Some(request) if received > request.start => {
                if received < request.head_end {
                    Phase::Head
                } else {
                    Phase::Content
                }
            }
            _ if self.reader.complete == 0 => Phase::Fresh,
            _ => Phase::Idle,
        }
    }
}

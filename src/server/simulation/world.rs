//! The world around a loop: its clients, its clock and the events that wake it.

use super::client::Client;
use super::files::Files;
use super::invariants::{self, Before};
use super::random::Random;
use super::stage::Stage;
use super::time;
use super::timeline::Timeline;
use crate::conn::{self, Timeouts};
use crate::http::response::Edit;
use crate::plan::Policy;
use crate::server::answer::responder::Responder;
use crate::server::answer::sites::Sites;
use crate::server::audience::Audience;
use crate::server::clock::Clock;
use crate::server::connections::admission::Admission;
use crate::server::context::Context;
use crate::server::event_loop::{EventLoop, Parts};
use crate::server::ingress::Ingress;
use crate::server::net::listener::Listener;
use crate::server::net::memory::{End, MemoryEvent, MemoryQueue};
use crate::server::observe::access_log::{AccessLog, LogDestination};
use crate::server::options::{ListenerRole, Options};
use crate::site;
use mio::Poll;
use std::time::Duration;

/// A loop and its clients.
#[derive(Debug)]
pub(super) struct World<'f> {
    pub(super) stage: Stage,
    files: &'f Files,
    generation: u32,
    /// A time limit that stays the same when settings are reloaded, as a slow client is judged by
    /// all of its past.
    send_stall: Duration,
    /// `true` if a poll may report what has not changed.
    wakes_for_nothing: bool,
    /// A hash of everything that has happened.
    pub(super) trace: u64,
    pub(super) ticks: u64,
    /// `true` if everything that happens is printed.
    explains: bool,
}

impl<'f> World<'f> {
    pub(super) fn new(files: &'f Files, random: &mut Random, explains: bool) -> Self {
        site::ROOT_EVENTS_ARE_REFUSED.set(true);
        time::begin(Duration::from_micros(random.pick(&[0, 10, 300])));
        let send_stall = Duration::from_secs(random.pick(&[2, 20]));
        let options = options(files, 1, send_stall, random);
        let clock = Clock::reading(time::monotonic, time::time_of_day, true);
        let admission = Admission::new(
            options.connections_max,
            options.connections_per_client_max,
            0,
        );
        let files_max = admission.files_kept_open_max();
        let sites = Sites::open(&options, Audience::Named, files_max, None, clock.now()).unwrap();
        let log = AccessLog::open(&LogDestination::Off, None, options.log_style()).unwrap();
        let queue = MemoryQueue::default();
        let listeners = vec![Listener::in_memory(queue.clone(), ListenerRole::Public)];
        let ingress = Ingress::of(&options, Audience::Named, &listeners);
        let parts = Parts {
            listeners,
            admission,
            context: Context::new(ingress, clock, options.connection.clone(), log),
            responder: Responder::new(sites),
            certificates: None,
            admin: None,
        };
        Self {
            stage: Stage {
                // A poll that nobody asks: the test says what is ready.
                event_loop: EventLoop::new(Poll::new().unwrap(), parts).unwrap(),
                clients: Vec::new(),
                queue,
                options,
                is_draining: false,
            },
            files,
            generation: 1,
            send_stall,
            wakes_for_nothing: random.percent(20),
            trace: 0,
            ticks: 0,
            explains,
        }
    }

    pub(super) fn explain(&self, what: impl FnOnce() -> String) {
        if self.explains {
            eprintln!("{:>12.3?} {}", time::elapsed(), what());
        }
    }

    pub(super) fn connect(&mut self, random: &mut Random) {
        if self.stage.is_draining {
            return;
        }
        let (client, socket) = Client::connect(self.files, random);
        self.explain(|| format!("{} connects", self.stage.clients.len()));
        self.stage.queue.connect(socket, Some(client.address));
        self.stage.clients.push(client);
    }

    /// Lets the next attempts to accept find no descriptor.
    pub(super) fn lack_descriptors(&mut self, random: &mut Random) {
        let calls = random.between(1, 3);
        self.explain(|| format!("{calls} times, there is no descriptor"));
        self.stage.queue.refuse(calls);
    }

    /// Sets the wall clock ahead or back, on which no deadline depends.
    pub(super) fn set_clock(&mut self, random: &mut Random) {
        let seconds = random.pick(&[-1_000_000, -3, 3, 1_000_000]);
        self.explain(|| format!("the clock is set by {seconds} s"));
        time::set_ahead(seconds);
    }

    /// Lets one of the clients act.
    pub(super) fn act(&mut self, random: &mut Random) {
        // The newest ones, as older ones have mostly left.
        let number = random.below(self.stage.clients.len().min(12));
        let number = self.stage.clients.len() - 1 - number;
        if let Some(what) = self.stage.clients[number].act(random, self.generation) {
            self.explain(|| format!("{number} {what}"));
        }
    }

    pub(super) fn reload(&mut self, random: &mut Random) {
        if self.stage.is_draining {
            return;
        }
        self.generation += 1;
        self.explain(|| format!("the settings become number {}", self.generation));
        let options = options(self.files, self.generation, self.send_stall, random);
        let event_loop = &mut self.stage.event_loop;
        let prepared = event_loop.prepare(&options, Audience::Named).unwrap();
        let ingress = Ingress::of(&options, Audience::Named, &event_loop.listeners);
        event_loop.put_in_force(prepared, &options, ingress);
        self.stage.options = options;
    }

    pub(super) fn drain(&mut self, time: Duration) {
        self.explain(|| format!("the server is to stop within {time:?}"));
        let before = Before::of(&self.stage, &[]);
        self.stage.is_draining = true;
        let now = self.stage.event_loop.now();
        self.stage.event_loop.drain(now + time);
        let accepted = self.stage.clients.len() - self.stage.queue.len();
        for client in self.stage.clients.iter_mut().skip(accepted) {
            client.seen.is_closed = true;
        }
        self.stage.queue.close();
        // Among them are those that were waiting and are accepted only now.
        self.observe();
        for client in &mut self.stage.clients {
            if let Some(timeline) = &mut client.timeline {
                timeline.drained = Some(now);
            }
        }
        invariants::check_between_ticks(&mut self.stage, &before);
    }

    /// Lets time pass, during which the loop has at most so many ticks.
    pub(super) fn run(&mut self, time: Duration, ticks_max: usize, random: &mut Random) {
        let until = time::now() + time;
        for _ in 0..ticks_max {
            if self.stage.event_loop.is_done() {
                return;
            }
            let events = self.events(random);
            if events.is_empty() {
                let timeout = self.stage.event_loop.poll_timeout(None);
                if timeout != Some(Duration::ZERO) {
                    let wake = timeout.map(|timeout| self.stage.event_loop.now() + timeout);
                    invariants::check_at_rest(&self.stage, wake);
                    if wake.is_none_or(|wake| wake > until) {
                        time::pass_until(until);
                        return;
                    }
                    time::pass_until(wake.unwrap_or(until));
                }
            }
            self.tick(&events);
        }
    }

    /// Returns what a poll would report, in any order.
    fn events(&mut self, random: &mut Random) -> Vec<(usize, MemoryEvent)> {
        if self.wakes_for_nothing && random.percent(20) && !self.stage.clients.is_empty() {
            let number = random.below(self.stage.clients.len());
            self.stage.clients[number].wire.wake_for_nothing();
        }
        let clients = self.stage.clients.iter().zip(0..);
        let mut events: Vec<_> = clients
            .filter(|(client, _)| !client.seen.is_closed)
            .filter_map(|(client, number)| Some((number, client.wire.take_event()?)))
            .collect();
        for last in (1..events.len()).rev() {
            events.swap(last, random.below(last + 1));
        }
        let arrivals = self.stage.queue.take_event();
        events.extend(arrivals.map(|event| (usize::MAX, event)));
        events
    }

    fn tick(&mut self, events: &[(usize, MemoryEvent)]) {
        let before = Before::of(&self.stage, events);
        let begun = self.stage.event_loop.begin_tick();
        let events = events.iter().map(|(_, event)| event);
        self.stage.event_loop.finish_tick(begun, events);
        self.ticks += 1;
        self.observe();
        invariants::check(&mut self.stage, &before);
    }

    /// Looks at what the loop has done.
    fn observe(&mut self) {
        let now = self.stage.event_loop.now();
        // Connections are accepted in order.
        let accepted = self.stage.clients.len() - self.stage.queue.len();
        for (client, number) in self.stage.clients.iter_mut().zip(0..) {
            if client.seen.is_closed {
                continue;
            }
            if number < accepted {
                client.timeline.get_or_insert_with(|| Timeline::new(now));
            }
            let timeouts = &self.stage.options.connection.timeouts;
            let before = client.seen;
            client.observe(now, timeouts, self.stage.is_draining);
            let seen = client.seen;
            if self.explains && (seen.received, seen.accepted) != (before.received, before.accepted)
            {
                eprintln!(
                    "{:>12.3?} {number} is received from: {}, and sent: {}, {:?}",
                    time::elapsed(),
                    seen.received,
                    seen.accepted,
                    client.phase(),
                );
            }
            for part in [number as u64, seen.received, seen.accepted] {
                self.trace = (self.trace ^ part).wrapping_mul(0x0100_0000_01B3);
            }
        }
    }

    /// Ends the history: the server has stopped, or stops now.
    pub(super) fn close(self) -> (u64, u64) {
        let Self {
            stage,
            trace,
            ticks,
            ..
        } = self;
        stage.event_loop.close();
        for client in stage.clients {
            let end = client.wire.state().end;
            assert!(
                !matches!(end, End::Open | End::Shut),
                "a connection is left: {client:?}"
            );
        }
        (trace, ticks)
    }
}

/// Returns settings that responses show the number of.
fn options(files: &Files, generation: u32, send_stall: Duration, random: &mut Random) -> Options {
    let seconds = |random: &mut Random, among| Duration::from_secs(random.pick(among));
    Options {
        hosts: Some(Vec::new()),
        site: site::Options {
            root: files.root.clone(),
            ..site::Options::default()
        },
        policy: Policy {
            headers: vec![Edit {
                name: "X-Settings".into(),
                value: Some(generation.to_string().into()),
            }],
            ..Policy::default()
        },
        connection: conn::Options {
            timeouts: Timeouts {
                head: seconds(random, &[1, 10]),
                idle: seconds(random, &[1, 75]),
                content_stall: seconds(random, &[1, 30]),
                send_stall,
                linger: seconds(random, &[1, 2]),
            },
            ..conn::Options::default()
        },
        connections_max: Some(random.pick(&[2, 4, 100])),
        connections_per_client_max: random.pick(&[None, None, Some(2)]),
        access_log: LogDestination::Off,
        ..Options::default()
    }
}

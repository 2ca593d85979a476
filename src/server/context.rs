//! What all connections share: the clock, the buffers, the log, the metrics and the turn budget.

use super::clock::Clock;
use super::net::send_window::LargeSends;
use super::observe::access_log::{AccessLog, Ending, Record};
use super::observe::metrics::Metrics;
use super::turn_budget::TurnBudget;
use crate::conn::{self, Event, Tick};
use crate::http::Status;
use crate::http::forwarded::{TrustedProxy, client_address};
use crate::http::host::Host;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) access_log: AccessLog,
    /// One buffer to receive into, lent to whichever session is pumped.
    pub(crate) input: Vec<u8>,
    /// One buffer to encode responses into, likewise.
    pub(crate) output: Vec<u8>,
    pub(crate) front: Front,
    pub(crate) metrics: Metrics,
    pub(crate) large_sends: LargeSends,
    pub(crate) budget: TurnBudget,
    pub(crate) options: conn::Options,
}

/// What stands in front of the site: the names it goes by, and the proxies that speak for others.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) hosts: Vec<Host>,
    pub(crate) trusted_proxies: Vec<TrustedProxy>,
}

impl Context {
    pub(crate) fn new(
        front: Front,
        clock: Clock,
        options: conn::Options,
        access_log: AccessLog,
    ) -> Self {
        Self {
            clock,
            access_log,
            input: Vec::new(),
            output: Vec::new(),
            front,
            metrics: Metrics::new(),
            large_sends: LargeSends::default(),
            budget: TurnBudget::default(),
            options,
        }
    }

    /// The present moment, for a connection.
    pub(crate) fn tick(&self) -> Tick<'_> {
        Tick {
            now: self.clock.now(),
            origin: self.clock.origin(),
            options: &self.options,
        }
    }

    pub(crate) fn begin_record(&mut self, peer: Option<IpAddr>, event: &Event<'_>) {
        if !self.access_log.is_on() {
            return;
        }
        let request = match event {
            Event::Request(request) => Some(request),
            Event::Refused { request, .. } => request.as_ref(),
        };
        let client = request.map_or(peer, |request| {
            client_address(peer, &request.fields, &self.front.trusted_proxies)
        });
        self.access_log.begin(client, request, &self.clock);
    }

    /// Takes note of an exchange that has ended in the call that began it.
    pub(crate) fn finish_at_once(&mut self, status: Option<Status>, content_bytes: u64) {
        if let Some(status) = status {
            self.metrics.note_response(status);
        }
        self.access_log.finish(Ending {
            status,
            content_bytes,
            taken: Duration::ZERO,
        });
    }

    /// The record that was begun, for an exchange that goes on.
    pub(crate) fn keep_record(&mut self) -> Option<Box<Record>> {
        self.access_log.keep()
    }

    /// Takes note of an exchange that went on for longer.
    pub(crate) fn finish(&mut self, record: Option<&Record>, ending: Ending) {
        if let Some(status) = ending.status {
            self.metrics.note_response(status);
            self.metrics.durations.note(ending.taken);
        }
        if let Some(record) = record {
            self.access_log.finish_kept(record, ending);
        }
    }
}

//! What all connections share: the clock, the buffers, the log, the metrics and the turn budget.

use super::clock::Clock;
use super::net::send_window::LargeSends;
use super::observe::access_log::{AccessLog, Ending, Record};
use super::observe::metrics::{LastReload, Metrics};
use super::observe::notices::Notices;
use super::turn_budget::TurnBudget;
use crate::conn::{self, Event, Refusal, Tick};
use crate::http::Status;
use crate::http::forwarded::{TrustedProxy, client_address};
use crate::http::host::Host;
use crate::http::request::HeadError;
use std::net::IpAddr;
use std::time::Instant;

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
    notices: Notices,
    pub(crate) last_reload: LastReload,
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
        // To start is to read the settings, too.
        let last_reload = LastReload {
            is_successful: true,
            succeeded: clock.wall(),
        };
        Self {
            clock,
            access_log,
            input: Vec::new(),
            output: Vec::new(),
            front,
            metrics: Metrics::new(),
            notices: Notices::default(),
            last_reload,
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

    /// Tells the operator of what is no request.
    pub(crate) fn note_refusal(&mut self, refusal: Refusal) {
        log::debug!("refused: {refusal}");
        if refusal == Refusal::Head(HeadError::TlsHello) {
            self.notices.tls_hello();
        }
    }

    /// Tells the operator of a request for a host that is not answered.
    pub(crate) fn note_misdirected(&mut self, authority: &[u8]) {
        let (hosts, now) = (&self.front.hosts, self.clock.now());
        self.notices.misdirected(authority, hosts, now);
    }

    /// Takes note of whether settings that were read again are in force.
    pub(crate) fn note_reload(&mut self, is_successful: bool) {
        self.last_reload.is_successful = is_successful;
        if is_successful {
            self.last_reload.succeeded = self.clock.wall();
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
        self.access_log
            .begin(client, request, self.clock.log_time());
    }

    /// Takes note of an exchange that has ended in the call that began it.
    pub(crate) fn finish_at_once(&mut self, status: Option<Status>, content_bytes: u64) {
        if let Some(status) = status {
            self.metrics.note_response(status);
        }
        if self.access_log.is_on() {
            self.access_log.finish(Ending {
                status,
                content_bytes,
                taken: self.clock.now().elapsed(),
            });
        }
    }

    /// The record that was begun, for an exchange that goes on.
    pub(crate) fn keep_record(&mut self) -> Option<Box<Record>> {
        self.access_log.keep()
    }

    /// Takes note of an exchange that went on for longer.
    pub(crate) fn finish(&mut self, record: Option<&Record>, finished: Finished) {
        let Finished {
            status,
            content_bytes,
            started,
        } = finished;
        if let Some(status) = status {
            self.metrics.note_response(status);
            let taken = self.clock.now().duration_since(started);
            self.metrics.durations.note(taken);
        }
        if let Some(record) = record {
            // Not by the tick's time: a large response may begin and end in one tick.
            let ending = Ending {
                status,
                content_bytes,
                taken: started.elapsed(),
            };
            self.access_log.finish_kept(record, ending);
        }
    }
}

/// An exchange that has ended, after the call that began it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    /// `None` if there has been no response.
    pub(crate) status: Option<Status>,
    pub(crate) content_bytes: u64,
    /// The tick that read its request.
    pub(crate) started: Instant,
}

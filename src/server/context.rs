//! The context of all connections: the clock, the buffers, the log, the metrics and the turn
//! budget.

use super::clock::Clock;
use super::ingress::Ingress;
use super::live::hub::Hub;
use super::net::send_window::WindowPool;
use super::net::tls::TlsShared;
use super::observe::access_log::{AccessLog, Completion, Record};
use super::observe::metrics::{LastReload, Metrics};
use super::observe::notices::Notices;
use super::passwords::{Guard, Passwords, Waiting};
use super::turn_budget::TurnBudget;
use crate::conn::{self, Event, Now, Rejection};
use crate::http::Status;
use crate::http::forwarded::client_address;
use crate::http::request::HeadError;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) access_log: AccessLog,
    /// The buffer to receive into, lent to the session in turn.
    pub(crate) input: Vec<u8>,
    /// The buffer to encode responses into, lent in the same way.
    pub(crate) output: Vec<u8>,
    /// The state that TLS connections share.
    pub(crate) tls: TlsShared,
    pub(crate) ingress: Ingress,
    pub(crate) metrics: Metrics,
    notices: Arc<Mutex<Notices>>,
    pub(crate) last_reload: LastReload,
    pub(crate) windows: WindowPool,
    pub(crate) budget: TurnBudget,
    pub(crate) options: conn::Options,
    /// The user of the request that was answered last, until its log line is begun or continued.
    pub(crate) user: Option<Arc<str>>,
    /// `None` if there are no password files.
    pub(crate) passwords: Option<Passwords>,
    /// `true` if a response without an end has begun in this tick.
    pub(crate) has_new_streams: bool,
    /// `None` if pages do not reload.
    pub(crate) live: Option<Box<Hub>>,
}

impl Context {
    pub(crate) fn new(
        ingress: Ingress,
        clock: Clock,
        options: conn::Options,
        access_log: AccessLog,
    ) -> Self {
        // Starting includes reading the settings.
        let last_reload = LastReload {
            is_successful: true,
            succeeded: clock.wall(),
        };
        Self {
            clock,
            access_log,
            input: Vec::new(),
            output: Vec::new(),
            tls: TlsShared::default(),
            ingress,
            metrics: Metrics::new(),
            notices: Arc::default(),
            last_reload,
            windows: WindowPool::default(),
            budget: TurnBudget::default(),
            options,
            user: None,
            passwords: None,
            has_new_streams: false,
            live: None,
        }
    }

    /// Returns the present moment for a connection.
    pub(crate) fn now(&self) -> Now<'_> {
        Now {
            instant: self.clock.now(),
            common_fields: self.clock.common_fields(),
            options: &self.options,
        }
    }

    /// Returns the client behind a request, for access control.
    pub(crate) fn guard(&self, waiting: Waiting) -> Guard<'_> {
        Guard {
            passwords: self.passwords.as_ref(),
            trusted_proxies: &self.ingress.trusted_proxies,
            now: self.clock.now(),
            waiting,
        }
    }

    /// Reports input that is not a request to the operator.
    pub(crate) fn note_rejection(&mut self, rejection: Rejection) {
        log::debug!("refused: {rejection}");
        if rejection == Rejection::Head(HeadError::TlsHello) {
            self.notices().tls_hello();
        }
    }

    /// Reports a request for a host that is not answered to the operator.
    pub(crate) fn note_misdirected(&mut self, authority: &[u8]) {
        let (hosts, now) = (&self.ingress.hosts, self.clock.now());
        self.notices().misdirected(authority, hosts, now);
    }

    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shares the state of the whole server with the context of another worker: how often messages
    /// are repeated, and how many clients may have large buffers in the kernel.
    pub(crate) fn share_with(&mut self, notices: &Arc<Mutex<Notices>>, workers: usize) {
        self.notices = Arc::clone(notices);
        self.windows = WindowPool::one_of(workers);
    }

    /// Records whether the last reload succeeded.
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
            Event::Rejected { request, .. } => request.as_ref(),
        };
        let client = request.map_or(peer, |request| {
            client_address(peer, &request.fields, &self.ingress.trusted_proxies)
        });
        self.access_log
            .begin(client, request, self.clock.log_time());
        if let Some(user) = self.user.take() {
            self.access_log.name_user(&user);
        }
    }

    /// Records a request that was finished in the call that read it.
    pub(crate) fn finish_at_once(&mut self, status: Option<Status>, content_bytes: u64) {
        if let Some(status) = status {
            self.metrics.note_response(status);
        }
        if self.access_log.is_on() {
            self.access_log.finish(Completion {
                status,
                content_bytes,
                elapsed: self.clock.since(self.clock.now()),
            });
        }
    }

    /// Returns the log entry that was begun, for a request that continues.
    pub(crate) fn keep_record(&mut self) -> Option<Box<Record>> {
        self.access_log.keep()
    }

    /// Records a request that took longer.
    pub(crate) fn finish(&mut self, record: Option<&Record>, finished: Finished) {
        let Finished {
            status,
            content_bytes,
            started,
        } = finished;
        if let Some(status) = status {
            self.metrics.note_response(status);
            let elapsed = self.clock.now().duration_since(started);
            self.metrics.durations.note(elapsed);
        }
        if let Some(record) = record {
            // Not the tick's time, because a large response may begin and end in one tick.
            let completion = Completion {
                status,
                content_bytes,
                elapsed: self.clock.since(started),
            };
            self.access_log.finish_kept(record, completion);
        }
    }
}

/// A request that is finished after the call that read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    /// `None` if there has been no response.
    pub(crate) status: Option<Status>,
    pub(crate) content_bytes: u64,
    /// The time of the tick that read the request.
    pub(crate) started: Instant,
}

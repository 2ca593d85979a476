//! The requests of signals and other servers, and the way from running to stopped.

use super::lifecycle::Lifecycle;
use super::options::Load;
use super::signals::{Request, reap};
use super::supervisor::Server;
use crate::process::diagnostics::Unlimited;

impl Server {
    /// Performs everything that signals and other servers have requested since the last tick.
    pub(crate) fn handle_signals(&mut self, load: &Load<'_>) {
        // Actions that an operator requests are reported in full.
        let _unlimited = Unlimited::begin();
        if let Some(announcer) = &mut self.announcer {
            announcer.note_ready();
        }
        for listener in &mut self.event_loop.listeners {
            listener.hand_over();
        }
        for request in self.signals.take() {
            match (request, self.event_loop.lifecycle) {
                (Request::Stop, Lifecycle::Running) => self.drain(),
                (Request::Stop, _) => self.event_loop.lifecycle = Lifecycle::Stopped,
                (Request::Reload, Lifecycle::Running) => self.reload(load),
                // Settings no longer matter, but someone may wait for a log.
                (Request::Reload | Request::ReopenLog, _) => self.reopen_log(),
                (Request::Reap, _) => reap(),
            }
        }
    }

    /// Returns the status of a running server for the service manager.
    pub(crate) fn status(&self) -> String {
        let subject = self.options.subject();
        format!("serves {subject} at {}", self.addresses().join(" "))
    }

    /// Stops accepting, closes idle connections, and lets the others finish.
    fn drain(&mut self) {
        self.notifier.stopping("finishes requests in progress");
        // The name is withdrawn before the listeners close, so that no client is directed to closed
        // ports.
        if let Some(mut announcer) = self.announcer.take() {
            announcer.say_goodbye();
        }
        self.abandon_reload();
        let deadline = self.event_loop.now() + self.options.drain_timeout;
        self.event_loop.drain(deadline);
        if self.event_loop.crew.is_none() {
            self.report_requests_in_progress(0);
        }
    }

    /// Reports why stopping takes time, once all workers have begun to drain.
    pub(crate) fn report_draining(&mut self) {
        let crew = self.event_loop.crew.as_mut();
        if let Some(count) = crew.and_then(|crew| crew.take_draining()) {
            let _unlimited = Unlimited::begin();
            self.report_requests_in_progress(count);
        }
    }

    /// Reports why stopping takes time, if it does. `others` is the number of requests in progress
    /// in other workers.
    fn report_requests_in_progress(&self, others: usize) {
        let count = self.event_loop.in_flight_count() + others;
        if count == 0 {
            log::debug!("shutting down: no requests in progress");
        } else {
            log::info!(
                "shutting down: requests in progress: {count}, with up to {:?} to \
                 finish; another signal stops at once",
                self.options.drain_timeout
            );
        }
    }
}

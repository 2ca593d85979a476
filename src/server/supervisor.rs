//! A server: an event loop, and the parts of the process around it.
//!
//! The loop does not depend on signals, the service manager or the settings file. Their requests
//! are performed here, between its turns: see `reload` and `shutdown`.

use super::audience::Audience;
use super::event_loop::{EVENTS_MAX, EventLoop, earlier};
use super::net::mdns::Announcer;
use super::options::{ListenerRole, Load, Options};
use super::passwords::Verifier;
use super::signals::Signals;
use super::workers::pending_reload::PendingReload;
use crate::process::diagnostics;
use crate::process::pid_file::PidFile;
use crate::process::sandbox::Sandbox;
use crate::process::service_manager::Notifier;
use mio::Events;
use std::io;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

/// A server that accepts connections, created by [`Bound::confine`](super::Bound::confine).
#[derive(Debug)]
pub struct Server {
    pub(super) event_loop: EventLoop,
    /// `None` if there are no password files.
    pub(super) verifier: Option<Verifier>,
    pub(super) signals: Signals,
    /// The options in force.
    pub(super) options: Options,
    pub(super) audience: Audience,
    /// The directory that relative paths start from.
    pub(super) working_directory: Option<PathBuf>,
    pub(super) sandbox: Sandbox,
    pub(super) notifier: Notifier,
    /// `None` if the server is not announced.
    pub(super) announcer: Option<Box<Announcer>>,
    /// The settings for which other workers are still preparing.
    pub(super) reload: PendingReload,
    /// The file is removed when the server is dropped.
    pub(super) _pid_file: Option<PidFile>,
}

impl Server {
    /// Returns the listen addresses: URLs, or `unix:` and a path.
    pub fn addresses(&self) -> Vec<String> {
        let listeners = self.event_loop.listeners.iter();
        let public = listeners.filter(|listener| listener.role() == ListenerRole::Public);
        public
            .map(|listener| listener.address().to_string())
            .collect()
    }

    /// Uses another clock than the system's for the time of day. With a later time, newly written
    /// files count as old.
    pub fn set_time_of_day(&mut self, time_of_day: fn() -> SystemTime) {
        self.event_loop.set_time_of_day(time_of_day);
        if let Some(crew) = &mut self.event_loop.crew {
            crew.set_time_of_day(time_of_day);
        }
    }

    /// Serves until a signal stops the server and the requests in progress are done. `load`
    /// provides other options when a signal requests a reload.
    pub fn run(mut self, load: &Load<'_>) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        diagnostics::limit();
        self.notifier.ready(self.status());
        while !self.event_loop.is_done() {
            match self.event_loop.wait(&mut events, self.deadline()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let begun = self.event_loop.begin_tick();
            self.event_loop.finish_tick(begun, &events);
            if self.event_loop.take_control() {
                self.handle_signals(load);
            }
            if self.event_loop.crew.is_some() {
                self.continue_reloading(load);
                self.report_draining();
            }
            let event_loop = &mut self.event_loop;
            let now = event_loop.now();
            self.notifier.tick(now, || event_loop.do_all_loops_run());
            if let Some(announcer) = &mut self.announcer {
                announcer.tick(now);
            }
        }
        self.event_loop.close();
        Ok(())
    }

    /// Returns the time at which something besides the loop has to be done without an event.
    fn deadline(&self) -> Option<Instant> {
        let announcer = self.announcer.as_ref();
        let announcer = announcer.and_then(|announcer| announcer.deadline());
        earlier(self.notifier.deadline(), announcer)
    }
}

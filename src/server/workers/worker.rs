//! A worker besides the first: a thread with its own event loop.
//!
//! It has no listeners. The first worker passes connections to it, and makes it take part in
//! everything that all workers do.

use super::message::{Change, Command, Reply};
use super::seats::wake;
use crate::process::diagnostics::{self, Muted, Unlimited};
use crate::server::audience::Audience;
use crate::server::event_loop::{EVENTS_MAX, EventLoop};
use crate::server::lifecycle::Lifecycle;
use crate::server::prepared::Prepared;
use mio::{Events, Waker};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::{io, process, thread};

/// A worker besides the first.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) event_loop: EventLoop,
    pub(super) commands: Receiver<Command>,
    pub(super) replies: Replies,
    pub(super) audience: Audience,
    /// The prepared state, and the settings that it is for.
    pub(super) prepared: Option<(Prepared, Arc<Change>)>,
    /// `true` if the first worker knows that nothing is in progress here any more.
    pub(super) has_finished: bool,
}

/// The way to reply to the first worker.
#[derive(Clone, Debug)]
pub(super) struct Replies {
    /// The index among the other workers, from 0.
    pub(super) worker: usize,
    pub(super) sender: Sender<(usize, Reply)>,
    pub(super) waker: Arc<Waker>,
}

impl Replies {
    fn send(&self, reply: Reply) {
        // If the first worker is gone, the process is about to end.
        if self.sender.send((self.worker, reply)).is_ok() {
            wake(&self.waker);
        }
    }
}

impl Worker {
    /// Serves until the end. The thread stays until the process ends with the first worker, because
    /// ending a thread requires system calls that a running server never makes.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.event_loop.is_over() {
            match self.event_loop.wait(&mut events, None) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => end_process(&error),
            }
            let begun = self.event_loop.begin_tick();
            // Commands come before events: a request that arrives after the first worker has
            // reported new settings is answered with them.
            while let Ok(command) = self.commands.try_recv() {
                self.carry_out(command);
            }
            self.event_loop.finish_tick(begun, &events);
            if self.event_loop.is_drained() && !self.has_finished {
                self.has_finished = true;
                self.replies.send(Reply::Finished);
            }
        }
        self.event_loop.finish();
        if !self.has_finished {
            self.replies.send(Reply::Finished);
        }
        loop {
            thread::park();
        }
    }

    fn carry_out(&mut self, command: Command) {
        let event_loop = &mut self.event_loop;
        match command {
            Command::Connection(stream, peer) => event_loop.take_in(stream, peer),
            Command::OfferRoom => {
                let offer = event_loop.sessions.offer(event_loop.now());
                self.replies.send(Reply::Offer(offer));
            }
            Command::MakeRoom(count) => {
                event_loop.sessions.spare(count, &mut event_loop.context);
                self.replies.send(Reply::RoomMade);
            }
            Command::Report => {
                let figures = Box::new(event_loop.figures());
                self.replies.send(Reply::Report(figures));
            }
            Command::ForgetFiles => event_loop.responder.forget_files(),
            Command::Prepare(change) => {
                let outcome = self.prepare(change);
                self.replies.send(Reply::Prepared(outcome));
            }
            Command::PutInForce => self.put_in_force(),
            Command::Discard => self.prepared = None,
            Command::TimeOfDay(time_of_day) => event_loop.set_time_of_day(time_of_day),
            Command::Drain(deadline) => {
                event_loop.drain(deadline);
                let count = event_loop.in_flight_count();
                self.replies.send(Reply::Draining(count));
            }
            Command::Stop => event_loop.lifecycle = Lifecycle::Stopped,
        }
    }

    fn prepare(&mut self, change: Arc<Change>) -> Result<(), String> {
        let _muted = Muted::begin();
        let prepared = self.event_loop.prepare(&change.new, self.audience);
        let prepared = prepared.map_err(|error| error.to_string())?;
        self.prepared = Some((prepared, change));
        Ok(())
    }

    fn put_in_force(&mut self) {
        if let Some((prepared, change)) = self.prepared.take() {
            // Everything that an operator requests is reported in full.
            let _unlimited = Unlimited::begin();
            let ingress = change.ingress.clone();
            self.event_loop.put_in_force(prepared, &change.new, ingress);
            let style = change.new.log_style();
            self.event_loop.context.access_log.restyle(style);
        }
    }
}

/// Ends the process, which cannot continue without this worker.
fn end_process(error: &io::Error) -> ! {
    log::error!("a worker cannot wait for events, so the server ends: {error}");
    diagnostics::finish();
    process::exit(1)
}

//! A response without an end: its content and its owner.

use super::Session;
use crate::conn::Response;
use crate::server::answer::response::OpenFile;
use crate::server::context::Context;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;
use std::time::Instant;

impl Session {
    /// Gives the response to a request of live reload, which nobody wants to see in a log. `agent`
    /// is a hash of what the client calls itself.
    pub(super) fn respond_live(
        &mut self,
        response: Response<OpenFile>,
        agent: u64,
        context: &mut Context,
    ) {
        // The log line of a request that had to wait has begun. Its user must not get into that of
        // another request.
        self.in_flight = None;
        context.user = None;
        context.metrics.note_response(response.status);
        self.connection.respond(response, &context.now());
        if self.connection.is_streaming() {
            self.stream_owner = owner_of(self.peer, agent);
            context.has_new_streams = true;
        }
    }

    /// Returns the owner of the stream, if a response without an end is in progress.
    pub(crate) fn stream_owner(&self) -> Option<u32> {
        self.connection.is_streaming().then_some(self.stream_owner)
    }

    /// Adds bytes to a response without an end.
    pub(crate) fn feed(&mut self, bytes: &[u8], context: &Context) {
        self.connection.feed(bytes, &context.now());
    }

    /// Ends a response without an end.
    pub(crate) fn end_stream(&mut self) {
        self.connection.end_stream();
    }

    pub(crate) fn connected(&self) -> Instant {
        self.connected
    }
}

/// Returns what distinguishes one browser from another, as far as requests show it.
fn owner_of(peer: Option<IpAddr>, agent: u64) -> u32 {
    // The hash is the same in each call. It is compared only within one run of the server.
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one((peer, agent));
    (hash >> 32) as u32
}

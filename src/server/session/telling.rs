//! What is told of the exchanges of a session, in the access log and in the metrics.

use super::Session;
use crate::conn::Event;
use crate::http::Status;
use crate::server::access_log::Record;
use crate::server::exchange::{Finished, Service};
use std::time::Instant;

/// What is to be told of an exchange when its response has been handed over.
#[derive(Debug)]
pub(super) struct Exchange {
    /// `None` for as long as there is no response.
    pub(super) status: Option<Status>,
    started: Instant,
    record: Option<Box<Record>>,
}

impl Session {
    pub(super) fn begin_exchange(
        &mut self,
        event: &Event<'_>,
        status: Option<Status>,
        service: &mut Service,
    ) {
        if let Some(exchange) = &mut self.exchange {
            // A request whose content went wrong: there is one response to it, and one record.
            exchange.status = status;
            return;
        }
        self.socket.lack.pass();
        service.begin_record(self.peer, event);
        if self.connection.is_exchanging() {
            self.exchange = Some(Exchange {
                status,
                started: service.clock.now(),
                record: service.keep_record(),
            });
        } else {
            service.finish_at_once(status, self.connection.content_bytes());
        }
    }

    /// Tells of the exchange that was under way, if there was one.
    pub(in crate::server) fn finish_exchange(&mut self, service: &mut Service) {
        self.socket.end_large_send();
        if let Some(exchange) = self.exchange.take() {
            self.socket.progress = None;
            let finished = Finished {
                // One that waited for the end of the content in vain was none.
                status: exchange.status.filter(|_| !self.connection.is_held()),
                content_bytes: self.connection.content_bytes(),
                started: exchange.started,
            };
            service.finish(exchange.record.as_deref(), finished);
        }
    }
}

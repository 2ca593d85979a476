//! The request in progress on a connection, for the access log and the metrics.

use crate::http::Status;
use crate::server::context::{Context, Finished};
use crate::server::observe::access_log::Record;
use std::time::Instant;

/// A request that is not finished in the call that read it.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// `None` as long as there is no response.
    pub(crate) status: Option<Status>,
    started: Instant,
    record: Option<Box<Record>>,
}

impl InFlight {
    /// Takes over the log line that was begun.
    pub(crate) fn begin(status: Option<Status>, context: &mut Context) -> Self {
        Self {
            status,
            started: context.clock.now(),
            record: context.keep_record(),
        }
    }

    /// Records the user of the request.
    pub(crate) fn name_user(&mut self, user: &str) {
        if let Some(record) = &mut self.record {
            record.name_user(user);
        }
    }

    /// Reports the request, once its response has been handed over or given up. `is_held` means
    /// that the response still waits for the end of the content, so it does not count.
    pub(crate) fn finish(self, is_held: bool, content_bytes: u64, context: &mut Context) {
        let finished = Finished {
            status: self.status.filter(|_| !is_held),
            content_bytes,
            started: self.started,
        };
        context.finish(self.record.as_deref(), finished);
    }
}

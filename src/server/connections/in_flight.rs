//! The request under way on a connection, as the access log and the metrics see it.

use crate::http::Status;
use crate::server::context::{Context, Finished};
use crate::server::observe::access_log::Record;
use std::time::Instant;

/// A request that outlasts the call that read it.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// `None` for as long as there is no response.
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

    /// Reports the request, once its response has been handed over or is given up. `is_held` says
    /// that the response still waits for the end of the content: then there was none.
    pub(crate) fn finish(self, is_held: bool, content_bytes: u64, context: &mut Context) {
        let finished = Finished {
            status: self.status.filter(|_| !is_held),
            content_bytes,
            started: self.started,
        };
        context.finish(self.record.as_deref(), finished);
    }
}

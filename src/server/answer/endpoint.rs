//! Who answers the requests of a connection: the site, or the admin port.

use super::decision::{Decision, OpenFile};
use super::responder::{Answer, Responder};
use crate::conn::{Event, Response};
use crate::http::Status;
use crate::plan;
use crate::process::stats::Process;
use crate::process::stderr;
use crate::server::admin::figures::Figures;
use crate::server::admin::respond::respond;
use crate::server::context::Context;
use crate::server::observe::metrics::ConnectionGauges;
use crate::site::{self, CacheFigures};

#[derive(Debug)]
pub(crate) enum Endpoint<'t> {
    Site(&'t mut Responder),
    Admin(&'t mut AdminSite),
}

/// What the admin port reports besides what all connections share, as it was when it was last looked
/// at.
#[derive(Debug)]
pub(crate) struct AdminSite {
    pub(crate) process: Process,
    pub(crate) connections: ConnectionGauges,
    /// Whether there is a directory to serve.
    pub(crate) has_root: bool,
    pub(crate) cache: CacheFigures,
}

impl Endpoint<'_> {
    /// Answers an event.
    pub(crate) fn answer(
        &mut self,
        event: &Event<'_>,
        context: &mut Context,
    ) -> Answer<Response<OpenFile>> {
        match self {
            Self::Site(responder) => responder.answer(event, context),
            Self::Admin(admin) => {
                if let Event::Refused { refusal, .. } = event {
                    context.note_refusal(*refusal);
                }
                Answer::Ready(admin.respond(event, context))
            }
        }
    }

    /// Answers the request with this head, whose answer was pending, now that there is an outcome.
    pub(crate) fn answer_at_last(
        &mut self,
        head: &[u8],
        outcome: site::Outcome,
        context: &Context,
    ) -> Answer<Response<OpenFile>> {
        match self {
            Self::Site(responder) => responder.answer_at_last(head, outcome, context),
            Self::Admin(_) => {
                debug_assert!(false, "no answer of the admin port is ever pending");
                let plan = plan::refuse(Status::InternalServerError);
                Answer::Ready(Decision::at_once(plan).into_response())
            }
        }
    }
}

impl AdminSite {
    pub(crate) fn new(process: Process) -> Self {
        Self {
            process,
            connections: ConnectionGauges::default(),
            has_root: true,
            cache: CacheFigures::default(),
        }
    }

    fn respond(&mut self, event: &Event<'_>, context: &Context) -> Response<OpenFile> {
        respond(
            event,
            &context.front.hosts,
            &mut Figures {
                process: &mut self.process,
                connections: &self.connections,
                cache: &self.cache,
                metrics: &context.metrics,
                has_root: self.has_root,
                last_reload: context.last_reload,
                log_lines_lost: context.access_log.records_lost(),
                diagnostics_lost: stderr::lines_lost(),
                turns: context.clock.count(),
            },
        )
    }
}

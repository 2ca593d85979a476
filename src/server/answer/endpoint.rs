//! The endpoint of a connection: the site, or the admin port.

use super::answered::Answer;
use super::responder::Responder;
use super::response::{OpenFile, response_without_file};
use super::suspended::Suspended;
use crate::conn::{Event, Response};
use crate::http::Status;
use crate::plan;
use crate::process::stats::Process;
use crate::process::stderr;
use crate::server::admin::figures::{Figures, LoopFigures};
use crate::server::admin::respond::respond;
use crate::server::context::Context;
use crate::server::net::stream::Scheme;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Debug)]
pub(crate) enum Endpoint<'t> {
    Site(&'t mut Responder),
    Admin(&'t mut AdminSite),
}

/// The state of the admin port besides the common context, as of the last request to it.
#[derive(Debug)]
pub(crate) struct AdminSite {
    pub(crate) process: Process,
    /// The figures of each worker, starting with the first one.
    pub(crate) workers: Vec<LoopFigures>,
    /// The admin connections that are answered once all workers have reported their figures.
    pub(crate) waiting: BTreeSet<usize>,
    pub(crate) is_draining: bool,
    /// The file of each certificate, and its expiry in seconds since 1970.
    pub(crate) certificate_expiries: Vec<(PathBuf, i64)>,
}

impl Endpoint<'_> {
    /// Answers an event that arrived with this scheme from this peer. `head` contains the received
    /// bytes of a request.
    pub(crate) fn answer(
        &mut self,
        event: &Event<'_>,
        head: &[u8],
        scheme: Scheme,
        peer: Option<IpAddr>,
        context: &mut Context,
    ) -> Answer {
        match self {
            _ if scheme == Scheme::Mistaken => Answer::Ready(explain_scheme(event)),
            Self::Site(responder) => {
                if scheme == Scheme::Http
                    && let Some(port) = context.ingress.redirect_port
                    && let Event::Request(request) = event
                    && let Some(response) = responder.redirect_to_https(request, port)
                {
                    return Answer::Ready(response);
                }
                responder.answer(event, head, peer, context)
            }
            Self::Admin(admin) => {
                if let Event::Rejected { rejection, .. } = event {
                    context.note_rejection(*rejection);
                }
                Answer::Ready(admin.respond(event, context))
            }
        }
    }

    /// Answers a suspended request, if the job that it waited for is done.
    pub(crate) fn resume(&self, suspended: Suspended, context: &mut Context) -> Answer {
        match self {
            Self::Site(responder) => responder.resume(suspended, context),
            Self::Admin(_) => {
                debug_assert!(false, "no request to the admin port is ever suspended");
                let plan = plan::error_response(Status::InternalServerError);
                Answer::Ready(response_without_file(plan))
            }
        }
    }
}

/// Answers plain HTTP on a port for HTTPS.
fn explain_scheme(event: &Event<'_>) -> Response<OpenFile> {
    let plan = match event {
        Event::Request(request) => plan::plain_http_on_https(request.authority()),
        Event::Rejected { .. } => plan::plain_http_on_https(&[]),
    };
    response_without_file(plan)
}

impl AdminSite {
    pub(crate) fn new(process: Process) -> Self {
        Self {
            process,
            workers: Vec::new(),
            waiting: BTreeSet::new(),
            is_draining: false,
            certificate_expiries: Vec::new(),
        }
    }

    fn respond(&mut self, event: &Event<'_>, context: &Context) -> Response<OpenFile> {
        respond(
            event,
            &context.ingress.hosts,
            &mut Figures {
                process: &mut self.process,
                workers: &self.workers,
                is_draining: self.is_draining,
                last_reload: context.last_reload,
                log_lines_lost: context.access_log.records_lost(),
                diagnostics_lost: stderr::lines_lost(),
                certificate_expiries: &self.certificate_expiries,
            },
        )
    }
}

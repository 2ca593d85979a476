//! One exchange: from a request to the response that answers it, through site and plan.

use super::access_log::{AccessLog, Record};
use super::clock::Clock;
use crate::conn::{self, Event, Response, Segment, Tick};
use crate::http::Status;
use crate::http::forwarded::{TrustedProxy, client_address};
use crate::http::host::Host;
use crate::http::request::RequestHead;
use crate::plan::{self, Plan};
use crate::site::{File, Miss, Moment, Site, Source};
use bytes::Bytes;
use rustix::fd::OwnedFd;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;

/// A file that is sent from, shared by all who send it.
pub(super) type OpenFile = Rc<OwnedFd>;

/// What all sessions share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) clock: Clock,
    pub(super) access_log: AccessLog,
    /// One buffer to receive into, lent to whichever session is pumped.
    pub(super) input: Vec<u8>,
    /// One buffer to encode responses into, likewise.
    pub(super) output: Vec<u8>,
    pub(super) site: Site,
    pub(super) front: Front,
    options: conn::Options,
    /// What separates the parts of a response of several ranges. Its value is anew with every
    /// start, so that no file can be made to contain it.
    boundary: String,
}

/// What stands in front of the site: the names it goes by, and the proxies that speak for others.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) hosts: Vec<Host>,
    pub(super) trusted_proxies: Vec<TrustedProxy>,
}

impl Service {
    pub(super) fn new(
        site: Site,
        front: Front,
        clock: Clock,
        options: conn::Options,
        access_log: AccessLog,
    ) -> Self {
        let random = || RandomState::new().hash_one(0);
        let boundary = format!("millpond-{:016x}{:016x}", random(), random());
        let (input, output) = (Vec::new(), Vec::new());
        Self {
            clock,
            access_log,
            input,
            output,
            site,
            front,
            options,
            boundary,
        }
    }

    /// The present moment, for a connection.
    pub(super) fn tick(&self) -> Tick<'_> {
        Tick {
            now: self.clock.now(),
            origin: self.clock.origin(),
            options: &self.options,
        }
    }

    /// The response to an event.
    pub(super) fn respond(&mut self, event: &Event<'_>) -> Response<OpenFile> {
        match event {
            Event::Request(request) => self.decide(request).into_response(),
            Event::Refused(refusal) => {
                log::debug!("refused: {refusal}");
                Decision::at_once(plan::refuse(refusal.status())).into_response()
            }
        }
    }

    /// Gathers what there is to know for a request, and decides on it.
    pub(super) fn decide(&mut self, request: &RequestHead<'_>) -> Decision {
        let path = match plan::admit(request, &self.front.hosts) {
            Ok(path) => path,
            Err(plan) => return Decision::at_once(plan),
        };
        let moment = Moment {
            tick: self.clock.count(),
            now: self.clock.now(),
            wall: self.clock.wall(),
        };
        let found = self.site.resolve(&path, &moment);
        let resource = match &found {
            Ok(file) => Ok(&file.representation),
            Err(miss) => {
                let path = path.to_reference().to_string();
                log::log!(miss.level(), "{path:?} is not served: {miss}");
                Err(miss.absence())
            }
        };
        let plan = plan::decide(request, &path, resource, &self.boundary);
        let found = Some(found);
        Decision { plan, found }
    }

    pub(super) fn begin_record(&mut self, peer: Option<IpAddr>, event: &Event<'_>, status: Status) {
        let request = match event {
            Event::Request(request) => Some(request),
            Event::Refused(_) => None,
        };
        let client = request.map_or(peer, |request| {
            client_address(peer, &request.fields, &self.front.trusted_proxies)
        });
        self.access_log.begin(client, request, status, &self.clock);
    }

    pub(super) fn finish_record(&mut self, content_bytes: u64) {
        self.access_log.finish(content_bytes);
    }

    /// The record that was begun, for an exchange that goes on.
    pub(super) fn keep_record(&mut self) -> Option<Box<Record>> {
        self.access_log.keep()
    }

    pub(super) fn finish_kept_record(&mut self, record: &Record, content_bytes: u64) {
        self.access_log
            .finish_kept(record, content_bytes, self.clock.now());
    }
}

/// What a request came to.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) plan: Plan,
    /// What the look at the site found, where there was one.
    pub(super) found: Option<Result<Rc<File>, Miss>>,
}

impl Decision {
    /// A decision that needed no look at the site.
    fn at_once(plan: Plan) -> Self {
        Self { plan, found: None }
    }

    /// Joins what was planned to the bytes that it speaks of.
    pub(super) fn into_response(self) -> Response<OpenFile> {
        let Self { plan, found } = self;
        let content = match (plan.content, found) {
            (plan::Content::Page(page), _) => conn::Content::one(Segment::Bytes(page)),
            (plan::Content::Whole, Some(Ok(file))) => {
                whole(&file).map_or_else(conn::Content::empty, conn::Content::one)
            }
            (plan::Content::Part(range), Some(Ok(file))) => conn::Content::one(part(&file, range)),
            (plan::Content::Parts(multipart), Some(Ok(file))) => {
                let mut segments = Vec::with_capacity(2 * multipart.parts.len() + 1);
                for (head, range) in multipart.parts {
                    segments.push(Segment::Bytes(head));
                    segments.push(part(&file, range));
                }
                segments.push(Segment::Bytes(multipart.close));
                conn::Content::sequence(segments)
            }
            (plan::Content::Empty, _) | (_, None | Some(Err(_))) => conn::Content::empty(),
        };
        Response {
            status: plan.status,
            fields: plan.fields,
            content,
        }
    }
}

fn whole(file: &File) -> Option<Segment<OpenFile>> {
    let length = file.representation.facts().length;
    (length > 0).then(|| part(file, 0..length))
}

fn part(file: &File, range: Range<u64>) -> Segment<OpenFile> {
    match &file.source {
        Source::Memory(content) => Segment::Bytes(slice(content, &range)),
        Source::Descriptor(descriptor) => Segment::File {
            file: Rc::clone(descriptor),
            offset: range.start,
            length: range.end.saturating_sub(range.start),
        },
    }
}

fn slice(content: &Bytes, range: &Range<u64>) -> Bytes {
    let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    let (start, end) = (bound(range.start), bound(range.end));
    content.slice(start..end.max(start))
}

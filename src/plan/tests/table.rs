//! A site that is a table: its files, and a record of the lookups.

use crate::http::Limits;
use crate::http::address_range::Client;
use crate::http::coding::{Coding, CodingSet, Codings};
use crate::http::etag::EntityTag;
use crate::http::fields::FieldStorage;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::{
    Content, Decision, Fallback, Lookup, Metadata, Plan, Policy, Representation, Resource,
    Resources, Unavailable, Verdict, Visitor, respond,
};
use std::net::IpAddr;
use std::path::Path;
use std::task::Poll;

/// The key of a lookup.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    Path(&'static str),
    Fallback(Fallback),
    /// The error page at this path, below the root.
    ErrorPage(&'static str),
    Coded(&'static str, Coding),
    Decoded(&'static str),
}

/// The result of a lookup.
#[derive(Clone, Debug)]
pub(super) enum Row {
    File(Spec),
    Absent(Unavailable),
    /// The coding turns out to be unavailable.
    GivenUp,
    /// The result takes a job.
    Later(Box<Row>),
}

/// A file, before a policy is applied to it.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) metadata: Metadata,
    pub(super) codings: CodingSet,
    pub(super) is_only_precompressed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct TableFile {
    name: &'static str,
    representation: Representation,
    codings: CodingSet,
    is_only_precompressed: bool,
}

impl Resource for TableFile {
    fn representation(&self) -> &Representation {
        &self.representation
    }

    fn path_on_disk(&self) -> &[u8] {
        self.name.as_bytes()
    }

    fn codings(&self) -> Codings {
        Codings::stored(self.codings)
    }

    fn is_only_precompressed(&self) -> bool {
        self.is_only_precompressed
    }
}

/// A client that sends a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Someone {
    pub(super) address: Option<IpAddr>,
    /// The password files that contain this user.
    pub(super) users: Vec<&'static str>,
    /// The first result of a password check.
    pub(super) outcome: Option<Poll<Verdict>>,
}

impl Visitor for Someone {
    fn client(&mut self, _: &RequestHead<'_>) -> Option<Client> {
        Some(self.address.map_or(Client::Unknown, Client::At))
    }

    fn verify(&mut self, _: &RequestHead<'_>, users: &Path) -> Poll<Verdict> {
        let is_user = self.users.iter().any(|file| Path::new(file) == users);
        let verdict = if is_user {
            Verdict::Right
        } else {
            Verdict::Wrong
        };
        self.outcome.unwrap_or(Poll::Ready(verdict))
    }
}

/// The site.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) policy: Policy,
    pub(super) rows: Vec<(Asked, Row)>,
    pub(super) visitor: Someone,
    /// The lookups so far.
    pub(super) lookups: Vec<String>,
    /// The paths where nothing exists, for which a site may keep the response.
    pub(super) missing: Vec<String>,
}

impl Table {
    pub(super) fn new(policy: Policy, rows: Vec<(Asked, Row)>) -> Self {
        Self {
            policy: policy.with_general_rules(),
            rows,
            visitor: Someone::default(),
            lookups: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Decides on a request, given as its first line without a version, and its other lines.
    pub(super) fn decide(&mut self, request: &str) -> Poll<Decision<TableFile>> {
        let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
        let mut head = format!("{line} HTTP/1.1\r\nHost: pond\r\n");
        for field in fields.lines() {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().unwrap();
        let policy = self.policy.clone();
        let mut visitor = self.visitor.clone();
        respond(&request, &policy, "cut", self, &mut visitor)
    }

    /// Returns the decision in short: the status, and the file and part that is sent, or the
    /// location.
    pub(super) fn answer(&mut self, request: &str) -> String {
        match self.decide(request) {
            Poll::Pending => "pending".to_owned(),
            Poll::Ready(decision) => summary(&decision),
        }
    }

    /// Finishes all jobs.
    pub(super) fn finish_jobs(&mut self) {
        for (_, row) in &mut self.rows {
            if let Row::Later(done) = row {
                *row = (**done).clone();
            }
        }
    }

    /// Finishes one job.
    pub(super) fn finish_job(&mut self, asked: Asked) {
        for (key, row) in &mut self.rows {
            if *key == asked
                && let Row::Later(done) = row
            {
                *row = (**done).clone();
            }
        }
    }

    fn look_up(&mut self, asked: Asked, path: &[u8]) -> Option<Lookup<TableFile>> {
        self.lookups.push(format!("{asked:?}"));
        let row = self.rows.iter().find(|(key, _)| *key == asked);
        Some(match row.map(|(_, row)| row) {
            None => Poll::Ready(Err(Unavailable::NotFound)),
            Some(Row::Absent(unavailable)) => Poll::Ready(Err(*unavailable)),
            Some(Row::GivenUp) => return None,
            Some(Row::Later(_)) => Poll::Pending,
            Some(Row::File(spec)) => Poll::Ready(Ok(self.described(spec, path))),
        })
    }

    fn error_page(&self, path: &[u8]) -> Option<Asked> {
        self.rows.iter().find_map(|(asked, _)| match asked {
            Asked::ErrorPage(known) if known.as_bytes() == path => Some(*asked),
            _ => None,
        })
    }

    fn described(&self, spec: &Spec, path: &[u8]) -> TableFile {
        let mut metadata = spec.metadata.clone();
        if metadata.fallback.is_none() {
            let paths = [path, spec.name.as_bytes()];
            self.policy.rules.describe(&mut metadata, &paths);
        }
        TableFile {
            name: spec.name,
            representation: Representation::new(metadata, &self.policy),
            codings: spec.codings,
            is_only_precompressed: spec.is_only_precompressed,
        }
    }
}

impl Resources for Table {
    type File = TableFile;

    fn find(&mut self, _: &RequestHead<'_>, path: &RequestPath<'_>) -> Lookup<TableFile> {
        let path = std::str::from_utf8(path.as_bytes()).unwrap();
        let asked = self.rows.iter().find_map(|(asked, _)| match asked {
            Asked::Path(known) if *known == path => Some(*asked),
            _ => None,
        });
        let asked = asked.unwrap_or(Asked::Path("none"));
        self.look_up(asked, path.as_bytes()).unwrap()
    }

    fn find_fallback(&mut self, fallback: Fallback, path: &RequestPath<'_>) -> Lookup<TableFile> {
        let asked = self.error_page(path.as_bytes());
        let asked = asked.unwrap_or(Asked::Fallback(fallback));
        self.look_up(asked, path.as_bytes()).unwrap()
    }

    fn nearest_with<'p>(&mut self, name: &'static str, directory: &'p [u8]) -> &'p [u8] {
        let ends = memchr::memrchr_iter(b'/', directory).map(|slash| slash + 1);
        let has_page = |end: &usize| {
            let page = [&directory[..*end], name.as_bytes()].concat();
            self.error_page(&page).is_some()
        };
        &directory[..ends.into_iter().find(has_page).unwrap_or(0)]
    }

    fn encode(
        &mut self,
        path: &[u8],
        file: &TableFile,
        coding: Coding,
    ) -> Option<Lookup<TableFile>> {
        self.look_up(Asked::Coded(file.name, coding), path)
    }

    fn not_found(&mut self, path: &RequestPath<'_>, make: impl FnOnce() -> Plan) -> Plan {
        let path = String::from_utf8_lossy(path.as_bytes());
        self.missing.push(path.into_owned());
        make()
    }

    fn decode(&mut self, path: &[u8], file: &TableFile) -> Option<Lookup<TableFile>> {
        self.look_up(Asked::Decoded(file.name), path)
    }
}

fn summary(decision: &Decision<TableFile>) -> String {
    let (plan, file) = (&decision.plan, &decision.file);
    let code = plan.status.code();
    let name = file.as_ref().map_or("nothing", |file| file.name);
    match &plan.content {
        Content::Empty => format!("{code}"),
        Content::Page(_) => match field(&plan.fields, "Location") {
            Some(location) => format!("{code} to {location}"),
            None => format!("{code} page"),
        },
        Content::Events(since) => format!("{code} {since:?}"),
        Content::Whole => format!("{code} {name}"),
        Content::Part(range) => format!("{code} {name} {range:?}"),
        Content::Parts(parts) => format!("{code} {name} {:?}", parts.ranges),
    }
}

/// Returns the value of the first line with this name.
pub(super) fn field(fields: &crate::http::response::FieldBlock, name: &str) -> Option<String> {
    let lines = std::str::from_utf8(fields.as_bytes()).unwrap();
    let prefix = format!("{name}: ");
    let value = lines.lines().find_map(|line| line.strip_prefix(&prefix));
    value.map(str::to_owned)
}

/// Returns a file as the site describes it without rules.
pub(super) fn described(spec: &Spec) -> TableFile {
    Table::new(Policy::default(), Vec::new()).described(spec, spec.name.as_bytes())
}

/// Returns a file of ten bytes with a tag.
pub(super) fn file(name: &'static str) -> Spec {
    Spec {
        name,
        metadata: Metadata {
            length: 10,
            content_type: "text/plain".into(),
            fallback: None,
            coding: None,
            vary: None,
            security_policy: None,
            entity_tag: Some(EntityTag::strong(name)),
            last_modified: None,
            edits: Vec::new(),
            is_date_strong: true,
        },
        codings: CodingSet::EMPTY,
        is_only_precompressed: false,
    }
}

impl Spec {
    pub(super) fn coded(mut self, coding: Coding) -> Self {
        self.metadata.coding = Some(coding);
        self.metadata.vary = Some("Accept-Encoding");
        self
    }

    pub(super) fn with_codings(mut self, codings: &[Coding]) -> Self {
        self.codings = codings.iter().copied().collect();
        self
    }

    pub(super) fn only_precompressed(mut self) -> Self {
        self.is_only_precompressed = true;
        self
    }

    pub(super) fn used_as_fallback(mut self, fallback: Fallback) -> Self {
        self.metadata.fallback = Some(fallback);
        self
    }

    pub(super) fn row(self) -> Row {
        Row::File(self)
    }

    pub(super) fn later(self) -> Row {
        Row::Later(Box::new(Row::File(self)))
    }
}

//! One pure decision: a request and the facts about a resource give the response to send.
//!
//! [`admit`] decides all that needs no look at the site, [`decide`] the rest, and [`refuse`]
//! answers what is no request at all. Nothing here does I/O, and nothing else chooses a status.

mod general;
pub mod listing;
mod method;
mod page;
mod partial;
mod precondition;
mod redirect;
mod representation;
mod route;
mod rules;
mod selection;
mod stand_in;

use crate::http::Status;
use crate::http::coding::Coding;
use crate::http::host::Host;
use crate::http::media::{self, NameKind};
use crate::http::path::RequestPath;
use crate::http::request::{Expectation, RequestHead};
use crate::http::response::{Edit, FieldBlock, FieldBlockWriter};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

pub use general::AllowedOrigin;
pub use partial::{Multipart, PartHeads};
pub use representation::{Facts, Representation};
pub use route::{BadRedirect, Part, Redirect, Redirects, lead_to};
pub use rules::{CONTENT_ENCODING, Class, Pattern, Rule, Rules, check_name, is_fact};
pub use selection::{accepted_coding, select_coding, select_coding_of_whole};
pub use stand_in::{StandIn, absence_of_unreadable, instead, stand_ins, without_stand_in};

/// What the operator wants of every response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether responses carry a `Server` field (RFC 9110 §10.2.4).
    pub server_field: bool,
    /// The value of `Cache-Control` (RFC 9111 §5.2) on files; none when empty.
    pub cache_control: String,
    /// Whether navigations that find nothing get the start page of an application.
    pub spa: bool,
    /// Whether errors are answered with the pages that the site has for them.
    pub error_pages: bool,
    /// Media types by extension, or by a whole name without one, in lower case; the empty text
    /// stands for all other names without an extension. They override those that are known.
    pub types: BTreeMap<String, String>,
    /// What to change about the fields of responses.
    pub rules: Rules,
    /// What to change about those of every response, of which there may be several to one name.
    pub headers: Vec<Edit>,
    /// Whose pages may read responses, besides the site's own.
    pub cors: Option<AllowedOrigin>,
    /// Where paths lead to instead.
    pub redirects: Redirects,
}

impl Policy {
    /// The same, with what is to be changed about every response among the rules.
    #[must_use]
    pub fn with_general_rules(self) -> Self {
        let general = general::rules(self.cors.as_ref(), &self.headers);
        Self {
            rules: self.rules.clone().with_general(general),
            ..self
        }
    }

    /// The media type of the file in this place, which was asked for by this address, and the coding
    /// that it is stored in.
    pub fn stored_as(&self, address: &[u8], place: &[u8]) -> (Cow<'static, str>, Option<Coding>) {
        let paths = [address, place];
        let coding = self.rules.content_coding(&paths);
        let content_type = match (self.rules.content_type(&paths), coding) {
            (Some(content_type), _) => Cow::Owned(content_type.to_owned()),
            (None, Some(coding)) => self.content_type(media::decoded_name(place, coding)),
            (None, None) => self.content_type(place),
        };
        let coding = coding.or_else(|| media::implied_coding(place, &content_type));
        (content_type, coding)
    }

    /// The value of `Content-Type` by the name of a file.
    fn content_type(&self, place: &[u8]) -> Cow<'static, str> {
        let own = if self.types.is_empty() {
            None
        } else {
            self.own_type(place)
        };
        own.map_or_else(
            || media::content_type(place),
            |own| Cow::Owned(own.to_owned()),
        )
    }

    fn own_type(&self, place: &[u8]) -> Option<&str> {
        let own = match media::kind(place)? {
            NameKind::Extension(extension) => self.types.get(&extension),
            NameKind::Bare(name) => self.types.get(&name).or_else(|| self.types.get("")),
        };
        own.map(String::as_str)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            server_field: true,
            cache_control: "no-cache".to_owned(),
            spa: false,
            error_pages: true,
            types: BTreeMap::new(),
            rules: Rules::default(),
            headers: Vec::new(),
            cors: None,
            redirects: Redirects::default(),
        }
    }
}

/// The response to give: a status, all fields but those of the connection, and the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The status line.
    pub status: Status,
    /// The fields, `Content-Length` included.
    pub fields: FieldBlock,
    /// What follows the head. A response to HEAD has the content that GET's would have; to leave
    /// it out is the connection's work.
    pub content: Content,
}

/// Where the content of a response comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// There is none.
    Empty,
    /// A page of our own.
    Page(Bytes),
    /// All of the selected representation.
    Whole,
    /// These bytes of it.
    Part(Range<u64>),
    /// Several parts of it, each with a head of its own.
    Parts(Box<Multipart>),
}

/// Why there is no representation to select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing is served under this path.
    NotFound,
    /// Nothing is served under paths like this one, whatever there is.
    Hidden,
    /// It has another address.
    Moved(Move),
    /// It may not be read.
    Forbidden,
    /// It cannot be opened now, but may be soon: no descriptors are left.
    Exhausted,
    /// Reading it failed.
    Failed,
    /// The whole site is not there now, but may be soon: it is being built, or moved.
    RootLost,
}

impl Absence {
    /// The status that answers it, if that is an error.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::NotFound | Self::Hidden => Some(Status::NotFound),
            Self::Moved(_) => None,
            Self::Forbidden => Some(Status::Forbidden),
            Self::Exhausted | Self::RootLost => Some(Status::ServiceUnavailable),
            Self::Failed => Some(Status::InternalServerError),
        }
    }
}

/// How a path becomes the one that its resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A directory: with a slash at its end, as relative references need.
    AddSlash,
    /// A page: without the slash at the end.
    DropSlash,
    /// A page: without its extension.
    DropExtension,
    /// An index file: as its directory.
    DropName,
}

/// Steps 1 to 4 of a decision, which need no look at the site: the path to look for, or the
/// response to give at once. `hosts` are those that are answered for; none means all.
pub fn admit<'b>(request: &RequestHead<'b>, hosts: &[Host]) -> Result<RequestPath<'b>, Plan> {
    // 1. The host: who asks for another one learns nothing of this one (RFC 9110 §7.4).
    if !is_answered(request.authority(), hosts) {
        return Err(misdirected(request.authority()));
    }
    // 2. Expectations come before all that is left (RFC 9110 §10.1.1).
    if request.expectation == Expectation::Unknown {
        return Err(refuse(Status::ExpectationFailed));
    }
    // 3. The method, which no resource here has a say in.
    method::admit(request.method)?;
    let Some(target) = request.target.path_and_query() else {
        return Err(method::options());
    };
    // 4. The path, by the one sanitizer there is.
    let path = RequestPath::parse(target.path).map_err(|error| refuse(error.status()))?;
    if method::is_options(request.method) {
        Err(method::options())
    } else {
        Ok(path)
    }
}

/// The redirect that the operator has written for a path, whatever there is under it.
pub fn redirect(
    request: &RequestHead<'_>,
    path: &RequestPath<'_>,
    policy: &Policy,
) -> Option<Plan> {
    if policy.redirects.is_empty() {
        return None;
    }
    let query = request.target.path_and_query()?.query;
    let reference = path.to_reference().to_string();
    let (_, status, location) = policy.redirects.find(&reference, query)?;
    Some(lead_to(status, &location))
}

/// The path that rules are to be held against though nothing is looked for there: none where the
/// request was for another host.
pub fn addressed_path<'b>(request: &RequestHead<'b>, plan: &Plan) -> Option<RequestPath<'b>> {
    if plan.status == Status::MisdirectedRequest {
        return None;
    }
    RequestPath::parse(request.target.path_and_query()?.path).ok()
}

/// Steps 5 to 7 of a decision, in the order of RFC 9110 §13.2.2.
pub fn decide(
    request: &RequestHead<'_>,
    path: &RequestPath<'_>,
    resource: Result<&Representation, Absence>,
    boundary: &str,
) -> Plan {
    // 5. Preconditions are evaluated only where the response without them would be a success.
    let representation = match resource {
        Ok(representation) => representation,
        Err(Absence::Moved(way)) => return redirect::along(way, path, request),
        Err(Absence::NotFound | Absence::Hidden) => return not_found(path),
        Err(Absence::Forbidden) => return refuse(Status::Forbidden),
        Err(Absence::Exhausted) => return unavailable(page::BUSY),
        Err(Absence::RootLost) => return unavailable(page::ROOT_LOST),
        Err(Absence::Failed) => return refuse(Status::InternalServerError),
    };
    select(request, representation, boundary)
}

/// Steps 6 and 7: what of a representation is sent.
pub fn select(request: &RequestHead<'_>, representation: &Representation, boundary: &str) -> Plan {
    // 6. §13.2.2, steps 1 to 4.
    match precondition::evaluate(&request.fields, representation) {
        precondition::Outcome::Failed => return refuse(Status::PreconditionFailed),
        precondition::Outcome::NotModified => return representation.not_modified(),
        precondition::Outcome::Proceed => {}
    }
    // 7. §13.2.2, step 5: the range, unless If-Range says that it is of something else.
    partial::decide(&request.fields, representation, boundary)
        .unwrap_or_else(|| representation.whole())
}

/// The response to what is no request, or one that no look at the site can change.
pub fn refuse(status: Status) -> Plan {
    page_response(
        status,
        FieldBlockWriter::default(),
        page::render(status, None),
    )
}

/// Whether requests for this host are answered: a guard against pages elsewhere on the web that,
/// by rebinding their own name to our address, would read what is served to its reader alone.
pub fn is_answered(authority: &[u8], hosts: &[Host]) -> bool {
    hosts.is_empty() || hosts.iter().any(|host| host.matches(authority))
}

fn misdirected(authority: &[u8]) -> Plan {
    let status = Status::MisdirectedRequest;
    let host = String::from_utf8_lossy(authority);
    let page = page::render(status, Some(host.as_ref()).filter(|host| !host.is_empty()));
    page_response(status, FieldBlockWriter::default(), page)
}

fn not_found(path: &RequestPath<'_>) -> Plan {
    // As a reference it is printable whatever its bytes are.
    let page = page::render(Status::NotFound, Some(&path.to_reference().to_string()));
    page_response(Status::NotFound, FieldBlockWriter::default(), page)
}

/// `why` is for the person who sees the page.
fn unavailable(why: &str) -> Plan {
    let status = Status::ServiceUnavailable;
    let fields = FieldBlockWriter::default().field("Retry-After", RETRY_AFTER_SECONDS);
    page_response(status, fields, page::render_saying(status, why, None))
}

/// A response with a page of our own, after the fields that are its status's own.
fn page_response(status: Status, fields: FieldBlockWriter, page: Bytes) -> Plan {
    let fields = fields
        .field("Content-Length", page.len())
        .block(&PAGE_FIELDS)
        .finish();
    Plan {
        status,
        fields,
        content: Content::Page(page),
    }
}

/// The fields of every page of our own.
static PAGE_FIELDS: LazyLock<FieldBlock> = LazyLock::new(|| {
    FieldBlockWriter::default()
        .field("Content-Type", "text/html; charset=utf-8")
        .field("Cache-Control", "no-cache")
        .field("Content-Security-Policy", page::CONTENT_SECURITY_POLICY)
        .field("X-Content-Type-Options", "nosniff")
        .finish()
});

/// Descriptors come free as soon as any exchange ends, and a lost root is looked for with each
/// request.
const RETRY_AFTER_SECONDS: u32 = 1;

#[cfg(test)]
mod tests;

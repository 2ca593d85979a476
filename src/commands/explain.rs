//! What a request would get, and why: the answer to `--explain`.
//!
//! The request goes the way of any other, through a connection, the site and the plan. What is
//! made here is only what is told of it, so that it cannot differ from what is served.

use super::check::become_user;
use crate::conn::{Connection, Event, Transmit};
use crate::http::Status;
use crate::http::coding::Coding;
use crate::http::fields::FieldStorage;
use crate::http::host::Host;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::{self, Class, Redirect};
use crate::server::answer::decision::Decision;
use crate::server::answer::responder::{Responder, open_site};
use crate::server::clock::Clock;
use crate::server::context::{Context, Front};
use crate::server::observe::access_log::AccessLog;
use crate::server::{Audience, LogDestination, Options, StartError};
use crate::site::{File, Miss, Origin, Outcome, Resolution};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::rc::Rc;

/// What a request would get, step by step.
#[derive(Debug)]
pub struct Explanation {
    steps: Vec<(&'static str, String)>,
    is_served: bool,
}

impl Explanation {
    /// Whether the response would be a success or a redirect.
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    fn tell(&mut self, step: &'static str, what: impl fmt::Display) {
        // A file's name may hold what would speak to a terminal.
        let what = what.to_string().replace(char::is_control, "\u{FFFD}");
        self.steps.push((step, what));
    }

    fn tell_head(&mut self, head: &[u8]) {
        let head = String::from_utf8_lossy(head);
        let (head, _) = head.split_once("\r\n\r\n").unwrap_or((&head, ""));
        for (number, line) in head.split("\r\n").enumerate() {
            self.tell(if number == 0 { "answer" } else { "" }, line);
        }
    }
}

/// One line for each step, its name in a column of its own.
impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, what) in &self.steps {
            writeln!(out, "{step:<8}  {what}")?;
        }
        Ok(())
    }
}

/// Explains what GET of a request target, a path or a whole URL, would get from a server with
/// these options, if somebody entered it in a browser.
pub fn explain(options: Options, target: &OsStr) -> Result<Explanation, StartError> {
    let target = request_target(target);
    let hosts = options.answered_hosts(options.audience());
    let host = hosts.first().unwrap_or(&Host::Local).authority();
    let is_local_by_default =
        options.hosts.is_none() && options.audience() == Audience::ThisMachine;
    become_user(&options)?;
    let mut offline = Offline::open(options)?;
    let mut explanation = Explanation {
        steps: Vec::new(),
        is_served: false,
    };
    explanation.tell("request", format_args!("GET {}", target.display()));

    let mut request = [b"GET ", target.as_bytes()].concat();
    let fields = format!(" HTTP/1.1\r\nHost: {host}\r\nAccept: {ACCEPT}\r\n\r\n");
    request.extend_from_slice(fields.as_bytes());
    let mut storage = FieldStorage::default();
    let mut connection = Connection::new(&offline.context.tick());
    let received = connection.receive(&request, &mut storage, &offline.context.tick());
    let response = match &received.event {
        Some(Event::Request(head)) => {
            tell_request(&mut explanation, head, &offline, is_local_by_default);
            let decision = offline.decide(head);
            tell_decision(&mut explanation, &decision, head, &mut offline);
            tell_rules(&mut explanation, &decision, head, &offline);
            decision.into_response()
        }
        Some(Event::Refused { refusal, .. }) => {
            explanation.tell("refused", refusal);
            offline.responder.answer_refused(*refusal)
        }
        // A head that ends in an empty line is whole, and whatever is whole is answered.
        None => return Ok(explanation),
    };
    explanation.is_served = matches!(response.status.code(), 200..=399);
    connection.respond(response, &offline.context.tick());
    match connection.poll_transmit() {
        Some(Transmit::Bytes(head, _) | Transmit::File { before: head, .. }) => {
            explanation.tell_head(head);
        }
        None => {}
    }
    Ok(explanation)
}

/// The request target that somebody means, as a browser understands what is typed into it: a URL, one
/// of this machine without its scheme, or a path, for which a slash is put before it.
fn request_target(text: &OsStr) -> OsString {
    // A browser keeps the fragment to itself (RFC 9110 §7.1).
    let mut parts = text.as_bytes().split(|byte| *byte == b'#');
    let target = parts.next().unwrap_or_default();
    let prefix: &[u8] = match target {
        [b'/', ..] => b"",
        _ if has_scheme(target) => b"",
        _ if names_port_of_this_machine(target) => b"http://",
        _ => b"/",
    };
    OsString::from_vec([prefix, target].concat())
}

fn has_scheme(target: &[u8]) -> bool {
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let end = memchr::memmem::find(target, b"://");
    let scheme = end.and_then(|end| target.get(..end));
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.iter().all(is_scheme_byte))
}

/// Whether it begins like `localhost:8080` or `127.0.0.1:8080`: what browsers show of a URL.
fn names_port_of_this_machine(target: &[u8]) -> bool {
    let mut parts = target.split(|byte| matches!(byte, b'/' | b'?'));
    let authority = parts.next().unwrap_or_default();
    let Some(colon) = memchr::memrchr(b':', authority) else {
        return false;
    };
    let (host, port) = authority.split_at(colon);
    // A name that is a number may be that of a file: 12:30.
    let is_number = host.iter().all(u8::is_ascii_digit);
    let is_port = matches!(port, [b':', digits @ ..]
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    is_port && !is_number && Host::Local.matches(authority)
}

/// All that answers requests, without the sockets that they would come by.
struct Offline {
    context: Context,
    responder: Responder,
}

impl Offline {
    fn open(options: Options) -> Result<Self, StartError> {
        let clock = Clock::new(options.policy.server_field);
        let audience = options.audience();
        let site = open_site(&options, audience, 0, clock.now())?;
        let log = AccessLog::open(&LogDestination::Off, None, options.log_style())
            .map_err(|error| StartError::AccessLog(LogDestination::Off, error))?;
        let front = Front {
            hosts: options.answered_hosts(audience),
            trusted_proxies: options.trusted_proxies,
        };
        Ok(Self {
            context: Context::new(front, clock, options.connection, log),
            responder: Responder::new(site),
        })
    }

    /// Decides on a request, however long that takes.
    fn decide(&mut self, head: &RequestHead<'_>) -> Decision {
        self.responder.decide_now(head, &mut self.context)
    }
}

fn tell_request(
    explanation: &mut Explanation,
    head: &RequestHead<'_>,
    offline: &Offline,
    is_local_by_default: bool,
) {
    let host = String::from_utf8_lossy(head.authority());
    if plan::is_answered(head.authority(), &offline.context.front.hosts) {
        explanation.tell("host", host);
    } else {
        explanation.tell(
            "host",
            format_args!("{host} is none of the hosts that are answered"),
        );
        if is_local_by_default {
            let reason = Audience::ThisMachine.reason();
            explanation.tell(
                "",
                format_args!("only localhost and IP addresses are, {reason} (hosts);"),
            );
            explanation.tell("", "with sockets from systemd, all are");
        }
    }
}

fn tell_decision(
    explanation: &mut Explanation,
    decision: &Decision,
    head: &RequestHead<'_>,
    offline: &mut Offline,
) {
    let Some(target) = head.target.path_and_query() else {
        return;
    };
    let path = match RequestPath::parse(target.path) {
        Ok(path) => path,
        Err(error) => {
            explanation.tell("path", format_args!("none: {error}"));
            return tell_stand_in(explanation, decision, offline);
        }
    };
    let reference = path.to_reference().to_string();
    explanation.tell("path", &reference);
    if let Some(found) = &decision.found {
        tell_found(explanation, found, head, &path, offline);
    } else if let redirects = &offline.responder.site.policy().redirects
        && let Some((number, ..)) = redirects.find(&reference, None)
        && let Some(redirect) = redirects.iter().nth(number.saturating_sub(1))
    {
        let Redirect { from, to, .. } = redirect;
        explanation.tell("redirect", format_args!("{number}, from {from} to {to}"));
    }
    tell_stand_in(explanation, decision, offline);
}

fn tell_stand_in(explanation: &mut Explanation, decision: &Decision, offline: &mut Offline) {
    if let Some(file) = &decision.stand_in
        && let Some(stand_in) = file.stand_in()
    {
        explanation.tell("instead", format_args!("{stand_in}, {}", Found(file)));
        tell_codings(explanation, file, &[], offline);
    }
}

fn tell_rules(
    explanation: &mut Explanation,
    decision: &Decision,
    head: &RequestHead<'_>,
    offline: &Offline,
) {
    let path = plan::addressed_path(head, &decision.plan);
    if decision.plan.status == Status::MisdirectedRequest {
        return;
    }
    let paths = decision.ruled_paths(path.as_ref());
    let paths = paths.as_ref().map_or(&[][..], |paths| &paths[..]);
    let sent = decision.stand_in.as_ref().map(Ok);
    let sent = sent.or(decision.found.as_ref().map(Result::as_ref));
    let class = match (Class::of(decision.plan.status), sent) {
        (Class::Success, Some(Ok(file))) if file.origin == Origin::Disk => Class::File,
        (class, _) => class,
    };
    for (name, rule) in offline.responder.site.policy().rules.applying(paths, class) {
        explanation.tell("rule", format_args!("{name}, {rule}"));
    }
}

fn tell_found(
    explanation: &mut Explanation,
    found: &Outcome,
    head: &RequestHead<'_>,
    path: &RequestPath<'_>,
    offline: &mut Offline,
) {
    if !matches!(found, Err(Miss::Hidden)) {
        let trail = offline.responder.site.trail(path);
        for (link, target) in &trail.links {
            explanation.tell(
                "link",
                format_args!("{} -> {}", link.display(), target.display()),
            );
        }
        explanation.tell("looks at", trail.end.display());
    }
    match found {
        Ok(file) => {
            explanation.tell("finds", Found(file));
            tell_codings(explanation, file, path.as_bytes(), offline);
        }
        Err(miss) => explanation.tell("finds", format_args!("nothing to serve: {miss}")),
    }
    // What is sent is not what was found, but what became of it.
    let moment = offline.context.clock.moment();
    if let Resolution::Ready(Ok(file)) = offline.responder.site.resolve(head, path, &moment)
        && file.is_coded_alone()
    {
        tell_codings(explanation, &file, path.as_bytes(), offline);
    }
}

fn tell_codings(
    explanation: &mut Explanation,
    file: &Rc<File>,
    path: &[u8],
    offline: &mut Offline,
) {
    let moment = offline.context.clock.moment();
    for coding in file.codings().iter() {
        // What lies beside the file and cannot be opened is none of them after that.
        offline.responder.site.encode(path, file, coding, &moment);
    }
    let codings: Vec<_> = file.codings().iter().map(Coding::name).collect();
    if !codings.is_empty() {
        let codings = codings.join(", ");
        explanation.tell("codings", format_args!("{codings}, for who accepts them"));
    }
}

struct Found<'a>(&'a File);

impl fmt::Display for Found<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.0.representation.facts();
        if self.0.origin == Origin::Listing {
            out.write_str("a directory without an index file, which is listed in ")?;
        }
        write!(out, "{} bytes of {}", facts.length, facts.content_type)?;
        match self.0.origin {
            Origin::Expanded => out.write_str(", expanded from the .gz that is there alone"),
            Origin::Disk | Origin::Listing | Origin::Coded => Ok(()),
        }
    }
}

/// As browsers ask for pages.
const ACCEPT: &str = "text/html, */*;q=0.8";

//! The response to a request and the reasons for it: the output of `--explain`.
//!
//! The request takes the same path as any other, through a connection, the site and the plan. Only
//! the description is made here, so it cannot differ from what is served.

use super::check::become_user;
use crate::conn::{Connection, Event, Transmit};
use crate::http::Status;
use crate::http::fields::FieldStorage;
use crate::http::host::Host;
use crate::http::path::{RequestPath, escaped};
use crate::http::request::RequestHead;
use crate::plan::{self, Class, Fallback, NoSite, Redirect};
use crate::server::answer::responder::{Decided, Responder};
use crate::server::answer::response::response;
use crate::server::answer::served::Served;
use crate::server::answer::sites::Sites;
use crate::server::audience::host_list;
use crate::server::clock::Clock;
use crate::server::context::Context;
use crate::server::ingress::Ingress;
use crate::server::observe::access_log::AccessLog;
use crate::server::{Audience, LogDestination, Options, StartError};
use crate::site::{File, LookupError, LookupTime, Origin, Outcome, Resolution, Site};
use std::cell::RefMut;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::rc::Rc;

/// The response to a request, step by step.
#[derive(Debug)]
pub struct Explanation {
    steps: Vec<(&'static str, String)>,
    is_served: bool,
}

impl Explanation {
    /// Returns `true` if the response would be a success or a redirect.
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    fn add_step(&mut self, step: &'static str, what: impl fmt::Display) {
        // The name of a file may contain terminal escape sequences.
        let what = what.to_string().replace(char::is_control, "\u{FFFD}");
        self.steps.push((step, what));
    }

    fn write_head(&mut self, head: &[u8]) {
        let head = String::from_utf8_lossy(head);
        let (head, _) = head.split_once("\r\n\r\n").unwrap_or((&head, ""));
        for (number, line) in head.split("\r\n").enumerate() {
            self.add_step(if number == 0 { "answer" } else { "" }, line);
        }
    }
}

/// Writes one line for each step, with its name in a column of its own.
impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, what) in &self.steps {
            writeln!(out, "{step:<8}  {what}")?;
        }
        Ok(())
    }
}

/// Explains the response of a server with these options to GET of a request target, which is a path
/// or a whole URL as it would be typed into a browser.
pub fn explain(options: Options, target: &OsStr) -> Result<Explanation, StartError> {
    let target = request_target(target);
    let host = host_to_name(&options).authority();
    let by_default = options.hosts.is_none().then(|| options.audience());
    become_user(&options)?;
    let mut offline = Offline::open(options)?;
    let mut explanation = Explanation {
        steps: Vec::new(),
        is_served: false,
    };
    explanation.add_step("request", format_args!("GET {}", target.display()));

    let mut request = [b"GET ", target.as_bytes()].concat();
    let fields = format!(" HTTP/1.1\r\nHost: {host}\r\nAccept: {ACCEPT}\r\n\r\n");
    request.extend_from_slice(fields.as_bytes());
    let mut storage = FieldStorage::default();
    let mut connection = Connection::new(&offline.context.now());
    let received = connection.receive(&request, &mut storage, &offline.context.now());
    let response = match &received.event {
        Some(Event::Request(head)) => {
            write_request(&mut explanation, head, &offline, by_default);
            let chosen = offline.responder.sites().find(head).map(Rc::clone);
            let decided = offline.decide(head);
            match chosen {
                Ok(served) => {
                    write_site(&mut explanation, &served, &offline);
                    let chosen = Chosen {
                        served: &served,
                        offline: &offline,
                    };
                    write_decision(&mut explanation, &decided, head, &chosen);
                    write_access(&mut explanation, &decided, head, &chosen);
                    write_rules(&mut explanation, &decided, head, &chosen);
                }
                Err(why) => explanation.add_step(
                    "site",
                    match why {
                        NoSite::Host => "none: no site has this host",
                        NoSite::Path => "none: no site of this host has this path",
                    },
                ),
            }
            response(decided.decision)
        }
        Some(Event::Rejected { rejection, .. }) => {
            explanation.add_step("refused", rejection);
            offline.responder.answer_rejected(*rejection)
        }
        // A head that ends in an empty line is complete, and a complete one is always answered.
        None => return Ok(explanation),
    };
    explanation.is_served = matches!(response.status.code(), 200..=399);
    connection.respond(response, &offline.context.now());
    match connection.poll_transmit() {
        Some(Transmit::Bytes(head, _) | Transmit::File { before: head, .. }) => {
            explanation.write_head(head);
        }
        None => {}
    }
    Ok(explanation)
}

/// Returns the host for a request that names none: one that is answered.
fn host_to_name(options: &Options) -> Host {
    let has_any = options.sites.iter().any(|site| site.hosts.is_empty());
    let of_sites = options.sites.iter().flat_map(|site| &site.hosts);
    let hosts: Vec<_> = if has_any || options.sites.is_empty() {
        options.answered_hosts(options.audience())
    } else {
        of_sites.cloned().collect()
    };
    hosts.into_iter().next().unwrap_or(Host::Local)
}

/// Returns the request target that the user means, in the way a browser interprets its input: a
/// URL, a URL of this machine without a scheme, or a path, which gets a leading slash.
fn request_target(text: &OsStr) -> OsString {
    // A browser does not send the fragment (RFC 9110 §7.1).
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

/// Returns `true` if the text begins like `localhost:8080` or `127.0.0.1:8080`, as browsers show
/// URLs.
fn names_port_of_this_machine(target: &[u8]) -> bool {
    let mut parts = target.split(|byte| matches!(byte, b'/' | b'?'));
    let authority = parts.next().unwrap_or_default();
    let Some(colon) = memchr::memrchr(b':', authority) else {
        return false;
    };
    let (host, port) = authority.split_at(colon);
    // A name that is a number may be part of a file name: 12:30.
    let is_number = host.iter().all(u8::is_ascii_digit);
    let is_port = matches!(port, [b':', digits @ ..]
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    is_port && !is_number && Host::Local.matches(authority)
}

/// Everything that answers requests, without sockets.
struct Offline {
    context: Context,
    responder: Responder,
}

impl Offline {
    fn open(options: Options) -> Result<Self, StartError> {
        let clock = Clock::new(options.policy.server_field);
        let audience = options.audience();
        let sites = Sites::open(&options, audience, 0, None, clock.now())?;
        let log = AccessLog::open(&LogDestination::Off, None, options.log_style())
            .map_err(|error| StartError::AccessLog(LogDestination::Off, error))?;
        let ingress = Ingress {
            hosts: options.known_hosts(audience),
            trusted_proxies: options.trusted_proxies,
            redirect_port: None,
        };
        Ok(Self {
            context: Context::new(ingress, clock, options.connection, log),
            responder: Responder::new(sites),
        })
    }

    /// Decides on a request, and waits as long as that takes.
    fn decide(&mut self, head: &RequestHead<'_>) -> Decided {
        self.responder.decide_now(head, &self.context)
    }
}

/// The site that a request is for, and the sites that it was chosen from.
struct Chosen<'a> {
    served: &'a Served,
    offline: &'a Offline,
}

impl Chosen<'_> {
    fn site(&self) -> RefMut<'_, Site> {
        self.served.site.borrow_mut()
    }

    fn moment(&self) -> LookupTime {
        self.offline.context.clock.moment()
    }
}

/// Writes which site a request is for, if there are several.
fn write_site(explanation: &mut Explanation, served: &Served, offline: &Offline) {
    if let Sites::Several(_) = offline.responder.sites() {
        let (name, root) = (served.spec.name(), served.spec.site.root.display());
        explanation.add_step("site", format_args!("{name}, from {root}"));
    }
}

fn write_request(
    explanation: &mut Explanation,
    head: &RequestHead<'_>,
    offline: &Offline,
    by_default: Option<Audience>,
) {
    let host = String::from_utf8_lossy(head.authority());
    if plan::is_answered(head.authority(), &offline.context.ingress.hosts) {
        explanation.add_step("host", host);
    } else {
        explanation.add_step(
            "host",
            format_args!("{host} is not one of the hosts that are answered"),
        );
        if let Some(audience) = by_default {
            let (reason, hosts) = (audience.reason(), host_list(&offline.context.ingress.hosts));
            explanation.add_step(
                "",
                format_args!("only {hosts} are, {reason} (allowed-hosts);"),
            );
            explanation.add_step("", "with sockets from systemd, all are");
        }
    }
}

fn write_decision(
    explanation: &mut Explanation,
    decided: &Decided,
    head: &RequestHead<'_>,
    chosen: &Chosen<'_>,
) {
    let Some(target) = head.target.path_and_query() else {
        return;
    };
    let path = match RequestPath::parse(target.path) {
        Ok(path) => path,
        Err(error) => {
            explanation.add_step("path", format_args!("none: {error}"));
            return write_fallback(explanation, decided, chosen);
        }
    };
    explanation.add_step("path", path.to_reference());
    let Some(path) = path.relative_to(chosen.served.policy.base.as_bytes()) else {
        return explanation.add_step("redirect", "to the base path of the site, with its slash");
    };
    let reference = path.to_reference().to_string();
    if let Some(found) = found(decided) {
        write_found(explanation, &found, head, &path, chosen);
    } else if let redirects = &chosen.served.policy.redirects
        && let Some((number, ..)) = redirects.find(&reference, None)
        && let Some(redirect) = redirects.iter().nth(number.saturating_sub(1))
    {
        let Redirect { from, to, .. } = redirect;
        explanation.add_step("redirect", format_args!("{number}, from {from} to {to}"));
    }
    if decided.decision.fallback() == Some(Fallback::Rewrite)
        && let rewrites = &chosen.served.policy.rewrites
        && let Some((number, _)) = rewrites.find_numbered(&path)
        && let Some((from, to)) = rewrites.iter().nth(number.saturating_sub(1))
    {
        explanation.add_step("rewrite", format_args!("{number}, from {from} to {to}"));
    }
    write_fallback(explanation, decided, chosen);
}

/// Returns the result of the search for the requested file, if there was one.
fn found(decided: &Decided) -> Option<Outcome> {
    match (decided.miss, &decided.decision.file) {
        (Some(miss), _) => Some(Err(miss)),
        (None, Some(file)) if file.fallback().is_none() => Some(Ok(Rc::clone(file))),
        (None, _) => None,
    }
}

fn write_fallback(explanation: &mut Explanation, decided: &Decided, chosen: &Chosen<'_>) {
    if let Some(file) = &decided.decision.file
        && let Some(fallback) = file.fallback()
    {
        let (place, found) = (escaped(&file.path_on_disk), Found(file));
        explanation.add_step("instead", format_args!("{fallback}, /{place}, {found}"));
        write_codings(explanation, file, &[], chosen);
    }
}

/// Writes the access rules of the request. A client would have to fulfil them, but `--explain` does
/// not.
fn write_access(
    explanation: &mut Explanation,
    decided: &Decided,
    head: &RequestHead<'_>,
    chosen: &Chosen<'_>,
) {
    let policy = &chosen.served.policy;
    let path = plan::addressed_path(head, &policy.base);
    let file = decided.decision.file.as_ref();
    let of_all = policy
        .auth_file
        .is_some()
        .then(|| policy.access.iter().count());
    for (number, rule) in plan::counting_rules(head, path.as_ref(), policy, file) {
        if of_all == Some(number) {
            explanation.add_step("access", format_args!("auth-file, {rule}"));
        } else {
            explanation.add_step("access", format_args!("{number}, {rule}"));
        }
    }
}

fn write_rules(
    explanation: &mut Explanation,
    decided: &Decided,
    head: &RequestHead<'_>,
    chosen: &Chosen<'_>,
) {
    let (decision, path) = (
        &decided.decision,
        plan::addressed_path(head, &chosen.served.policy.base),
    );
    if decision.plan.status == Status::MisdirectedRequest {
        return;
    }
    let paths = decision.ruled_paths(path.as_ref());
    let paths = paths.as_ref().map_or(&[][..], |paths| &paths[..]);
    let class = match (Class::of(decision.plan.status), &decision.file) {
        (Class::Success, Some(file)) if file.origin == Origin::Disk => Class::File,
        (class, _) => class,
    };
    let rules = &chosen.served.policy.rules;
    for (name, rule) in rules.applying(paths, class, Some(head)) {
        explanation.add_step("rule", format_args!("{name}, {rule}"));
    }
}

fn write_found(
    explanation: &mut Explanation,
    found: &Outcome,
    head: &RequestHead<'_>,
    path: &RequestPath<'_>,
    chosen: &Chosen<'_>,
) {
    if path.is_hidden()
        && let Ok(pattern) = chosen.served.policy.dotfiles.naming(path.as_bytes())
    {
        explanation.add_step("dotfiles", pattern);
    }
    if !matches!(found, Err(LookupError::Concealed(_))) {
        let trail = chosen.site().trail(path);
        for (link, target) in &trail.links {
            explanation.add_step(
                "link",
                format_args!("{} -> {}", link.display(), target.display()),
            );
        }
        explanation.add_step("looks at", trail.end.display());
    }
    match found {
        Ok(file) => {
            explanation.add_step("finds", Found(file));
            write_codings(explanation, file, path.as_bytes(), chosen);
        }
        Err(miss) => explanation.add_step("finds", format_args!("nothing to serve: {miss}")),
    }
    // The file found may be the expansion of a precompressed one, so look up the stored file too.
    let moment = chosen.moment();
    let resolution = chosen.site().resolve(head, path, &moment);
    if let Resolution::Ready(Ok(file)) = resolution
        && file.is_only_precompressed()
    {
        write_codings(explanation, &file, path.as_bytes(), chosen);
    }
}

fn write_codings(explanation: &mut Explanation, file: &Rc<File>, path: &[u8], chosen: &Chosen<'_>) {
    let moment = chosen.moment();
    for coding in file.codings().iter() {
        // A precompressed file that cannot be opened is removed from the set by this attempt.
        chosen.site().encode(path, file, coding, &moment);
    }
    let available = file.codings();
    let codings = available.iter().map(|coding| {
        if available.is_stored(coding) {
            coding.name().to_owned()
        } else {
            format!("{coding} made on request")
        }
    });
    let codings: Vec<_> = codings.collect();
    if !codings.is_empty() {
        let codings = codings.join(", ");
        explanation.add_step(
            "codings",
            format_args!("{codings}, for clients that accept them"),
        );
    }
}

struct Found<'a>(&'a File);

impl fmt::Display for Found<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.0.representation.metadata();
        if self.0.origin == Origin::Listing {
            out.write_str("a directory without an index file, which is listed in ")?;
        }
        write!(out, "{} bytes of {}", facts.length, facts.content_type)?;
        match self.0.origin {
            Origin::Expanded => out.write_str(", expanded from the .gz, as only that exists"),
            Origin::Disk | Origin::Listing | Origin::Coded => Ok(()),
        }
    }
}

/// The `Accept` of browsers that request a page.
const ACCEPT: &str = "text/html, */*;q=0.8";

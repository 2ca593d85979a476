//! Redirects that the operator asks for: from a path, with placeholders in it, to another address.
//!
//! Paths are compared as references, that is sanitized, and with every byte escaped that has to be.
//! What a placeholder stands for is therefore ready to be part of an address, and does not begin
//! with a slash. It may be nothing, or end in a slash, which is why no two slashes are let meet
//! where pieces are joined: no redirect leads to a host that the operator did not write. It may also
//! be `..`, cut out of a longer segment. What would make a dot segment is redirected nowhere.

use super::{Plan, page, page_response};
use crate::http::Status;
use crate::http::is_host;
use crate::http::path::{RequestPath, dot_segments, path_reference, query_reference};
use crate::http::response::FieldBlockWriter;
use matchit::{InsertError, Router};
use std::fmt::Write as _;
use std::sync::Arc;

/// A redirect as the operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// A path, with placeholders: `{name}` for what is in one segment, `{*name}` at its end for all
    /// that is left.
    pub from: String,
    /// A path with placeholders of the same names, or an address elsewhere.
    pub to: String,
    /// The status.
    pub status: Status,
}

/// All redirects. To clone them shares what was made to match by.
#[derive(Clone, Debug, Default)]
pub struct Redirects {
    redirects: Arc<[Redirect]>,
    /// The index of the redirect, with where it leads.
    routes: Arc<Router<(usize, Destination)>>,
}

/// What is wrong with which redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRedirect {
    /// The index of the redirect.
    pub index: usize,
    /// Which of its parts is to blame.
    pub part: Part,
    /// What is wrong with it.
    pub message: String,
}

/// A part of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Where it leads from.
    From,
    /// Where it leads to.
    To,
}

/// Where a redirect leads.
#[derive(Clone, Debug)]
struct Destination {
    path: Vec<Piece>,
    /// How many dot segments the operator has written in the path.
    dot_segments: usize,
    query: Option<Vec<Piece>>,
    /// With its `#`; empty for none.
    fragment: String,
}

/// A piece of a path or of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// As it is to be written.
    Text(String),
    /// What stood in the place of this name; `{*name}` if all the rest.
    Placeholder { name: String, is_rest: bool },
}

impl Redirects {
    /// Checks all redirects and makes them ready to be looked up.
    pub fn new(redirects: Vec<Redirect>) -> Result<Self, BadRedirect> {
        let mut routes = Router::new();
        let mut rests = Vec::new();
        for (index, redirect) in redirects.iter().enumerate() {
            let bad = |part| {
                move |message| BadRedirect {
                    index,
                    part,
                    message,
                }
            };
            let from = parse_from(&redirect.from).map_err(bad(Part::From))?;
            let to = Destination::parse(&redirect.to, &from).map_err(bad(Part::To))?;
            let route = route(&from);
            // A rest may be empty: /old/{*rest} speaks of /old/, too, if nothing else does.
            if let Some(directory) = route.split_once("{*").map(|(directory, _)| directory) {
                rests.push((directory.to_owned(), (index, to.clone())));
            }
            let inserted = routes.insert(route, (index, to));
            inserted
                .map_err(|error| tell_conflict(&redirect.from, &error))
                .map_err(bad(Part::From))?;
        }
        for (directory, value) in rests {
            // Where it is taken, it is taken.
            let _ = routes.insert(directory, value);
        }
        let all = Self {
            redirects: redirects.into(),
            routes: routes.into(),
        };
        all.check_ends()?;
        Ok(all)
    }

    /// Whether there are none, so that there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.redirects.is_empty()
    }

    /// The redirects.
    pub fn iter(&self) -> impl Iterator<Item = &Redirect> {
        self.redirects.iter()
    }

    /// The redirects that undo what the site does by itself, so that the two may send a client to
    /// and fro: with its number from 1, and the path where the site's own would begin. None that has
    /// a rest is among them, as it would match where it leads to, and is refused for that.
    pub fn undoing(&self, has_clean_addresses: bool) -> impl Iterator<Item = (usize, String)> {
        let redirects = (1..).zip(self.redirects.iter());
        redirects.filter_map(move |(number, redirect)| {
            let from = &redirect.from;
            let to = redirect.to.split(['?', '#']).next().unwrap_or_default();
            let adds_slash = from.strip_suffix('/') == Some(to);
            let is_unclean = to
                .strip_suffix(".html")
                .is_some_and(|page| page == from || page.strip_suffix("index") == Some(from));
            (adds_slash || has_clean_addresses && is_unclean).then(|| (number, to.to_owned()))
        })
    }

    /// The redirect from a path, given as a reference, with its number from 1 and the address that
    /// it leads to; the query is kept. `None`, too, where the address would have a dot segment of the
    /// client's.
    pub fn find(&self, path: &str, query: Option<&[u8]>) -> Option<(usize, Status, String)> {
        let found = self.routes.at(path).ok()?;
        let (index, to) = found.value;
        let redirect = self.redirects.get(*index)?;
        let value = |name: &str| found.params.get(name).unwrap_or_default();
        Some((index + 1, redirect.status, to.fill(value, query)?))
    }

    /// Follows each redirect, with an example in the place of each placeholder, to see that it ends.
    fn check_ends(&self) -> Result<(), BadRedirect> {
        // Without a rest comes last: where such a path is another redirect's, that one is to blame.
        for rest in ["example-rest", ""] {
            let example = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Placeholder { is_rest: true, .. } => rest.to_owned(),
                Piece::Placeholder { name, .. } => format!("example-{name}"),
            };
            for (index, redirect) in self.redirects.iter().enumerate() {
                let from = parse_from(&redirect.from).unwrap_or_default();
                let start: String = from.iter().map(example).collect();
                self.check_end(&start).map_err(|message| BadRedirect {
                    index,
                    part: Part::To,
                    message,
                })?;
            }
        }
        Ok(())
    }

    fn check_end(&self, start: &str) -> Result<(), String> {
        let mut at = start.to_owned();
        for _ in 0..HOPS_MAX {
            let next = self.find(&at, None).map(|(_, _, next)| next);
            let Some(path) = next.as_deref().and_then(path_asked_for) else {
                return Ok(());
            };
            if path == start {
                return Err(format!("{start} leads back to itself"));
            }
            at = path;
        }
        match self.find(&at, None) {
            Some(_) => Err(format!(
                "{start} leads on and on, after {HOPS_MAX} redirects to {at}"
            )),
            None => Ok(()),
        }
    }
}

/// The path that is asked for here by who follows an address, however the operator has written it;
/// `None` if the address is elsewhere.
fn path_asked_for(address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next()?;
    let path = Some(path).filter(|path| path.starts_with('/'))?;
    let path = RequestPath::parse(path.as_bytes()).ok()?;
    Some(path.to_reference().to_string())
}

impl PartialEq for Redirects {
    fn eq(&self, other: &Self) -> bool {
        self.redirects == other.redirects
    }
}

impl Eq for Redirects {}

/// The response that leads to an address.
pub fn lead_to(status: Status, location: &str) -> Plan {
    let page = page::render(status, Some(location));
    let fields = FieldBlockWriter::default().field("Location", location);
    page_response(status, fields, page)
}

/// Reads where a redirect leads from: a path, of which every piece is a reference.
fn parse_from(from: &str) -> Result<Vec<Piece>, String> {
    if !from.starts_with('/') {
        return Err(format!("{from:?} does not begin with a slash"));
    }
    if from.contains(['?', '#']) {
        return Err(format!(
            "{from:?} has a query or a fragment; write a path, as the query is kept by itself"
        ));
    }
    let pieces = pieces(from)?;
    let mut names = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(text) if text.contains('*') => {
                let start = from.split('*').next().unwrap_or_default();
                return Err(format!(
                    "{from:?} has a star of its own; write {start}{{*rest}} for all that follows, or \
                     {start}{{name}} for what follows up to a slash"
                ));
            }
            Piece::Text(_) => {}
            Piece::Placeholder { name, .. } if names.contains(&name) => {
                return Err(format!("{from:?} has {{{name}}} twice"));
            }
            Piece::Placeholder { is_rest: true, .. }
                if index + 1 != pieces.len() || !ends_in_slash(pieces.get(..index)) =>
            {
                return Err(format!(
                    "{from:?}: what stands for all the rest has to come last, after a slash"
                ));
            }
            Piece::Placeholder { name, .. } => names.push(name),
        }
    }
    let (_, path) = from.split_at(1);
    let mut segments = path.trim_end_matches('/').split('/');
    let is_clean = path.is_empty()
        || (!path.ends_with("//") && segments.all(|segment| !matches!(segment, "" | "." | "..")));
    if !is_clean {
        return Err(format!(
            "{from:?} is never asked for: empty segments, \".\" and \"..\" are removed from paths"
        ));
    }
    let reference = |piece| match piece {
        Piece::Text(text) => path_reference(&text).map(Piece::Text),
        placeholder @ Piece::Placeholder { .. } => Ok(placeholder),
    };
    pieces.into_iter().map(reference).collect()
}

fn ends_in_slash(pieces: Option<&[Piece]>) -> bool {
    matches!(pieces.and_then(<[Piece]>::last), Some(Piece::Text(text)) if text.ends_with('/'))
}

/// Cuts a text at its placeholders.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after
            .split_once('}')
            .ok_or_else(|| format!("{text:?} has a {{ without a }}"))?;
        let (name, is_rest) = match inside.strip_prefix('*') {
            Some(name) => (name, true),
            None => (inside, false),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(format!(
                "{text:?}: {{{inside}}} is no placeholder; write {{name}}, or {{*rest}} at the end"
            ));
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let name = name.to_owned();
        pieces.push(Piece::Placeholder { name, is_rest });
        rest = after;
    }
    if rest.contains('}') {
        return Err(format!("{text:?} has a }} without a {{"));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// As the router reads it.
fn route(from: &[Piece]) -> String {
    let mut route = String::new();
    for piece in from {
        // Writing to a string cannot fail.
        let _ = match piece {
            Piece::Text(text) => write!(route, "{text}"),
            Piece::Placeholder {
                name,
                is_rest: true,
            } => write!(route, "{{*{name}}}"),
            Piece::Placeholder { name, .. } => write!(route, "{{{name}}}"),
        };
    }
    route
}

fn tell_conflict(from: &str, error: &InsertError) -> String {
    match error {
        InsertError::Conflict { with } if with == from => format!("{from:?} is given twice"),
        InsertError::Conflict { with } => {
            format!("{from:?} speaks of the same paths as {with:?}")
        }
        error => format!("{from:?}: {error}"),
    }
}

impl Destination {
    /// Reads where a redirect leads to, with the placeholders that `from` has.
    fn parse(to: &str, from: &[Piece]) -> Result<Self, String> {
        let to_path = to.starts_with('/');
        let after_scheme = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| to.strip_prefix(scheme));
        if to.starts_with("//") || to.starts_with("/\\") || (!to_path && after_scheme.is_none()) {
            return Err(format!(
                "{to:?} is neither a path, which begins with one slash, nor an address that begins \
                 with https://"
            ));
        }
        let is_text = |byte: u8| matches!(byte, b'!'..=b'~' | 0x80..) && byte != b'\\';
        if !to.bytes().all(is_text) {
            return Err(format!(
                "{to:?} has a space, a control or a backslash in it"
            ));
        }
        if let Some(rest) = after_scheme {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if host.is_empty() || !is_host(host.as_bytes()) {
                return Err(format!(
                    "{to:?} does not name a host; what is asked for must have no say in it"
                ));
            }
        }
        let (address, fragment) = to
            .split_once('#')
            .map_or((to, None), |(before, fragment)| (before, Some(fragment)));
        let (path, query) = address
            .split_once('?')
            .map_or((address, None), |(path, query)| (path, Some(query)));
        let path = escaped(pieces(path)?);
        let destination = Self {
            dot_segments: dot_segments(&fill_path(&path, |_| "example")),
            path,
            query: query.map(pieces).transpose()?.map(escaped),
            fragment: fragment.map_or_else(String::new, |fragment| {
                format!("#{}", query_reference(fragment.as_bytes()))
            }),
        };
        destination.check_names(to, from)?;
        Ok(destination)
    }

    fn check_names(&self, to: &str, from: &[Piece]) -> Result<(), String> {
        let name = |piece: &Piece| match piece {
            Piece::Text(_) => None,
            Piece::Placeholder { name, .. } => Some(name.clone()),
        };
        let known: Vec<_> = from.iter().filter_map(name).collect();
        let mut used = self.path.iter().chain(self.query.iter().flatten());
        match used.find_map(|piece| name(piece).filter(|name| !known.contains(name))) {
            Some(name) => Err(format!("{to:?} has {{{name}}}, which `from` has not")),
            None => Ok(()),
        }
    }

    /// The address, with what the placeholders stand for. `None` if this makes a dot segment: a
    /// client removes it, and a segment of the operator's before it (RFC 3986 §5.2.4).
    fn fill<'v>(&self, value: impl Fn(&str) -> &'v str, query: Option<&[u8]>) -> Option<String> {
        let mut address = fill_path(&self.path, &value);
        if dot_segments(&address) != self.dot_segments {
            return None;
        }
        let mut separator = '?';
        if let Some(own) = &self.query {
            address.push(separator);
            separator = '&';
            for piece in own {
                match piece {
                    Piece::Text(text) => address.push_str(text),
                    Piece::Placeholder { name, .. } => push_escaped(&mut address, value(name)),
                }
            }
        }
        if let Some(query) = query {
            address.push(separator);
            address.push_str(&query_reference(query).to_string());
        }
        address.push_str(&self.fragment);
        Some(address)
    }
}

/// The path of an address, with what the placeholders stand for. Where a rest is empty or ends in a
/// slash, the slash after it is left out: two at the start would name a host.
fn fill_path<'v>(pieces: &[Piece], value: impl Fn(&str) -> &'v str) -> String {
    let mut path = String::new();
    for piece in pieces {
        let part = match piece {
            Piece::Text(text) => text,
            Piece::Placeholder { name, .. } => value(name),
        };
        let part = if path.ends_with('/') {
            part.trim_start_matches('/')
        } else {
            part
        };
        path.push_str(part);
    }
    path
}

/// The pieces with whatever a URI does not allow escaped; escapes are kept.
fn escaped(pieces: Vec<Piece>) -> Vec<Piece> {
    let escape = |piece| match piece {
        Piece::Text(text) => Piece::Text(query_reference(text.as_bytes()).to_string()),
        placeholder @ Piece::Placeholder { .. } => placeholder,
    };
    pieces.into_iter().map(escape).collect()
}

/// Adds a part of a path to a query, where some more characters would have a meaning.
fn push_escaped(address: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' | '=' | '+' | ';' => {
                let _ = write!(address, "%{:02X}", u32::from(character));
            }
            _ => address.push(character),
        }
    }
}

/// As many as curl follows; browsers follow 20.
const HOPS_MAX: usize = 10;

#[cfg(test)]
mod tests;

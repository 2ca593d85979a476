//! The operator's redirects: from a path, which may have placeholders, to another URL.
//!
//! Paths are compared as references: sanitized, with every byte escaped that must be. So the text
//! that matches a placeholder can be put into a URL unchanged, and never begins with a slash. It
//! may be empty or end in a slash. Where pieces are joined, one of two slashes is left out, so no
//! redirect leads to a host that the operator did not write. The text may also be `..`, as part of
//! a longer segment. If it would produce a dot segment, there is no redirect.

use crate::http::Status;
use crate::http::is_host;
use crate::http::path::{RequestPath, dot_segments, path_reference, query_reference};
use matchit::{InsertError, Router};
use std::fmt::Write as _;
use std::sync::Arc;

/// A redirect as the operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// A path with placeholders: `{name}` matches text in one segment, `{*name}` at the end matches
    /// the rest of the path.
    pub from: String,
    /// A path with placeholders of the same names, or a URL of another host.
    pub to: String,
    /// The status.
    pub status: Status,
}

/// All redirects. Clones share the router.
#[derive(Clone, Debug, Default)]
pub struct Redirects {
    redirects: Arc<[Redirect]>,
    /// For each route, the index of its redirect and the destination.
    routes: Arc<Router<(usize, Destination)>>,
}

/// An invalid redirect, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRedirect {
    /// The index of the redirect.
    pub index: usize,
    /// The part that is invalid.
    pub part: Part,
    /// The problem.
    pub message: String,
}

/// A part of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The source.
    From,
    /// The destination.
    To,
}

/// The destination of a redirect.
#[derive(Clone, Debug)]
struct Destination {
    path: Vec<Piece>,
    /// The number of dot segments that the operator wrote in the path.
    dot_segments: usize,
    query: Option<Vec<Piece>>,
    /// The fragment with its `#`; empty if there is none.
    fragment: String,
}

/// A piece of a path or of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Text that is copied.
    Text(String),
    /// The text that this name matched; `is_rest` for `{*name}`.
    Placeholder { name: String, is_rest: bool },
}

impl Redirects {
    /// Checks all redirects and prepares them for lookups.
    pub fn new(redirects: Vec<Redirect>) -> Result<Self, BadRedirect> {
        let all = Self::parse(redirects)?;
        all.check_ends()?;
        Ok(all)
    }

    /// Parses the redirects without checking for loops.
    pub(super) fn parse(redirects: Vec<Redirect>) -> Result<Self, BadRedirect> {
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
            // A rest may be empty: /old/{*rest} also matches /old/, unless another redirect does.
            if let Some(directory) = route.split_once("{*").map(|(directory, _)| directory) {
                rests.push((directory.to_owned(), (index, to.clone())));
            }
            let inserted = routes.insert(route, (index, to));
            inserted
                .map_err(|error| describe_conflict(&redirect.from, &error))
                .map_err(bad(Part::From))?;
        }
        for (directory, value) in rests {
            // Fails where another redirect has this path, which goes first.
            let _ = routes.insert(directory, value);
        }
        Ok(Self {
            redirects: redirects.into(),
            routes: routes.into(),
        })
    }

    /// Returns `true` if there are no redirects, so that nothing has to be looked up.
    pub fn is_empty(&self) -> bool {
        self.redirects.is_empty()
    }

    /// Returns the redirects.
    pub fn iter(&self) -> impl Iterator<Item = &Redirect> {
        self.redirects.iter()
    }

    /// Returns the redirects that undo a redirect of the site, which can send a client in circles:
    /// the number of each, from 1, and the path that the site redirects. None of them has a
    /// `{*rest}`, since that would match the redirect's own target and is rejected.
    pub fn redirect_loops(
        &self,
        has_clean_addresses: bool,
    ) -> impl Iterator<Item = (usize, String)> {
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

    /// Returns the redirect of a path in the form of a reference: its number from 1, its status,
    /// and its location, which keeps the query. Returns `None` also if the path would put a dot
    /// segment into the location.
    pub fn find(&self, path: &str, query: Option<&[u8]>) -> Option<(usize, Status, String)> {
        let found = self.routes.at(path).ok()?;
        let (index, to) = found.value;
        let redirect = self.redirects.get(*index)?;
        let value = |name: &str| found.params.get(name).unwrap_or_default();
        Some((index + 1, redirect.status, to.fill(value, query)?))
    }

    /// Checks that each redirect ends: follows it with an example in the place of each placeholder.
    fn check_ends(&self) -> Result<(), BadRedirect> {
        // The empty rest comes last: such a path may match another redirect, whose error that is.
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
                "{start} leads through more than {HOPS_MAX} redirects, and {at} still redirects"
            )),
            None => Ok(()),
        }
    }
}

/// Returns the path that a client requests next if it follows a location, or `None` if the location
/// is on another host.
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

/// Parses `from`, a path, into pieces that are references.
fn parse_from(from: &str) -> Result<Vec<Piece>, String> {
    if !from.starts_with('/') {
        return Err(format!(
            "{from:?} does not begin with a slash; write a path like \"/user/{{id}}\""
        ));
    }
    if from.contains(['?', '#']) {
        return Err(format!(
            "{from:?} has a query or a fragment; write only a path; the query is kept anyway"
        ));
    }
    check_foreign_syntax(from)?;
    let pieces = pieces(from)?;
    let mut names = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(text) if text.contains('*') => {
                let start = from.split('*').next().unwrap_or_default();
                return Err(format!(
                    "{from:?} has a bare *; write {start}{{*rest}} for everything that follows, \
                     or {start}{{name}} for one segment"
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
                    "{from:?}: the placeholder for the rest must come last, after a slash"
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
            "{from:?} never matches: empty segments, \".\" and \"..\" are removed from paths"
        ));
    }
    let reference = |piece| match piece {
        Piece::Text(text) => path_reference(&text).map(Piece::Text),
        placeholder @ Piece::Placeholder { .. } => Ok(placeholder),
    };
    pieces.into_iter().map(reference).collect()
}

/// Rejects placeholders in the syntax of other servers, which would be taken literally here.
fn check_foreign_syntax(path: &str) -> Result<(), String> {
    if let Some((start, _)) = path.split_once('(') {
        return Err(format!(
            "{path:?} has a regular expression; write {start}{{*rest}} for everything that \
             follows, or {start}{{name}} for one segment"
        ));
    }
    let segments = path.split(['?', '#']).next().unwrap_or_default();
    let mut start = 0;
    for segment in segments.split('/') {
        // Express, Netlify and others: /user/:id. nginx and Apache: /user/$1.
        let name = segment.strip_prefix([':', '$']).unwrap_or_default();
        let end = name
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(name.len());
        let (name, _) = name.split_at(end);
        if name.bytes().next().is_some_and(|it| it.is_ascii_digit()) {
            return Err(format!(
                "{path:?} has a number for a part of the path; give the part a name in from, and \
                 write {{id}} for one named id"
            ));
        }
        if !name.is_empty() {
            let before = path.get(..start).unwrap_or_default();
            return Err(format!(
                "{path:?} has {segment}, which would be taken literally; write {before}{{{name}}}"
            ));
        }
        start += segment.len() + 1;
    }
    Ok(())
}

fn ends_in_slash(pieces: Option<&[Piece]>) -> bool {
    matches!(pieces.and_then(<[Piece]>::last), Some(Piece::Text(text)) if text.ends_with('/'))
}

/// Splits a text at its placeholders.
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

/// Returns a path in the syntax of the router.
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

fn describe_conflict(from: &str, error: &InsertError) -> String {
    match error {
        InsertError::Conflict { with } if with == from => format!("{from:?} is given twice"),
        InsertError::Conflict { with } => {
            format!("{from:?} matches the same paths as {with:?}")
        }
        error => format!("{from:?}: {error}"),
    }
}

impl Destination {
    /// Parses `to`, which may have the placeholders of `from`.
    fn parse(to: &str, from: &[Piece]) -> Result<Self, String> {
        let to_path = to.starts_with('/');
        if to_path {
            check_foreign_syntax(to)?;
        }
        let after_scheme = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| to.strip_prefix(scheme));
        if to.starts_with("//") || to.starts_with("/\\") || (!to_path && after_scheme.is_none()) {
            return Err(format!(
                "{to:?} is neither a path, which begins with one slash, nor a URL that begins \
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
                    "{to:?} has no fixed host; a request must not choose it"
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
            Some(name) => Err(format!("{to:?} has {{{name}}}, which `from` lacks")),
            None => Ok(()),
        }
    }

    /// Returns the location, with the values of the placeholders. Returns `None` if they make a dot
    /// segment: a client would remove it, and the operator's segment before it (RFC 3986 §5.2.4).
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

/// Returns the path of a location, with the values of its placeholders. After a value that is empty
/// or ends in a slash, the next slash is left out: two slashes at the start would name a host.
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

/// Returns the pieces with all bytes escaped that a URI does not allow. Escapes are kept.
fn escaped(pieces: Vec<Piece>) -> Vec<Piece> {
    let escape = |piece| match piece {
        Piece::Text(text) => Piece::Text(query_reference(text.as_bytes()).to_string()),
        placeholder @ Piece::Placeholder { .. } => placeholder,
    };
    pieces.into_iter().map(escape).collect()
}

/// Appends a part of a path to a query, in which some more characters have a meaning.
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

/// The most redirects in a row. Browsers follow 20.
const HOPS_MAX: usize = 10;

#[cfg(test)]
mod tests;

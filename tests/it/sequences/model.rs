//! The reference server: what is served, and the response to a request.

use super::ask::{Ask, Condition, FILES, Target, Wanted};
use crate::support::Response;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    rc::Rc,
};

/// The settings that a reload changes.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The value of `max-age`, which shows the settings that a response was made under.
    pub(super) number: usize,
    pub(super) has_server_field: bool,
    pub(super) has_listing: bool,
    /// Only requests for the host `a` are answered.
    pub(super) is_for_one_host: bool,
}

/// The content of the files that exist, by path; `None` if the site is gone.
pub(super) type Files = Option<BTreeMap<&'static str, Rc<Vec<u8>>>>;

/// Everything that was true at some time. A change takes a while: from then on, the new may be true,
/// and once it has settled, the old is not.
pub(super) struct History<T> {
    all: Vec<T>,
    settled: usize,
}

impl<T> History<T> {
    pub(super) fn new(first: T) -> Self {
        Self {
            all: vec![first],
            settled: 0,
        }
    }

    pub(super) fn change(&mut self, to: T) {
        self.all.push(to);
    }

    pub(super) fn settle(&mut self) {
        self.settled = self.all.len() - 1;
    }

    pub(super) fn last(&self) -> &T {
        &self.all[self.all.len() - 1]
    }
}

/// The oldest entries of the histories that may have been true at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    settings: usize,
    files: usize,
}

pub(super) struct Model {
    pub(super) settings: History<Settings>,
    pub(super) files: History<Files>,
    /// The content that each entity tag was sent for.
    tags: BTreeMap<String, Rc<Vec<u8>>>,
    /// The last entity tags, to send in conditions.
    pub(super) recent: Vec<String>,
}

impl Model {
    pub(super) fn new(settings: Settings, files: Files) -> Self {
        Self {
            settings: History::new(settings),
            files: History::new(files),
            tags: BTreeMap::new(),
            recent: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment {
            settings: self.settings.settled,
            files: self.files.settled,
        }
    }

    /// Checks a response that has just arrived, to a request that was sent at a moment. The error
    /// says how it differs from each that the reference server could have sent.
    pub(super) fn judge(
        &mut self,
        ask: &Ask,
        response: &Response,
        sent: Moment,
    ) -> Result<(), String> {
        // The field is of the time of sending, and all the rest of the time of deciding.
        let has_server_field = response.field("server").is_some();
        let mut settings = self.settings.all[sent.settings..].iter();
        if settings.all(|it| it.has_server_field != has_server_field) {
            return Err(format!("Server: {has_server_field}"));
        }
        let mut problems = BTreeSet::new();
        for settings in &self.settings.all[sent.settings..] {
            let window = &self.files.all[sent.files..];
            for files in window {
                match self.compare(ask, response, settings, files, window) {
                    Ok(content) => {
                        if let (Some(tag), Some(content)) = (response.field("etag"), content) {
                            self.recent.push(tag.to_owned());
                            self.tags.insert(tag.to_owned(), content);
                        }
                        return Ok(());
                    }
                    Err(problem) => drop(problems.insert(problem)),
                }
            }
        }
        Err(format!("{problems:?}"))
    }

    /// Compares a response with that of a server with these settings and files. Returns the content
    /// that its entity tag belongs to, if the response shows all of it.
    fn compare(
        &self,
        ask: &Ask,
        response: &Response,
        settings: &Settings,
        files: &Files,
        window: &[Files],
    ) -> Result<Option<Rc<Vec<u8>>>, String> {
        let status = |expected: &[u16]| {
            let is_expected = expected.contains(&response.status);
            let problem = || format!("{} in place of {expected:?}", response.status);
            is_expected.then_some(None).ok_or_else(problem)
        };
        if ask.is_malformed {
            return status(&[400]);
        }
        if settings.is_for_one_host && ask.host != "a" {
            return status(&[421]);
        }
        match ask.method {
            "POST" => return status(&[405]),
            "BREW" => return status(&[501]),
            "OPTIONS" => return status(&[204]),
            _ => {}
        }
        let Target::File(name) = ask.target else {
            return match ask.target {
                // Whether there is a site or not.
                Target::Outside(_) if files.is_none() => status(&[400, 404, 503]),
                Target::Outside(_) => status(&[400, 404]),
                _ if files.is_none() => status(&[503]),
                Target::Directory => status(&[301]),
                Target::Bare if settings.has_listing => {
                    compare_listing(ask, response, "bare/", window)
                }
                _ => status(&[404]),
            };
        };
        let Some(files) = files else {
            return status(&[503]);
        };
        let Some(content) = files.get(name) else {
            return match name.strip_suffix("index.html") {
                Some(directory) if settings.has_listing => {
                    compare_listing(ask, response, directory, window)
                }
                _ => status(&[404]),
            };
        };
        let max_age = format!("max-age={}", settings.number);
        if response.status != 416 {
            same(
                "Cache-Control",
                response.field("cache-control"),
                Some(&*max_age),
            )?;
        }
        self.compare_file(ask, response, content)
    }

    fn compare_file(
        &self,
        ask: &Ask,
        response: &Response,
        content: &Rc<Vec<u8>>,
    ) -> Result<Option<Rc<Vec<u8>>>, String> {
        let length = content.len();
        let tag = response.field("etag");
        if response.status == 304 {
            return self.compare_not_modified(ask, tag, content);
        }
        if let Some(Condition::IfNoneMatch(sent)) = &ask.condition
            && tag.map(opaque) == Some(opaque(sent))
        {
            return Err("it matches, so 304".to_owned());
        }
        // Two contents never share an entity tag.
        if let Some(known) = tag.and_then(|tag| self.tags.get(tag)) {
            same_bytes(content, known)?;
        }
        let field = |name: &str, expected: Option<&str>| same(name, response.field(name), expected);
        let range = self.selected_range(ask, tag, content);
        let expected = match range.map(|range| range.within(length)) {
            None => {
                same("status", response.status, 200)?;
                if response.field("content-encoding").is_some() {
                    same("an accepted coding", ask.accepts_gzip, true)?;
                    if ask.method == "HEAD" {
                        return Ok(None);
                    }
                    same_bytes(&response.gunzipped(), content)?;
                    return Ok(Some(Rc::clone(content)));
                }
                0..length
            }
            Some(None) => {
                same("status", response.status, 416)?;
                let unit = format!("bytes */{length}");
                field("content-range", Some(&*unit))?;
                return Ok(None);
            }
            Some(Some(Range { start, end })) => {
                same("status", response.status, 206)?;
                let unit = format!("bytes {start}-{}/{length}", end - 1);
                field("content-range", Some(&*unit))?;
                field("content-encoding", None)?;
                start..end
            }
        };
        let announced = expected.len().to_string();
        field("content-length", Some(&*announced))?;
        if ask.method == "HEAD" {
            return Ok(None);
        }
        same_bytes(&response.content, &content[expected])?;
        Ok((response.status == 200).then(|| Rc::clone(content)))
    }

    fn compare_not_modified(
        &self,
        ask: &Ask,
        tag: Option<&str>,
        content: &[u8],
    ) -> Result<Option<Rc<Vec<u8>>>, String> {
        let Some(Condition::IfNoneMatch(sent)) = &ask.condition else {
            return Err("304 without a condition".to_owned());
        };
        same("entity tag of 304", tag.map(opaque), Some(opaque(sent)))?;
        same_bytes(&self.tags[sent], content)?;
        Ok(None)
    }

    /// Returns the range that has to be answered, if the request is for a part.
    fn selected_range(
        &self,
        ask: &Ask,
        tag: Option<&str>,
        content: &Rc<Vec<u8>>,
    ) -> Option<Wanted> {
        let is_current = match &ask.condition {
            // An error has no entity tag of the file.
            Some(Condition::IfRange(sent)) if tag.is_none() => self.tags[sent] == *content,
            Some(Condition::IfRange(sent)) => tag == Some(sent) && !sent.starts_with("W/"),
            _ => true,
        };
        // A range from the start of an empty file, and its last part, is the whole.
        let is_all_of_nothing = |range| {
            let is_all = match range {
                Wanted::From(first) | Wanted::Between(first, _) => first == 0,
                Wanted::Last(count) => count > 0,
            };
            content.is_empty() && is_all
        };
        ask.range
            .filter(|range| is_current && !is_all_of_nothing(*range))
    }
}

/// Checks the list of a directory, where the response is all of it. It is read in several steps, so
/// it may have some files of before a change and some of after it.
fn compare_listing(
    ask: &Ask,
    response: &Response,
    directory: &str,
    window: &[Files],
) -> Result<Option<Rc<Vec<u8>>>, String> {
    let expected: &[u16] = match (&ask.condition, ask.range) {
        (None, None) => &[200],
        (_, None) => &[200, 304],
        _ => &[200, 206, 304, 416],
    };
    same("a list", expected.contains(&response.status), true)?;
    let is_whole = ask.method == "GET" && response.status == 200;
    if is_whole && response.field("content-encoding").is_none() {
        for name in FILES {
            let own = name
                .strip_prefix(directory)
                .filter(|name| !name.contains('/'));
            if let Some(own) = own {
                let is_listed = response.text().contains(&format!("href=\"{own}\""));
                let is_there = |files: &BTreeMap<_, _>| files.contains_key(name) == is_listed;
                if !window.iter().flatten().any(is_there) {
                    return Err(format!("{name} is listed: {is_listed}"));
                }
            }
        }
    }
    Ok(None)
}

/// Returns an entity tag without its mark of weakness (RFC 9110 §8.8.3.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn same<T: Copy + PartialEq + std::fmt::Debug>(
    what: &str,
    found: T,
    expected: T,
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:?} in place of {expected:?}"))
}

fn same_bytes(found: &[u8], expected: &[u8]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    // Every line of a file is its number.
    let line = |bytes: &[u8]| bytes.iter().take(18).copied().collect::<Vec<_>>();
    let shown = [found, expected].map(|bytes| String::from_utf8_lossy(&line(bytes)).into_owned());
    Err(format!(
        "{} bytes of {:?} in place of {} of {:?}",
        found.len(),
        shown[0],
        expected.len(),
        shown[1],
    ))
}

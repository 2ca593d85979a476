//! The operator's rules: what they change about the fields of responses, by path.
//!
//! A rule is held against the address that was asked for and against the place of the file that was
//! found for it, `/` and `/index.html` for one, and applies if it matches either. Of the rules that
//! apply, and the last one that names a field wins. General rules, which have no path, come
//! before all that have one.

use super::general::Setting;
use super::{Content, Facts, Plan};
use crate::http::Status;
use crate::http::coding::Coding;
use crate::http::response::Edit;
use std::fmt;
use std::sync::Arc;

/// What is to be changed about which responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The paths of which one has to match; empty in general rules.
    pub paths: Vec<Pattern>,
    /// The changes.
    pub edits: Vec<Edit>,
    /// The classes of responses that are changed.
    pub on: Vec<Class>,
}

/// For the operator: the paths, and what is changed.
impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, path) in self.paths.iter().enumerate() {
            write!(out, "{}{path}", if index == 0 { "" } else { " or " })?;
        }
        for (index, Edit { name, value }) in self.edits.iter().enumerate() {
            let separator = match index {
                0 if self.paths.is_empty() => "",
                0 => ": ",
                _ => ", ",
            };
            let verb = if value.is_some() { "sets" } else { "removes" };
            write!(out, "{separator}{verb} {name}")?;
        }
        Ok(())
    }
}

/// A class of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Whole files, parts of them, and 304, which says that what the client has is good still.
    Success,
    /// What leads to another address.
    Redirect,
    /// What says that something is wrong.
    Error,
    /// The successes that answer OPTIONS, by which a browser asks before a request of another origin.
    Preflight,
    /// The successes with a file, rather than with a page of our own.
    File,
}

impl Class {
    /// Those that operators write, with their names.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Success, "success"),
        (Self::Redirect, "redirect"),
        (Self::Error, "error"),
        (Self::Preflight, "preflight"),
    ];

    /// The class of a response, the narrowest that a status tells.
    pub const fn of(status: Status) -> Self {
        match status {
            Status::NotModified => Self::Success,
            // Nothing else has it.
            Status::NoContent => Self::Preflight,
            _ => match status.code() {
                ..300 => Self::Success,
                300..400 => Self::Redirect,
                _ => Self::Error,
            },
        }
    }

    /// Whether all responses of another class are of this one.
    fn covers(self, other: Self) -> bool {
        self == other || self == Self::Success && matches!(other, Self::Preflight | Self::File)
    }
}

/// A pattern of paths. `*` and `?` stand for no slash, `**` for any number of directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern, which begins with a slash as every path does.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            let advice = text.trim_start_matches("**/");
            return Err(format!(
                "{text:?} does not begin with a slash; write \"/{text}\", or \"/**/{advice}\" for \
                 any directory"
            ));
        }
        fast_glob::validate(text)
            .map_err(|error| format!("{text:?} is no pattern of paths: {error}"))?;
        Ok(Self(text.to_owned()))
    }

    /// Whether it matches a path, from its slash on.
    pub fn matches(&self, path: &[u8]) -> bool {
        fast_glob::glob_match(&self.0, path)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// All rules, in their order. To clone them shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    general: Arc<[(Setting, Rule)]>,
    by_path: Arc<[Rule]>,
}

/// Where an operator finds a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleName {
    /// It comes from a setting.
    Setting(Setting),
    /// It is the one of this number, from 1, in the file of settings.
    Number(usize),
}

impl fmt::Display for RuleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(setting) => setting.fmt(out),
            Self::Number(number) => number.fmt(out),
        }
    }
}

impl Rules {
    /// These rules by path.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self {
            general: Arc::default(),
            by_path: rules.into(),
        }
    }

    /// The same rules by path, after these general ones.
    pub(super) fn with_general(self, general: Vec<(Setting, Rule)>) -> Self {
        Self {
            general: general.into(),
            ..self
        }
    }

    /// Whether there are none, so that there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.general.is_empty() && self.by_path.is_empty()
    }

    /// The rules by path, as the operator has written them.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.by_path.iter()
    }

    /// Whether any rule may give a file its media type, or say which coding it is stored in.
    pub(super) fn have_facts(&self) -> bool {
        let general = self.general.iter().map(|(_, rule)| rule);
        let mut edits = general.chain(self.iter()).flat_map(|rule| &rule.edits);
        edits.any(is_fact)
    }

    /// The general rules about responses of a class, and the others that match one of the paths,
    /// each relative to the root.
    pub fn applying(&self, paths: &[&[u8]], class: Class) -> Vec<(RuleName, &Rule)> {
        let absolute = |path: &&[u8]| [b"/", *path].concat();
        let paths: Vec<_> = paths.iter().map(absolute).collect();
        let matches = |pattern: &Pattern| paths.iter().any(|path| pattern.matches(path));
        let is_meant = |rule: &Rule| rule.on.iter().any(|on| on.covers(class));
        let general = self.general.iter();
        let general = general
            .filter(|(_, rule)| is_meant(rule))
            .map(|(setting, rule)| (RuleName::Setting(*setting), rule));
        let by_path = (1..).zip(self.iter());
        let by_path = by_path
            .filter(|(_, rule)| is_meant(rule) && rule.paths.iter().any(matches))
            .map(|(number, rule)| (RuleName::Number(number), rule));
        general.chain(by_path).collect()
    }

    /// The media type that they give a file which was asked for by one of these paths.
    pub fn content_type(&self, paths: &[&[u8]]) -> Option<&str> {
        let mut edits = self.edits(paths, Class::File).into_iter();
        edits.find(|edit| is_content_type(edit))?.value.as_deref()
    }

    /// The coding that they say a file is stored in which was asked for by one of these paths.
    pub fn content_coding(&self, paths: &[&[u8]]) -> Option<Coding> {
        let mut edits = self.edits(paths, Class::File).into_iter();
        let edit = edits.find(|edit| edit.concerns(CONTENT_ENCODING.as_bytes()))?;
        Coding::named(edit.value.as_deref()?)
    }

    /// Adds to the facts of a file that was asked for by one of these paths what is to be changed
    /// about the fields of a success.
    pub fn describe(&self, facts: &mut Facts, paths: &[&[u8]]) {
        let is_our_page = facts.security_policy.is_some();
        let class = if is_our_page {
            Class::Success
        } else {
            Class::File
        };
        let mut edits = self.edits(paths, class);
        edits.retain(|edit| !(is_fact(edit) || is_our_page && belongs_to_page(edit)));
        facts.edits = edits.into_iter().cloned().collect();
    }

    /// Changes the fields of a response to a request for one of these paths, if it is known what the
    /// request was for. One for a host that is not answered stays as it is: what is said to this
    /// host's readers is nothing to that one's.
    pub fn dress(&self, plan: Plan, paths: &[&[u8]]) -> Plan {
        if self.is_empty() || plan.status == Status::MisdirectedRequest {
            return plan;
        }
        let mut edits = self.edits(paths, class_of(&plan));
        let is_our_page = matches!(plan.content, Content::Page(_));
        edits.retain(|edit| !(is_fact(edit) || is_our_page && belongs_to_page(edit)));
        if plan.content == Content::Empty {
            edits = without_content(&edits);
        }
        let fields = plan.fields.edited(&edits);
        Plan { fields, ..plan }
    }

    /// What they change in all: the last one that names a field wins.
    fn edits(&self, paths: &[&[u8]], class: Class) -> Vec<&Edit> {
        let mut edits: Vec<&Edit> = Vec::new();
        if self.is_empty() {
            return edits;
        }
        for (_, rule) in self.applying(paths, class) {
            for edit in &rule.edits {
                edits.retain(|earlier| !earlier.concerns(edit.name.as_bytes()));
                edits.push(edit);
            }
        }
        edits
    }
}

/// The class of a response, by its status and what it holds.
fn class_of(plan: &Plan) -> Class {
    match (Class::of(plan.status), &plan.content) {
        (Class::Success, content) if !matches!(content, Content::Page(_)) => Class::File,
        (class, _) => class,
    }
}

/// Checks that rules may have a say in a field. The error says why not.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let is_any_of = |names: &[&str]| names.iter().any(|own| own.eq_ignore_ascii_case(name));
    if is_any_of(OF_THE_CONNECTION) {
        Err("it is about the connection, and millpond's own")
    } else if is_any_of(OF_THE_CONTENT) {
        Err("it says what is sent, and millpond's own")
    } else if name.eq_ignore_ascii_case("server") {
        Err("the setting server-field says whether there is one")
    } else {
        Ok(())
    }
}

/// The changes to a response without content. It says nothing of what it has not, as RFC 9110
/// §15.4.5 asks of a 304; all else may be what a cache is to be told anew.
pub(super) fn without_content<'e>(edits: &[&'e Edit]) -> Vec<&'e Edit> {
    let describes_content =
        |edit: &Edit| edit.concerns(b"Content-Language") || edit.concerns(b"Content-Disposition");
    let edits = edits.iter().copied();
    edits.filter(|edit| !describes_content(edit)).collect()
}

/// Whether this is about what a page of our own is made with: it works with its own policy alone,
/// which lets less through than any other.
fn belongs_to_page(edit: &Edit) -> bool {
    edit.concerns(b"Content-Security-Policy")
}

/// Whether this is the media type or the coding of a file, which are facts about it rather than about
/// a response.
pub fn is_fact(edit: &Edit) -> bool {
    is_content_type(edit) || edit.concerns(CONTENT_ENCODING.as_bytes())
}

pub(super) fn is_content_type(edit: &Edit) -> bool {
    edit.concerns(CONTENT_TYPE.as_bytes())
}

const CONTENT_TYPE: &str = "Content-Type";

/// Of what a file is stored in. What is compressed here or lies beside a file says it by itself.
pub const CONTENT_ENCODING: &str = "Content-Encoding";

/// RFC 9110 §7.6.1 and RFC 9112.
const OF_THE_CONNECTION: &[&str] = &[
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

/// What would be a lie if it did not say what is so.
const OF_THE_CONTENT: &[&str] = &[
    "Accept-Ranges",
    "Allow",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Date",
    "ETag",
    "Last-Modified",
    "Location",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(paths: &[&str], edits: &[(&str, Option<&str>)], on: &[Class]) -> Rule {
        let edit = |(name, value): &(&str, Option<&str>)| Edit {
            name: (*name).into(),
            value: value.map(Arc::from),
        };
        Rule {
            paths: paths
                .iter()
                .map(|path| Pattern::parse(path).unwrap())
                .collect(),
            edits: edits.iter().map(edit).collect(),
            on: on.to_vec(),
        }
    }

    #[test]
    fn stars_stop_at_slashes_and_double_stars_do_not() {
        for (pattern, matching, others) in [
            ("/", &[""][..], &["a", "a/"][..]),
            ("/a", &["a"], &["a/", "b", "A"]),
            ("/*", &["", "a", "a.b"], &["a/", "a/b"]),
            ("/*.js", &["a.js", ".js"], &["a/b.js", "a.jsx"]),
            ("/**", &["", "a", "a/", "a/b/c", "\n"], &[]),
            ("/a/**", &["a/", "a/b", "a/b/"], &["a", "ab", "b/a/c"]),
            ("/**/*.js", &["a.js", "a/b.js", "a/b/c.js"], &["a.jsx"]),
            ("/**/a/*", &["a/b", "b/a/c"], &["a/b/c"]),
            ("/{a,b}/*.{js,css}", &["a/x.js", "b/y.css"], &["c/x.js"]),
            ("/a?c", &["abc"], &["a/c", "ac"]),
            ("/[ab]", &["a", "b"], &["c"]),
            ("/a\\*", &["a*"], &["ab"]),
            ("/gr\u{fc}n", &["gr\u{fc}n"], &["grun"]),
        ] {
            let rules = Rules::new(vec![rule(&[pattern], &[], &[Class::Success])]);
            let applies = |path: &str| {
                !rules
                    .applying(&[path.as_bytes()], Class::Success)
                    .is_empty()
            };
            for path in matching {
                assert!(applies(path), "{pattern} {path}");
            }
            for path in others {
                assert!(!applies(path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn a_path_need_not_be_text() {
        let rules = Rules::new(vec![rule(&["/a/**"], &[], &[Class::Success])]);
        assert_eq!(rules.applying(&[b"a/\xff"], Class::Success).len(), 1);
    }

    /// What is asked for is a stranger's. That the stars in a pattern multiply the work is not.
    #[test]
    fn a_long_path_that_almost_matches_costs_little() {
        let path = "a/".repeat(4096);
        for pattern in [
            "/**/*a*a*a*a*a*b",
            "/**/a/**/a/**/a/**/a/**/b",
            "/{a,*,**}/**/{*a,a*}/b",
        ] {
            let rules = Rules::new(vec![rule(&[pattern], &[], &[Class::Success])]);
            let begun = std::time::Instant::now();
            assert!(
                rules
                    .applying(&[path.as_bytes()], Class::Success)
                    .is_empty()
            );
            let taken = begun.elapsed();
            assert!(
                taken < std::time::Duration::from_millis(500),
                "{pattern}: {taken:?}"
            );
        }
    }

    #[test]
    fn the_last_rule_that_speaks_of_a_field_has_its_say() {
        let (all, success) = ([Class::Success, Class::Error], [Class::Success]);
        let rules = Rules::new(vec![
            rule(
                &["/**"],
                &[("A", Some("1")), ("B", Some("1")), ("C", Some("1"))],
                &all,
            ),
            rule(&["/**/*.html"], &[("a", Some("2")), ("B", None)], &success),
            rule(&["/x", "/y"], &[("A", Some("3"))], &success),
        ]);
        let edits = |paths: &[&str], class| {
            let paths: Vec<_> = paths.iter().map(|path| path.as_bytes()).collect();
            let edits = rules.edits(&paths, class);
            let text =
                |edit: &&Edit| format!("{}={}", edit.name, edit.value.as_deref().unwrap_or("-"));
            edits.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(edits(&["a.js"], Class::Success), "A=1 B=1 C=1");
        assert_eq!(edits(&["", "index.html"], Class::Success), "C=1 a=2 B=-");
        assert_eq!(edits(&["x", "x.html"], Class::Success), "C=1 B=- A=3");
        assert_eq!(edits(&["x", "x.html"], Class::Error), "A=1 B=1 C=1");
        assert_eq!(edits(&["x"], Class::Redirect), "");
    }

    #[test]
    fn a_status_has_one_class() {
        for (status, class) in [
            (Status::Ok, Class::Success),
            (Status::NoContent, Class::Preflight),
            (Status::PartialContent, Class::Success),
            (Status::NotModified, Class::Success),
            (Status::MovedPermanently, Class::Redirect),
            (Status::NotFound, Class::Error),
            (Status::ServiceUnavailable, Class::Error),
        ] {
            assert_eq!(Class::of(status), class, "{status:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, reason) in [
            ("*.js", "\"/**/*.js\""),
            ("**/*.js", "\"/**/*.js\""),
            ("", "slash"),
            ("/[a", "unclosed"),
            ("/{a", "unclosed"),
            ("/a\\", "backslash"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}

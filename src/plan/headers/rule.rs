//! A rule of the operator: the changes, and the responses that they apply to.

use super::scope::Scope;
use crate::http::Status;
use crate::http::path::dot_segments;
use crate::http::response::Edit;
use percent_encoding::percent_decode_str;
use std::fmt;

/// A rule: the changes, and the responses that they apply to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The patterns, of which one has to match; empty in general rules.
    pub paths: Vec<Pattern>,
    /// The changes.
    pub edits: Vec<Edit>,
    /// The classes of responses that the rule changes.
    pub on: Vec<Class>,
    /// The requests whose responses the rule changes.
    pub scope: Scope,
}

/// Writes the paths and the changes for the operator.
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
    /// Whole files, parts of them, and 304.
    Success,
    /// Redirects.
    Redirect,
    /// Errors.
    Error,
    /// The responses to OPTIONS, which a browser sends before a request to another origin.
    Preflight,
    /// Successes with a file rather than a built-in page.
    File,
}

impl Class {
    /// The classes that operators can name.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Success, "success"),
        (Self::Redirect, "redirect"),
        (Self::Error, "error"),
        (Self::Preflight, "preflight"),
    ];

    /// Returns the narrowest class that follows from a status.
    pub const fn of(status: Status) -> Self {
        match status {
            Status::NotModified => Self::Success,
            // Only the response to OPTIONS has this status.
            Status::NoContent => Self::Preflight,
            _ => match status.code() {
                ..300 => Self::Success,
                300..400 => Self::Redirect,
                _ => Self::Error,
            },
        }
    }

    /// Returns `true` if all responses of the other class belong to this one.
    pub(crate) fn covers(self, other: Self) -> bool {
        self == other || self == Self::Success && matches!(other, Self::Preflight | Self::File)
    }
}

/// A path pattern. `*` and `?` match no slash, `**` matches any number of directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// The length of the directory in `text`, with its slash, if the pattern is for all of one.
    directory: Option<usize>,
}

impl Pattern {
    /// Parses a pattern, which begins with a slash like every path.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            let advice = text.trim_start_matches("**/");
            return Err(format!(
                "{text:?} does not begin with a slash; write \"/{text}\", or \"/**/{advice}\" for \
                 any directory"
            ));
        }
        check_spelling(text)?;
        fast_glob::validate(text)
            .map_err(|error| format!("{text:?} is not a path pattern: {error}"))?;
        let is_wildcard = |byte: u8| b"*?[{\\!".contains(&byte);
        let directory = text.strip_suffix("**").filter(|it| it.ends_with('/'));
        let directory = directory.filter(|it| !it.bytes().any(is_wildcard));
        Ok(Self {
            text: text.to_owned(),
            directory: directory.map(str::len),
        })
    }

    /// Returns `true` if the pattern matches a path that begins with a slash.
    pub fn matches(&self, path: &[u8]) -> bool {
        fast_glob::glob_match(&self.text, path)
    }

    /// Returns `true` if it matches a path that is relative to the root. All of a directory, which is
    /// what most patterns are for, is found out without a copy.
    pub(crate) fn matches_relative(&self, path: &[u8]) -> bool {
        match self.directory() {
            Some(directory) => path.starts_with(directory.as_bytes().get(1..).unwrap_or_default()),
            None => self.matches(&[b"/", path].concat()),
        }
    }

    /// Returns the directory that it is for, with the slash at its end, if it is for all of one.
    fn directory(&self) -> Option<&str> {
        self.text.get(..self.directory?)
    }

    /// Returns `true` if it certainly matches everything that another pattern matches.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let directory = self.directory();
        self == other || directory.is_some_and(|directory| other.text.starts_with(directory))
    }
}

/// Refuses a pattern that matches no path, because paths are decoded and normalized before they are
/// compared.
fn check_spelling(text: &str) -> Result<(), String> {
    if text.contains("//") || dot_segments(text) > 0 {
        return Err(format!(
            "{text:?} never matches: empty segments, \".\" and \"..\" are removed from paths"
        ));
    }
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if decoded != text {
        return Err(format!(
            "{text:?} never matches: paths are compared as they are decoded; write {decoded:?}"
        ));
    }
    Ok(())
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// The place where an operator finds a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleName {
    /// The setting that the rule comes from.
    Setting(Setting),
    /// The number of the rule in the settings file, from 1.
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

/// The setting that a general rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `cors`.
    Cors,
    /// `header`.
    Header,
}

impl fmt::Display for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Cors => "--cors",
            Self::Header => "--header",
        })
    }
}

/// Checks that rules may change a field. The error explains why they may not.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let is_any_of = |names: &[&str]| names.iter().any(|own| own.eq_ignore_ascii_case(name));
    if is_any_of(OF_THE_CONNECTION) {
        Err("it describes the connection, so only millpond sets it")
    } else if is_any_of(OF_THE_CONTENT) {
        Err("millpond sets it itself")
    } else if name.eq_ignore_ascii_case("server") {
        Err("the setting server-header turns it on or off")
    } else {
        Ok(())
    }
}

/// Returns the changes to a response without content. Those that describe content are left out, as
/// RFC 9110 §15.4.5 requires for a 304. The others may be new to a cache.
pub(crate) fn without_content<'e>(edits: &[&'e Edit]) -> Vec<&'e Edit> {
    let describes_content =
        |edit: &Edit| edit.concerns(b"Content-Language") || edit.concerns(b"Content-Disposition");
    let edits = edits.iter().copied();
    edits.filter(|edit| !describes_content(edit)).collect()
}

/// Returns `true` if built-in pages set this field themselves. They work only with their own
/// policy, which is stricter than any other.
pub(crate) fn belongs_to_page(edit: &Edit) -> bool {
    edit.concerns(b"Content-Security-Policy")
}

/// Returns `true` if this sets the media type or the coding of a file, which are metadata of the
/// file rather than fields of one response.
pub fn is_metadata(edit: &Edit) -> bool {
    is_content_type(edit) || edit.concerns(CONTENT_ENCODING.as_bytes())
}

pub(crate) fn is_content_type(edit: &Edit) -> bool {
    edit.concerns(CONTENT_TYPE.as_bytes())
}

const CONTENT_TYPE: &str = "Content-Type";

/// The coding that a file is stored in. Files compressed by the server, and precompressed files,
/// have it anyway.
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

/// Fields that would be wrong if an operator could set them.
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

    fn edit(name: &str, value: Option<&str>) -> Edit {
        Edit {
            name: name.into(),
            value: value.map(Into::into),
        }
    }

    #[test]
    fn a_rule_is_written_with_its_paths_and_its_changes() {
        for (paths, text) in [
            (&[][..], "sets X-A, removes X-B"),
            (&["/a"], "/a: sets X-A, removes X-B"),
            (&["/a", "/b/**"], "/a or /b/**: sets X-A, removes X-B"),
        ] {
            let paths = paths.iter().map(|path| Pattern::parse(path).unwrap());
            let rule = Rule {
                paths: paths.collect(),
                edits: vec![edit("X-A", Some("1")), edit("X-B", None)],
                on: Vec::new(),
                scope: Scope::default(),
            };
            assert_eq!(rule.to_string(), text);
        }
        assert_eq!(RuleName::Setting(Setting::Cors).to_string(), "--cors");
        assert_eq!(RuleName::Setting(Setting::Header).to_string(), "--header");
        assert_eq!(RuleName::Number(7).to_string(), "7");
    }

    #[test]
    fn files_and_preflights_are_successes_and_no_other_class_covers_another() {
        use Class::{Error, File, Preflight, Redirect, Success};
        let all = [Success, Redirect, Error, Preflight, File];
        for class in all {
            for other in all {
                let expected =
                    class == other || matches!((class, other), (Success, Preflight | File));
                assert_eq!(class.covers(other), expected, "{class:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_pattern_for_all_of_a_directory_covers_the_patterns_in_it() {
        for (pattern, other, expected) in [
            ("/**", "/a", true),
            ("/**", "/**", true),
            ("/a/**", "/a/b", true),
            ("/a/**", "/a/**/*.js", true),
            ("/a/**", "/a", false),
            ("/a/**", "/ab", false),
            ("/a", "/a", true),
            ("/a", "/b", false),
            ("/a**", "/ab", false),
            ("/a/*", "/a/b", false),
            ("/?/**", "/?/b", false),
        ] {
            let [pattern, other] = [pattern, other].map(|text| Pattern::parse(text).unwrap());
            assert_eq!(pattern.covers(&other), expected, "{pattern} {other}");
        }
    }

    #[test]
    fn a_path_relative_to_the_root_matches_like_a_whole_one() {
        for (pattern, path, expected) in [
            ("/**", "", true),
            ("/**", "a/b", true),
            ("/a/**", "a/", true),
            ("/a/**", "a/b/c", true),
            ("/a/**", "a", false),
            ("/a/**", "ab", false),
            ("/*/**", "a/b", true),
            ("/?.js", "a.js", true),
            ("/?.js", "ab.js", false),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            let matches = pattern.matches_relative(path.as_bytes());
            assert_eq!(matches, expected, "{pattern} {path}");
            assert_eq!(pattern.matches(format!("/{path}").as_bytes()), expected);
        }
    }

    #[test]
    fn a_rule_may_not_change_fields_of_the_connection_or_of_the_content() {
        for (name, reason) in [
            ("connection", "describes the connection"),
            ("Transfer-Encoding", "describes the connection"),
            ("content-length", "sets it itself"),
            ("ETag", "sets it itself"),
            ("SERVER", "server-header"),
        ] {
            let error = check_name(name).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
        assert_eq!(check_name("Content-Type"), Ok(()));
        assert_eq!(check_name("X-A"), Ok(()));
    }

    #[test]
    fn a_response_without_content_has_no_field_that_describes_content() {
        let edits = [
            edit("content-language", Some("fr")),
            edit("Content-Disposition", None),
            edit("X-A", Some("1")),
        ];
        let left = without_content(&edits.iter().collect::<Vec<_>>());
        assert_eq!(left, [&edits[2]]);
    }
}

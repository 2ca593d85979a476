//! What `--cors` and `--header` change about responses, whatever their path: rules without one.

use super::rules::{Class, Rule, is_content_type};
use crate::http::response::Edit;
use std::fmt;
use std::sync::Arc;

/// The origin whose pages may read responses (the Fetch standard, §3.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Any.
    Any,
    /// The one that is written like this, which browsers compare byte by byte.
    One(String),
}

impl AllowedOrigin {
    /// Reads `*`, or an origin as browsers write it: a scheme, a host, and a port that is not the
    /// scheme's own. What they write otherwise is set right where it can be. The error says what is
    /// wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.eq_ignore_ascii_case("null") {
            return Err("any page can have the origin null; write * for every origin".to_owned());
        }
        if text.contains([',', ' ']) {
            return Err(format!(
                "{text:?} is more than one origin; name one, or write * for every origin"
            ));
        }
        let Some((scheme, host)) = text.split_once("://") else {
            return Err(format!(
                "{text:?} is not an origin; write one with its scheme, like https://{text}, or * \
                 for every origin"
            ));
        };
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
        let host = host.strip_suffix('/').unwrap_or(&host);
        let own_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let host = host.strip_suffix(own_port).unwrap_or(host);
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let is_sound = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme)
            && !host.is_empty()
            && host.bytes().all(is_host);
        if is_sound {
            Ok(Self::One(format!("{scheme}://{host}")))
        } else {
            Err(format!(
                "{text:?} is not an origin; write a scheme, a host and maybe a port, without a \
                 path, like https://app.example or http://localhost:5173"
            ))
        }
    }

    /// The rules that let pages of this origin read responses.
    ///
    /// The origin is a constant, so that responses do not depend on who asks, and have no `Vary` for
    /// it. Nothing allows credentials: there is nothing here that they would show more of.
    fn rules(&self) -> [Rule; 2] {
        let every = rule(
            &[Class::Success, Class::Redirect, Class::Error],
            vec![
                set("Access-Control-Allow-Origin", &self.to_string()),
                set("Access-Control-Expose-Headers", EXPOSED),
            ],
        );
        let preflight = rule(
            &[Class::Preflight],
            vec![
                remove("Access-Control-Expose-Headers"),
                set("Access-Control-Allow-Methods", "GET, HEAD"),
                set("Access-Control-Allow-Headers", ALLOWED),
                set("Access-Control-Max-Age", PREFLIGHT_SECONDS),
            ],
        );
        [every, preflight]
    }
}

/// As it stands in `Access-Control-Allow-Origin`.
impl fmt::Display for AllowedOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Any => "*",
            Self::One(origin) => origin,
        })
    }
}

/// Which setting a general rule comes from.
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

/// The rules that these settings come to, those that override others last.
pub(super) fn rules(cors: Option<&AllowedOrigin>, headers: &[Edit]) -> Vec<(Setting, Rule)> {
    let cors = cors.into_iter().flat_map(AllowedOrigin::rules);
    let cors = cors.map(|rule| (Setting::Cors, rule));
    let (of_files, of_all): (Vec<_>, Vec<_>) = joined(headers).into_iter().partition(is_of_files);
    let all = [Class::Success, Class::Redirect, Class::Error];
    let headers = [rule(&all, of_all), rule(&[Class::File], of_files)];
    let headers = headers.into_iter().filter(|rule| !rule.edits.is_empty());
    cors.chain(headers.map(|rule| (Setting::Header, rule)))
        .collect()
}

/// The headers, each name once. Several lines of one name mean the same as one that lists what they
/// say (RFC 9110 §5.3).
fn joined(headers: &[Edit]) -> Vec<Edit> {
    let mut all: Vec<Edit> = Vec::new();
    for edit in headers {
        let same = all.iter_mut().find(|it| it.concerns(edit.name.as_bytes()));
        match same {
            None => all.push(edit.clone()),
            Some(same) => {
                same.value = match (&same.value, &edit.value) {
                    (Some(first), Some(second)) => Some(format!("{first}, {second}").into()),
                    (_, last) => last.clone(),
                };
            }
        }
    }
    all
}

/// Whether this says something about a file, which pages of errors and redirects are not: what it
/// is, or for how long it may be kept. An error that a cache keeps for a year is never meant. That
/// something may not be kept can be said of every response.
fn is_of_files(edit: &Edit) -> bool {
    let describes_file = ["Content-Disposition", "Content-Language", "Expires"];
    if is_content_type(edit) || describes_file.iter().any(|it| edit.concerns(it.as_bytes())) {
        return true;
    }
    let forbids_keeping = |value: &str| {
        value.split(',').any(|directive| {
            let directive = directive.trim();
            ["no-store", "no-cache"]
                .iter()
                .any(|it| directive.eq_ignore_ascii_case(it))
        })
    };
    let is_about_caches = edit.concerns(b"Cache-Control")
        || edit.concerns(b"CDN-Cache-Control")
        || edit.concerns(b"Surrogate-Control");
    is_about_caches && !edit.value.as_deref().is_some_and(forbids_keeping)
}

fn rule(on: &[Class], edits: Vec<Edit>) -> Rule {
    Rule {
        paths: Vec::new(),
        edits,
        on: on.to_vec(),
    }
}

fn set(name: &str, value: &str) -> Edit {
    Edit {
        name: name.into(),
        value: Some(Arc::from(value)),
    }
}

fn remove(name: &str) -> Edit {
    Edit {
        name: name.into(),
        value: None,
    }
}

/// What a script has to see in order to read a file in pieces, to ask whether it has changed, and to
/// show how far it is.
const EXPOSED: &str = "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, \
                       ETag, Last-Modified";

/// All headers: the star stands for any but Authorization (the Fetch standard, §4.9).
const ALLOWED: &str = "*, Authorization";

/// The most that browsers take.
const PREFLIGHT_SECONDS: &str = "7200";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("*", "*"),
            ("https://app.example", "https://app.example"),
            ("https://App.Example/", "https://app.example"),
            ("HTTP://localhost:5173", "http://localhost:5173"),
            ("https://app.example:443", "https://app.example"),
            ("http://app.example:80/", "http://app.example"),
            ("http://app.example:443", "http://app.example:443"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            let read = AllowedOrigin::parse(text).map(|origin| origin.to_string());
            assert_eq!(read.as_deref(), Ok(origin), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_says_what_to_write() {
        for (text, advice) in [
            ("app.example", "https://app.example"),
            ("null", "write *"),
            ("https://a.example,https://b.example", "more than one"),
            ("https://a.example https://b.example", "more than one"),
            ("https://a.example/app", "without a path"),
            ("https://", "a host"),
            ("://a.example", "a scheme"),
            ("https://user@a.example", "a host"),
            ("https://*.example", "a host"),
            ("https://a.example\r\nX: y", "more than one"),
            ("https://a.example\r\nX:y", "a host"),
            ("", "https://"),
        ] {
            let error = AllowedOrigin::parse(text).unwrap_err();
            assert!(error.contains(advice), "{text:?}: {error}");
        }
    }

    #[test]
    fn headers_of_one_name_are_one_list() {
        let headers = [
            set("Link", "<a>"),
            set("X-A", "1"),
            set("link", "<b>"),
            set("X-A", "2"),
            remove("x-a"),
            set("Link", "<c>"),
        ];
        assert_eq!(
            joined(&headers),
            [set("Link", "<a>, <b>, <c>"), remove("X-A")]
        );
    }

    #[test]
    fn what_lets_caches_keep_something_is_of_files_alone() {
        for (name, value, expected) in [
            ("Cache-Control", "no-store", false),
            ("cache-control", "private, No-Cache", false),
            ("Cache-Control", "max-age=31536000, immutable", true),
            ("Cache-Control", "public", true),
            ("Expires", "0", true),
            ("Content-Type", "text/plain", true),
            ("Content-Disposition", "attachment", true),
            ("X-Frame-Options", "DENY", false),
        ] {
            assert_eq!(is_of_files(&set(name, value)), expected, "{name}: {value}");
        }
        assert!(is_of_files(&remove("Cache-Control")));
    }

    #[test]
    fn nothing_set_is_no_rule() {
        assert_eq!(rules(None, &[]), []);
        let headers = [set("X-A", "1")];
        let names: Vec<_> = rules(Some(&AllowedOrigin::Any), &headers)
            .into_iter()
            .map(|(setting, _)| setting)
            .collect();
        assert_eq!(names, [Setting::Cors, Setting::Cors, Setting::Header]);
    }
}

//! The rules of `--cors` and `--header`, which hold for every path.

use super::rule::{Class, Rule, Setting, is_content_type};
use super::scope::Scope;
use crate::http::response::Edit;
use std::fmt;
use std::sync::Arc;

/// The origin whose pages may read responses (the Fetch standard, §3.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Any origin.
    Any,
    /// This origin. Browsers compare it byte by byte.
    One(String),
}

impl AllowedOrigin {
    /// Parses `*`, or an origin: a scheme, a host and a port. Changes upper case, the default port
    /// and a slash at the end to the form that browsers send. The error says what is wrong.
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

    /// Returns the rules that let pages of this origin read responses.
    ///
    /// The origin is a constant, so responses do not depend on the client and need no `Vary`.
    /// Credentials are not allowed, because they would reveal nothing more.
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

/// The value of `Access-Control-Allow-Origin`.
impl fmt::Display for AllowedOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Any => "*",
            Self::One(origin) => origin,
        })
    }
}

/// Returns the rules of these settings. Later rules override earlier ones.
pub(crate) fn rules(cors: Option<&AllowedOrigin>, headers: &[Edit]) -> Vec<(Setting, Rule)> {
    let cors = cors.into_iter().flat_map(AllowedOrigin::rules);
    let cors = cors.map(|rule| (Setting::Cors, rule));
    let (of_files, of_all): (Vec<_>, Vec<_>) = joined(headers).into_iter().partition(is_of_files);
    let all = [Class::Success, Class::Redirect, Class::Error];
    let headers = [rule(&all, of_all), rule(&[Class::File], of_files)];
    let headers = headers.into_iter().filter(|rule| !rule.edits.is_empty());
    cors.chain(headers.map(|rule| (Setting::Header, rule)))
        .collect()
}

/// Returns the headers with each name once: several lines of one name mean the same as one line
/// with a list of their values (RFC 9110 §5.3).
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

/// Returns `true` if this field describes a file rather than an error page or a redirect: its
/// content, or how long a cache may keep it, since no cache should keep an error for a year. A
/// directive that forbids caches to keep a response applies to every response.
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
        scope: Scope::default(),
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

/// The headers that a script needs to read a file in parts, to revalidate it, and to show progress.
const EXPOSED: &str = "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, \
                       ETag, Last-Modified";

/// All headers: the star matches all but Authorization (the Fetch standard, §4.9).
const ALLOWED: &str = "*, Authorization";

/// The longest time that browsers accept.
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
    fn an_invalid_origin_is_an_error_with_advice() {
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
    fn caching_fields_apply_only_to_files() {
        for (name, value, expected) in [
            ("Cache-Control", "no-store", false),
            ("cache-control", "private, No-Cache", false),
            ("Cache-Control", "max-age=31536000, immutable", true),
            ("Cache-Control", "public", true),
            ("CDN-Cache-Control", "max-age=1", true),
            ("CDN-Cache-Control", "no-store", false),
            ("Surrogate-Control", "max-age=1", true),
            ("Expires", "0", true),
            ("Content-Language", "fr", true),
            ("Content-Type", "text/plain", true),
            ("Content-Disposition", "attachment", true),
            ("X-Frame-Options", "DENY", false),
        ] {
            assert_eq!(is_of_files(&set(name, value)), expected, "{name}: {value}");
        }
        assert!(is_of_files(&remove("Cache-Control")));
    }

    #[test]
    fn no_settings_give_no_rules() {
        assert_eq!(rules(None, &[]), []);
        let headers = [set("X-A", "1")];
        let names: Vec<_> = rules(Some(&AllowedOrigin::Any), &headers)
            .into_iter()
            .map(|(setting, _)| setting)
            .collect();
        assert_eq!(names, [Setting::Cors, Setting::Cors, Setting::Header]);
    }
}

//! The kinds of settings: for each, what its values are called, how TOML writes them, and how they
//! get into [`Settings`] and out again.
//!
//! A kind carries the way to its field and the range that it may have, so that a row of
//! [`super::options`] is all that an option needs.

use super::{
    Settings,
    listen::{self, WrittenAddress},
    value,
};
use crate::http::forwarded::TrustedProxy;
use crate::http::host::Host;
use crate::http::response::Edit;
use crate::plan::AllowedOrigin;
use crate::process::{SandboxMode, User};
use crate::server::{AccessLogFormat, LogDestination, LogExclusion};
use clap::ValueHint;
use std::{
    ffi::{OsStr, OsString},
    fmt::{self, Write},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a setting is kept.
type Field<T> = fn(&mut Settings) -> &mut T;

/// What kind of setting an option is.
pub(super) enum Kind {
    /// On or off.
    Switch(Field<bool>),
    /// On or off, or `auto`, which comes to what the second function says, for the reason it gives.
    SwitchOrAuto(Field<Option<bool>>, fn(&Settings) -> (bool, &'static str)),
    /// A number of things.
    Count(Field<usize>, RangeInclusive<usize>),
    /// A number of things, or `auto`.
    CountOrAuto(Field<Option<usize>>, RangeInclusive<usize>),
    /// A number of bytes in memory.
    Bytes(Field<usize>, RangeInclusive<u64>),
    /// A number of bytes that need not fit in memory.
    LongBytes(Field<u64>, RangeInclusive<u64>),
    /// A length of time.
    Duration(Field<Duration>, RangeInclusive<Duration>),
    /// What a field of a response says.
    FieldValue(Field<String>),
    /// Fields that every response has, or has not.
    Headers(Field<Vec<Edit>>),
    /// An origin, any, or none.
    Cors(Field<Option<AllowedOrigin>>),
    /// A directory; on the command line it stands by itself, without a flag.
    Directory(Field<PathBuf>),
    /// Names of files, without directories.
    FileNames(Field<Vec<String>>),
    /// The addresses to listen on, whose port may be that of [`Kind::Port`].
    Listen(Field<Vec<WrittenAddress>>),
    /// The addresses to listen on for the operator, with their ports.
    Admin(Field<Vec<WrittenAddress>>),
    /// The port of addresses that name none.
    Port(Field<u16>),
    /// Hosts that requests may be for: all where the list is empty, and `auto` where there is none.
    Hosts(Field<Option<Vec<Host>>>),
    /// Peers whose word is taken.
    TrustedProxies(Field<Vec<TrustedProxy>>),
    /// Where a log goes.
    LogDestination(Field<LogDestination>),
    /// How access records are written.
    LogFormat(Field<AccessLogFormat>),
    /// Requests that a log leaves out.
    LogExclusions(Field<Vec<LogExclusion>>),
    /// A user to become, or nobody.
    User(Field<Option<User>>),
    /// A file, or none.
    OptionalFile(Field<Option<PathBuf>>),
    /// Whether there is a sandbox.
    Sandbox(Field<SandboxMode>),
}

/// Why a value, the one at `index` where there is a list, is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub(super) index: usize,
    pub(super) message: String,
}

/// A setting's value as people write it.
pub(super) enum Shown {
    /// In TOML, without quotes.
    Bare(String),
    /// In TOML, a string.
    Text(String),
    /// In TOML, an array of strings.
    List(Vec<String>),
}

impl Kind {
    /// Reads `values`, of which only lists may have another number than one, into their field. On
    /// an error the field is as it was.
    pub(super) fn assign(
        &self,
        settings: &mut Settings,
        values: &[OsString],
    ) -> Result<(), Invalid> {
        let one = || match values {
            [value] => Ok(value.as_os_str()),
            _ => Err("one value is wanted".to_owned()),
        };
        let text = || one().and_then(value::utf8);
        match self {
            Self::Switch(field) => *field(settings) = value::switch(text()?)?,
            Self::SwitchOrAuto(field, _) if one()? == AUTO => *field(settings) = None,
            Self::SwitchOrAuto(field, _) => *field(settings) = Some(value::switch(text()?)?),
            Self::Count(field, range) => *field(settings) = value::count(text()?, range)?,
            Self::CountOrAuto(field, _) if one()? == AUTO => *field(settings) = None,
            Self::CountOrAuto(field, range) => {
                *field(settings) = Some(value::count(text()?, range)?);
            }
            Self::Bytes(field, range) => *field(settings) = value::bytes(text()?, range)?,
            Self::LongBytes(field, range) => *field(settings) = value::bytes(text()?, range)?,
            Self::Duration(field, range) => *field(settings) = value::duration(text()?, range)?,
            Self::FieldValue(field) => *field(settings) = value::field_value(text()?)?,
            Self::Directory(field) => *field(settings) = value::directory(one()?)?,
            Self::Headers(field) => *field(settings) = headers(values)?,
            Self::Cors(field) => *field(settings) = value::cors(text()?)?,
            Self::FileNames(field) => {
                *field(settings) = list(values, value::file_name, |_| true)?;
            }
            Self::Listen(field) => {
                *field(settings) = list(values, listen::parse, WrittenAddress::is_exclusive)?;
            }
            Self::Admin(field) => {
                let is_exclusive = WrittenAddress::is_exclusive;
                *field(settings) = list(values, listen::parse_with_port, is_exclusive)?;
            }
            Self::Port(field) => *field(settings) = listen::port(text()?)?,
            Self::Hosts(field) => *field(settings) = hosts(values)?,
            Self::TrustedProxies(field) => {
                *field(settings) = list(values, value::trusted_proxy, |_| true)?;
            }
            Self::LogDestination(field) => *field(settings) = value::log_destination(one()?)?,
            Self::LogFormat(field) => *field(settings) = value::log_format(text()?)?,
            Self::LogExclusions(field) => {
                *field(settings) = list(values, value::log_exclusion, |_| true)?;
            }
            Self::User(field) => *field(settings) = value::user(text()?)?,
            Self::OptionalFile(field) if one()?.is_empty() => *field(settings) = None,
            Self::OptionalFile(field) => *field(settings) = Some(value::path(one()?)?),
            Self::Sandbox(field) => *field(settings) = value::sandbox_mode(text()?)?,
        }
        Ok(())
    }

    /// Whether it is on or off, so that `--no-…` and a word like `on` behind its flag have a meaning.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self, Self::Switch(_) | Self::SwitchOrAuto(..))
    }

    /// Whether there may be any number of values.
    pub(super) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::FileNames(_)
                | Self::Headers(_)
                | Self::Listen(_)
                | Self::Admin(_)
                | Self::Hosts(_)
                | Self::TrustedProxies(_)
                | Self::LogExclusions(_)
        )
    }

    /// The values in a text that has to hold all of them, as an environment variable has.
    pub(super) fn split(&self, text: OsString) -> Vec<OsString> {
        if let Self::Headers(_) = self {
            value::split_lines(&text)
        } else if self.is_list() {
            value::split_list(&text)
        } else {
            vec![text]
        }
    }

    /// The value that `settings` have. Of a path that is not UTF-8, TOML can only hold a likeness.
    pub(super) fn show(&self, settings: &Settings) -> Shown {
        // One way to the field serves both to write and to read; to read, it gets a copy.
        let settings = &mut settings.clone();
        match self {
            Self::Switch(field) => Shown::Bare(field(settings).to_string()),
            Self::SwitchOrAuto(field, _) => match field(settings) {
                Some(is_on) => Shown::Bare(is_on.to_string()),
                None => Shown::Text(AUTO.to_owned()),
            },
            Self::Count(field, _) => Shown::Bare(field(settings).to_string()),
            Self::CountOrAuto(field, _) => match field(settings) {
                Some(count) => Shown::Bare(count.to_string()),
                None => Shown::Text(AUTO.to_owned()),
            },
            Self::Bytes(field, _) => Shown::Text(value::bytes_text(*field(settings) as u64)),
            Self::LongBytes(field, _) => Shown::Text(value::bytes_text(*field(settings))),
            Self::Duration(field, _) => Shown::Text(value::duration_text(*field(settings))),
            Self::FieldValue(field) => Shown::Text(field(settings).clone()),
            Self::Headers(field) => {
                Shown::List(field(settings).iter().map(value::header_text).collect())
            }
            Self::Cors(field) => match field(settings) {
                Some(origin) => Shown::Text(origin.to_string()),
                None => Shown::Bare(false.to_string()),
            },
            Self::Directory(field) => Shown::Text(field(settings).display().to_string()),
            Self::FileNames(field) => Shown::List(field(settings).clone()),
            Self::Listen(field) | Self::Admin(field) => {
                let port = settings.server.port;
                let addresses = field(settings).iter().flat_map(|it| it.resolve(port));
                Shown::List(addresses.map(|address| listen::text(&address)).collect())
            }
            Self::Port(field) => Shown::Bare(field(settings).to_string()),
            Self::Hosts(field) => match field(settings).as_deref() {
                None => Shown::Text(AUTO.to_owned()),
                Some([]) => Shown::Text(ANY.to_owned()),
                Some(hosts) => Shown::List(hosts.iter().map(Host::to_string).collect()),
            },
            Self::TrustedProxies(field) => Shown::List(
                field(settings)
                    .iter()
                    .map(value::trusted_proxy_text)
                    .collect(),
            ),
            Self::LogDestination(field) => {
                Shown::Text(value::log_destination_text(field(settings)))
            }
            Self::LogFormat(field) => {
                Shown::Text(value::log_format_text(*field(settings)).to_owned())
            }
            Self::LogExclusions(field) => Shown::List(
                field(settings)
                    .iter()
                    .map(LogExclusion::to_string)
                    .collect(),
            ),
            Self::User(field) => Shown::Text(value::user_text(field(settings).as_ref())),
            Self::OptionalFile(field) => {
                let path = field(settings).as_deref().unwrap_or(Path::new(""));
                Shown::Text(path.display().to_string())
            }
            Self::Sandbox(field) => {
                Shown::Text(value::sandbox_mode_text(*field(settings)).to_owned())
            }
        }
    }

    /// What `auto` comes to with these settings and why, where it follows from others of them.
    pub(super) fn meaning(&self, settings: &Settings) -> Option<String> {
        let audience = settings.server.audience();
        let value = match self {
            Self::SwitchOrAuto(field, meaning) if field(&mut settings.clone()).is_none() => {
                let (value, reason) = meaning(settings);
                return Some(format!("{value}, {reason}"));
            }
            Self::Hosts(field) if field(&mut settings.clone()).is_none() => {
                let hosts = settings.server.answered_hosts(audience);
                hosts.first().map_or(ANY.to_owned(), Host::to_string)
            }
            _ => return None,
        };
        Some(format!("{value}, {}", audience.reason()))
    }

    /// What stands for the value in the help.
    pub(super) fn placeholder(&self) -> &'static str {
        match self {
            Self::Switch(_) => "true|false",
            Self::SwitchOrAuto(..) => "true|false|auto",
            Self::Count(..) => "NUMBER",
            Self::CountOrAuto(..) => "NUMBER|auto",
            Self::Bytes(..) | Self::LongBytes(..) => "SIZE",
            Self::Duration(..) => "DURATION",
            Self::FieldValue(_) => "VALUE",
            Self::Headers(_) => "NAME: VALUE",
            Self::Cors(_) => "ORIGIN",
            Self::Directory(_) => "DIRECTORY",
            Self::FileNames(_) => "NAME",
            Self::Listen(_) | Self::Admin(_) => "ADDRESS",
            Self::Port(_) => "PORT",
            Self::Hosts(_) => "HOST|local|any|auto",
            Self::TrustedProxies(_) => "NETWORK",
            Self::LogDestination(_) => "off|stdout|stderr|FILE",
            Self::LogFormat(_) => "FORMAT",
            Self::LogExclusions(_) => "PATH|AGENT",
            Self::User(_) => "USER",
            Self::OptionalFile(_) => "FILE",
            Self::Sandbox(_) => "MODE",
        }
    }

    /// The types of TOML that may hold a value, and what to write where another was found.
    pub(super) fn toml_types(&self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Switch(_) => (&["boolean"], "true or false"),
            Self::SwitchOrAuto(..) => (&["boolean", "string"], "true, false or \"auto\""),
            Self::Count(..) => (&["integer"], "a number"),
            Self::CountOrAuto(..) => (&["integer", "string"], "a number or \"auto\""),
            Self::Bytes(..) | Self::LongBytes(..) => (
                &["integer", "string"],
                "a number of bytes or a size like \"16KiB\"",
            ),
            Self::Duration(..) => (&["string"], "a duration in quotes, like \"10s\""),
            Self::FieldValue(_) => (&["string"], "a field's value in quotes, like \"no-cache\""),
            Self::Headers(_) => (
                &["array", "string"],
                "headers in quotes, like [\"X-Frame-Options: DENY\"]",
            ),
            Self::Cors(_) => (
                &["boolean", "string"],
                "true, false or an origin in quotes, like \"https://app.example\"",
            ),
            Self::Directory(_) => (&["string"], "a path in quotes, like \"/srv/www\""),
            Self::FileNames(_) => (
                &["array", "string"],
                "names in quotes, like [\"index.html\"]",
            ),
            Self::Listen(_) | Self::Admin(_) => (
                &["array", "string", "integer"],
                "addresses in quotes, like [\"127.0.0.1:8080\"]",
            ),
            Self::Port(_) => (&["integer", "string"], "a number"),
            Self::Hosts(_) => (
                &["array", "string"],
                "hosts in quotes, like [\"www.example.com\"], or \"local\" or \"any\"",
            ),
            Self::TrustedProxies(_) => (
                &["array", "string"],
                "addresses or networks in quotes, like [\"10.0.0.0/8\"]",
            ),
            Self::LogDestination(_) => (
                &["string"],
                "\"off\", \"stdout\", \"stderr\" or a path in quotes",
            ),
            Self::LogFormat(_) => (&["string"], "the name of a format in quotes"),
            Self::LogExclusions(_) => (
                &["array", "string"],
                "paths or parts of a User-Agent in quotes, like [\"/healthz\", \"kube-probe\"]",
            ),
            Self::User(_) => (&["string"], "a user in quotes, like \"www-data\""),
            Self::OptionalFile(_) => (&["string"], "a path in quotes, like \"/run/millpond.pid\""),
            Self::Sandbox(_) => (&["string"], "\"off\", \"auto\", \"require\" or \"strict\""),
        }
    }

    /// All values that there are, where they are few.
    pub(super) fn choices(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Switch(_) => Some(vec!["true", "false"]),
            Self::SwitchOrAuto(..) => Some(vec!["true", "false", AUTO]),
            Self::LogFormat(_) => Some(value::LOG_FORMATS.map(value::log_format_text).to_vec()),
            Self::Sandbox(_) => Some(value::SANDBOX_MODES.map(value::sandbox_mode_text).to_vec()),
            _ => None,
        }
    }

    /// What a shell may offer as a value.
    pub(super) fn hint(&self) -> ValueHint {
        match self {
            Self::Directory(_) => ValueHint::DirPath,
            Self::LogDestination(_) | Self::OptionalFile(_) => ValueHint::FilePath,
            Self::User(_) => ValueHint::Username,
            _ => ValueHint::Other,
        }
    }
}

/// What is wrong with the only value.
impl From<String> for Invalid {
    fn from(message: String) -> Self {
        Self { index: 0, message }
    }
}

/// Reads the hosts, or the one word that stands for all of them.
fn hosts(values: &[OsString]) -> Result<Option<Vec<Host>>, Invalid> {
    match values {
        [word] if word == AUTO => Ok(None),
        [word] if word == ANY => Ok(Some(Vec::new())),
        _ => list(values, value::host, |_| true).map(Some),
    }
}

/// Reads headers, of which several may have one name: what they say is joined to a list. Cookies are
/// no list (RFC 6265 §3).
fn headers(values: &[OsString]) -> Result<Vec<Edit>, Invalid> {
    let headers = list(values, value::header, |_| false)?;
    let is_cookie = |header: &Edit| header.concerns(b"Set-Cookie");
    let cookies = (0..).zip(&headers).filter(|(_, header)| is_cookie(header));
    match cookies.map(|(index, _)| index).nth(1) {
        None => Ok(headers),
        Some(index) => Err(Invalid {
            index,
            message: "Set-Cookie can be set once, as two cannot be joined".to_owned(),
        }),
    }
}

/// Reads each of `values`. Of those that `is_exclusive` names, there may be but one like it.
fn list<T: PartialEq>(
    values: &[OsString],
    read: impl Fn(&OsStr) -> Result<T, String>,
    is_exclusive: impl Fn(&T) -> bool,
) -> Result<Vec<T>, Invalid> {
    let mut all = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let invalid = |message| Invalid { index, message };
        let read = read(value).map_err(invalid)?;
        if is_exclusive(&read) && all.contains(&read) {
            return Err(invalid(format!(
                "{:?} is given twice",
                value.to_string_lossy()
            )));
        }
        all.push(read);
    }
    Ok(all)
}

impl Shown {
    /// For a sentence or a help text: without quotes.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Bare(text) | Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(","),
        }
    }
}

/// As a value in TOML.
impl fmt::Display for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(text) => out.write_str(text),
            Self::Text(text) => out.write_str(&toml_string(text)),
            Self::List(texts) => {
                let strings: Vec<_> = texts.iter().map(|text| toml_string(text)).collect();
                write!(out, "[{}]", strings.join(", "))
            }
        }
    }
}

/// A basic string of TOML, with control characters escaped.
pub(super) fn toml_string(text: &str) -> String {
    let mut string = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => string.extend(['\\', character]),
            _ if character.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(string, "\\u{:04X}", u32::from(character));
            }
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

const AUTO: &str = "auto";

/// Every host.
const ANY: &str = "any";

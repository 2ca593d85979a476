//! The syntax of single values: how durations, sizes, addresses and the like are written, whether
//! on the command line, in a variable or in a file.
//!
//! Each kind of value is read by one function and written by another, and what the second writes
//! the first reads. An error is the end of a sentence that begins with the name of the setting; it
//! says what was wrong and what would be right. Ranges are the business of [`super::options`].

use crate::http::fields::is_token_byte;
use crate::http::forwarded::TrustedProxy;
use crate::http::host::{Host, HostError};
use crate::http::response::Edit;
use crate::plan::{AllowedOrigin, check_name};
use crate::process::{Identity, SandboxMode, User};
use crate::server::{AccessLogFormat, LogDestination, LogExclusion};
use ipnet::IpNet;
use std::{
    ffi::{OsStr, OsString},
    fmt::{Display, Write},
    net::IpAddr,
    ops::RangeInclusive,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    time::Duration,
};

/// Reads `true` or `false`, or another word that people write for one of them.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    switch_word(text).ok_or_else(|| format!("{text:?} is neither true nor false"))
}

/// What a word says of a switch, if it says anything.
pub(super) fn switch_word(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Reads a number within `range`.
pub(super) fn count(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let count = if is_number(text) {
        text.parse().ok()
    } else {
        None
    };
    match count {
        Some(count) if range.contains(&count) => Ok(count),
        // Digits that do not parse are more than any range allows.
        _ if is_number(text) => Err(out_of_range(text, range.start(), range.end())),
        _ => Err(format!("{text:?} is not a number")),
    }
}

/// Reads a duration such as `10s`, `1m30s` or `500ms`: numbers with units, the largest unit first.
pub(super) fn duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    if is_number(text) {
        return Err(format!(
            "{text:?} has no unit; write it like 10s, 1m30s or 500ms"
        ));
    }
    let malformed = || format!("{text:?} is not a duration; write it like 10s, 1m30s or 500ms");
    let mut units = DURATION_UNITS.iter();
    let mut milliseconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split_while(after, |byte| byte.is_ascii_alphabetic());
        // The iterator goes on from the unit before, so that each one is smaller than the last.
        let (_, worth) = units
            .find(|(name, _)| *name == unit)
            .ok_or_else(malformed)?;
        let number: u64 = digits.parse().map_err(|_| malformed())?;
        milliseconds = number
            .checked_mul(*worth)
            .and_then(|part| milliseconds.checked_add(part))
            .ok_or_else(malformed)?;
        rest = after;
    }
    let duration = Duration::from_millis(milliseconds);
    match text {
        "" => Err(malformed()),
        _ if range.contains(&duration) => Ok(duration),
        _ => {
            let (start, end) = (duration_text(*range.start()), duration_text(*range.end()));
            Err(out_of_range(text, start, end))
        }
    }
}

/// Writes a duration, to the millisecond.
pub(super) fn duration_text(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, worth) in DURATION_UNITS {
        let worth = u128::from(*worth);
        let number = rest.checked_div(worth).unwrap_or(0);
        rest = rest.checked_rem(worth).unwrap_or(0);
        if number > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{number}{unit}");
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// Reads a number of bytes: `4096`, `4096B`, `16KiB`, `1MiB`.
pub(super) fn bytes<T: TryFrom<u64>>(text: &str, range: &RangeInclusive<u64>) -> Result<T, String> {
    let (digits, unit) = split_while(text, |byte| byte.is_ascii_digit());
    let known = BYTE_UNITS.iter().find(|(name, _)| *name == unit);
    let worth = match (known, digits, unit) {
        (_, "", _) => None,
        (Some((_, worth)), ..) => Some(*worth),
        (None, _, "" | "B") => Some(1),
        (None, ..) => None,
    };
    let Some(worth) = worth else {
        return Err(format!(
            "{text:?} is not a size; write bytes, or KiB, MiB or GiB, like 16KiB"
        ));
    };
    let bytes = digits
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(worth));
    bytes
        .filter(|bytes| range.contains(bytes))
        .and_then(|bytes| T::try_from(bytes).ok())
        .ok_or_else(|| out_of_range(text, bytes_text(*range.start()), bytes_text(*range.end())))
}

/// Writes a number of bytes with the largest unit that it is a multiple of.
pub(super) fn bytes_text(bytes: u64) -> String {
    BYTE_UNITS
        .iter()
        .find(|(_, worth)| bytes >= *worth && bytes.checked_rem(*worth) == Some(0))
        .and_then(|(unit, worth)| Some(format!("{}{unit}", bytes.checked_div(*worth)?)))
        .unwrap_or_else(|| bytes.to_string())
}

/// Reads the value of a field (RFC 9110 §5.5); it may be empty.
pub(super) fn field_value(text: &str) -> Result<String, String> {
    let visible = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    if text.bytes().all(visible) && text.trim_matches([' ', '\t']) == text {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} cannot be a field's value; it may hold visible ASCII, with spaces within"
        ))
    }
}

/// Reads the name of a field that an operator may set.
pub(super) fn field_name(name: &str) -> Result<String, String> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(format!("{name:?} cannot be the name of a field"));
    }
    check_name(name).map_err(|reason| format!("{name}: {reason}"))?;
    Ok(name.to_owned())
}

/// Reads the name of a field that an operator may remove.
pub(super) fn removable_field(name: &str) -> Result<String, String> {
    let name = field_name(name)?;
    match name.to_ascii_lowercase().as_str() {
        "content-type" => Err(format!("{name}: every file has one; set another")),
        "vary" => Err(format!("{name}: what a response depends on has to be said")),
        _ => Ok(name),
    }
}

/// Reads a header to set, `Name: value`, or to remove, `Name:`, as curl writes both.
pub(super) fn header(text: &OsStr) -> Result<Edit, String> {
    let text = utf8(text)?;
    let Some((name, value)) = text.split_once(':') else {
        return Err(format!("{text:?} is not a header; write 'Name: value'"));
    };
    match value.trim_matches([' ', '\t']) {
        "" => Ok(Edit {
            name: removable_field(name)?.into(),
            value: None,
        }),
        value => Ok(Edit {
            name: field_name(name)?.into(),
            value: Some(field_value(value)?.into()),
        }),
    }
}

/// Writes a header.
pub(super) fn header_text(header: &Edit) -> String {
    let Edit { name, value } = header;
    match value {
        Some(value) => format!("{name}: {value}"),
        None => format!("{name}:"),
    }
}

/// Reads whose pages may read responses: an origin, `*` or `true` for any, `false` for none.
pub(super) fn cors(text: &str) -> Result<Option<AllowedOrigin>, String> {
    match switch(text) {
        Ok(is_on) => Ok(is_on.then_some(AllowedOrigin::Any)),
        Err(_) => AllowedOrigin::parse(text).map(Some),
    }
}

/// Reads a path. Like the name of any file on Unix it need not be UTF-8.
pub(super) fn path(text: &OsStr) -> Result<PathBuf, String> {
    match text.as_bytes() {
        [] => Err("a path cannot be empty".to_owned()),
        bytes if bytes.contains(&0) => Err(format!(
            "{:?} has a NUL, which no path can hold",
            text.to_string_lossy()
        )),
        // A shell would have put the home directory in its place, at the start of a word.
        b"~" | [b'~', b'/', ..] => Err(format!(
            "{:?} begins with ~, which only a shell expands; write the path in full, like /home/me",
            text.to_string_lossy()
        )),
        _ => Ok(PathBuf::from(text)),
    }
}

/// Reads the path of a directory.
pub(super) fn directory(text: &OsStr) -> Result<PathBuf, String> {
    match text.as_bytes() {
        [] => Err("the name of the directory is empty; write . for the current one".to_owned()),
        [b'f', b'i', b'l', b'e', b':', b'/', b'/', path @ ..] => Err(format!(
            "{:?} is a URL; write the path by itself, as in {}",
            text.to_string_lossy(),
            String::from_utf8_lossy(path)
        )),
        _ => path(text),
    }
}

/// Reads the name of a file that a path below the root may end in.
pub(super) fn file_name(text: &OsStr) -> Result<String, String> {
    let name = utf8(text)?;
    match name {
        "" => Err("a name cannot be empty".to_owned()),
        _ if name.starts_with('.') => Err(format!(
            "{name:?} starts with a dot, and such files are not served"
        )),
        _ if name.contains(['/', '\0']) => Err(format!(
            "{name:?} is not the name of a file; write one without a slash, like index.html"
        )),
        _ => Ok(name.to_owned()),
    }
}

/// Reads a host that requests may be for.
pub(super) fn host(text: &OsStr) -> Result<Host, String> {
    let text = utf8(text)?;
    if ["any", "auto"].contains(&text) {
        return Err(format!(
            "{text:?} stands by itself, without other hosts; a host of that name is written \
             \"{text}.\""
        ));
    }
    Host::parse(text).map_err(|error| match error {
        HostError::Syntax if text == "*" => "\"*\" is not a host; write any".to_owned(),
        HostError::Empty => "a host cannot be empty".to_owned(),
        HostError::HasPort => format!("{text:?} has a port; write the host alone"),
        HostError::Syntax => format!(
            "{text:?} is not a host; write a name in full like www.example.com, or an IP address"
        ),
    })
}

/// Reads a peer whose word is taken: an address, a network like `10.0.0.0/8`, or `unix`.
pub(super) fn trusted_proxy(text: &OsStr) -> Result<TrustedProxy, String> {
    let text = utf8(text)?;
    if text == UNIX {
        return Ok(TrustedProxy::Unix);
    }
    let network = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match network {
        Ok(network) if network.trunc() == network => Ok(TrustedProxy::Network(network)),
        Ok(network) => Err(format!(
            "{text:?} is an address within a network; write {} for all of it, or {} for the one",
            network.trunc(),
            network.addr()
        )),
        Err(_) => Err(format!(
            "{text:?} is not a network; write an IP address, one with the length of a prefix like \
             10.0.0.0/8, or unix"
        )),
    }
}

/// Writes a peer whose word is taken.
pub(super) fn trusted_proxy_text(proxy: &TrustedProxy) -> String {
    match proxy {
        TrustedProxy::Network(network) if network.prefix_len() == network.max_prefix_len() => {
            network.addr().to_string()
        }
        TrustedProxy::Network(network) => network.to_string(),
        TrustedProxy::Unix => UNIX.to_owned(),
    }
}

/// Reads where a log goes: `off`, `stdout`, `stderr` or a path (`./off` is one).
pub(super) fn log_destination(text: &OsStr) -> Result<LogDestination, String> {
    match text.as_bytes() {
        b"off" => Ok(LogDestination::Off),
        b"stdout" => Ok(LogDestination::Stdout),
        b"stderr" => Ok(LogDestination::Stderr),
        _ => path(text).map(LogDestination::File),
    }
}

/// Writes where a log goes.
pub(super) fn log_destination_text(destination: &LogDestination) -> String {
    match destination {
        LogDestination::Off => "off".to_owned(),
        LogDestination::Stdout => "stdout".to_owned(),
        LogDestination::Stderr => "stderr".to_owned(),
        LogDestination::File(path) => path.display().to_string(),
    }
}

/// Reads the name of a format of access records.
pub(super) fn log_format(text: &str) -> Result<AccessLogFormat, String> {
    named(text, LOG_FORMATS, log_format_text)
}

/// Writes the name of a format of access records.
pub(super) fn log_format_text(format: AccessLogFormat) -> &'static str {
    match format {
        AccessLogFormat::Auto => "auto",
        AccessLogFormat::Common => "common",
        AccessLogFormat::Combined => "combined",
        AccessLogFormat::Json => "json",
        AccessLogFormat::Terminal => "terminal",
    }
}

/// Reads which requests a log leaves out: a path, or a part of a `User-Agent`.
pub(super) fn log_exclusion(text: &OsStr) -> Result<LogExclusion, String> {
    LogExclusion::parse(utf8(text)?)
}

/// Reads a user to become: `www-data`, `www-data:www-data` or `65532:65532`; empty for nobody.
pub(super) fn user(text: &str) -> Result<Option<User>, String> {
    let identity = |text: &str| match text {
        // passwd(5) and group(5) separate by colons, and nobody means a name with spaces.
        _ if text.is_empty() || text.contains([':', ' ']) => None,
        // The highest number is what system calls take for none.
        _ if is_number(text) => text
            .parse()
            .ok()
            .filter(|number| *number < u32::MAX)
            .map(Identity::Number),
        _ => Some(Identity::Name(text.to_owned())),
    };
    let user = match text.split_once(':') {
        _ if text.is_empty() => return Ok(None),
        None => identity(text).map(|user| User { user, group: None }),
        Some((user, group)) => identity(user)
            .zip(identity(group))
            .map(|(user, group)| User {
                user,
                group: Some(group),
            }),
    };
    user.map(Some)
        .ok_or_else(|| format!("{text:?} is no user; write www-data, www-data:web or 65532:65532"))
}

/// Writes a user to become.
pub(super) fn user_text(user: Option<&User>) -> String {
    user.map(ToString::to_string).unwrap_or_default()
}

/// Reads whether there is a sandbox.
pub(super) fn sandbox_mode(text: &str) -> Result<SandboxMode, String> {
    named(text, SANDBOX_MODES, sandbox_mode_text)
}

/// Writes whether there is a sandbox.
pub(super) fn sandbox_mode_text(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::Off => "off",
        SandboxMode::Auto => "auto",
        SandboxMode::Require => "require",
        SandboxMode::Strict => "strict",
    }
}

/// Finds the one of `all` that is written like this.
fn named<T: Copy, const COUNT: usize>(
    text: &str,
    all: [T; COUNT],
    text_of: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.into_iter().find(|each| text_of(*each) == text);
    found.ok_or_else(|| format!("{text:?} is none of {}", all.map(text_of).join(", ")))
}

/// The value as text, for the kinds that are never anything else.
pub(super) fn utf8(text: &OsStr) -> Result<&str, String> {
    text.to_str()
        .ok_or_else(|| format!("{:?} is not UTF-8", text.to_string_lossy()))
}

/// The parts of a list that had to be written as one value. No kind of value that comes in lists
/// holds a comma, but for paths of sockets; those with commas are for the command line and the file.
pub(super) fn split_list(text: &OsStr) -> Vec<OsString> {
    text.as_bytes()
        .split(|byte| *byte == b',')
        .map(|part| OsStr::from_bytes(part.trim_ascii()).to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// The parts of a list whose values may hold commas.
pub(super) fn split_lines(text: &OsStr) -> Vec<OsString> {
    text.as_bytes()
        .split(|byte| *byte == b'\n')
        .map(|part| OsStr::from_bytes(part.trim_ascii()).to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// The start of `text` whose bytes are such, and the rest.
fn split_while(text: &str, such: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !such(byte))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn out_of_range(text: &str, start: impl Display, end: impl Display) -> String {
    format!("{text} is out of range; it may be {start} to {end}")
}

/// Units in milliseconds, the largest first.
const DURATION_UNITS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Units in bytes, the largest first. Those that stand for a thousand are left out, since half of
/// their users mean 1024.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// What stands for all peers at Unix-domain sockets, which have no address.
const UNIX: &str = "unix";

/// What a sandbox may be.
pub(super) const SANDBOX_MODES: [SandboxMode; 4] = [
    SandboxMode::Off,
    SandboxMode::Auto,
    SandboxMode::Require,
    SandboxMode::Strict,
];

/// The formats of access records.
pub(super) const LOG_FORMATS: [AccessLogFormat; 5] = [
    AccessLogFormat::Auto,
    AccessLogFormat::Common,
    AccessLogFormat::Combined,
    AccessLogFormat::Json,
    AccessLogFormat::Terminal,
];

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::MAX;

    #[test]
    fn a_duration_is_numbers_with_units() {
        for (text, milliseconds) in [
            ("1ms", 1),
            ("500ms", 500),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("90s", 90_000),
            ("2h", 7_200_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
            ("007s", 7_000),
        ] {
            assert_eq!(
                duration(text, &ANY),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "ms",
            "10 s",
            " 10s",
            "10s ",
            "1.5s",
            "-1s",
            "+1s",
            "10S",
            "10sec",
            "1s1m",
            "1s1s",
            "1m30",
            "s10",
            "10s,",
            "٣s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            let message = duration(text, &ANY).expect_err(text);
            assert!(message.contains("is not a duration"), "{text}: {message}");
        }
        let message = duration("10", &ANY).expect_err("no unit");
        assert_eq!(
            message,
            r#""10" has no unit; write it like 10s, 1m30s or 500ms"#
        );
    }

    #[test]
    fn a_duration_out_of_range_is_refused_with_the_range() {
        let range = Duration::from_millis(1)..=Duration::from_mins(1);
        assert_eq!(duration("1ms", &range), Ok(Duration::from_millis(1)));
        assert_eq!(duration("60s", &range), Ok(Duration::from_mins(1)));
        for text in ["0s", "61s", "1m1ms"] {
            let wanted = format!("{text} is out of range; it may be 1ms to 1m");
            assert_eq!(duration(text, &range), Err(wanted));
        }
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in [
            "0s",
            "1ms",
            "999ms",
            "1s",
            "1m15s",
            "1m30s",
            "1h",
            "1d",
            "1d2h3m4s5ms",
        ] {
            assert_eq!(duration(text, &ANY).map(duration_text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_size_is_bytes_or_has_a_unit_of_1024() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("16KiB", 16 * 1024),
            ("1MiB", 1024 * 1024),
            ("3GiB", 3_u64 * 1024 * 1024 * 1024),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(bytes(text, &(0..=u64::MAX)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "", "KiB", "16k", "16K", "16KB", "16kib", "16 KiB", "1.5MiB", "-1", "+1", "0x10",
            "1_000", "16KiBKiB", "٣",
        ] {
            let message = bytes::<u64>(text, &(0..=u64::MAX)).expect_err(text);
            assert!(message.contains("is not a size"), "{text}: {message}");
        }
    }

    #[test]
    fn a_size_out_of_range_is_refused_with_the_range() {
        let range = 256..=1 << 20;
        for text in [
            "0",
            "255",
            "1048577",
            "2MiB",
            "18446744073709551616",
            "16777216TiB",
        ] {
            let wanted = format!("{text} is out of range; it may be 256 to 1MiB");
            assert_eq!(bytes::<u64>(text, &range), Err(wanted));
        }
        assert_eq!(bytes::<u8>("300", &(0..=1000)).ok(), None, "does not fit");
    }

    #[test]
    fn a_size_is_written_as_it_is_read() {
        for text in [
            "0", "1", "1000", "1023", "1KiB", "1025", "16KiB", "64MiB", "1GiB", "5TiB",
        ] {
            assert_eq!(
                bytes(text, &(0..=u64::MAX)).map(bytes_text).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn a_count_is_digits_within_a_range() {
        let range = 1..=256;
        assert_eq!(count("1", &range), Ok(1));
        assert_eq!(count("256", &range), Ok(256));
        for text in ["0", "257", "99999999999999999999999"] {
            let wanted = format!("{text} is out of range; it may be 1 to 256");
            assert_eq!(count(text, &range), Err(wanted));
        }
        for text in ["", "+1", "-1", "1.0", "ten", " 1"] {
            assert_eq!(
                count(text, &range),
                Err(format!("{text:?} is not a number"))
            );
        }
    }

    #[test]
    fn a_switch_is_on_or_off_by_any_word_for_it() {
        for (words, expected) in [
            (["true", "on", "yes", "1", "TRUE", "On"], true),
            (["false", "off", "no", "0", "False", "NO"], false),
        ] {
            for word in words {
                assert_eq!(switch(word), Ok(expected), "{word}");
            }
        }
        for word in ["", "2", "enabled", "tru", " true", "y"] {
            let message = format!("{word:?} is neither true nor false");
            assert_eq!(switch(word), Err(message));
        }
    }

    #[test]
    fn a_path_is_what_no_shell_has_to_expand() {
        for text in ["a", "./~", "a~", "~a", "/a/~", "file:"] {
            assert_eq!(directory(OsStr::new(text)), Ok(text.into()), "{text}");
        }
        for (text, advice) in [
            ("", "is empty; write . for the current one"),
            ("~", "which only a shell expands"),
            ("~/site", "write the path in full"),
            (
                "file:///srv/www",
                "is a URL; write the path by itself, as in /srv/www",
            ),
            ("a\0", "has a NUL"),
        ] {
            let message = directory(OsStr::new(text)).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[test]
    fn a_trusted_proxy_is_an_address_a_network_or_a_peer_without_one() {
        for text in [
            "unix",
            "127.0.0.1",
            "::1",
            "10.0.0.0/8",
            "fd00::/8",
            "0.0.0.0/0",
        ] {
            let written = trusted_proxy(OsStr::new(text)).map(|proxy| trusted_proxy_text(&proxy));
            assert_eq!(written.as_deref(), Ok(text));
        }
        for (text, advice) in [
            ("", "is not a network"),
            ("proxy.example", "is not a network"),
            ("10.0.0.0/33", "is not a network"),
            ("127.0.0.1:80", "is not a network"),
            ("[::1]", "is not a network"),
            (
                "10.1.2.3/8",
                "write 10.0.0.0/8 for all of it, or 10.1.2.3 for the one",
            ),
        ] {
            let message = trusted_proxy(OsStr::new(text)).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_advice() {
        for (text, advice) in [
            ("", "cannot be empty"),
            ("a.example:8080", "has a port; write the host alone"),
            ("*.example", "write a name in full"),
        ] {
            let message = host(OsStr::new(text)).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[test]
    fn a_field_value_cannot_hold_what_would_end_its_line() {
        for text in ["", "no-cache", "max-age=60, immutable", "a\tb"] {
            assert_eq!(field_value(text).as_deref(), Ok(text));
        }
        for text in [
            "a\r\nSet-Cookie: b",
            "a\nb",
            "a\0",
            "\u{7f}",
            "ä",
            " a",
            "a ",
            "\t",
        ] {
            assert!(field_value(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_log_goes_to_a_file_unless_a_word_says_otherwise() {
        for text in ["off", "stdout", "stderr", "./off", "/var/log/millpond.log"] {
            let destination = log_destination(OsStr::new(text));
            let is_file = matches!(destination, Ok(LogDestination::File(_)));
            assert_eq!(is_file, text.contains('/'), "{text}");
            let written = destination.map(|destination| log_destination_text(&destination));
            assert_eq!(written.as_deref(), Ok(text));
        }
        assert!(log_destination(OsStr::new("")).is_err());
    }

    #[test]
    fn a_user_is_a_name_or_a_number_and_may_have_a_group() {
        for text in ["", "www-data", "www-data:web", "65532:65532", "0", "www:7"] {
            let user = user(text).expect(text);
            assert_eq!(user.is_none(), text.is_empty());
            assert_eq!(user_text(user.as_ref()), text);
        }
        assert_eq!(
            user("65532:web"),
            Ok(Some(User {
                user: Identity::Number(65532),
                group: Some(Identity::Name("web".to_owned())),
            }))
        );
        for text in [
            ":",
            "a:",
            ":a",
            "a:b:c",
            "a b",
            " ",
            "4294967295",
            "99999999999",
        ] {
            let message = user(text).expect_err(text);
            assert!(message.contains("is no user"), "{message}");
        }
    }

    #[test]
    fn a_list_in_one_text_is_split_at_commas() {
        assert_eq!(split_list(OsStr::new("a, b,,c ")), ["a", "b", "c"]);
        assert!(split_list(OsStr::new("")).is_empty());
    }
}

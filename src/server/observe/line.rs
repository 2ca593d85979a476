//! The content of a log line, in each format. Pure: the caller passes the time.
//!
//! Whatever a client sends, a line contains only visible ASCII. So a client can neither end a line
//! or a quoted part, nor send escape sequences to a terminal.

use super::exclusion::LogExclusion;
use crate::http::Status;
use crate::http::fields::FieldName;
use crate::http::request::RequestHead;
use crate::http::version::Version;
use crate::listing::Size;
use crate::process::TermStyle;
use crate::server::clock::LogTime;
use anstyle::{AnsiColor, Style};
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

/// The format of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Common,
    Combined,
    Json,
    Terminal(TermStyle),
}

/// A line, except the parts that are known only at the end of its request.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The part before the status.
    before: Vec<u8>,
    /// The part between the number of bytes and the duration.
    after: Vec<u8>,
    /// The format in force when the line was begun.
    form: Form,
    /// `true` if the line is left out if the request succeeds.
    is_excluded: bool,
    /// The end of the client in `before`. The user comes after it.
    client_end: usize,
}

/// The facts at the arrival of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) time: LogTime<'a>,
    pub(crate) client: Option<IpAddr>,
    /// `None` for input that is not a request.
    pub(crate) request: Option<&'a RequestHead<'a>>,
    /// The width of the terminal, if the line is for one that reports it.
    pub(crate) columns: Option<usize>,
}

/// The facts at the end of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    /// `None` if there has been no response.
    pub(crate) status: Option<Status>,
    pub(crate) content_bytes: u64,
    pub(crate) elapsed: Duration,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            before: Vec::new(),
            after: Vec::new(),
            form: Form::Common,
            is_excluded: false,
            client_end: 0,
        }
    }

    /// Begins another line in place of this one, and reuses its memory.
    pub(crate) fn begin(&mut self, form: Form, of: &Beginning<'_>, exclusions: &[LogExclusion]) {
        self.form = form;
        self.is_excluded = of
            .request
            .is_some_and(|request| exclusions.iter().any(|each| each.matches(request)));
        let (before, after) = (&mut self.before, &mut self.after);
        before.clear();
        after.clear();
        self.client_end = match form {
            Form::Common => common(before, of),
            Form::Combined => {
                let client_end = common(before, of);
                combined(after, of.request);
                client_end
            }
            Form::Json => json(before, after, of),
            Form::Terminal(ink) => {
                terminal(before, of, ink);
                0
            }
        };
    }

    /// Records the user whose password was right. A line for a terminal has no space for it.
    pub(crate) fn name_user(&mut self, user: &str) {
        let mut text = Vec::new();
        let replaced = match self.form {
            Form::Common | Form::Combined => {
                text.extend_from_slice(b" - ");
                escape_word(&mut text, user.as_bytes());
                NO_USER.len()
            }
            Form::Json => {
                json_member(&mut text, "user", Some(user.as_bytes()));
                0
            }
            Form::Terminal(_) => return,
        };
        let place = self.client_end..self.client_end + replaced;
        if self.before.get(place.clone()).is_some() {
            self.before.splice(place, text);
        }
    }

    /// Returns `true` if the line is left out because of the outcome of its request. A failed
    /// health check is worth a line.
    pub(crate) fn is_left_out(&self, completion: &Completion) -> bool {
        let is_success = |status: Status| status.code() < 400;
        self.is_excluded && completion.status.is_some_and(is_success)
    }

    /// Writes the whole line.
    pub(crate) fn write(&self, line: &mut Vec<u8>, completion: Completion) {
        let Completion {
            status,
            content_bytes,
            elapsed,
        } = completion;
        let (seconds, micros) = (elapsed.as_secs(), elapsed.subsec_micros());
        line.extend_from_slice(&self.before);
        // Writing to a vector cannot fail.
        let _ = match (status, self.form) {
            (status, Form::Terminal(ink)) => line.write_all(painted_status(status, ink).as_bytes()),
            (Some(status), _) => write!(line, "{}", status.code()),
            (None, Form::Json) => write!(line, "null"),
            (None, Form::Common | Form::Combined) => write!(line, "-"),
        };
        let _ = match self.form {
            Form::Common | Form::Combined => write!(line, " {content_bytes}"),
            Form::Json => write!(line, ",\"bytes\":{content_bytes}"),
            Form::Terminal(_) => write!(line, "  {}", Size(content_bytes)),
        };
        line.extend_from_slice(&self.after);
        let _ = match self.form {
            Form::Common | Form::Combined => writeln!(line, " {seconds}.{micros:06}"),
            Form::Json => writeln!(line, "{seconds}.{micros:06}}}"),
            Form::Terminal(_) => writeln!(line, "  {}", brief(elapsed)),
        };
    }
}

/// Writes the Common Log Format up to the status. Returns the end of the client.
fn common(line: &mut Vec<u8>, of: &Beginning<'_>) -> usize {
    write_client(line, of.client);
    let client_end = line.len();
    line.extend_from_slice(NO_USER);
    line.extend_from_slice(b" [");
    write_common_date(line, of.time.date);
    line.extend_from_slice(b"] \"");
    match of.request {
        Some(request) => {
            escape(line, request.method_name.as_bytes());
            line.push(b' ');
            escape(line, request.target_bytes);
            line.push(b' ');
            line.extend_from_slice(version(request.version).as_bytes());
        }
        None => line.push(b'-'),
    }
    line.extend_from_slice(b"\" ");
    client_end
}

/// Writes the additions of the Combined Log Format.
fn combined(line: &mut Vec<u8>, request: Option<&RequestHead<'_>>) {
    for name in [FieldName::Referer, FieldName::UserAgent] {
        line.extend_from_slice(b" \"");
        match request.and_then(|request| request.fields.single(name)) {
            Some(value) => escape(line, value),
            None => line.push(b'-'),
        }
        line.push(b'"');
    }
}

/// Writes one JSON object (RFC 8259), in two parts. Returns the end of the client.
fn json(before: &mut Vec<u8>, after: &mut Vec<u8>, of: &Beginning<'_>) -> usize {
    before.extend_from_slice(b"{\"time\":");
    let _ = match of.time.second.strip_suffix('Z') {
        Some(second) => write!(before, "\"{second}.{:03}Z\"", of.time.milliseconds),
        None => write!(before, "null"),
    };
    before.extend_from_slice(b",\"client\":\"");
    write_client(before, of.client);
    before.push(b'"');
    let client_end = before.len();
    if let Some(request) = of.request {
        let host = Some(request.authority()).filter(|host| !host.is_empty());
        json_member(before, "host", host);
        json_member(
            before,
            "protocol",
            Some(version(request.version).as_bytes()),
        );
        json_member(before, "method", Some(request.method_name.as_bytes()));
        json_member(before, "target", Some(request.target_bytes));
        let field = |name| request.fields.single(name);
        json_member(after, "referer", field(FieldName::Referer));
        json_member(after, "user_agent", field(FieldName::UserAgent));
    }
    before.extend_from_slice(b",\"status\":");
    after.extend_from_slice(b",\"seconds\":");
    client_end
}

/// Writes a name and a string, or nothing if there is no string.
fn json_member(line: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    let Some(value) = value else {
        return;
    };
    let _ = write!(line, ",\"{name}\":\"");
    for chunk in value.utf8_chunks() {
        for char in chunk.valid().chars() {
            json_char(line, char);
        }
        // JSON has no bytes. Invalid UTF-8 is conventionally shown as U+FFFD.
        if !chunk.invalid().is_empty() {
            json_char(line, char::REPLACEMENT_CHARACTER);
        }
    }
    line.push(b'"');
}

/// Writes a character in ASCII; those beyond the first 65,536 as two surrogates (RFC 8259 §7).
fn json_char(line: &mut Vec<u8>, char: char) {
    match char {
        '"' | '\\' => line.extend([b'\\', char as u8]),
        ' '..='~' => line.push(char as u8),
        _ => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
    }
}

/// Writes the line for a person at a terminal: the time of day, the method and the target.
fn terminal(line: &mut Vec<u8>, of: &Beginning<'_>, ink: TermStyle) {
    let time = of.time.second.get(11..).unwrap_or("-");
    line.extend_from_slice(ink.paint(Style::new().dimmed(), time).as_bytes());
    let (mut method, mut target) = (Vec::new(), Vec::new());
    let asked = of
        .request
        .map(|request| (request.method_name, request.target_bytes));
    let (method_name, target_bytes) = asked.unwrap_or(("-", b"-"));
    escape(&mut method, method_name.as_bytes());
    escape(&mut target, target_bytes);
    let method = shortened(&method, METHOD_WIDTH_MAX);
    let room = of.columns.map_or(usize::MAX, |columns| {
        let others = OTHER_COLUMNS_WIDTH + method.len().max(METHOD_WIDTH);
        columns.saturating_sub(others).max(TARGET_WIDTH_MIN)
    });
    let target = shortened(&target, room);
    let _ = write!(line, "  {method:METHOD_WIDTH$}  {target}  ");
}

/// Returns an ASCII text that fits the width, with its middle cut out if necessary.
fn shortened(text: &[u8], width: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let kept = width.saturating_sub(ELLIPSIS.len());
    let (start, end) = (kept.div_ceil(2), text.len().saturating_sub(kept / 2));
    match (text.get(..start), text.get(end..)) {
        (Some(start), Some(end)) if text.len() > width => format!("{start}{ELLIPSIS}{end}"),
        _ => text.into_owned(),
    }
}

/// Returns a status in the colour of its class.
fn painted_status(status: Option<Status>, ink: TermStyle) -> String {
    let Some(code) = status.map(Status::code) else {
        return ink.paint(Style::new().dimmed(), "---");
    };
    let colour = match code {
        ..300 => AnsiColor::Green,
        300..400 => AnsiColor::Cyan,
        400..500 => AnsiColor::Yellow,
        500.. => AnsiColor::Red,
    };
    ink.paint(colour.on_default(), &code.to_string())
}

/// Returns a duration with two or three digits: `0.31 ms`, `12 ms`, `1.5 s`, `340 s`.
fn brief(elapsed: Duration) -> String {
    let milliseconds = elapsed.as_secs_f64() * 1000.0;
    match milliseconds {
        ..9.995 => format!("{milliseconds:.2} ms"),
        ..999.5 => format!("{milliseconds:.0} ms"),
        ..9_950.0 => format!("{:.1} s", milliseconds / 1000.0),
        _ => format!("{:.0} s", milliseconds / 1000.0),
    }
}

fn write_client(line: &mut Vec<u8>, client: Option<IpAddr>) {
    let _ = match client {
        Some(client) => write!(line, "{client}"),
        None => write!(line, "-"),
    };
}

/// Rearranges `Sun, 06 Nov 1994 08:49:37 GMT` into `06/Nov/1994:08:49:37 +0000`.
fn write_common_date(line: &mut Vec<u8>, date: &str) {
    let part = |range| date.as_bytes().get(range).unwrap_or_default();
    for (range, separator) in [(5..7, b'/'), (8..11, b'/'), (12..16, b':'), (17..25, b' ')] {
        line.extend_from_slice(part(range));
        line.push(separator);
    }
    line.extend_from_slice(b"+0000");
}

fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

/// Writes bytes so that they can neither end a line or a quoted part, nor send escape sequences to
/// a terminal.
fn escape(line: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => line.push(*byte),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}

/// Writes a text as a single word that differs from the placeholder for no text.
fn escape_word(line: &mut Vec<u8>, text: &[u8]) {
    let is_none = text == b"-" || text.is_empty();
    for byte in text {
        match byte {
            b'!'..=b'~' if !is_none && !b"\"\\".contains(byte) => line.push(*byte),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
    if text.is_empty() {
        line.extend_from_slice(b"\"\"");
    }
}

/// The text between the client and the time: no name by RFC 1413, and no user.
const NO_USER: &[u8] = b" - -";

const ELLIPSIS: &str = "...";

/// The width that aligns the targets. It fits all methods that files support.
const METHOD_WIDTH: usize = 4;

/// The limit for a method, which may be any token of any length. The longest registered one has 17
/// letters.
const METHOD_WIDTH_MAX: usize = 17;

/// The width of a terminal line without the method and the target, at its longest: `03:16:08Z`,
/// `200`, `1023 KiB` and `0.31 ms`, with two spaces in between.
const OTHER_COLUMNS_WIDTH: usize = 9 + 3 + 8 + 7 + 5 * 2;

/// The part of the target that is shown even on the narrowest terminal.
const TARGET_WIDTH_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Limits;
    use crate::http::fields::FieldStorage;

    const TIME: LogTime<'_> = LogTime {
        date: "Mon, 30 Nov 2026 03:16:08 GMT",
        second: "2026-11-30T03:16:08Z",
        milliseconds: 7,
    };

    const OK: Completion = Completion {
        status: Some(Status::Ok),
        content_bytes: 2_970,
        elapsed: Duration::from_micros(312),
    };

    /// Returns the log line of a raw request with this outcome.
    fn line_at(
        request: &[u8],
        form: Form,
        completion: Completion,
        columns: Option<usize>,
    ) -> String {
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(request, &mut storage, &Limits::default());
        let head = parsed.ok().flatten().map(|(head, _)| head);
        let mut record = Record::new();
        let beginning = Beginning {
            time: TIME,
            client: Some([192, 0, 2, 1].into()),
            request: head.as_ref(),
            columns,
        };
        record.begin(form, &beginning, &[]);
        let mut line = Vec::new();
        record.write(&mut line, completion);
        assert!(line.is_ascii());
        String::from_utf8(line).unwrap()
    }

    fn line(request: &[u8], form: Form) -> String {
        line_at(request, form, OK, None)
    }

    const GET: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: b\r\n\r\n";

    #[test]
    fn each_format_has_its_line() {
        for (form, expected) in [
            (
                Form::Common,
                "192.0.2.1 - - [30/Nov/2026:03:16:08 +0000] \"GET /a.txt HTTP/1.1\" 200 2970 0.000312\n",
            ),
            (
                Form::Combined,
                "192.0.2.1 - - [30/Nov/2026:03:16:08 +0000] \"GET /a.txt HTTP/1.1\" 200 2970 \"-\" \"b\" 0.000312\n",
            ),
            (
                Form::Json,
                "{\"time\":\"2026-11-30T03:16:08.007Z\",\"client\":\"192.0.2.1\",\"host\":\"a.example:8080\",\
                 \"protocol\":\"HTTP/1.1\",\"method\":\"GET\",\"target\":\"/a.txt\",\"status\":200,\"bytes\":2970,\
                 \"user_agent\":\"b\",\"seconds\":0.000312}\n",
            ),
            (
                Form::Terminal(TermStyle::Plain),
                "03:16:08Z  GET   /a.txt  200  2.9 KiB  0.31 ms\n",
            ),
            (
                Form::Terminal(TermStyle::Terminal),
                "\x1b[2m03:16:08Z\x1b[0m  GET   /a.txt  \x1b[32m200\x1b[0m  2.9 KiB  0.31 ms\n",
            ),
        ] {
            assert_eq!(line(GET, form), expected, "{form:?}");
        }
    }

    #[test]
    fn a_user_is_a_single_word_in_a_log_line() {
        let named = |user: &str, form: Form| {
            let mut record = Record::new();
            let beginning = Beginning {
                time: TIME,
                client: Some([192, 0, 2, 1].into()),
                request: None,
                columns: None,
            };
            record.begin(form, &beginning, &[]);
            record.name_user(user);
            let mut line = Vec::new();
            record.write(&mut line, OK);
            String::from_utf8(line).unwrap()
        };
        for (user, word) in [
            ("alice", "alice"),
            ("a b", "a\\x20b"),
            ("gr\u{fc}n", "gr\\xc3\\xbcn"),
            ("-", "\\x2d"),
            ("--", "--"),
            ("a\" [", "a\\x22\\x20["),
            ("a\\", "a\\x5c"),
            ("", "\"\""),
        ] {
            let start = format!("192.0.2.1 - {word} [30/Nov/2026:03:16:08 +0000] \"-\" 200");
            for form in [Form::Common, Form::Combined] {
                let line = named(user, form);
                assert!(line.starts_with(&start), "{line}");
            }
            let value: serde_json::Value = serde_json::from_str(&named(user, Form::Json)).unwrap();
            assert_eq!(value["user"].as_str(), Some(user));
            assert_eq!(value["client"].as_str(), Some("192.0.2.1"));
        }
        let terminal = Form::Terminal(TermStyle::Plain);
        assert!(!named("alice", terminal).contains("alice"));
    }

    #[test]
    fn the_host_is_the_requested_one() {
        for (request, host) in [
            ("GET / HTTP/1.1\r\nHost: A\r\n\r\n", Some("A")),
            ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Some("b")),
            ("GET / HTTP/1.1\r\nHost: \r\n\r\n", None),
            ("GET / HTTP/1.0\r\n\r\n", None),
        ] {
            let line = line(request.as_bytes(), Form::Json);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["host"].as_str(), host, "{line}");
            assert_eq!(
                value["protocol"].as_str(),
                request
                    .get(request.find("HTTP/").unwrap()..)
                    .map(|it| &it[..8])
            );
        }
    }

    #[test]
    fn strings_in_json_are_ascii_and_parse_to_the_original() {
        for (text, written) in [
            (&b"caf\xc3\xa9"[..], "caf\\u00e9"),
            (b"\xf0\x9f\xa6\x86", "\\ud83e\\udd86"),
            (b"\xe2\x82\xac \x7f\t", "\\u20ac \\u007f\\u0009"),
            (b"\"\\/", "\\\"\\\\/"),
            // Latin-1, a cut sequence, a surrogate: one U+FFFD for each invalid run.
            (b"caf\xe9!", "caf\\ufffd!"),
            (b"\xf0\x9f\xa6", "\\ufffd"),
            (b"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"),
        ] {
            let mut line = Vec::new();
            json_member(&mut line, "a", Some(text));
            let line = String::from_utf8(line).unwrap();
            assert_eq!(line, format!(",\"a\":\"{written}\""));
            let object = format!("{{{}}}", line.trim_start_matches(','));
            let value: serde_json::Value = serde_json::from_str(&object).unwrap();
            assert_eq!(value["a"].as_str(), Some(&*String::from_utf8_lossy(text)));
        }
    }

    #[test]
    fn a_clock_that_cannot_be_right_gives_no_time() {
        let mut record = Record::new();
        let beginning = Beginning {
            time: LogTime {
                date: "",
                second: "",
                milliseconds: 0,
            },
            client: None,
            request: None,
            columns: None,
        };
        for (form, start) in [
            (Form::Json, "{\"time\":null,\"client\":\"-\",\"status\":200"),
            (Form::Terminal(TermStyle::Plain), "-  -     -  200"),
        ] {
            record.begin(form, &beginning, &[]);
            let mut line = Vec::new();
            record.write(&mut line, OK);
            assert!(
                line.starts_with(start.as_bytes()),
                "{:?}",
                String::from_utf8(line)
            );
        }
    }

    #[test]
    fn a_status_has_the_colour_of_its_class() {
        for (status, expected) in [
            (Some(Status::Ok), "\x1b[32m200\x1b[0m"),
            (Some(Status::NotModified), "\x1b[36m304\x1b[0m"),
            (Some(Status::NotFound), "\x1b[33m404\x1b[0m"),
            (Some(Status::InternalServerError), "\x1b[31m500\x1b[0m"),
            (None, "\x1b[2m---\x1b[0m"),
        ] {
            assert_eq!(painted_status(status, TermStyle::Terminal), expected);
        }
        assert_eq!(painted_status(None, TermStyle::Plain), "---");
    }

    #[test]
    fn a_line_fits_the_terminal_and_keeps_both_ends_of_the_target() {
        let target = format!("/{}/app.js?v=1", "x".repeat(3000));
        for (method, columns) in [("GET", 80), ("OPTIONS", 80), ("VERSION-CONTROL", 100)] {
            let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            let longest = Completion {
                content_bytes: 1_047_000,
                ..OK
            };
            let line = line_at(
                request.as_bytes(),
                Form::Terminal(TermStyle::Plain),
                longest,
                Some(columns),
            );
            assert_eq!(line.trim_end().len(), columns, "{line}");
            assert!(
                line.contains("  /xxx") && line.contains("app.js?v=1  200"),
                "{line}"
            );
        }
        // The line is longer than a very narrow terminal, but still useful.
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        for columns in [1, 20, 40] {
            let line = line_at(
                request.as_bytes(),
                Form::Terminal(TermStyle::Plain),
                OK,
                Some(columns),
            );
            assert!(line.contains("  /xxxxxx...js?v=1  200"), "{line}");
        }
        assert!(line_at(GET, Form::Terminal(TermStyle::Plain), OK, Some(47)).contains(" /a.txt "));
    }

    #[test]
    fn nothing_in_a_request_reaches_the_terminal_as_an_escape_sequence() {
        let request = b"GET /\xe2\x80\xae\"\\ HTTP/1.1\r\nHost: a\r\n\r\n";
        let shown = line(request, Form::Terminal(TermStyle::Plain));
        assert!(!shown.trim_end().contains(char::is_control), "{shown:?}");
    }

    #[test]
    fn durations_are_short() {
        for (micros, expected) in [
            (0, "0.00 ms"),
            (5, "0.01 ms"),
            (312, "0.31 ms"),
            (9_994, "9.99 ms"),
            (9_996, "10 ms"),
            (999_400, "999 ms"),
            (999_600, "1.0 s"),
            (9_949_000, "9.9 s"),
            (90_000_000, "90 s"),
            (4_000_000_000, "4000 s"),
        ] {
            assert_eq!(brief(Duration::from_micros(micros)), expected);
        }
    }
}

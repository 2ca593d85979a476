//! What a log line says, in each format. Pure: it is handed the time.
//!
//! Whatever a client sends, a line holds visible ASCII alone, so that it can neither end a line or a
//! quoted part, nor speak to a terminal.

use super::exclusion::LogExclusion;
use crate::http::Status;
use crate::http::fields::FieldName;
use crate::http::request::RequestHead;
use crate::http::version::Version;
use crate::plan::listing::Size;
use crate::process::Ink;
use crate::server::clock::LogTime;
use anstyle::{AnsiColor, Style};
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Common,
    Combined,
    Json,
    Terminal(Ink),
}

/// A line, up to what is known only when its exchange has ended.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// What stands before the status.
    before: Vec<u8>,
    /// What stands between the number of bytes and the time taken.
    after: Vec<u8>,
    /// The one in force when it was begun.
    form: Form,
    /// Whether it is left out if the exchange succeeds.
    is_excluded: bool,
}

/// What is known when a request has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) time: LogTime<'a>,
    pub(crate) client: Option<IpAddr>,
    /// `None` for what was no request.
    pub(crate) request: Option<&'a RequestHead<'a>>,
    /// How many characters a line may have, if it is for a terminal that says so.
    pub(crate) columns: Option<usize>,
}

/// How an exchange has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// `None` if there has been no response.
    pub(crate) status: Option<Status>,
    pub(crate) content_bytes: u64,
    pub(crate) taken: Duration,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            before: Vec::new(),
            after: Vec::new(),
            form: Form::Common,
            is_excluded: false,
        }
    }

    /// Begins another line in place of this one, whose memory it takes over.
    pub(crate) fn begin(&mut self, form: Form, of: &Beginning<'_>, exclusions: &[LogExclusion]) {
        self.form = form;
        self.is_excluded = of
            .request
            .is_some_and(|request| exclusions.iter().any(|each| each.matches(request)));
        let (before, after) = (&mut self.before, &mut self.after);
        before.clear();
        after.clear();
        match form {
            Form::Common => common(before, of),
            Form::Combined => {
                common(before, of);
                combined(after, of.request);
            }
            Form::Json => json(before, after, of),
            Form::Terminal(ink) => terminal(before, of, ink),
        }
    }

    /// Whether the line is left out, by how its exchange has ended: a health check that fails is
    /// worth a line.
    pub(crate) fn is_left_out(&self, ending: &Ending) -> bool {
        let is_success = |status: Status| status.code() < 400;
        self.is_excluded && ending.status.is_some_and(is_success)
    }

    /// Writes the whole line.
    pub(crate) fn write(&self, line: &mut Vec<u8>, ending: Ending) {
        let Ending {
            status,
            content_bytes,
            taken,
        } = ending;
        let (seconds, micros) = (taken.as_secs(), taken.subsec_micros());
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
            Form::Terminal(_) => writeln!(line, "  {}", brief(taken)),
        };
    }
}

/// The Common Log Format, as far as the status.
fn common(line: &mut Vec<u8>, of: &Beginning<'_>) {
    write_client(line, of.client);
    line.extend_from_slice(b" - - [");
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
}

/// What the Combined Log Format adds.
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

/// One JSON object (RFC 8259), in two parts.
fn json(before: &mut Vec<u8>, after: &mut Vec<u8>, of: &Beginning<'_>) {
    before.extend_from_slice(b"{\"time\":");
    let _ = match of.time.second.strip_suffix('Z') {
        Some(second) => write!(before, "\"{second}.{:03}Z\"", of.time.milliseconds),
        None => write!(before, "null"),
    };
    before.extend_from_slice(b",\"client\":\"");
    write_client(before, of.client);
    before.push(b'"');
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
}

/// Writes a name and a string; nothing if there is none.
fn json_member(line: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    let Some(value) = value else {
        return;
    };
    let _ = write!(line, ",\"{name}\":\"");
    for chunk in value.utf8_chunks() {
        for char in chunk.valid().chars() {
            json_char(line, char);
        }
        // JSON has no bytes, and bytes that are not UTF-8 are commonly shown as U+FFFD.
        if !chunk.invalid().is_empty() {
            json_char(line, char::REPLACEMENT_CHARACTER);
        }
    }
    line.push(b'"');
}

/// Writes a character in ASCII: those beyond the first 65,536 as two surrogates (RFC 8259 §7).
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

/// For a person at a terminal: the time of day, the method and the target.
fn terminal(line: &mut Vec<u8>, of: &Beginning<'_>, ink: Ink) {
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

/// A text of ASCII that fits: without its middle, if it is longer.
fn shortened(text: &[u8], width: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let kept = width.saturating_sub(ELLIPSIS.len());
    let (start, end) = (kept.div_ceil(2), text.len().saturating_sub(kept / 2));
    match (text.get(..start), text.get(end..)) {
        (Some(start), Some(end)) if text.len() > width => format!("{start}{ELLIPSIS}{end}"),
        _ => text.into_owned(),
    }
}

/// A status in the colour of its class.
fn painted_status(status: Option<Status>, ink: Ink) -> String {
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

/// A length of time to two or three digits: `0.31 ms`, `12 ms`, `1.5 s`, `340 s`.
fn brief(taken: Duration) -> String {
    let milliseconds = taken.as_secs_f64() * 1000.0;
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

/// Writes bytes so that they can neither end a line or a quoted part, nor speak to a terminal.
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

const ELLIPSIS: &str = "...";

/// So that targets stand beneath each other: all that files are asked for by fits.
const METHOD_WIDTH: usize = 4;

/// A method is any token, as long as its sender likes. The longest that is registered has 17 letters.
const METHOD_WIDTH_MAX: usize = 17;

/// What a line for a terminal has besides the method and the target, at its longest:
/// `03:16:08Z`, `200`, `1023 KiB` and `0.31 ms`, each with two spaces between.
const OTHER_COLUMNS_WIDTH: usize = 9 + 3 + 8 + 7 + 5 * 2;

/// However narrow a terminal is, so much of the target is shown.
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

    const OK: Ending = Ending {
        status: Some(Status::Ok),
        content_bytes: 2_970,
        taken: Duration::from_micros(312),
    };

    /// The line of a raw request that ends like this.
    fn line_at(request: &[u8], form: Form, ending: Ending, columns: Option<usize>) -> String {
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
        record.write(&mut line, ending);
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
                Form::Terminal(Ink::Plain),
                "03:16:08Z  GET   /a.txt  200  2.9 KiB  0.31 ms\n",
            ),
            (
                Form::Terminal(Ink::Terminal),
                "\x1b[2m03:16:08Z\x1b[0m  GET   /a.txt  \x1b[32m200\x1b[0m  2.9 KiB  0.31 ms\n",
            ),
        ] {
            assert_eq!(line(GET, form), expected, "{form:?}");
        }
    }

    #[test]
    fn the_host_is_the_one_that_is_asked_for() {
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
    fn strings_in_json_are_ascii_and_read_back_as_they_were() {
        for (text, written) in [
            (&b"caf\xc3\xa9"[..], "caf\\u00e9"),
            (b"\xf0\x9f\xa6\x86", "\\ud83e\\udd86"),
            (b"\xe2\x82\xac \x7f\t", "\\u20ac \\u007f\\u0009"),
            (b"\"\\/", "\\\"\\\\/"),
            // Latin-1, a cut sequence, a surrogate: one U+FFFD for each run that cannot be read.
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
            (Form::Terminal(Ink::Plain), "-  -     -  200"),
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
            assert_eq!(painted_status(status, Ink::Terminal), expected);
        }
        assert_eq!(painted_status(None, Ink::Plain), "---");
    }

    #[test]
    fn a_line_fits_the_terminal_and_keeps_both_ends_of_the_target() {
        let target = format!("/{}/app.js?v=1", "x".repeat(3000));
        for (method, columns) in [("GET", 80), ("OPTIONS", 80), ("VERSION-CONTROL", 100)] {
            let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            let longest = Ending {
                content_bytes: 1_047_000,
                ..OK
            };
            let line = line_at(
                request.as_bytes(),
                Form::Terminal(Ink::Plain),
                longest,
                Some(columns),
            );
            assert_eq!(line.trim_end().len(), columns, "{line}");
            assert!(
                line.contains("  /xxx") && line.contains("app.js?v=1  200"),
                "{line}"
            );
        }
        // It is longer than a very narrow terminal, and still says something.
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        for columns in [1, 20, 40] {
            let line = line_at(
                request.as_bytes(),
                Form::Terminal(Ink::Plain),
                OK,
                Some(columns),
            );
            assert!(line.contains("  /xxxxxx...js?v=1  200"), "{line}");
        }
        assert!(line_at(GET, Form::Terminal(Ink::Plain), OK, Some(47)).contains(" /a.txt "));
    }

    #[test]
    fn nothing_in_a_request_speaks_to_the_terminal() {
        let request = b"GET /\xe2\x80\xae\"\\ HTTP/1.1\r\nHost: a\r\n\r\n";
        let shown = line(request, Form::Terminal(Ink::Plain));
        assert!(!shown.trim_end().contains(char::is_control), "{shown:?}");
    }

    #[test]
    fn times_are_short() {
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

//! The access log: one record an exchange, one write a tick; to a pipe or a terminal, one for each
//! 4096 bytes.
//!
//! A record is written when its response has been handed over: to the kernel or, if it is small
//! enough to leave together with its head, to the buffer that is about to be sent. Where nobody reads
//! the log, what is served is served all the same: see `backlog`.

use super::backlog::Backlog;
use crate::http::Status;
use crate::http::fields::FieldName;
use crate::http::request::RequestHead;
use crate::http::version::Version;
use crate::process::output::{Output, Written};
use crate::server::clock::Clock;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where access records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(PathBuf),
}

/// How an access record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// The Common Log Format and the time taken.
    Common,
    /// Common, with the referrer and the user agent.
    Combined,
    /// One JSON object a line.
    Json,
}

/// What a log writes to; nothing if it is off.
pub(crate) type Outlet = Option<Output>;

#[derive(Debug)]
pub(crate) struct AccessLog {
    output: Outlet,
    format: AccessLogFormat,
    /// Records that were finished in this tick, and those that could not be written before.
    backlog: Backlog,
    begun: Record,
}

/// A record, up to what is known only when its exchange has ended.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// What stands before the status.
    before: Vec<u8>,
    /// What stands between the number of bytes and the time taken.
    after: Vec<u8>,
    /// The one in force when it was begun.
    format: AccessLogFormat,
}

/// How an exchange has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// `None` if there has been no response.
    pub(crate) status: Option<Status>,
    pub(crate) content_bytes: u64,
    pub(crate) taken: Duration,
}

impl AccessLog {
    /// Opens a log, or takes the stream that was opened for it.
    pub(crate) fn open(
        destination: &LogDestination,
        stream: Outlet,
        format: AccessLogFormat,
    ) -> io::Result<Self> {
        let output = match stream {
            Some(stream) => wanted(Some(stream)),
            None => open(destination, Output::open)?,
        };
        let begun = Record {
            before: Vec::new(),
            after: Vec::new(),
            format,
        };
        Ok(Self {
            output,
            format,
            backlog: Backlog::default(),
            begun,
        })
    }

    /// Writes what was finished where it went until now, and what is to come elsewhere.
    pub(crate) fn redirect(&mut self, output: Outlet, format: AccessLogFormat, now: Instant) {
        self.flush(now);
        self.backlog.turn_elsewhere();
        (self.output, self.format) = (output, format);
        // What there was no room for there.
        self.flush(now);
    }

    /// Writes records in another form from now on.
    pub(crate) fn reformat(&mut self, format: AccessLogFormat) {
        self.format = format;
    }

    /// Whether records are written at all.
    pub(crate) fn is_on(&self) -> bool {
        self.output.is_some()
    }

    /// How many records were lost since the start.
    pub(crate) fn records_lost(&self) -> u64 {
        self.backlog.lost_in_all()
    }

    /// Begins the record of an exchange. `request` is `None` for what was no request.
    pub(crate) fn begin(
        &mut self,
        client: Option<IpAddr>,
        request: Option<&RequestHead<'_>>,
        clock: &Clock,
    ) {
        self.begun.format = self.format;
        let Record { before, after, .. } = &mut self.begun;
        before.clear();
        after.clear();
        match self.format {
            AccessLogFormat::Common => common(before, client, request, clock),
            AccessLogFormat::Combined => {
                common(before, client, request, clock);
                for name in [FieldName::Referer, FieldName::UserAgent] {
                    after.extend_from_slice(b" \"");
                    match request.and_then(|request| request.fields.single(name)) {
                        Some(value) => escape(after, value),
                        None => after.push(b'-'),
                    }
                    after.push(b'"');
                }
            }
            AccessLogFormat::Json => json(before, after, client, request, clock),
        }
    }

    /// Finishes the record that was begun last.
    pub(crate) fn finish(&mut self, ending: Ending) {
        if self.is_on() {
            write(self.backlog.next(), &self.begun, ending);
        }
    }

    /// A copy of the record that was begun last, for an exchange that goes on.
    pub(crate) fn keep(&self) -> Option<Box<Record>> {
        self.is_on().then(|| Box::new(self.begun.clone()))
    }

    pub(crate) fn finish_kept(&mut self, record: &Record, ending: Ending) {
        if self.is_on() {
            write(self.backlog.next(), record, ending);
        }
    }

    /// Writes the records that were finished in this tick, after those that were left from before.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.backlog.write(now, |records| match &self.output {
            Some(output) => output.write(records),
            // It was turned off, and has no use for what was left.
            None => Written::all_of(records),
        });
    }

    /// When it is to be flushed again, though there may be nothing new.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.backlog.due()
    }

    /// Writes what is left, as far as whoever reads it takes it in a moment.
    pub(crate) fn close(mut self) {
        let deadline = Instant::now() + LAST_EFFORT;
        loop {
            let now = Instant::now();
            self.flush(now);
            let left = deadline.saturating_duration_since(now);
            match &self.output {
                Some(output) if !self.backlog.is_empty() && !left.is_zero() => {
                    output.await_room(left);
                }
                _ => return self.backlog.give_up(now),
            }
        }
    }
}

/// Opens the standard stream that is the log once more, if it can be. It is to be done as whoever
/// the server is started by, who has got the stream; a terminal is not for other users.
pub(crate) fn own_stream(destination: &LogDestination, is_daemon: bool) -> Outlet {
    // A daemon lets go of its streams, and must not hold what they led to.
    match destination {
        LogDestination::Stdout if !is_daemon => Some(Output::stdout().for_us_alone()),
        LogDestination::Stderr if !is_daemon => Some(Output::stderr().for_us_alone()),
        _ => None,
    }
}

/// Opens what a log is to write to.
fn open(
    destination: &LogDestination,
    open_file: fn(&Path) -> io::Result<Output>,
) -> io::Result<Outlet> {
    let output = match destination {
        LogDestination::Off => None,
        LogDestination::Stdout => Some(Output::stdout()),
        LogDestination::Stderr => Some(Output::stderr()),
        LogDestination::File(path) => Some(open_file(path)?),
    };
    Ok(wanted(output))
}

/// `RUST_LOG` has a say in access records as in any others.
fn wanted(output: Outlet) -> Outlet {
    output.filter(|_| log::log_enabled!(target: TARGET, log::Level::Info))
}

/// As [`open`], where a log goes to `old` until now. `None` if there is nothing to be opened: what
/// is no file is not renamed, and a FIFO that nobody reads must not stop the server.
pub(crate) fn reopen(old: &LogDestination, new: &LogDestination) -> io::Result<Option<Outlet>> {
    let is_file = |destination: &LogDestination| match destination {
        LogDestination::File(path) => path.metadata().map_or(true, |facts| facts.is_file()),
        LogDestination::Off | LogDestination::Stdout | LogDestination::Stderr => false,
    };
    if new == old && !is_file(new) {
        return Ok(None);
    }
    open(new, Output::open_at_once).map(Some)
}

fn write(line: &mut Vec<u8>, record: &Record, ending: Ending) {
    let (format, content_bytes) = (record.format, ending.content_bytes);
    let (seconds, micros) = (ending.taken.as_secs(), ending.taken.subsec_micros());
    line.extend_from_slice(&record.before);
    // Writing to a vector cannot fail.
    let _ = match (ending.status, format) {
        (Some(status), _) => write!(line, "{}", status.code()),
        (None, AccessLogFormat::Json) => write!(line, "null"),
        (None, AccessLogFormat::Common | AccessLogFormat::Combined) => write!(line, "-"),
    };
    let _ = match format {
        AccessLogFormat::Common | AccessLogFormat::Combined => write!(line, " {content_bytes}"),
        AccessLogFormat::Json => write!(line, ",\"bytes\":{content_bytes}"),
    };
    line.extend_from_slice(&record.after);
    let _ = match format {
        AccessLogFormat::Common | AccessLogFormat::Combined => {
            writeln!(line, " {seconds}.{micros:06}")
        }
        AccessLogFormat::Json => writeln!(line, "{seconds}.{micros:06}}}"),
    };
}

fn common(
    line: &mut Vec<u8>,
    client: Option<IpAddr>,
    request: Option<&RequestHead<'_>>,
    clock: &Clock,
) {
    write_client(line, client);
    line.extend_from_slice(b" - - [");
    write_common_date(line, clock.date());
    line.extend_from_slice(b"] \"");
    match request {
        Some(request) => {
            escape(line, request.method_name.as_bytes());
            line.push(b' ');
            escape(line, request.target_bytes);
            line.extend_from_slice(version(request.version));
        }
        None => line.push(b'-'),
    }
    line.extend_from_slice(b"\" ");
}

fn json(
    before: &mut Vec<u8>,
    after: &mut Vec<u8>,
    client: Option<IpAddr>,
    request: Option<&RequestHead<'_>>,
    clock: &Clock,
) {
    before.extend_from_slice(b"{\"time\":\"");
    before.extend_from_slice(clock.date().as_bytes());
    before.extend_from_slice(b"\",\"client\":\"");
    write_client(before, client);
    before.push(b'"');
    if let Some(request) = request {
        json_member(before, "method", Some(request.method_name.as_bytes()));
        json_member(before, "target", Some(request.target_bytes));
        json_member(after, "referer", request.fields.single(FieldName::Referer));
        json_member(
            after,
            "user_agent",
            request.fields.single(FieldName::UserAgent),
        );
    }
    before.extend_from_slice(b",\"status\":");
    after.extend_from_slice(b",\"seconds\":");
}

fn json_member(line: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    if let Some(value) = value {
        let _ = write!(line, ",\"{name}\":\"");
        for char in String::from_utf8_lossy(value).chars() {
            let _ = match char {
                '"' | '\\' => write!(line, "\\{char}"),
                _ if char.is_control() => write!(line, "\\u{:04x}", u32::from(char)),
                _ => write!(line, "{char}"),
            };
        }
        line.push(b'"');
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

fn version(version: Version) -> &'static [u8] {
    match version {
        Version::Http10 => b" HTTP/1.0",
        Version::Http11 => b" HTTP/1.1",
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

/// What `RUST_LOG` calls access records.
const TARGET: &str = "millpond::access";

/// How long the end of the process waits for whoever reads the log.
const LAST_EFFORT: Duration = Duration::from_secs(1);

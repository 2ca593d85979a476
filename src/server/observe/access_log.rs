//! The access log: one line for each request and one write for each tick; to a pipe or a terminal,
//! one write for each 4096 bytes.
//!
//! A line is written when its response has been handed over: to the kernel or, for a response small
//! enough to be sent together with its head, to the buffer that is about to be sent. If nobody
//! reads the log, requests are still served: see `backlog`.

use super::backlog::Backlog;
use super::line::{Beginning, Form};
use super::shared_log::{self, SharedLog};
use crate::http::request::RequestHead;
use crate::process::TermStyle;
use crate::process::output::{Output, Written};
use crate::server::clock::LogTime;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use super::exclusion::LogExclusion;
pub(crate) use super::line::{Completion, Record};

/// The destination of log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// No log.
    Off,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, to which lines are appended.
    File(PathBuf),
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Terminal if the log goes to a terminal, otherwise Common.
    Auto,
    /// The Common Log Format and the duration.
    Common,
    /// Common, with the referrer and the user agent.
    Combined,
    /// One JSON object per line.
    Json,
    /// A short line for a person, in colour if the log goes to a terminal that supports it.
    Terminal,
}

/// The format, and the requests to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) format: AccessLogFormat,
    pub(crate) exclusions: Vec<LogExclusion>,
}

#[derive(Debug)]
pub(crate) struct AccessLog {
    /// `None` if the log is off, or if several workers share it.
    output: Option<Output>,
    /// The log that several workers share, which has the output.
    shared: Option<Shared>,
    is_on: bool,
    style: Style,
    /// The concrete format for the output.
    form: Form,
    /// The lines finished in this tick, and those that could not be written before.
    backlog: Backlog,
    begun: Record,
}

/// The part of one worker in the shared log.
#[derive(Debug)]
struct Shared {
    log: SharedLog,
    /// The time of the next write, even if there are no new lines.
    due: Option<Instant>,
}

impl Style {
    /// Returns the concrete format of lines for an output.
    fn form(&self, output: Option<&Output>) -> Form {
        let is_terminal = output.is_some_and(Output::is_terminal);
        match self.format {
            AccessLogFormat::Common => Form::Common,
            AccessLogFormat::Combined => Form::Combined,
            AccessLogFormat::Json => Form::Json,
            AccessLogFormat::Auto if !is_terminal => Form::Common,
            AccessLogFormat::Auto | AccessLogFormat::Terminal => Form::Terminal(if is_terminal {
                TermStyle::of_terminal()
            } else {
                TermStyle::Plain
            }),
        }
    }
}

impl AccessLog {
    /// Opens a log, or uses the stream that was opened for it.
    pub(crate) fn open(
        destination: &LogDestination,
        stream: Option<Output>,
        style: Style,
    ) -> io::Result<Self> {
        let output = match stream {
            Some(stream) => wanted(Some(stream)),
            None => open(destination, Output::open)?,
        };
        Ok(Self {
            form: style.form(output.as_ref()),
            is_on: output.is_some(),
            output,
            shared: None,
            style,
            backlog: Backlog::default(),
            begun: Record::new(),
        })
    }

    /// Turns this log into one that several workers share, and returns it.
    pub(crate) fn share(&mut self) -> SharedLog {
        let log = SharedLog::new(self.output.take());
        self.shared = Some(Shared {
            log: log.clone(),
            due: None,
        });
        log
    }

    /// Returns the part of another worker in a shared log.
    pub(crate) fn of_worker(log: SharedLog, style: Style) -> Self {
        let (form, is_on) = log.with_output(|output| (style.form(output), output.is_some()));
        Self {
            output: None,
            shared: Some(Shared { log, due: None }),
            is_on,
            style,
            form,
            backlog: Backlog::default(),
            begun: Record::new(),
        }
    }

    /// Writes the finished lines to the old output, and later ones to the new one.
    pub(crate) fn redirect(&mut self, output: Option<Output>, style: Style, now: Instant) {
        self.flush(now);
        if let Some(shared) = &self.shared {
            shared.log.redirect(output, now);
        } else {
            self.backlog.switch_output();
            self.output = output;
        }
        self.restyle(style);
        // Writes the lines that did not fit there.
        self.flush(now);
    }

    /// Uses another format, and leaves out other requests, from now on.
    pub(crate) fn restyle(&mut self, style: Style) {
        let find = |output: Option<&Output>| (style.form(output), output.is_some());
        (self.form, self.is_on) = match &self.shared {
            Some(shared) => shared.log.with_output(find),
            None => find(self.output.as_ref()),
        };
        self.style = style;
    }

    /// Returns `true` if lines are written at all.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Returns the number of lines lost since the start.
    pub(crate) fn records_lost(&self) -> u64 {
        match &self.shared {
            Some(shared) => shared.log.lines_lost(),
            None => self.backlog.lost_in_all(),
        }
    }

    /// Begins the line of a request. `request` is `None` for input that is not a request.
    pub(crate) fn begin(
        &mut self,
        client: Option<IpAddr>,
        request: Option<&RequestHead<'_>>,
        time: LogTime<'_>,
    ) {
        let columns = match self.form {
            // The terminal may have another width than before.
            Form::Terminal(_) => self.columns(),
            _ => None,
        };
        let beginning = Beginning {
            time,
            client,
            request,
            columns,
        };
        self.begun
            .begin(self.form, &beginning, &self.style.exclusions);
    }

    fn columns(&self) -> Option<usize> {
        match &self.shared {
            Some(shared) => shared.log.with_output(|output| output?.columns()),
            None => self.output.as_ref()?.columns(),
        }
    }

    /// Records the user of the last record that was begun.
    pub(crate) fn name_user(&mut self, user: &str) {
        self.begun.name_user(user);
    }

    /// Finishes the line that was begun last.
    pub(crate) fn finish(&mut self, completion: Completion) {
        if self.is_on() && !self.begun.is_left_out(&completion) {
            self.begun.write(self.backlog.next(), completion);
        }
    }

    /// Returns a copy of the line that was begun last, for a request that continues.
    pub(crate) fn keep(&self) -> Option<Box<Record>> {
        self.is_on().then(|| Box::new(self.begun.clone()))
    }

    pub(crate) fn finish_kept(&mut self, record: &Record, completion: Completion) {
        if self.is_on() && !record.is_left_out(&completion) {
            record.write(self.backlog.next(), completion);
        }
    }

    /// Writes the lines finished in this tick, after those left from earlier ticks.
    pub(crate) fn flush(&mut self, now: Instant) {
        match &mut self.shared {
            // Most ticks, if the log is off.
            None if self.backlog.is_idle() => {}
            None => shared_log::flush(&mut self.backlog, self.output.as_ref(), now),
            Some(shared) => {
                if !self.backlog.is_empty() {
                    self.backlog.write(now, |records| {
                        shared.due = shared.log.write(records, now);
                        Written::all_of(records)
                    });
                } else if shared.due.is_some_and(|due| due <= now) {
                    shared.due = shared.log.write(&[], now);
                }
            }
        }
    }

    /// Returns the time of the next flush, even without new lines.
    pub(crate) fn due(&self) -> Option<Instant> {
        match &self.shared {
            Some(shared) => shared.due,
            None => self.backlog.due(),
        }
    }

    /// Writes the remaining lines, as far as a reader accepts them within a moment.
    pub(crate) fn close(mut self) {
        let now = Instant::now();
        let deadline = now + LAST_WRITE_TIMEOUT;
        if self.shared.is_some() {
            self.flush(now);
        }
        match &self.shared {
            Some(shared) => shared.log.close(deadline),
            None => shared_log::close(&mut self.backlog, self.output.as_ref(), deadline),
        }
    }
}

/// Opens the standard stream of the log again, if possible. Call this as the user who started the
/// server and owns the stream, because other users cannot open a terminal.
pub(crate) fn own_stream(destination: &LogDestination, is_daemon: bool) -> Option<Output> {
    // A daemon detaches its streams, so it must not keep a second descriptor for them.
    match destination {
        LogDestination::Stdout if !is_daemon => Some(Output::stdout().reopen_nonblocking()),
        LogDestination::Stderr if !is_daemon => Some(Output::stderr().reopen_nonblocking()),
        _ => None,
    }
}

/// Opens the output of a log.
fn open(
    destination: &LogDestination,
    open_file: fn(&Path) -> io::Result<Output>,
) -> io::Result<Option<Output>> {
    let output = match destination {
        LogDestination::Off => None,
        LogDestination::Stdout => Some(Output::stdout()),
        LogDestination::Stderr => Some(Output::stderr()),
        LogDestination::File(path) => Some(open_file(path)?),
    };
    Ok(wanted(output))
}

/// Returns the output if `RUST_LOG` includes log lines, as it does for other messages.
fn wanted(output: Option<Output>) -> Option<Output> {
    output.filter(|_| log::log_enabled!(target: TARGET, log::Level::Info))
}

/// The result of opening a log again.
#[derive(Debug)]
pub(crate) enum Reopened {
    /// The output stays: only files are renamed, and a FIFO without a reader must not stop the
    /// server.
    Kept,
    /// The output from now on; `None` if the log is off.
    Replaced(Option<Output>),
}

/// Opens a log again, which goes to `old` until now.
pub(crate) fn reopen(old: &LogDestination, new: &LogDestination) -> io::Result<Reopened> {
    let is_file = |destination: &LogDestination| match destination {
        LogDestination::File(path) => path.metadata().map_or(true, |facts| facts.is_file()),
        LogDestination::Off | LogDestination::Stdout | LogDestination::Stderr => false,
    };
    if new == old && !is_file(new) {
        return Ok(Reopened::Kept);
    }
    open(new, Output::open_at_once).map(Reopened::Replaced)
}

/// The target of log lines in `RUST_LOG`.
const TARGET: &str = "millpond::access";

/// The time that the end of the process waits for a reader of the log.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

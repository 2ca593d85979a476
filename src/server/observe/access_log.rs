//! The access log: one record an exchange, one write a tick; to a pipe or a terminal, one for each
//! 4096 bytes.
//!
//! A record is written when its response has been handed over: to the kernel or, if it is small
//! enough to leave together with its head, to the buffer that is about to be sent. Where nobody reads
//! the log, what is served is served all the same: see `backlog`.

use super::backlog::Backlog;
use super::line::{Beginning, Form};
use crate::http::request::RequestHead;
use crate::process::Ink;
use crate::process::output::{Output, Written};
use crate::server::clock::LogTime;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use super::exclusion::LogExclusion;
pub(crate) use super::line::{Ending, Record};

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
    /// As for a terminal where the log goes to one, else Common.
    Auto,
    /// The Common Log Format and the time taken.
    Common,
    /// Common, with the referrer and the user agent.
    Combined,
    /// One JSON object a line.
    Json,
    /// A short line for a person, in colours where the log goes to a terminal that has them.
    Terminal,
}

/// What is written of which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) format: AccessLogFormat,
    pub(crate) exclusions: Vec<LogExclusion>,
}

/// What a log writes to; nothing if it is off.
pub(crate) type Outlet = Option<Output>;

#[derive(Debug)]
pub(crate) struct AccessLog {
    output: Outlet,
    style: Style,
    /// What the format comes to at the output.
    form: Form,
    /// Records that were finished in this tick, and those that could not be written before.
    backlog: Backlog,
    begun: Record,
}

impl Style {
    /// How lines are written to an output.
    fn form(&self, output: Option<&Output>) -> Form {
        let is_terminal = output.is_some_and(Output::is_terminal);
        match self.format {
            AccessLogFormat::Common => Form::Common,
            AccessLogFormat::Combined => Form::Combined,
            AccessLogFormat::Json => Form::Json,
            AccessLogFormat::Auto if !is_terminal => Form::Common,
            AccessLogFormat::Auto | AccessLogFormat::Terminal => Form::Terminal(if is_terminal {
                Ink::of_terminal()
            } else {
                Ink::Plain
            }),
        }
    }
}

impl AccessLog {
    /// Opens a log, or takes the stream that was opened for it.
    pub(crate) fn open(
        destination: &LogDestination,
        stream: Outlet,
        style: Style,
    ) -> io::Result<Self> {
        let output = match stream {
            Some(stream) => wanted(Some(stream)),
            None => open(destination, Output::open)?,
        };
        Ok(Self {
            form: style.form(output.as_ref()),
            output,
            style,
            backlog: Backlog::default(),
            begun: Record::new(),
        })
    }

    /// Writes what was finished where it went until now, and what is to come elsewhere.
    pub(crate) fn redirect(&mut self, output: Outlet, style: Style, now: Instant) {
        self.flush(now);
        self.backlog.turn_elsewhere();
        self.output = output;
        self.restyle(style);
        // What there was no room for there.
        self.flush(now);
    }

    /// Writes records in another form from now on, or others.
    pub(crate) fn restyle(&mut self, style: Style) {
        self.form = style.form(self.output.as_ref());
        self.style = style;
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
        time: LogTime<'_>,
    ) {
        let columns = match (self.form, &self.output) {
            // It may have another width than before.
            (Form::Terminal(_), Some(output)) => output.columns(),
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

    /// Finishes the record that was begun last.
    pub(crate) fn finish(&mut self, ending: Ending) {
        if self.is_on() && !self.begun.is_left_out(&ending) {
            self.begun.write(self.backlog.next(), ending);
        }
    }

    /// A copy of the record that was begun last, for an exchange that goes on.
    pub(crate) fn keep(&self) -> Option<Box<Record>> {
        self.is_on().then(|| Box::new(self.begun.clone()))
    }

    pub(crate) fn finish_kept(&mut self, record: &Record, ending: Ending) {
        if self.is_on() && !record.is_left_out(&ending) {
            record.write(self.backlog.next(), ending);
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

/// What `RUST_LOG` calls access records.
const TARGET: &str = "millpond::access";

/// How long the end of the process waits for whoever reads the log.
const LAST_EFFORT: Duration = Duration::from_secs(1);

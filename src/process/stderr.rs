//! Diagnostics: lines on standard error, for which nothing that is served has to wait, nor for those
//! on standard output at the start.

use super::output::{Output, Written};
use log::Level;
use rustix::fs::fstat;
use rustix::stdio::stderr;
use std::env;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Standard error, to hand whole lines to. Where nobody reads it, they are lost, and that is told
/// once there is room again.
#[derive(Debug)]
pub struct Diagnostics {
    output: Output,
    /// Lines that were lost and not told of yet.
    lost: usize,
    /// Whether what was written last was a part of a line.
    is_within: bool,
}

impl Diagnostics {
    /// Standard error as it is, and as it will be if it is led elsewhere.
    #[expect(clippy::new_without_default, reason = "there is one standard error")]
    pub fn new() -> Self {
        Self {
            output: Output::stderr(),
            lost: 0,
            is_within: false,
        }
    }
}

impl Write for Diagnostics {
    /// Takes all, whatever comes of it: there is nobody to be told.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Who has been waited for in vain is not waited for again.
        if self.lost == 0 {
            self.output.await_room(PATIENCE);
        }
        let mut text = Vec::with_capacity(line.len());
        if self.is_within {
            text.push(b'\n');
        }
        if self.lost > 0 {
            let priority = journal_priority(Level::Warn);
            writeln!(
                text,
                "{priority}{} lines before this one were lost",
                self.lost
            )?;
        }
        text.extend_from_slice(line);
        let written = self.output.write(&text).bytes;
        if let Some(last) = text.get(..written).and_then(<[u8]>::last) {
            self.is_within = *last != b'\n';
        }
        if written == text.len() {
            self.lost = 0;
        } else {
            self.lost += 1;
            LOST_IN_ALL.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a line on standard error begins with where that leads to systemd's journal (sd-daemon(3)),
/// which shows errors apart then, and does not let many access records crowd them out.
pub fn journal_priority(level: Level) -> &'static str {
    match level {
        _ if !leads_to_journal() => "",
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// Whether standard error is still what systemd has connected to the journal (systemd.exec(5)).
fn leads_to_journal() -> bool {
    let Ok(connected) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    fstat(stderr()).is_ok_and(|facts| connected == format!("{}:{}", facts.st_dev, facts.st_ino))
}

/// Writes to standard output, unless nobody reads it.
pub fn print_at_once(text: &str) -> io::Result<()> {
    let output = Output::stdout();
    output.await_room(PATIENCE);
    let Written { bytes, failure } = output.write(text.as_bytes());
    match failure {
        Some(error) => Err(error.into()),
        None if bytes < text.len() => Err(io::Error::other("nobody reads standard output")),
        None => Ok(()),
    }
}

/// How many lines were lost since the start.
pub(crate) fn lines_lost() -> u64 {
    LOST_IN_ALL.load(Ordering::Relaxed)
}

/// Of the process, as standard error is: `log` has no other way back to who writes it.
static LOST_IN_ALL: AtomicU64 = AtomicU64::new(0);

/// How long a terminal may take to make room in a burst of lines.
const PATIENCE: Duration = Duration::from_millis(100);

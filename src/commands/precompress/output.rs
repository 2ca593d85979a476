//! The output: the progress, the results and the errors.

use super::bar::Bar;
use super::file::Problem;
use super::tally::{FileDone, Files, Tally};
use super::work::Task;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

/// Prints results to standard output, and progress, warnings and errors to standard error.
#[derive(Debug)]
pub(super) struct Output<'a> {
    root: &'a Path,
    bar: Bar,
    tally: Tally,
    done: usize,
    lacking: usize,
    is_complete: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(root: &'a Path, total: usize) -> Self {
        Self {
            root,
            bar: Bar::new(total),
            tally: Tally::default(),
            done: 0,
            lacking: 0,
            is_complete: true,
        }
    }

    /// Prints the result for one file.
    pub(super) fn show(&mut self, path: &[u8], outcome: &Result<FileDone, Problem>) {
        self.done += 1;
        match outcome {
            Ok(done) => {
                self.tally.add(done);
                for (coding, why) in &done.lacking {
                    let name = [path, coding.extension().as_bytes()].concat();
                    self.bar.clear();
                    print(&format_args!("{}: {why}", shown(&name)));
                    self.lacking += 1;
                    self.is_complete = false;
                }
                if !done.written.is_empty() && !self.bar.is_drawn() {
                    print(&format_args!("{}: {}", shown(path), done.sizes));
                }
            }
            Err(problem) => self.problem(path, problem),
        }
        self.bar.draw(self.done, &shown(path));
    }

    pub(super) fn problem(&mut self, path: &[u8], problem: &Problem) {
        self.is_complete = false;
        self.bar.clear();
        eprint(&format_args!("error: {}: {problem}", shown(path)));
    }

    /// Returns `true` if a file was written.
    pub(super) fn has_written(&self) -> bool {
        self.tally.written > 0
    }

    /// Returns `true` if no file is missing or stale, and there was no error.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Removes the progress bar.
    pub(super) fn clear(&self) {
        self.bar.clear();
    }

    /// Prints the summary.
    pub(super) fn end(&self, task: Task, left_over: &[Vec<u8>]) {
        self.bar.clear();
        for path in left_over {
            eprint(&format_args!(
                "warning: {}: its original is gone; delete it, unless you serve it without the \
                 original",
                shown(path)
            ));
        }
        match (task, self.lacking) {
            (Task::Write, _) => print(&self.tally),
            (Task::Check, 0) if self.is_complete => {
                print(&format_args!(
                    "{} compressed, none missing",
                    Files(self.tally.current)
                ));
            }
            (Task::Check, 0) => {}
            (Task::Check, lacking) => eprint(&format_args!(
                "error: {} missing or stale. Run millpond --precompress {}.",
                Files(lacking),
                self.root.display()
            )),
        }
    }
}

/// Returns a path without control characters, which could affect a terminal.
fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).replace(char::is_control, "\u{FFFD}")
}

/// Prints a line. Without a reader, the work continues anyway.
fn print(line: &dyn fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn eprint(line: &dyn fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

//! The progress bar.

use crate::process::{TermStyle, terminal_columns};
use std::io::{self, IsTerminal, Write as _};

/// A progress bar on standard error. It draws nothing if that is not a terminal.
#[derive(Debug)]
pub(super) struct Bar {
    style: Option<TermStyle>,
    total: usize,
}

impl Bar {
    pub(super) fn new(total: usize) -> Self {
        let style = TermStyle::of_terminal();
        let is_drawn = io::stderr().is_terminal() && style != TermStyle::Plain;
        Self {
            style: is_drawn.then_some(style),
            total,
        }
    }

    pub(super) fn is_drawn(&self) -> bool {
        self.style.is_some()
    }

    /// Draws the bar. `name` is that of the last file.
    pub(super) fn draw(&self, done: usize, name: &str) {
        if let Some(style) = self.style {
            let line = line(done, self.total, name, terminal_columns().into(), style);
            // A closed terminal needs no bar.
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
        }
    }

    pub(super) fn clear(&self) {
        if self.is_drawn() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Returns the line. It is shorter than `columns`, so it never wraps.
fn line(done: usize, total: usize, name: &str, columns: usize, style: TermStyle) -> String {
    let filled = (done * WIDTH)
        .checked_div(total)
        .unwrap_or(WIDTH)
        .min(WIDTH);
    let bar = "#".repeat(filled) + &"-".repeat(WIDTH - filled);
    let count = format!("{done} of {total} files");
    let left = columns.saturating_sub(WIDTH + count.len() + 6);
    let name: String = name.chars().map(visible).take(left).collect();
    if columns < WIDTH + count.len() + 6 {
        return count.chars().take(columns.saturating_sub(1)).collect();
    }
    format!("[{bar}] {}  {}", style.bold(&count), style.faint(&name))
}

/// Replaces control characters, which a file name may contain.
fn visible(char: char) -> char {
    if char.is_control() { '\u{FFFD}' } else { char }
}

/// The width of the bar, in characters.
const WIDTH: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_stays_on_its_line() {
        let line = |done, total, name, columns| line(done, total, name, columns, TermStyle::Plain);
        assert_eq!(
            line(0, 4, "a.js", 80),
            "[------------------------] 0 of 4 files  a.js"
        );
        assert_eq!(
            line(2, 4, "a\x1b.js", 80),
            "[############------------] 2 of 4 files  a\u{FFFD}.js"
        );
        assert_eq!(
            line(4, 4, "", 80),
            "[########################] 4 of 4 files  "
        );
        assert_eq!(line(0, 0, "", 80).len(), 41);
        let long = "name".repeat(100);
        for columns in 0..120 {
            let drawn = line(3, 1000, &long, columns).chars().count();
            assert!(drawn < columns.max(1), "{drawn} of {columns}");
        }
    }
}

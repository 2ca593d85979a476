//! The style of text on a terminal.

use anstyle::{AnsiColor, Style};
use rustix::termios::tcgetwinsize;
use std::{env, io};

/// The text styles that an output supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermStyle {
    /// Plain characters only.
    Plain,
    /// A terminal with bold, faint and coloured text.
    Terminal,
}

impl TermStyle {
    /// Returns the style for a terminal, as the environment specifies. <https://no-color.org> is
    /// about colours, but users who set it want none of the other escape sequences either.
    pub fn of_terminal() -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        if is_set("NO_COLOR") || is_dumb {
            Self::Plain
        } else {
            Self::Terminal
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// Marks errors.
    pub fn red(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default(), text)
    }

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Terminal => format!("{style}{text}{style:#}"),
        }
    }
}

/// Returns the number of characters on a line of the terminal at standard output. If that is
/// unknown, it is 80, as on the first terminals.
pub fn columns() -> u16 {
    let size = tcgetwinsize(io::stdout()).ok();
    let known = size.map(|size| size.ws_col).filter(|columns| *columns > 0);
    known.unwrap_or(COLUMNS)
}

const COLUMNS: u16 = 80;

//! What a terminal is written to with.

use anstyle::Style;
use std::env;

/// What there is to write with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Characters alone.
    Plain,
    /// A terminal that knows bold, faint and colours.
    Terminal,
}

impl Ink {
    /// For a terminal, by what the environment says of it. <https://no-color.org> speaks of colours,
    /// but users who set it want no others of these codes either.
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

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Terminal => format!("{style}{text}{style:#}"),
        }
    }
}

//! Errors in settings.

use super::origin::Origin;
use std::fmt;

/// All errors in the settings, one line each.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingsError {
    pub(super) problems: Vec<Problem>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) origin: Origin,
    pub(super) message: String,
}

impl Problem {
    /// Creates a problem of an option. In a file, the message includes the name of the option,
    /// because the position alone does not show it.
    pub(super) fn of(name: &str, origin: Origin, message: String) -> Self {
        let message = match origin {
            Origin::File { .. } => format!("{name}: {message}"),
            Origin::Argument(_) | Origin::Variable(_) => message,
        };
        Self { origin, message }
    }
}

impl SettingsError {
    /// Returns the exit status: 2 if the command line is wrong, otherwise 1.
    pub fn exit_status(&self) -> u8 {
        let blame = |problem: &Problem| matches!(problem.origin, Origin::Argument(_));
        if self.problems.iter().any(blame) {
            2
        } else {
            1
        }
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { origin, message }) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{origin}: {message}")?;
        }
        Ok(())
    }
}

//! The destination of a log, and the requests that it leaves out.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, list, one};
use crate::server::{LogDestination, LogExclusion};
use crate::settings::store::Settings;
use crate::settings::text::{path, utf8};
use clap::ValueHint;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// The destination of a log.
pub(crate) struct LogFile(pub(crate) Field<LogDestination>);

impl Value for LogFile {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = log_destination(one(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Text(log_destination_text(&get(self.0, settings)))
    }

    fn placeholder(&self) -> &'static str {
        "off|stdout|stderr|FILE"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "\"off\", \"stdout\", \"stderr\" or a path in quotes",
        }
    }

    fn hint(&self) -> ValueHint {
        ValueHint::FilePath
    }

    fn off(&self) -> Option<&'static str> {
        Some("off")
    }
}

/// Requests that a log leaves out: by path, or by a part of `User-Agent`.
pub(crate) struct LogExclusions(pub(crate) Field<Vec<LogExclusion>>);

impl Value for LogExclusions {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        let parse = |text: &OsStr| LogExclusion::parse(utf8(text)?);
        *(self.0)(settings) = list(texts, parse, |_| true)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let exclusions = get(self.0, settings);
        Printed::List(exclusions.iter().map(LogExclusion::to_string).collect())
    }

    fn placeholder(&self) -> &'static str {
        "PATH|AGENT"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "paths or parts of a User-Agent in quotes, like [\"/healthz\", \"kube-probe\"]",
        }
    }

    fn is_list(&self) -> bool {
        true
    }
}

/// Parses the destination of a log: `off`, `stdout`, `stderr` or a path (`./off` is one).
fn log_destination(text: &OsStr) -> Result<LogDestination, String> {
    match text.as_bytes() {
        b"off" => Ok(LogDestination::Off),
        b"stdout" => Ok(LogDestination::Stdout),
        b"stderr" => Ok(LogDestination::Stderr),
        _ => path(text).map(LogDestination::File),
    }
}

/// Writes the destination of a log.
fn log_destination_text(destination: &LogDestination) -> String {
    match destination {
        LogDestination::Off => "off".to_owned(),
        LogDestination::Stdout => "stdout".to_owned(),
        LogDestination::Stderr => "stderr".to_owned(),
        LogDestination::File(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_destination_is_a_path_unless_it_is_a_keyword() {
        for text in ["off", "stdout", "stderr", "./off", "/var/log/millpond.log"] {
            let destination = log_destination(OsStr::new(text));
            let is_file = matches!(destination, Ok(LogDestination::File(_)));
            assert_eq!(is_file, text.contains('/'), "{text}");
            let written = destination.map(|destination| log_destination_text(&destination));
            assert_eq!(written.as_deref(), Ok(text));
        }
        assert!(log_destination(OsStr::new("")).is_err());
    }
}

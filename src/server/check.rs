//! What would keep a server from starting, looked for without one: the answer to `--check`.

use super::{ListenAddress, LogDestination, Options, StartError, listener};
use crate::site;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{self, Path};

impl Options {
    /// Whether a server with these options could start. Nothing is listened on, so that a server
    /// that does so with these options is no obstacle.
    pub fn check(&self) -> Result<(), StartError> {
        site::check(&self.site).map_err(|error| StartError::Root(self.site.root.clone(), error))?;
        check_log(&self.access_log)
            .map_err(|error| StartError::AccessLog(self.access_log.clone(), error))?;
        for address in listener::addresses(self).iter().chain(&self.admin) {
            if let ListenAddress::Unix(path) = address {
                require_directory_of(path)
                    .map_err(|error| StartError::Listen(address.clone(), error))?;
            }
        }
        Ok(())
    }
}

/// Whether a log can be written, without creating it.
fn check_log(destination: &LogDestination) -> io::Result<()> {
    let LogDestination::File(path) = destination else {
        return Ok(());
    };
    match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => require_directory_of(path),
        opened => opened.map(drop),
    }
}

/// Whether there is a directory for a file.
fn require_directory_of(path: &Path) -> io::Result<()> {
    fs::metadata(path::absolute(path)?.parent().unwrap_or(path)).map(drop)
}

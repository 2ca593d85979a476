//! What would keep a server from starting, looked for without one: the answer to `--check`.

use super::log_output::Output;
use super::{ListenAddress, LogDestination, Options, StartError, listener, pid_file, privileges};
use crate::site;
use std::path::{self, Path};
use std::{fs, io};

impl Options {
    /// Whether a server with these options could start. Nothing is listened on and no file is
    /// claimed, so that a server that has done so with these options is no obstacle.
    pub fn check(&self) -> Result<(), StartError> {
        for address in listener::addresses(self).iter().chain(&self.admin) {
            if let ListenAddress::Unix(path) = address {
                require_directory_of(path)
                    .map_err(|error| StartError::Listen(address.clone(), error))?;
            }
        }
        if let Some(path) = &self.pid_file {
            pid_file::look_at(path)
                .and_then(|()| Ok(require_directory_of(path)?))
                .map_err(|error| StartError::PidFile(path.clone(), error))?;
        }
        become_user(self)?;
        site::check(&self.site).map_err(|error| StartError::Root(self.site.root.clone(), error))?;
        check_log(&self.access_log)
            .map_err(|error| StartError::AccessLog(self.access_log.clone(), error))
    }
}

/// Becomes the server's user, where that can be: what root can open, the user may not.
pub(super) fn become_user(options: &Options) -> Result<(), StartError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    privileges::drop_to(options.user.as_ref())
        .map_err(|error| StartError::Privileges(options.user.clone(), error))
}

/// Whether a log can be written, without creating it.
fn check_log(destination: &LogDestination) -> io::Result<()> {
    let LogDestination::File(path) = destination else {
        return Ok(());
    };
    match Output::check(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => require_directory_of(path),
        checked => checked,
    }
}

/// Whether there is a directory for a file.
fn require_directory_of(path: &Path) -> io::Result<()> {
    fs::metadata(path::absolute(path)?.parent().unwrap_or(path)).map(drop)
}

//! What would keep a server from starting, looked for without one: the answer to `--check`.

use crate::process::output::Output;
use crate::process::privileges::Account;
use crate::process::sandbox::can_refuse_calls;
use crate::process::{SandboxMode, pid_file, privileges};
use crate::server::grants;
use crate::server::{ListenAddress, LogDestination, Options, StartError, addresses};
use crate::site;
use std::path::{self, Path};
use std::{fs, io};

/// Fails if a server with these options could not start. Nothing is listened on and no file is
/// claimed, so that a server that has done so with these options is no obstacle.
pub fn check(options: &Options) -> Result<(), StartError> {
    for address in addresses(options).iter().chain(&options.admin) {
        if let ListenAddress::Unix(path) = address {
            require_directory_of(path)
                .map_err(|error| StartError::Listen(address.clone(), error))?;
        }
    }
    if let Some(path) = &options.pid_file {
        pid_file::look_at(path)
            .and_then(|()| Ok(require_directory_of(path)?))
            .map_err(|error| StartError::PidFile(path.clone(), error))?;
    }
    become_user(options)?;
    site::check(&options.site)
        .map_err(|error| StartError::Root(options.site.root.clone(), error))?;
    check_log(&options.access_log)
        .map_err(|error| StartError::AccessLog(options.access_log.clone(), error))
}

/// The user that a server with these options runs as, and what it can do then, a line each.
pub fn confinement(options: &Options) -> Result<String, StartError> {
    let mut lines = String::new();
    if let Some(user) = &options.user {
        let account = Account::of(user)
            .map_err(|error| StartError::Privileges(options.user.clone(), error))?;
        lines = format!("as {account}, without capabilities\n");
    }
    let sandbox = grants::sandbox(options).map_err(StartError::System)?;
    sandbox.check().map_err(StartError::Sandbox)?;
    let filter = if options.sandbox == SandboxMode::Off {
        ""
    } else if can_refuse_calls().map_err(StartError::System)? {
        "a filter of system calls refuses new sockets and programs\n"
    } else {
        "no filter of system calls: this kernel has none\n"
    };
    Ok(format!("{lines}{sandbox}\n{filter}"))
}

/// Becomes the server's user, where that can be: what root can open, the user may not.
pub(crate) fn become_user(options: &Options) -> Result<(), StartError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    privileges::drop_to(options.user.as_ref())
        .map(drop)
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

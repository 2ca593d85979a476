//! The checks of `--check`: problems that would prevent a start, found without starting a server.

use crate::process::output::Output;
use crate::process::privileges::Account;
use crate::process::sandbox::can_filter_calls;
use crate::process::{CallRefusal, SandboxMode, pid_file, privileges};
use crate::server::grants;
use crate::server::net::tls::Certificates;
use crate::server::passwords::LoadedFiles;
use crate::server::{ListenAddress, LogDestination, Options, StartError, addresses};
use crate::site;
use std::path::{self, Path};
use std::time::Instant;
use std::{fs, io};

/// Fails if a server with these options could not start. It opens no listener and claims no file,
/// so a running server with the same options does not disturb it.
pub fn check(options: &Options) -> Result<(), StartError> {
    options.check_live()?;
    for address in addresses(options).iter().chain(&options.admin) {
        if let ListenAddress::Unix(path) = address {
            require_directory_of(path)
                .map_err(|error| StartError::Listen(address.clone(), error))?;
        }
    }
    if let Some(path) = &options.pid_file {
        pid_file::check(path)
            .and_then(|()| Ok(require_directory_of(path)?))
            .map_err(|error| StartError::PidFile(path.clone(), error))?;
    }
    // A self-signed certificate is made only at the start.
    if !options.certificates.is_empty() {
        Certificates::load(options, Instant::now()).map_err(StartError::Certificate)?;
    }
    LoadedFiles::load(options.user_files(), Instant::now()).map_err(StartError::Users)?;
    become_user(options)?;
    check_roots(options)?;
    check_log(&options.access_log)
        .map_err(|error| StartError::AccessLog(options.access_log.clone(), error))
}

/// Returns the user that a server with these options runs as, and its confinement, one line each.
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
    } else if can_filter_calls().map_err(StartError::System)? {
        match options.sandbox.call_refusal() {
            CallRefusal::Fails => "system calls that a running server does not need fail\n",
            CallRefusal::Kills => "a system call that a running server does not need ends it\n",
        }
    } else {
        "no filter of system calls: this kernel has no seccomp\n"
    };
    Ok(format!("{lines}{sandbox}\n{filter}"))
}

/// Checks that the root can be served or, of several roots, at least one. Logs those that cannot.
fn check_roots(options: &Options) -> Result<(), StartError> {
    let (mut is_any_sound, mut failure) = (false, None);
    for root in options.roots() {
        match site::check(root) {
            Ok(()) => is_any_sound = true,
            Err(error) => {
                let error = StartError::Root(root.clone(), error);
                if !options.sites.is_empty() {
                    log::warn!("{error}; its requests would get 503 until it exists");
                }
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) if !is_any_sound => Err(error),
        _ => Ok(()),
    }
}

/// Becomes the server's user, if possible, because root can open files that the user cannot.
pub(crate) fn become_user(options: &Options) -> Result<(), StartError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    privileges::drop_to(options.user.as_ref())
        .map(drop)
        .map_err(|error| StartError::Privileges(options.user.clone(), error))
}

/// Checks that a log can be written, without creating it.
fn check_log(destination: &LogDestination) -> io::Result<()> {
    let LogDestination::File(path) = destination else {
        return Ok(());
    };
    match Output::check(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => require_directory_of(path),
        checked => checked,
    }
}

/// Checks that the directory of a file exists.
fn require_directory_of(path: &Path) -> io::Result<()> {
    fs::metadata(path::absolute(path)?.parent().unwrap_or(path)).map(drop)
}

//! Running in the background: a session of its own and no standard streams.
//!
//! A process cannot detach from its parent without a fork, which safe code cannot do. So the
//! program starts itself a second time. The first process waits until the second one serves or
//! exits; the second reports through a pipe that it has as standard input.

use rustix::process::setsid;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write, pipe, stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, ExitStatus};

/// The result of starting in the background.
#[derive(Debug)]
pub enum Daemon {
    /// This process is in the foreground, and the server runs in the background.
    Launched,
    /// This process is in the foreground, and the server has exited. It has reported why, unless a
    /// signal killed it.
    Failed(ExitStatus),
    /// This process is in the background.
    Detached(Detached),
}

/// A background process that is still attached to the terminal.
#[derive(Debug)]
pub struct Detached {
    /// Opened at the start, because the sandbox refuses it later.
    null: File,
}

impl Daemon {
    /// Starts this program in the background, or detects that this is the background process.
    pub fn start() -> io::Result<Self> {
        if env::var_os(DETACHED_VARIABLE).is_some() {
            setsid()?;
            let null = OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/null")?;
            return Ok(Self::Detached(Detached { null }));
        }
        let (mut ready_reader, ready_writer) = pipe()?;
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let mut command = Command::new(env::current_exe()?);
        command
            .arg0(name)
            .args(arguments)
            .env(DETACHED_VARIABLE, "1");
        // sd_listen_fds(3): inherited sockets are meant for one process id only. The server is now
        // another process, so the variable must not name this one.
        if env::var(RECEIVER_VARIABLE).is_ok_and(|receiver| receiver == process::id().to_string()) {
            command.env_remove(RECEIVER_VARIABLE);
        }
        let mut child = command.stdin(ready_writer).spawn()?;
        // Closes our copy of the pipe's write end, so that reading ends when the child's copy
        // closes.
        drop(command);
        if ready_reader.read(&mut [0])? > 0 {
            return Ok(Self::Launched);
        }
        child.wait().map(Self::Failed)
    }
}

impl Detached {
    /// Reports that the server is running, and detaches the standard streams. Streams that lead to
    /// a file stay, because the caller redirected them on purpose.
    pub fn detach_terminal(self) -> io::Result<()> {
        super::stderr::finish();
        let ready_writer = stdin().as_fd().try_clone_to_owned()?;
        dup2_stdin(&self.null)?;
        if !is_file(stdout().as_fd().try_clone_to_owned()?) {
            dup2_stdout(&self.null)?;
        }
        if !is_file(stderr().as_fd().try_clone_to_owned()?) {
            dup2_stderr(&self.null)?;
        }
        super::stderr::reopen();
        File::from(ready_writer).write_all(b"\n")
    }
}

/// Returns `true` if a standard stream leads to a file. A daemon keeps only such streams.
fn is_file(stream: OwnedFd) -> bool {
    File::from(stream)
        .metadata()
        .is_ok_and(|facts| facts.is_file())
}

/// The variable that names the process which inherited sockets are meant for; without it, they are
/// for any process.
const RECEIVER_VARIABLE: &str = "LISTEN_PID";

/// The variable by which the program recognizes that it was started a second time.
const DETACHED_VARIABLE: &str = "MILLPOND_DETACHED";

//! A server in the background: its own session, and no standard streams.
//!
//! A process cannot leave its parent without a fork, which nothing safe can do. So the program
//! starts itself a second time. The first one waits for word of the second that it serves, or for
//! its end; the word comes through a pipe that the second one has for its standard input.

use rustix::process::setsid;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write, pipe, stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, ExitStatus};

/// What became of the wish to be in the background.
#[derive(Debug)]
pub enum Daemon {
    /// This is the process in the foreground, and the server is in the background.
    Launched,
    /// This is the process in the foreground, and the server has ended; it has said why, unless a
    /// signal has ended it.
    Failed(ExitStatus),
    /// This is the process in the background.
    Detached(Detached),
}

/// A process in the background that has yet to let go of the terminal.
#[derive(Debug)]
pub struct Detached {
    /// Opened here, since the sandbox refuses it later.
    null: File,
}

impl Daemon {
    /// Starts this program in the background, or finds that it is there.
    pub fn start() -> io::Result<Self> {
        if env::var_os(DETACHED).is_some() {
            setsid()?;
            let null = OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/null")?;
            return Ok(Self::Detached(Detached { null }));
        }
        let (mut word, teller) = pipe()?;
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let mut command = Command::new(env::current_exe()?);
        command.arg0(name).args(arguments).env(DETACHED, "1");
        // sd_listen_fds(3): sockets that were handed to us are for nobody else, but the server is
        // somebody else now.
        if env::var(RECEIVER).is_ok_and(|receiver| receiver == process::id().to_string()) {
            command.env_remove(RECEIVER);
        }
        let mut child = command.stdin(teller).spawn()?;
        // Ours of the ends of the pipe to write to: without it, the child's end is the pipe's.
        drop(command);
        if word.read(&mut [0])? > 0 {
            return Ok(Self::Launched);
        }
        child.wait().map(Self::Failed)
    }
}

impl Detached {
    /// Says that the server serves, and lets go of the standard streams. Those that lead to a file
    /// stay: whoever started the server wants them there.
    pub fn let_go(self) -> io::Result<()> {
        let word = stdin().as_fd().try_clone_to_owned()?;
        dup2_stdin(&self.null)?;
        if !is_file(stdout().as_fd().try_clone_to_owned()?) {
            dup2_stdout(&self.null)?;
        }
        if !is_file(stderr().as_fd().try_clone_to_owned()?) {
            dup2_stderr(&self.null)?;
        }
        File::from(word).write_all(b"\n")
    }
}

/// Whether a standard stream leads to a file, or a daemon has to do without.
fn is_file(stream: OwnedFd) -> bool {
    File::from(stream)
        .metadata()
        .is_ok_and(|facts| facts.is_file())
}

/// Tells the process for which sockets are that are handed over; any, if there is none.
const RECEIVER: &str = "LISTEN_PID";

/// Tells the program that it has been started a second time.
const DETACHED: &str = "MILLPOND_DETACHED";

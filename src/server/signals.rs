//! The signals that the server answers.
//!
//! | signal | what it does |
//! | --- | --- |
//! | TERM, INT | stops once what is under way is done; a second one stops now |
//! | HUP | reads the settings again and opens the access log again |
//! | USR1 | opens the access log again, after it was renamed |
//! | CHLD, if this is process 1 | lets orphans that have ended go |
//! | XFSZ | nothing: a log that may not grow shows in the write that fails |

use mio::{Interest, Registry, Token};
use rustix::process::{WaitOptions, getpid, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use std::fmt;
use std::io::{self, IsTerminal, stderr};
use std::sync::Arc;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Stop,
    Reload,
    ReopenLog,
    Reap,
}

/// The signals that the loop answers.
pub(crate) struct Signals {
    source: signal_hook_mio::v1_0::Signals,
    /// Whether a terminal that is closed is to end the server.
    has_terminal: bool,
}

impl Signals {
    /// `is_daemon` tells a server that outlives the terminal it was started from.
    pub(crate) fn new(registry: &Registry, token: Token, is_daemon: bool) -> io::Result<Self> {
        // Before signals are caught: a terminal that is closed earlier ends the process anyhow.
        let has_terminal = !is_daemon && stderr().is_terminal();
        let mut signals = vec![SIGTERM, SIGINT, SIGHUP, SIGUSR1];
        // In a container, whoever loses its parent becomes a child of process 1.
        if getpid().is_init() {
            signals.push(SIGCHLD);
        }
        // Whoever does not ask for it is ended by it.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let mut source = signal_hook_mio::v1_0::Signals::new(signals)?;
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Self {
            source,
            has_terminal,
        })
    }

    /// What was asked for since the last call.
    pub(super) fn take(&mut self) -> Vec<Request> {
        let request = |signal| match signal {
            // The kernel says so when a terminal is closed, and nobody is left to press Ctrl-C.
            SIGHUP if self.has_terminal && !stderr().is_terminal() => Request::Stop,
            SIGHUP => Request::Reload,
            SIGUSR1 => Request::ReopenLog,
            SIGCHLD => Request::Reap,
            _ => Request::Stop,
        };
        self.source.pending().map(request).collect()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals")
    }
}

/// Takes note of all children that have ended, so that the kernel can forget them.
pub(super) fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

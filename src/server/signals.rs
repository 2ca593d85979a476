//! The signals that the server handles.
//!
//! | signal | effect |
//! | --- | --- |
//! | TERM, INT | stops when requests in progress are done; a second one stops at once |
//! | HUP | reloads the settings and reopens the access log |
//! | USR1 | reopens the access log after it was renamed |
//! | CHLD, if this is process 1 | reaps orphans that have ended |
//! | XFSZ | nothing: a log at its size limit is reported by the failing write |

use mio::{Interest, Registry, Token};
use rustix::process::{WaitOptions, getpid, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use std::fmt;
use std::io::{self, IsTerminal, stderr};
use std::sync::Arc;

/// The request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Stop,
    Reload,
    ReopenLog,
    Reap,
}

/// The signals that the loop handles.
pub(crate) struct Signals {
    source: signal_hook_mio::v1_0::Signals,
    /// `true` if closing the terminal should end the server.
    has_terminal: bool,
}

impl Signals {
    /// Starts to catch signals. `is_daemon` is `true` for a server that outlives the terminal it
    /// was started from.
    pub(crate) fn new(registry: &Registry, token: Token, is_daemon: bool) -> io::Result<Self> {
        // Before signals are caught: a terminal that is closed earlier ends the process anyway.
        let has_terminal = !is_daemon && stderr().is_terminal();
        let mut signals = vec![SIGTERM, SIGINT, SIGHUP, SIGUSR1];
        // In a container, processes without a parent become children of process 1.
        if getpid().is_init() {
            signals.push(SIGCHLD);
        }
        // The default action would end the process.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let mut source = signal_hook_mio::v1_0::Signals::new(signals)?;
        registry.register(&mut source, token, Interest::READABLE)?;
        Ok(Self {
            source,
            has_terminal,
        })
    }

    /// Returns the requests since the last call.
    pub(super) fn take(&mut self) -> Vec<Request> {
        let request = |signal| match signal {
            // The kernel sends this when a terminal is closed, and nobody is left to press Ctrl-C.
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

/// Waits for all children that have ended, so that the kernel can remove them.
pub(super) fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

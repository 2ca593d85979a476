//! The browser that `--open` opens.
//!
//! The browser must not run in the server's sandbox, must not have the server's privileges, and
//! must not die of the Ctrl-C that stops the server. So a shell is started before any of that takes
//! effect. It waits for a line that says the server is up, starts the browser in the background,
//! and exits. The browser is then not our child, so we need not wait for it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::{env, fmt};

/// A shell that waits for a line before it opens a browser. If it is dropped first, no browser
/// opens.
#[derive(Debug)]
pub struct BrowserLauncher(Child);

/// The reason why no browser is opened.
#[derive(Debug)]
pub enum NotOpened {
    /// The server listens on no address that a browser can open.
    NoAddress,
    /// The server runs as root, and a browser that visits untrusted pages must not.
    Root,
    /// Nobody sits at a screen: this is a service or a remote login.
    NoScreen,
    /// The program `xdg-open` is not installed.
    NoProgram,
    /// The shell could not be started or written to.
    Shell(io::Error),
}

impl BrowserLauncher {
    /// Prepares to open a URL.
    pub fn of(url: Option<String>) -> Result<Self, NotOpened> {
        let url = url.ok_or(NotOpened::NoAddress)?;
        if rustix::process::geteuid().is_root() {
            return Err(NotOpened::Root);
        }
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") {
            return Err(NotOpened::NoScreen);
        }
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh", &url])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // The terminal sends Ctrl-C to the foreground process group, so the shell gets another
            // one.
            .process_group(0)
            .spawn();
        shell.map(Self).map_err(NotOpened::Shell)
    }

    /// Opens the browser, which then runs on its own.
    pub fn open(mut self) -> Result<(), NotOpened> {
        if let Some(mut word) = self.0.stdin.take() {
            word.write_all(b"\n").map_err(NotOpened::Shell)?;
        }
        let status = self.0.wait().map_err(NotOpened::Shell)?;
        if status.success() {
            Ok(())
        } else {
            Err(NotOpened::NoProgram)
        }
    }
}

impl Drop for BrowserLauncher {
    fn drop(&mut self) {
        // Closing the pipe ends the shell. If waiting fails, the shell has already exited.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no browser is opened: ")?;
        match self {
            Self::NoAddress => f.write_str("the site has no URL to open"),
            Self::Root => f.write_str("it would run as root"),
            Self::NoScreen => {
                f.write_str("neither DISPLAY nor WAYLAND_DISPLAY names a screen for it")
            }
            Self::NoProgram => f.write_str("xdg-open is missing; install xdg-utils"),
            Self::Shell(error) => write!(f, "{error}"),
        }
    }
}

/// The ampersand makes the browser a child of init rather than ours. Its own messages are
/// discarded.
const SCRIPT: &str = "\
    read -r word || exit 0
    command -v xdg-open >/dev/null || exit 127
    xdg-open \"$1\" </dev/null &";

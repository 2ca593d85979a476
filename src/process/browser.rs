//! The browser that `--open` opens.
//!
//! A browser must not live in the server's sandbox, with the server's privileges, or die of the
//! Ctrl-C that stops the server. So a shell is started before any of that is entered. It waits for
//! word that the server is up, leaves the browser to itself, and is gone: the browser is no child
//! of ours that would have to be waited for.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::{env, fmt};

/// A shell that waits for word to open a browser. Dropped without it, it opens none.
#[derive(Debug)]
pub struct Opener(Child);

/// Why no browser is opened.
#[derive(Debug)]
pub enum NotOpened {
    /// There is nothing that a browser speaks.
    NoAddress,
    /// A browser that strangers lead about must not be root's.
    Root,
    /// Nobody sits before a screen: a service, or a login from afar.
    NoScreen,
    /// There is no `xdg-open`.
    NoProgram,
    /// The shell could not be started, or spoken to.
    Shell(io::Error),
}

impl Opener {
    /// Gets ready to open a URL.
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
            // A terminal's Ctrl-C goes to the group that is in front.
            .process_group(0)
            .spawn();
        shell.map(Self).map_err(NotOpened::Shell)
    }

    /// Opens the browser, which goes its own way.
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

impl Drop for Opener {
    fn drop(&mut self) {
        // No word comes any more, so that the shell ends. If it cannot be waited for, it is gone.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no browser is opened: ")?;
        match self {
            Self::NoAddress => f.write_str("there is no address that it could go to"),
            Self::Root => f.write_str("it would run as root"),
            Self::NoScreen => {
                f.write_str("neither DISPLAY nor WAYLAND_DISPLAY names a screen for it")
            }
            Self::NoProgram => f.write_str("there is no xdg-open, which knows yours (xdg-utils)"),
            Self::Shell(error) => write!(f, "{error}"),
        }
    }
}

/// Behind the ampersand it is nobody's child but init's, and what it says of itself is not ours.
const SCRIPT: &str = "\
    read -r word || exit 0
    command -v xdg-open >/dev/null || exit 127
    xdg-open \"$1\" </dev/null &";

//! What the service manager is told of the server: `sd_notify(3)`.
//!
//! The socket is connected before the sandbox closes, which refuses all that comes later.

use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
}

/// A service manager that wants to hear of us again and again.
#[derive(Debug)]
struct Watchdog {
    every: Duration,
    next: Instant,
}

impl Notifier {
    /// By what the environment says.
    pub(crate) fn connect(now: Instant) -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|address| {
            let connected = connect(&address);
            let warn = |error| log::warn!("the service manager cannot be told anything: {error}");
            connected.map_err(warn).ok()
        });
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience = number("WATCHDOG_USEC").filter(|patience| is_ours && *patience > 0);
        let watchdog = patience.map(|patience| Watchdog {
            // sd_watchdog_enabled(3): at half of the time after which we are taken for dead.
            every: Duration::from_micros(patience / 2).max(OFTEN_ENOUGH),
            next: now,
        });
        Self {
            watchdog: watchdog.filter(|_| socket.is_some()),
            socket,
        }
    }

    /// Says that requests are answered, and by what settings.
    pub(crate) fn ready(&self, status: impl Display) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Says that the settings are read again. [`Notifier::ready`] ends that.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Says that the end has begun.
    pub(crate) fn stopping(&self, status: impl Display) {
        self.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Says that the loop still turns, if that is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.next <= now
        {
            watchdog.next = now + watchdog.every;
            self.tell("WATCHDOG=1");
        }
    }

    /// When to call [`Notifier::tick`] at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.next)
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            log::warn!("the service manager could not be told of a change: {error}");
        }
    }
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not listen is no reason not to serve.
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

const PATIENCE: Duration = Duration::from_millis(500);

/// More often than that, a watchdog would keep the loop busy.
const OFTEN_ENOUGH: Duration = Duration::from_millis(10);

//! Notifications to the service manager: `sd_notify(3)`.
//!
//! The socket is connected before the process enters the sandbox, which refuses later connections.

use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The socket connected to the service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
}

/// A service manager that expects regular signs of life.
#[derive(Debug)]
struct Watchdog {
    every: Duration,
    next: Instant,
}

/// Returns `true` if a service manager has started this process, according to the environment.
/// `INVOCATION_ID` is no evidence, because shells in a terminal started by systemd have it, too.
pub(crate) fn has_started_us() -> bool {
    let own = std::process::id().to_string();
    let is_executed = env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid == own);
    is_executed || env::var_os("NOTIFY_SOCKET").is_some()
}

impl Notifier {
    /// Connects as the environment variables specify.
    pub(crate) fn connect(now: Instant) -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|address| {
            let connected = connect(&address);
            let warn = |error| log::warn!("cannot notify the service manager: {error}");
            connected.map_err(warn).ok()
        });
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience = number("WATCHDOG_USEC").filter(|patience| is_ours && *patience > 0);
        let watchdog = patience.map(|patience| Watchdog {
            // sd_watchdog_enabled(3): at half of the time after which the manager considers us
            // dead.
            every: Duration::from_micros(patience / 2).max(INTERVAL_MIN),
            next: now,
        });
        Self {
            watchdog: watchdog.filter(|_| socket.is_some()),
            socket,
        }
    }

    /// Returns the descriptor of the socket.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.socket.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Reports that the server answers requests, and with which settings.
    pub(crate) fn ready(&self, status: impl Display) {
        self.notify(&format!("READY=1\nSTATUS={status}"));
    }

    /// Reports that the settings are being reloaded. [`Notifier::ready`] ends this state.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Reports that the server is stopping.
    pub(crate) fn stopping(&self, status: impl Display) {
        self.notify(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Reports that the server still runs, if the report is due and the server does run. Otherwise
    /// checks again soon.
    pub(crate) fn tick(&mut self, now: Instant, does_run: impl FnOnce() -> bool) {
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.next <= now
        {
            if does_run() {
                watchdog.next = now + watchdog.every;
                self.notify("WATCHDOG=1");
            } else {
                watchdog.next = now + watchdog.every.min(RETRY_INTERVAL);
            }
        }
    }

    /// Returns the time by which to call [`Notifier::tick`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.next)
    }

    fn notify(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            log::warn!("cannot notify the service manager of a change: {error}");
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
    // A manager that does not listen must not block the server.
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    Ok(socket)
}

/// The time until the next check of a server that did not run.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

const SEND_TIMEOUT: Duration = Duration::from_millis(500);

/// The shortest interval. More frequent reports would keep the loop busy.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

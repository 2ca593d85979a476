//! The output of log lines. A terminal can be stopped with a key, and a pipe or a socket fills up
//! when nobody reads it, but the loop never waits for them.

use memchr::memrchr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, fstat, openat};
use rustix::io::{Errno, write};
use rustix::net::{SendFlags, send};
use rustix::stdio::{stderr, stdout};
use rustix::termios::{tcgetsid, tcgetwinsize};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The output that log lines are written to.
#[derive(Debug)]
pub(crate) struct Output {
    descriptor: Descriptor,
    mode: WriteMode,
}

#[derive(Debug)]
enum Descriptor {
    /// A standard stream, wherever it leads at the time.
    Stream(BorrowedFd<'static>),
    Opened(OwnedFd),
}

/// The way to write to an output without blocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteMode {
    /// Everything in one call: a regular file, which needs no reader.
    Whole,
    /// Until the descriptor, which is non-blocking, reports that it is full.
    Nonblocking,
    /// Until the socket is full: each call carries the flag not to block.
    Send,
    /// In pieces, each after asking whether there is room. Being non-blocking is a property that
    /// all holders of the stream share, so we must not set it.
    Polled,
}

/// The result of an attempt to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) bytes: usize,
    /// The error that ended the attempt; `None` if everything is written or the output is full.
    pub(crate) failure: Option<Errno>,
}

impl Written {
    pub(crate) fn all_of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len(),
            failure: None,
        }
    }
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self::of(Descriptor::Stream(stdout()))
    }

    pub(crate) fn stderr() -> Self {
        Self::of(Descriptor::Stream(stderr()))
    }

    /// Opens a file to append to. If it is a FIFO, this waits until somebody reads it, and logs
    /// that.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match Self::open_at_once(path) {
            Err(error) if is_unread(path, &error) => log_wait(path),
            opened => return opened,
        }
        let fifo = append(path, OFlags::empty())?;
        fcntl_setfl(&fifo, OFlags::APPEND | OFlags::NONBLOCK)?;
        Ok(Self::from_nonblocking(fifo))
    }

    /// Opens a file to append to, and fails if it is a FIFO that nobody reads.
    pub(crate) fn open_at_once(path: &Path) -> io::Result<Self> {
        append(path, OFlags::NONBLOCK).map(Self::from_nonblocking)
    }

    /// Checks that [`Output::open`] would succeed, without creating a file. Logs that it would wait
    /// if the path is a FIFO that nobody reads.
    pub(crate) fn check(path: &Path) -> io::Result<()> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut options = OpenOptions::new();
        match options.append(true).custom_flags(flags).open(path) {
            Err(error) if is_unread(path, &error) => {
                log_wait(path);
                Ok(())
            }
            opened => opened.map(drop),
        }
    }

    /// Wraps a non-blocking descriptor that no other process shares.
    fn from_nonblocking(opened: OwnedFd) -> Self {
        let mut output = Self::of(Descriptor::Opened(opened));
        if output.mode != WriteMode::Whole {
            output.mode = WriteMode::Nonblocking;
        }
        output
    }

    fn of(descriptor: Descriptor) -> Self {
        let mode = match file_type(descriptor.as_fd()) {
            FileType::RegularFile => WriteMode::Whole,
            FileType::Socket => WriteMode::Send,
            _ => WriteMode::Polled,
        };
        Self { descriptor, mode }
    }

    /// Opens a terminal or a pipe again, so that the new descriptor can be non-blocking without
    /// changing it for others. For a terminal nothing else is safe: it may have room for a part of
    /// a write, and then block for the rest. If opening fails, for example because the terminal
    /// belongs to another user, the output stays as it is.
    pub(crate) fn reopen_nonblocking(mut self) -> Self {
        let stream = self.descriptor.as_fd();
        if file_type(stream) == FileType::Fifo || stream.is_terminal() {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let open = |path: &str| openat(CWD, path, flags, Mode::empty());
            let opened = open(&format!("/proc/self/fd/{}", stream.as_raw_fd()));
            // The terminal may belong to another user, for example after su. Its session can open
            // it by this name.
            let opened = opened.or_else(|error| match tcgetsid(stream) {
                Ok(_) => open("/dev/tty"),
                Err(_) => Err(error),
            });
            if let Ok(opened) = opened {
                self.descriptor = Descriptor::Opened(opened);
                self.mode = WriteMode::Nonblocking;
            }
        }
        self
    }

    /// Returns `true` if the output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.descriptor.as_fd().is_terminal()
    }

    /// Returns the width of the terminal in characters, or `None` if it is unknown.
    pub(crate) fn columns(&self) -> Option<usize> {
        let size = tcgetwinsize(&self.descriptor).ok()?;
        // Terminals on a serial line report 0.
        Some(size.ws_col.into()).filter(|columns| *columns > 0)
    }

    /// Writes as much as possible without waiting for a reader.
    pub(crate) fn write(&self, bytes: &[u8]) -> Written {
        let mut rest = bytes;
        let failure = loop {
            if rest.is_empty() || self.mode == WriteMode::Polled && !has_room(&self.descriptor) {
                break None;
            }
            let piece = if self.mode == WriteMode::Whole {
                rest
            } else {
                piece(rest)
            };
            let written = match self.mode {
                WriteMode::Send => send(&self.descriptor, piece, SEND_FLAGS),
                _ => write(&self.descriptor, piece),
            };
            match written {
                Ok(0) | Err(Errno::AGAIN) => break None,
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => break Some(error),
            }
        };
        Written {
            bytes: bytes.len() - rest.len(),
            failure,
        }
    }

    /// Waits until there is room, at most for the given time.
    pub(crate) fn await_room(&self, patience: Duration) {
        wait_for_room(&self.descriptor, patience);
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stream(stream) => *stream,
            Self::Opened(opened) => opened.as_fd(),
        }
    }
}

fn append(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    options.mode(MODE).custom_flags(flags);
    options.open(path).map(OwnedFd::from)
}

/// Returns `true` if the path could not be opened at once because it is a FIFO that nobody reads.
fn is_unread(path: &Path, error: &io::Error) -> bool {
    let is_fifo = || path.metadata().is_ok_and(|it| it.file_type().is_fifo());
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) && is_fifo()
}

fn log_wait(path: &Path) {
    log::warn!(
        "the access log {} is a FIFO: the server waits until a program reads it",
        path.display()
    );
}

fn file_type(descriptor: BorrowedFd<'_>) -> FileType {
    fstat(descriptor).map_or(FileType::Unknown, |facts| {
        FileType::from_raw_mode(facts.st_mode)
    })
}

/// Returns as many whole lines as fit a piece, or a part of a longer line.
fn piece(bytes: &[u8]) -> &[u8] {
    let piece = bytes.get(..PIECE_BYTES_MAX).unwrap_or(bytes);
    let whole = memrchr(b'\n', piece).and_then(|end| piece.get(..=end));
    whole.unwrap_or(piece)
}

fn has_room(descriptor: &impl AsFd) -> bool {
    wait_for_room(descriptor, Duration::ZERO)
}

/// Waits until there is room, or until the output has an error that writing would report.
fn wait_for_room(descriptor: &impl AsFd, patience: Duration) -> bool {
    let mut asked = [PollFd::new(descriptor, PollFlags::OUT)];
    let patience = Timespec::try_from(patience).unwrap_or_default();
    // An interruption does not mean that there is room. The next tick asks again.
    poll(&mut asked, Some(&patience)).is_ok_and(|count| count > 0)
}

/// The mode of a file that is created: nobody else may write to it. The umask may remove more.
const MODE: u32 = 0o644;

const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// `PIPE_BUF`: a pipe that is writable accepts this many bytes in one piece (pipe(7)).
const PIECE_BYTES_MAX: usize = 4096;

//! What the access log writes to, and how: a terminal stops at a key, and a pipe is full when nobody
//! reads it, but the loop goes on.

use memchr::memrchr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, fstat, openat};
use rustix::io::{Errno, write};
use rustix::stdio::{stderr, stdout};
use rustix::termios::tcgetwinsize;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Where records go.
#[derive(Debug)]
pub(crate) struct Output {
    descriptor: Descriptor,
    way: Way,
}

#[derive(Debug)]
enum Descriptor {
    /// One of the standard streams, whatever it leads to at the time.
    Stream(BorrowedFd<'static>),
    Opened(OwnedFd),
}

/// How it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All at once: a regular file, which nobody has to read.
    Whole,
    /// As much as there is room for, until it says that there is none.
    AsItTakes,
    /// As it takes, but it has to be asked before each piece. Not to block is a property that those
    /// share who were given the same stream, so that it is not ours to set.
    AsItTakesWhenAsked,
}

/// What came of an attempt to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) bytes: usize,
    /// Why there will be no more of it; `None` if all is written, or there is no room for the rest.
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

    /// Opens a file to append to. If it is a FIFO, this waits until somebody reads it, and says so.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match Self::open_at_once(path) {
            Err(error) if is_unread(path, &error) => tell_of_wait(path),
            opened => return opened,
        }
        let fifo = append(path, OFlags::empty())?;
        fcntl_setfl(&fifo, OFlags::APPEND | OFlags::NONBLOCK)?;
        Ok(Self::of_our_own(fifo))
    }

    /// The same, but a FIFO that nobody reads is an error.
    pub(crate) fn open_at_once(path: &Path) -> io::Result<Self> {
        append(path, OFlags::NONBLOCK).map(Self::of_our_own)
    }

    /// Whether [`Output::open`] could, without creating anything; of a FIFO, whether it would wait.
    pub(crate) fn check(path: &Path) -> io::Result<()> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut options = OpenOptions::new();
        match options.append(true).custom_flags(flags).open(path) {
            Err(error) if is_unread(path, &error) => {
                tell_of_wait(path);
                Ok(())
            }
            opened => opened.map(drop),
        }
    }

    /// Of a descriptor that does not block, as nobody else has it.
    fn of_our_own(opened: OwnedFd) -> Self {
        let mut output = Self::of(Descriptor::Opened(opened));
        if output.way != Way::Whole {
            output.way = Way::AsItTakes;
        }
        output
    }

    fn of(descriptor: Descriptor) -> Self {
        let way = if file_type(descriptor.as_fd()) == FileType::RegularFile {
            Way::Whole
        } else {
            Way::AsItTakesWhenAsked
        };
        Self { descriptor, way }
    }

    /// Opens a stream that is a terminal or a pipe once more, so that not to block is ours to set.
    /// There is no other way to be sure of a terminal, which may have room for a part of what it
    /// is asked to take, and wait for room for the rest. Where it is not to be had, as where the
    /// terminal is another user's, all stays.
    pub(crate) fn for_us_alone(mut self) -> Self {
        let stream = self.descriptor.as_fd();
        if file_type(stream) == FileType::Fifo || stream.is_terminal() {
            let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            if let Ok(opened) = openat(CWD, path, flags, Mode::empty()) {
                self.descriptor = Descriptor::Opened(opened);
                self.way = Way::AsItTakes;
            }
        }
        self
    }

    /// Whether this is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.descriptor.as_fd().is_terminal()
    }

    /// How many characters a line of the terminal holds; `None` if that cannot be told.
    pub(crate) fn columns(&self) -> Option<usize> {
        let size = tcgetwinsize(&self.descriptor).ok()?;
        // Terminals on a serial line say 0.
        Some(size.ws_col.into()).filter(|columns| *columns > 0)
    }

    /// Writes what can be written without waiting for a reader.
    pub(crate) fn write(&self, bytes: &[u8]) -> Written {
        let mut rest = bytes;
        let failure = loop {
            if rest.is_empty() || self.way == Way::AsItTakesWhenAsked && !has_room(&self.descriptor)
            {
                break None;
            }
            let piece = if self.way == Way::Whole {
                rest
            } else {
                piece(rest)
            };
            match write(&self.descriptor, piece) {
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

    /// Waits until there is room, but not for longer than this.
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

/// Whether a line can be written to standard error without waiting for a reader.
pub(crate) fn is_stderr_ready() -> bool {
    has_room(&stderr())
}

fn append(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.append(true).create(true).custom_flags(flags);
    options.open(path).map(OwnedFd::from)
}

/// Whether what could not be opened at once is a FIFO that nobody reads.
fn is_unread(path: &Path, error: &io::Error) -> bool {
    let is_fifo = || path.metadata().is_ok_and(|it| it.file_type().is_fifo());
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) && is_fifo()
}

fn tell_of_wait(path: &Path) {
    log::warn!(
        "the access log {} is a FIFO: the server waits until somebody reads it",
        path.display()
    );
}

fn file_type(descriptor: BorrowedFd<'_>) -> FileType {
    fstat(descriptor).map_or(FileType::Unknown, |facts| {
        FileType::from_raw_mode(facts.st_mode)
    })
}

/// As many whole records as make a piece, or a part of one that is longer.
fn piece(bytes: &[u8]) -> &[u8] {
    let piece = bytes.get(..PIECE_BYTES_MAX).unwrap_or(bytes);
    let whole = memrchr(b'\n', piece).and_then(|end| piece.get(..=end));
    whole.unwrap_or(piece)
}

fn has_room(descriptor: &impl AsFd) -> bool {
    wait_for_room(descriptor, Duration::ZERO)
}

/// Whether there is room, or something is wrong that writing would tell of.
fn wait_for_room(descriptor: &impl AsFd, patience: Duration) -> bool {
    let mut asked = [PollFd::new(descriptor, PollFlags::OUT)];
    let patience = Timespec::try_from(patience).unwrap_or_default();
    // An interruption is no sign of room: it is asked again in the next tick.
    poll(&mut asked, Some(&patience)).is_ok_and(|count| count > 0)
}

/// `PIPE_BUF`: a pipe that has room has room for so much, and takes it as one (pipe(7)).
const PIECE_BYTES_MAX: usize = 4096;

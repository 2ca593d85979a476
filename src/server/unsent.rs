//! How much of a response is left with the kernel, yet unsent.
//!
//! Little, so that a thousand clients that do not read cannot use up its memory for all sockets, and
//! because it says nothing before half of it has been taken, so that a client that is slow would seem
//! to take nothing. But the less it has, the more often it must ask for more. So a few clients at a
//! time that take a large file at speed may have it served from much.

use super::socket::Socket;
use mio::Interest;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What may be left with the kernel for most clients.
pub(super) const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// The same, for a client that takes a large file.
const LARGE_UNSENT_BYTES_MAX: u32 = 2 * 1024 * 1024;

/// How many clients may have so much left with the kernel at once.
const LARGE_MAX: usize = 32;

/// Who takes half of the little within this time may have much.
const QUICK: Duration = Duration::from_millis(10);

/// Who takes half of much within this time may have it again.
const STEADY: Duration = Duration::from_millis(250);

/// What is left of a file has to be worth two calls more.
const WORTH_BYTES_MIN: u64 = 512 * 1024;

/// When the kernel last had no room for more of a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Never,
    /// For a response before the present one.
    Before,
    /// For the present response, or the last one if there is none.
    Now,
}

impl Lack {
    /// Another response begins.
    pub(super) fn pass(&mut self) {
        if *self == Self::Now {
            *self = Self::Before;
        }
    }

    /// What the client is watched for: also for room if it was lacking just now, to go on with the
    /// response, and because the next may lack it as well. To be told of room that nobody needs
    /// would wake the loop for nothing.
    pub(super) fn interest(self) -> Interest {
        match self {
            Self::Now => Interest::READABLE | Interest::WRITABLE,
            Self::Never | Self::Before => Interest::READABLE,
        }
    }
}

/// How many clients have much left with the kernel.
#[derive(Debug, Default)]
pub(super) struct LargeSends {
    under_way: Rc<Cell<usize>>,
}

/// The leave of one client, given back when it goes.
#[derive(Debug)]
pub(super) struct LargeSend {
    under_way: Rc<Cell<usize>>,
    /// Whether it is to be left little again, once it has taken what it was left.
    is_ending: bool,
}

impl LargeSends {
    /// Lets much be left with the kernel for a client, if it is quick to make room for what it is
    /// sent, so much of a file is left for it, and not too many others have the same. Who has become
    /// slow is left little again.
    pub(super) fn adjust(&self, socket: &mut Socket, now: Instant, left_bytes: u64) {
        let waited = socket.lacked_since.map(|since| now.duration_since(since));
        if let Some(large_send) = &mut socket.large_send {
            if !large_send.is_ending && waited.is_some_and(|waited| waited > STEADY) {
                large_send.is_ending = true;
                socket.set_unsent_bytes_max(UNSENT_BYTES_MAX);
            }
            return;
        }
        let is_quick = waited.map_or(socket.is_quick, |waited| waited <= QUICK);
        let count = self.under_way.get();
        if !is_quick || left_bytes < WORTH_BYTES_MIN || count >= LARGE_MAX {
            return;
        }
        socket.set_unsent_bytes_max(LARGE_UNSENT_BYTES_MAX);
        self.under_way.set(count + 1);
        socket.large_send = Some(LargeSend {
            under_way: Rc::clone(&self.under_way),
            is_ending: false,
        });
    }
}

/// Takes note that a client has made room.
pub(super) fn note_room(socket: &mut Socket, now: Instant) {
    let Some(since) = socket.lacked_since.take() else {
        return;
    };
    socket.is_quick = now.duration_since(since) <= QUICK;
    if let Some(progress) = &mut socket.progress {
        progress.note_room(now);
    }
    // It has taken what it was left.
    if socket.large_send.as_ref().is_some_and(|it| it.is_ending) {
        socket.large_send = None;
    }
}

impl Drop for LargeSend {
    fn drop(&mut self) {
        self.under_way.set(self.under_way.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn so_many_may_leave_much_with_the_kernel_and_one_more_when_one_goes() {
        let sends = LargeSends::default();
        let mut sockets: Vec<_> = (0..=LARGE_MAX)
            .map(|_| Socket::new(UnixStream::pair().unwrap().0.into()))
            .collect();
        let now = Instant::now();
        sends.adjust(&mut sockets[0], now, u64::MAX);
        assert_eq!(sends.under_way.get(), 0, "it has never lacked room");
        for socket in &mut sockets {
            socket.is_quick = true;
        }
        let begin = |sockets: &mut [Socket]| {
            for socket in &mut *sockets {
                sends.adjust(socket, now, WORTH_BYTES_MIN);
            }
            let have = |socket: &&Socket| socket.large_send.is_some();
            sockets.iter().filter(have).count()
        };
        assert_eq!(begin(&mut sockets), LARGE_MAX);
        sockets.remove(0);
        assert_eq!(begin(&mut sockets), LARGE_MAX, "the last one, too");
        sockets[0].end_large_send();
        assert_eq!(sends.under_way.get(), LARGE_MAX - 1);
        sends.adjust(&mut sockets[0], now, WORTH_BYTES_MIN - 1);
        assert_eq!(sends.under_way.get(), LARGE_MAX - 1, "not worth it");
    }

    #[test]
    fn who_becomes_slow_is_left_little_again() {
        let sends = LargeSends::default();
        let mut socket = Socket::new(UnixStream::pair().unwrap().0.into());
        let now = Instant::now();
        for (waited, is_ending, is_ending_after) in [
            (QUICK * 2, None, None),
            (QUICK, Some(false), Some(false)),
            (STEADY, Some(false), Some(false)),
            // Until it has taken what it was left.
            (STEADY * 2, Some(true), None),
            (STEADY, None, None),
        ] {
            let is_ending_now = |socket: &Socket| Some(socket.large_send.as_ref()?.is_ending);
            socket.lacked_since = Some(now);
            sends.adjust(&mut socket, now + waited, u64::MAX);
            assert_eq!(is_ending_now(&socket), is_ending, "{waited:?}");
            note_room(&mut socket, now + waited);
            assert_eq!(is_ending_now(&socket), is_ending_after, "{waited:?}");
            // There is room for more.
            sends.adjust(&mut socket, now + waited, u64::MAX);
            assert_eq!(is_ending_now(&socket), is_ending_after, "{waited:?}");
        }
    }
}

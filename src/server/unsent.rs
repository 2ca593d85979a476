//! How much of a response is left with the kernel, yet unsent.
//!
//! Little, so that a thousand clients that do not read cannot use up its memory for all sockets. But
//! the less it has, the more often it must ask for more. So a few clients at a time that take a
//! large file on and on may have it served from much.

use super::socket::Socket;
use mio::Interest;
use std::cell::Cell;
use std::rc::Rc;

/// What may be left with the kernel for most clients.
pub(super) const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// The same, for a client that takes a large file.
const LARGE_UNSENT_BYTES_MAX: u32 = 2 * 1024 * 1024;

/// How many clients may have so much left with the kernel at once.
const LARGE_MAX: usize = 32;

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
}

impl LargeSends {
    /// Lets much be left with the kernel for a client, if it had to wait for room before and goes
    /// on to take what it is sent, so much of a file is left for it, and not too many others have
    /// the same.
    pub(super) fn begin(&self, socket: &mut Socket, left_bytes: u64) {
        let is_worth_it = socket.lack != Lack::Never && left_bytes >= WORTH_BYTES_MIN;
        let count = self.under_way.get();
        if socket.large_send.is_some() || !is_worth_it || count >= LARGE_MAX {
            return;
        }
        socket.set_unsent_bytes_max(LARGE_UNSENT_BYTES_MAX);
        self.under_way.set(count + 1);
        socket.large_send = Some(LargeSend {
            under_way: Rc::clone(&self.under_way),
        });
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
        sends.begin(&mut sockets[0], u64::MAX);
        assert_eq!(sends.under_way.get(), 0, "it has never lacked room");
        for socket in &mut sockets {
            socket.lack = Lack::Now;
        }
        let begin = |sockets: &mut [Socket]| {
            for socket in &mut *sockets {
                sends.begin(socket, WORTH_BYTES_MIN);
            }
            let have = |socket: &&Socket| socket.large_send.is_some();
            sockets.iter().filter(have).count()
        };
        assert_eq!(begin(&mut sockets), LARGE_MAX);
        sockets.remove(0);
        assert_eq!(begin(&mut sockets), LARGE_MAX, "the last one, too");
        sockets[0].end_large_send();
        assert_eq!(sends.under_way.get(), LARGE_MAX - 1);
        sends.begin(&mut sockets[0], WORTH_BYTES_MIN - 1);
        assert_eq!(sends.under_way.get(), LARGE_MAX - 1, "not worth it");
    }
}

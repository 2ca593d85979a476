//! How much of a response is left with the kernel, yet unsent.
//!
//! Little, so that a thousand clients that do not read cannot use up its memory for all sockets, and
//! because it says nothing before half of it has been taken, so that a client that is slow would seem
//! to take nothing. But the less it has, the more often it must ask for more. So a few clients at a
//! time that take a large file at speed may have it served from much.

use super::progress::Progress;
use super::socket::{Socket, UNSENT_BYTES_MAX};
use mio::Interest;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What may be left with the kernel for a client that takes a large file, in bytes.
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
enum Lack {
    Never,
    /// For a response before the present one.
    Before,
    /// For the present response, or the last one if there is none.
    Now,
}

impl Lack {
    /// Another response begins.
    fn pass(&mut self) {
        if *self == Self::Now {
            *self = Self::Before;
        }
    }

    /// What the client is watched for: also for room if it was lacking just now, to go on with the
    /// response, and because the next may lack it as well. To be told of room that nobody needs
    /// would wake the loop for nothing.
    fn interest(self) -> Interest {
        match self {
            Self::Now => Interest::READABLE | Interest::WRITABLE,
            Self::Never | Self::Before => Interest::READABLE,
        }
    }
}

/// How many clients have much left with the kernel.
#[derive(Debug, Default)]
pub(crate) struct LargeSends {
    under_way: Rc<Cell<usize>>,
}

/// The leave of one client, given back when it goes.
#[derive(Debug)]
struct LargeSend {
    under_way: Rc<Cell<usize>>,
    /// Whether it is to be left little again, once it has taken what it was left.
    is_ending: bool,
}

/// How much of its responses one client lets be left with the kernel, and how quickly it takes it.
#[derive(Debug)]
pub(crate) struct SendWindow {
    lack: Lack,
    /// Since when the kernel has had no room for more of the present response, if it has none.
    lacked_since: Option<Instant>,
    /// How the client has got on while there was no room; `None` if that was never for long.
    progress: Option<Box<Progress>>,
    /// Whether the client was quick to make room, the last time that it lacked.
    is_quick: bool,
    /// Leave to leave much with the kernel, while a large file is sent.
    large_send: Option<LargeSend>,
}

impl SendWindow {
    pub(crate) fn new() -> Self {
        Self {
            lack: Lack::Never,
            lacked_since: None,
            progress: None,
            is_quick: false,
            large_send: None,
        }
    }

    /// What the client is to be watched for.
    pub(crate) fn interest(&self) -> Interest {
        self.lack.interest()
    }

    /// Another response begins.
    pub(crate) fn begin_response(&mut self) {
        self.lack.pass();
    }

    /// Lets much be left with the kernel for a client, if it is quick to make room for what it is
    /// sent, so much of a file is left for it, and not too many others have the same. Who has become
    /// slow is left little again.
    pub(crate) fn adjust(
        &mut self,
        pool: &LargeSends,
        socket: &Socket,
        now: Instant,
        left_bytes: u64,
    ) {
        let waited = self.lacked_since.map(|since| now.duration_since(since));
        if let Some(large_send) = &mut self.large_send {
            if !large_send.is_ending && waited.is_some_and(|waited| waited > STEADY) {
                large_send.is_ending = true;
                socket.set_unsent_bytes_max(UNSENT_BYTES_MAX);
            }
            return;
        }
        let is_quick = waited.map_or(self.is_quick, |waited| waited <= QUICK);
        if is_quick && left_bytes >= WORTH_BYTES_MIN {
            self.large_send = pool.take();
            if self.large_send.is_some() {
                socket.set_unsent_bytes_max(LARGE_UNSENT_BYTES_MAX);
            }
        }
    }

    /// Takes note that the kernel has no room for more.
    pub(crate) fn note_full(&mut self, now: Instant) {
        self.lack = Lack::Now;
        self.lacked_since.get_or_insert(now);
    }

    /// Takes note that a client has made room.
    pub(crate) fn note_room(&mut self, now: Instant) {
        let Some(since) = self.lacked_since.take() else {
            return;
        };
        self.is_quick = now.duration_since(since) <= QUICK;
        if let Some(progress) = &mut self.progress {
            progress.note_room(now);
        }
        // It has taken what it was left.
        if self.large_send.as_ref().is_some_and(|it| it.is_ending) {
            self.large_send = None;
        }
    }

    /// When to look whether the client takes what it was sent, if the kernel has no room for more.
    pub(crate) fn next_look(&self, timeout: Duration) -> Option<Instant> {
        let since = self.lacked_since?;
        let look = Progress::next_look(self.progress.as_deref(), since, timeout);
        Some(look)
    }

    /// Looks whether the client has stalled, if the kernel has no room for more.
    pub(crate) fn is_stalled(&mut self, socket: &Socket, now: Instant, timeout: Duration) -> bool {
        let Some(since) = self.lacked_since else {
            // It is its connection that knows when it is late.
            return true;
        };
        let delivery = socket.delivery();
        let progress = self
            .progress
            .get_or_insert_with(|| Box::new(Progress::new(delivery, since)));
        progress.is_stalled(delivery, since, now, timeout)
    }

    /// A request that outlasted a call has ended.
    pub(crate) fn forget_progress(&mut self) {
        self.progress = None;
    }

    /// A large file has been sent; what comes next is nothing special.
    pub(crate) fn end_large_send(&mut self, socket: &Socket) {
        if self.large_send.take().is_some() {
            socket.set_unsent_bytes_max(UNSENT_BYTES_MAX);
        }
    }
}

impl LargeSends {
    /// Leave for one more client, if not too many have it.
    fn take(&self) -> Option<LargeSend> {
        let count = self.under_way.get();
        if count >= LARGE_MAX {
            return None;
        }
        self.under_way.set(count + 1);
        Some(LargeSend {
            under_way: Rc::clone(&self.under_way),
            is_ending: false,
        })
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

    fn client() -> (Socket, SendWindow) {
        let socket = Socket::new(UnixStream::pair().unwrap().0.into());
        (socket, SendWindow::new())
    }

    #[test]
    fn so_many_may_leave_much_with_the_kernel_and_one_more_when_one_goes() {
        let pool = LargeSends::default();
        let mut clients: Vec<_> = (0..=LARGE_MAX).map(|_| client()).collect();
        let now = Instant::now();
        let (socket, window) = &mut clients[0];
        window.adjust(&pool, socket, now, u64::MAX);
        assert_eq!(pool.under_way.get(), 0, "it has never lacked room");
        for (_, window) in &mut clients {
            window.is_quick = true;
        }
        let begin = |clients: &mut [(Socket, SendWindow)]| {
            for (socket, window) in &mut *clients {
                window.adjust(&pool, socket, now, WORTH_BYTES_MIN);
            }
            let have = |(_, window): &&(Socket, SendWindow)| window.large_send.is_some();
            clients.iter().filter(have).count()
        };
        assert_eq!(begin(&mut clients), LARGE_MAX);
        clients.remove(0);
        assert_eq!(begin(&mut clients), LARGE_MAX, "the last one, too");
        let (socket, window) = &mut clients[0];
        window.end_large_send(socket);
        assert_eq!(pool.under_way.get(), LARGE_MAX - 1);
        window.adjust(&pool, socket, now, WORTH_BYTES_MIN - 1);
        assert_eq!(pool.under_way.get(), LARGE_MAX - 1, "not worth it");
    }

    #[test]
    fn who_becomes_slow_is_left_little_again() {
        let pool = LargeSends::default();
        let (socket, mut window) = client();
        let now = Instant::now();
        for (waited, is_ending, is_ending_after) in [
            (QUICK * 2, None, None),
            (QUICK, Some(false), Some(false)),
            (STEADY, Some(false), Some(false)),
            // Until it has taken what it was left.
            (STEADY * 2, Some(true), None),
            (STEADY, None, None),
        ] {
            let is_ending_now = |window: &SendWindow| Some(window.large_send.as_ref()?.is_ending);
            window.lacked_since = Some(now);
            window.adjust(&pool, &socket, now + waited, u64::MAX);
            assert_eq!(is_ending_now(&window), is_ending, "{waited:?}");
            window.note_room(now + waited);
            assert_eq!(is_ending_now(&window), is_ending_after, "{waited:?}");
            // There is room for more.
            window.adjust(&pool, &socket, now + waited, u64::MAX);
            assert_eq!(is_ending_now(&window), is_ending_after, "{waited:?}");
        }
    }
}

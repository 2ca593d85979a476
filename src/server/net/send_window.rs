//! The amount of unsent response data in the kernel's buffer.
//!
//! It is small, so that a thousand clients that do not read cannot exhaust the kernel's memory for
//! sockets. A small amount also shows progress earlier: the kernel reports nothing before half of
//! it is sent, so a slow client with a large buffer would seem to read nothing. But a smaller
//! buffer has to be filled more often. So a few clients at a time that quickly download a large
//! file get a large buffer.

use super::pace::{Pace, SlowPace};
use super::progress::Progress;
use super::socket::{Socket, UNSENT_BYTES_MAX};
use super::transfer::Batch;
use mio::Interest;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The largest amount of unsent data for a client that downloads a large file, in bytes.
const LARGE_UNSENT_BYTES_MAX: u32 = 2 * 1024 * 1024;

/// The number of clients with such a buffer at once.
const LARGE_MAX: usize = 32;

/// The amount that is encrypted at once for most clients, in bytes: two records. A thousand clients
/// that do not read hold this much of our memory each.
const BATCH_BYTES: usize = 32 * 1024;

/// The amount that is encrypted at once for a client that quickly downloads a large file.
const LARGE_BATCH_BYTES: usize = 128 * 1024;

/// A client that receives half of the small buffer within this time may get the large one.
const QUICK: Duration = Duration::from_millis(10);

/// A client that receives half of the large buffer within this time may keep it.
const STEADY: Duration = Duration::from_millis(250);

/// The rest of a file must be worth two more system calls.
const WORTH_BYTES_MIN: u64 = 512 * 1024;

/// The last time when the kernel's buffer for a client was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocked {
    Never,
    /// For a response before the present one.
    Before,
    /// For the present response, or the last one if there is none.
    Now,
}

impl Blocked {
    /// Begins another response.
    fn pass(&mut self) {
        if *self == Self::Now {
            *self = Self::Before;
        }
    }

    /// Returns the events to watch: also for room if the buffer was just full, to continue with the
    /// response, and because the next one may fill it as well. Events about room that nobody needs
    /// would wake the loop for nothing.
    fn interest(self) -> Interest {
        match self {
            Self::Now => Interest::READABLE | Interest::WRITABLE,
            Self::Never | Self::Before => Interest::READABLE,
        }
    }
}

/// The number of clients with a large buffer.
#[derive(Debug)]
pub(crate) struct WindowPool {
    under_way: Rc<Cell<usize>>,
    max: usize,
}

/// The permit of one client, returned when it is dropped.
#[derive(Debug)]
struct WindowPermit {
    under_way: Rc<Cell<usize>>,
    /// `true` if the buffer becomes small again once the client has received the present data.
    is_ending: bool,
}

/// The buffer that the responses of one client may use, and the speed at which the client empties
/// it.
#[derive(Debug)]
pub(crate) struct SendWindow {
    blocked: Blocked,
    /// The time since which the buffer has been full for the present response, if it is.
    blocked_since: Option<Instant>,
    /// The client's progress while the buffer is full; `None` if that never lasted long.
    progress: Option<Box<Progress>>,
    /// The client's pace in the present response; `None` unless connections are short.
    pace: Option<Box<Pace>>,
    /// `true` if the client made room quickly the last time that the buffer was full.
    is_quick: bool,
    /// The permit for a large buffer, while a large file is sent.
    permit: Option<WindowPermit>,
}

impl SendWindow {
    pub(crate) fn new() -> Self {
        Self {
            blocked: Blocked::Never,
            blocked_since: None,
            progress: None,
            pace: None,
            is_quick: false,
            permit: None,
        }
    }

    /// Returns the events to watch for the client.
    pub(crate) fn interest(&self) -> Interest {
        self.blocked.interest()
    }

    /// Returns how much may be encrypted at once for a client. The part that does not fit into the
    /// buffer stays with its connection.
    pub(crate) fn batch(&self, now: Instant) -> Batch {
        let bytes_max = if self.permit.is_some() {
            LARGE_BATCH_BYTES
        } else {
            BATCH_BYTES
        };
        Batch { bytes_max, now }
    }

    /// Begins another response.
    pub(crate) fn begin_response(&mut self) {
        self.blocked.pass();
    }

    /// Gives a client a large buffer, if it makes room quickly, enough of a file is left, and not
    /// too many others have one. A client that has become slow gets a small one again.
    pub(crate) fn adjust(
        &mut self,
        pool: &WindowPool,
        socket: &Socket,
        now: Instant,
        left_bytes: u64,
    ) {
        let waited = self.blocked_since.map(|since| now.duration_since(since));
        if let Some(permit) = &mut self.permit {
            if !permit.is_ending && waited.is_some_and(|waited| waited > STEADY) {
                permit.is_ending = true;
                socket.set_unsent_bytes_max(UNSENT_BYTES_MAX);
            }
            return;
        }
        let is_quick = waited.map_or(self.is_quick, |waited| waited <= QUICK);
        if is_quick && left_bytes >= WORTH_BYTES_MIN {
            self.permit = pool.take();
            if self.permit.is_some() {
                socket.set_unsent_bytes_max(LARGE_UNSENT_BYTES_MAX);
            }
        }
    }

    /// Records that the buffer is full.
    pub(crate) fn note_full(&mut self, now: Instant) {
        self.blocked = Blocked::Now;
        self.blocked_since.get_or_insert(now);
    }

    /// Records that a client has made room.
    pub(crate) fn note_room(&mut self, now: Instant) {
        let Some(since) = self.blocked_since.take() else {
            return;
        };
        self.is_quick = now.duration_since(since) <= QUICK;
        if let Some(progress) = &mut self.progress {
            progress.note_room(now);
        }
        // It has received the data in the large buffer.
        if self.permit.as_ref().is_some_and(|it| it.is_ending) {
            self.permit = None;
        }
    }

    /// Returns the time of the next progress check, if the buffer is full.
    pub(crate) fn next_look(&self, timeout: Duration) -> Option<Instant> {
        let since = self.blocked_since?;
        let look = Progress::next_look(self.progress.as_deref(), since, timeout);
        Some(look)
    }

    /// Returns `true` if the client has stalled while the buffer is full.
    pub(crate) fn is_stalled(&mut self, socket: &Socket, now: Instant, timeout: Duration) -> bool {
        let Some(since) = self.blocked_since else {
            // Otherwise the connection's own deadlines decide.
            return true;
        };
        let delivery = socket.delivery();
        let progress = self
            .progress
            .get_or_insert_with(|| Box::new(Progress::new(delivery, since)));
        progress.is_stalled(delivery, since, now, timeout)
    }

    /// Measures the pace of a client in a response, if the buffer is full.
    pub(crate) fn measure(&mut self, socket: &Socket, connected: Instant, now: Instant) {
        if self.blocked_since.is_none() {
            return;
        }
        let delivery = socket.delivery();
        match &mut self.pace {
            Some(pace) => pace.look(delivery, now),
            None => self.pace = Pace::begin(delivery, connected, now).map(Box::new),
        }
    }

    /// Returns the pace of a client in a response, if it is too slow and the buffer is full.
    pub(crate) fn slow_pace(&self) -> Option<SlowPace> {
        self.blocked_since?;
        self.pace.as_ref()?.slow()
    }

    /// Forgets the progress after a request that took several calls.
    pub(crate) fn forget_progress(&mut self) {
        self.progress = None;
        self.pace = None;
    }

    /// Returns to the small buffer after a large file.
    pub(crate) fn end_large_response(&mut self, socket: &Socket) {
        if self.permit.take().is_some() {
            socket.set_unsent_bytes_max(UNSENT_BYTES_MAX);
        }
    }
}

impl Default for WindowPool {
    fn default() -> Self {
        Self::one_of(1)
    }
}

impl WindowPool {
    /// Returns the pool of one of several workers.
    pub(crate) fn one_of(workers: usize) -> Self {
        Self {
            under_way: Rc::default(),
            max: (LARGE_MAX / workers).max(1),
        }
    }

    /// Takes a permit, if any is left.
    fn take(&self) -> Option<WindowPermit> {
        let count = self.under_way.get();
        if count >= self.max {
            return None;
        }
        self.under_way.set(count + 1);
        Some(WindowPermit {
            under_way: Rc::clone(&self.under_way),
            is_ending: false,
        })
    }
}

impl Drop for WindowPermit {
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
    fn the_number_of_large_buffers_is_limited() {
        let pool = WindowPool::default();
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
            let have = |(_, window): &&(Socket, SendWindow)| window.permit.is_some();
            clients.iter().filter(have).count()
        };
        assert_eq!(begin(&mut clients), LARGE_MAX);
        clients.remove(0);
        assert_eq!(begin(&mut clients), LARGE_MAX, "the last one, too");
        let (socket, window) = &mut clients[0];
        window.end_large_response(socket);
        assert_eq!(pool.under_way.get(), LARGE_MAX - 1);
        window.adjust(&pool, socket, now, WORTH_BYTES_MIN - 1);
        assert_eq!(pool.under_way.get(), LARGE_MAX - 1, "not worth it");
    }

    #[test]
    fn a_client_that_becomes_slow_gets_a_small_buffer_again() {
        let pool = WindowPool::default();
        let (socket, mut window) = client();
        let now = Instant::now();
        for (waited, is_ending, is_ending_after) in [
            (QUICK * 2, None, None),
            (QUICK, Some(false), Some(false)),
            (STEADY, Some(false), Some(false)),
            // Until it has received the data in the large buffer.
            (STEADY * 2, Some(true), None),
            (STEADY, None, None),
        ] {
            let is_ending_now = |window: &SendWindow| Some(window.permit.as_ref()?.is_ending);
            window.blocked_since = Some(now);
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

//! Deciding whether a client whose buffers are full still reads, from the acknowledgements of its
//! kernel.
//!
//! The kernel asks for more data only when half of its buffer is sent, which takes minutes with a
//! slow reader. So while nothing can be sent, the owner of the socket checks a few times in each
//! timeout whether the client has stalled. It never checks a client that has room.
//!
//! A receiver acknowledges in batches: its window stays closed until a good part of its buffer has
//! been read (RFC 9293 §3.8.6.2.2). Until then, a slow reader and a stopped one look the same. So a
//! client has a credit of bytes. Acknowledgements add to it, up to a limit, and time reduces it at
//! the slowest tolerated pace; without credit, the client has stalled. A reader at that pace or
//! above never stalls, however it acknowledges, and trickled bytes postpone nothing. Credit does
//! not help a client that acknowledges none of the data in flight, because such a client has
//! vanished.

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::GetStruct;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The kernel's knowledge about data sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Over TCP: the bytes acknowledged since the connection began, and whether others are in
    /// flight, sent but not acknowledged.
    Tcp { acknowledged: u64, in_flight: bool },
    /// Over a Unix-domain socket: the memory of the data that the peer has yet to read.
    Unix { queued: u32 },
    /// The kernel does not report it.
    Unknown,
}

impl Delivery {
    /// Returns the present state of a socket.
    pub(crate) fn of(socket: &impl AsFd) -> Self {
        if let Ok([_, _, _, unacknowledged_and_more, .., acknowledged]) =
            getsockopt(socket, TcpInfo)
        {
            // Two numbers of 32 bits each; the relevant one comes first in memory.
            let [a, b, c, d, ..] = unacknowledged_and_more.to_ne_bytes();
            let in_flight = [a, b, c, d] != [0; 4];
            return Self::Tcp {
                acknowledged,
                in_flight,
            };
        }
        match getsockopt(socket, MemInfo) {
            Ok([_, _, queued, ..]) => Self::Unix { queued },
            Err(_) => Self::Unknown,
        }
    }

    /// Returns the bytes that the peer has received since an earlier state.
    fn since(self, earlier: Self) -> u64 {
        match (earlier, self) {
            (
                Self::Tcp {
                    acknowledged: before,
                    ..
                },
                Self::Tcp { acknowledged, .. },
            ) => acknowledged.saturating_sub(before),
            (Self::Unix { queued: before }, Self::Unix { queued }) => {
                before.saturating_sub(queued).into()
            }
            _ => 0,
        }
    }

    /// Returns the bytes that the peer may read before the next visible progress.
    fn unread_bytes(self) -> u64 {
        match self {
            Self::Tcp { acknowledged, .. } => acknowledged.min(CREDIT_BYTES_MAX),
            Self::Unix { .. } => UNIX_LUMP_BYTES,
            Self::Unknown => CREDIT_BYTES_MAX,
        }
    }
}

/// The progress of a peer whose buffers are full.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The state at the last check.
    delivery: Delivery,
    looked: Instant,
    /// The last known progress of the peer.
    advanced: Instant,
    credit_bytes: u64,
}

impl Progress {
    /// Begins with a peer whose buffers have been full since a moment, and its present state.
    pub(crate) fn new(delivery: Delivery, since: Instant) -> Self {
        Self {
            delivery,
            looked: since,
            advanced: since,
            credit_bytes: first_credit(delivery),
        }
    }

    /// Updates the progress with the present state. Returns `true` if the peer, whose buffers have
    /// been full since a moment, has stalled.
    pub(crate) fn is_stalled(
        &mut self,
        delivery: Delivery,
        since: Instant,
        now: Instant,
        timeout: Duration,
    ) -> bool {
        let waited = now.saturating_duration_since(self.looked.max(since));
        let taken = delivery.since(self.delivery);
        let credit = self
            .credit_bytes
            .saturating_add(taken)
            .saturating_sub(slowest_bytes(waited, timeout));
        self.credit_bytes = credit.min(CREDIT_BYTES_MAX);
        if taken > 0 {
            self.advanced = now;
        }
        (self.delivery, self.looked) = (delivery, now);
        let is_gone = matches!(delivery, Delivery::Tcp { in_flight, .. } if in_flight)
            && now.saturating_duration_since(self.advanced) >= timeout;
        is_gone || self.credit_bytes == 0
    }

    /// Records that the kernel has accepted more data, so the peer has made progress.
    pub(crate) fn note_room(&mut self, now: Instant) {
        self.advanced = now;
        // With TCP, the acknowledgements show how much; otherwise it is unknown.
        if !matches!(self.delivery, Delivery::Tcp { .. }) {
            self.credit_bytes = first_credit(self.delivery);
            // More than before may be queued from now on.
            self.delivery = Delivery::Unknown;
        }
    }

    /// Returns the time of the next check of a peer whose buffers have been full since a moment.
    pub(crate) fn next_look(looked: Option<&Self>, since: Instant, timeout: Duration) -> Instant {
        let last = looked.map_or(since, |progress| progress.looked.max(since));
        last + timeout / LOOKS_A_TIMEOUT
    }
}

/// Returns the credit of a peer whose pace is still unknown: enough to read everything it has
/// received, and at least for one timeout.
fn first_credit(delivery: Delivery) -> u64 {
    delivery.unread_bytes().max(SLOWEST_BYTES_A_TIMEOUT)
}

/// Returns the bytes that a peer at the slowest tolerated pace reads in this time.
fn slowest_bytes(elapsed: Duration, timeout: Duration) -> u64 {
    let bytes = elapsed.as_micros() * u128::from(SLOWEST_BYTES_A_TIMEOUT);
    let bytes = bytes.checked_div(timeout.as_micros()).unwrap_or(u128::MAX);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The first 128 bytes of the kernel's `tcp_info`, which end with `tcpi_bytes_acked` and contain
/// `tcpi_unacked` at the 24th (since Linux 4.1).
#[derive(Clone, Copy, Debug)]
struct TcpInfo;

nix::getsockopt_impl!(
    TcpInfo,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    [u64; 16],
    GetStruct<[u64; 16]>
);

/// The memory of a socket; the third number is that of sent data.
#[derive(Clone, Copy, Debug)]
struct MemInfo;

nix::getsockopt_impl!(
    MemInfo,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; 9],
    GetStruct<[u32; 9]>
);

/// The slowest tolerated pace: 0.8 KiB/s for a timeout of 60 s, so that 1 KiB/s has some margin.
const SLOWEST_BYTES_A_TIMEOUT: u64 = 48 * 1024;

/// The most that a peer can be ahead of that pace. `curl --limit-rate 1k` had 190 KiB in its
/// buffer, which it read without visible progress. A fast client that stops is held for eleven
/// timeouts because of this, and one that never reads for one to three, since its buffer is small
/// then.
const CREDIT_BYTES_MAX: u64 = 512 * 1024;

/// The kernel frees data sent over a Unix-domain socket in pieces of up to 64 KiB plus overhead,
/// when the whole piece is read.
const UNIX_LUMP_BYTES: u64 = 96 * 1024;

/// The number of checks in each timeout while the buffers are full. So a stall is noticed at most a
/// quarter of the timeout late.
const LOOKS_A_TIMEOUT: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    const TIMEOUT: Duration = Duration::from_mins(1);
    const KIB: u64 = 1024;

    fn tcp(acknowledged: u64) -> Delivery {
        Delivery::Tcp {
            acknowledged,
            in_flight: false,
        }
    }

    /// Returns the time within an hour, in seconds, at which a peer counts as stalled. It is
    /// checked every 15 s, and `delivery` returns its state after a number of seconds.
    fn stalled_after(delivery: impl Fn(u64) -> Delivery) -> Option<u64> {
        let start = Instant::now();
        let mut progress = Progress::new(delivery(0), start);
        (15..=3600).step_by(15).find(|second| {
            let now = start + Duration::from_secs(*second);
            progress.is_stalled(delivery(*second), start, now, TIMEOUT)
        })
    }

    #[test]
    fn a_steady_reader_of_1_kib_a_second_is_never_stalled_however_it_acknowledges() {
        for lump in [1, 8, 64, 128, 190, 480].map(|kib| kib * KIB) {
            // Its buffer is full at first, and it acknowledges after reading this much.
            let acknowledged = |second: u64| tcp(lump + second * KIB / lump * lump);
            assert_eq!(stalled_after(acknowledged), None, "{lump}");
        }
    }

    #[test]
    fn a_peer_that_acknowledges_nothing_stalls_after_the_timeout_plus_its_reading_time() {
        for (acknowledged, stalled) in [(0, 60), (48 * KIB, 60), (96 * KIB, 120), (1 << 30, 645)] {
            let found = stalled_after(|_| tcp(acknowledged));
            assert_eq!(found, Some(stalled), "{acknowledged}");
        }
        // It stops after five minutes at 2 KiB/s.
        let stopping = |second: u64| tcp(second.min(300) * 2 * KIB);
        assert_eq!(stalled_after(stopping), Some(810));
    }

    #[test]
    fn a_peer_that_acknowledges_nothing_in_flight_stalls_whatever_its_earlier_pace() {
        let gone = |_| Delivery::Tcp {
            acknowledged: 1 << 30,
            in_flight: true,
        };
        assert_eq!(stalled_after(gone), Some(60));
        // On a lossy connection that still delivers something.
        let lossy = |second: u64| Delivery::Tcp {
            acknowledged: second / 45 * 45 * KIB,
            in_flight: true,
        };
        assert_eq!(stalled_after(lossy), None);
    }

    #[test]
    fn trickled_bytes_do_not_postpone_a_stall_for_long() {
        assert_eq!(stalled_after(tcp), Some(75));
        assert_eq!(stalled_after(|second| tcp(second * KIB / 2)), Some(165));
        // 128 KiB at once every five minutes.
        let seldom = |second: u64| tcp((1 + second / 300) * 128 * KIB);
        assert_eq!(stalled_after(seldom), Some(165));
    }

    #[test]
    fn a_peer_of_a_unix_socket_does_not_stall_while_its_queue_shrinks() {
        // 64,000 bytes every minute until it stops.
        let queued = |second: u64| Delivery::Unix {
            queued: 2_000_000 - u32::try_from(second.min(900) / 60 * 64_000).unwrap(),
        };
        let stalled = stalled_after(queued);
        assert!(
            stalled.is_some_and(|second| (960..=1_500).contains(&second)),
            "{stalled:?}"
        );
        assert_eq!(stalled_after(|_| queued(0)), Some(120));
    }

    #[test]
    fn room_made_by_a_peer_counts_without_statistics_and_time_with_room_is_free() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        for delivery in [Delivery::Unix { queued: 9 }, Delivery::Unknown] {
            let mut progress = Progress::new(delivery, start);
            for second in (45..10_000).step_by(45) {
                assert!(
                    !progress.is_stalled(delivery, start, at(second), TIMEOUT),
                    "{delivery:?}"
                );
                progress.note_room(at(second));
            }
        }
        let mut progress = Progress::new(tcp(0), start);
        assert!(!progress.is_stalled(tcp(0), start, at(45), TIMEOUT));
        progress.note_room(at(46));
        assert!(!progress.is_stalled(tcp(0), at(10_000), at(10_010), TIMEOUT));
        assert!(progress.is_stalled(tcp(0), at(10_000), at(10_020), TIMEOUT));
    }

    #[test]
    fn checks_happen_four_times_in_each_timeout() {
        let start = Instant::now();
        let quarter = TIMEOUT / 4;
        let next =
            |progress: Option<&Progress>, since| Progress::next_look(progress, since, TIMEOUT);
        assert_eq!(next(None, start), start + quarter);
        let progress = Progress::new(tcp(0), start);
        assert_eq!(next(Some(&progress), start), start + quarter);
        let later = start + TIMEOUT;
        assert_eq!(next(Some(&progress), later), later + quarter);
    }

    #[test]
    fn the_kernel_reports_acknowledged_or_read_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let before = Delivery::of(&server);
        server.write_all(&[b'x'; 10_000]).unwrap();
        client.read_exact(&mut [0; 10_000]).unwrap();
        // The acknowledgement may arrive a little later.
        let deadline = Instant::now() + Duration::from_secs(10);
        while Delivery::of(&server).since(before) < 10_000 {
            assert!(Instant::now() < deadline, "{:?}", Delivery::of(&server));
        }

        let (mut server, mut client) = UnixStream::pair().unwrap();
        server.write_all(&[b'x'; 10_000]).unwrap();
        let before = Delivery::of(&server);
        assert!(
            matches!(before, Delivery::Unix { queued } if queued >= 10_000),
            "{before:?}"
        );
        client.read_exact(&mut [0; 10_000]).unwrap();
        assert!(Delivery::of(&server).since(before) >= 10_000);
    }
}

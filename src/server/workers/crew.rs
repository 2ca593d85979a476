//! The other workers, as seen from the first one, which passes connections to them and gives
//! commands to all.

use super::message::{Change, Command, Offer, Reply};
use super::seats::{Seats, wake};
use crate::server::admin::figures::LoopFigures;
use crate::server::connections::eviction::EvictionRank;
use crate::server::net::stream::Stream;
use mio::Waker;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// All workers except the first.
#[derive(Debug)]
pub(crate) struct Crew {
    hands: Vec<Hand>,
    replies: Receiver<(usize, Reply)>,
    seats: Arc<Seats>,
    /// The worker that received the last connection.
    last: usize,
    room: Room,
    reports: Gathered<LoopFigures>,
    prepared: Gathered<Result<(), String>>,
    draining: Gathered<usize>,
    finished: Gathered<()>,
}

/// One of the other workers.
#[derive(Debug)]
pub(crate) struct Hand {
    pub(crate) commands: Sender<Command>,
    pub(crate) waker: Arc<Waker>,
    /// `true` if it still has to be woken for the commands that it was sent.
    needs_wake_up: bool,
}

/// The replies of one kind, one from each worker.
#[derive(Debug)]
struct Gathered<T> {
    replies: Vec<Option<T>>,
    is_asked: bool,
}

/// The progress of the first worker in finding a connection to close for another one.
#[derive(Debug)]
enum Room {
    NotAsked,
    /// All workers were asked for an offer, at this time.
    Asked(Instant, Gathered<Offer>),
    /// One worker was asked to make room, at this time.
    Ordered(Instant),
}

/// The result of a search for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is no result yet.
    Pending,
    /// The first worker itself has the most dispensable connection.
    Here,
    /// No worker can close a connection, before this time at the earliest.
    None(Option<Instant>),
}

impl Hand {
    pub(crate) fn new(commands: Sender<Command>, waker: Arc<Waker>) -> Self {
        Self {
            commands,
            waker,
            needs_wake_up: false,
        }
    }

    fn send(&mut self, command: Command) {
        // A worker that is gone has ended the process.
        if self.commands.send(command).is_ok() {
            self.needs_wake_up = true;
        }
    }
}

impl<T> Gathered<T> {
    fn new(count: usize) -> Self {
        Self {
            replies: (0..count).map(|_| None).collect(),
            is_asked: false,
        }
    }

    fn begin(&mut self) {
        self.replies.iter_mut().for_each(|reply| *reply = None);
        self.is_asked = true;
    }

    /// Records this reply for all workers that have not replied.
    fn fill(&mut self, reply: T)
    where
        T: Copy,
    {
        for place in &mut self.replies {
            place.get_or_insert(reply);
        }
    }

    fn put(&mut self, worker: usize, reply: T) {
        if let Some(place) = self.replies.get_mut(worker) {
            *place = Some(reply);
        }
    }

    /// Returns all replies once they have arrived. Returns `None` before, and if nothing was asked.
    fn take(&mut self) -> Option<Vec<T>> {
        if !self.is_asked || self.replies.iter().any(Option::is_none) {
            return None;
        }
        self.is_asked = false;
        Some(self.replies.iter_mut().filter_map(Option::take).collect())
    }
}

impl Crew {
    pub(crate) fn new(
        hands: Vec<Hand>,
        replies: Receiver<(usize, Reply)>,
        seats: Arc<Seats>,
    ) -> Self {
        let count = hands.len();
        Self {
            hands,
            replies,
            seats,
            last: 0,
            room: Room::NotAsked,
            reports: Gathered::new(count),
            prepared: Gathered::new(count),
            draining: Gathered::new(count),
            finished: Gathered::new(count),
        }
    }

    /// Returns the number of workers besides the first.
    pub(crate) fn len(&self) -> usize {
        self.hands.len()
    }

    /// Returns the seats, which count the connections of all workers.
    pub(crate) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Passes a connection to the worker with the fewest. Returns it if that is the first worker.
    pub(crate) fn hand_out(&mut self, stream: Stream, peer: Option<IpAddr>) -> Option<Stream> {
        self.last = self.seats.take_fewest(self.last);
        let hand = self
            .last
            .checked_sub(1)
            .and_then(|at| self.hands.get_mut(at));
        let Some(hand) = hand else {
            return Some(stream);
        };
        hand.send(Command::Connection(stream, peer));
        None
    }

    /// Sends a command to all other workers.
    fn send_all(&mut self, command: impl Fn() -> Command) {
        self.hands.iter_mut().for_each(|hand| hand.send(command()));
    }

    /// Wakes the workers that were sent a command. Call this at the end of a tick.
    pub(crate) fn wake(&mut self) {
        for hand in &mut self.hands {
            if std::mem::take(&mut hand.needs_wake_up) {
                wake(&hand.waker);
            }
        }
    }

    /// Receives all replies that have arrived. Returns `true` if one of them is about room.
    pub(crate) fn receive(&mut self) -> bool {
        let mut is_about_room = false;
        while let Ok((worker, reply)) = self.replies.try_recv() {
            is_about_room |= matches!(reply, Reply::Offer(_) | Reply::RoomMade);
            self.put(worker, reply);
        }
        is_about_room
    }

    fn put(&mut self, worker: usize, reply: Reply) {
        match reply {
            Reply::Offer(offer) => {
                if let Room::Asked(_, offers) = &mut self.room {
                    offers.put(worker, offer);
                }
            }
            Reply::RoomMade => {
                if let Room::Ordered(_) = self.room {
                    self.room = Room::NotAsked;
                }
            }
            Reply::Report(figures) => self.reports.put(worker, *figures),
            Reply::Prepared(outcome) => self.prepared.put(worker, outcome),
            Reply::Draining(count) => self.draining.put(worker, count),
            Reply::Finished => self.finished.put(worker, ()),
        }
    }

    /// Searches for a connection to close for another one, which takes several ticks. `own` returns
    /// the offer of the first worker. `count` is the number of connections to close if that costs
    /// nobody anything.
    pub(crate) fn find_room(
        &mut self,
        now: Instant,
        own: impl FnOnce() -> Offer,
        count: usize,
    ) -> Found {
        let is_late = |since: Instant| now.saturating_duration_since(since) >= OFFER_TIMEOUT;
        match &mut self.room {
            Room::Ordered(since) if !is_late(*since) => Found::Pending,
            Room::Ordered(_) | Room::NotAsked => {
                let mut offers = Gathered::new(self.hands.len());
                offers.begin();
                self.room = Room::Asked(now, offers);
                self.send_all(|| Command::OfferRoom);
                Found::Pending
            }
            Room::Asked(since, offers) => {
                if is_late(*since) {
                    offers.fill(Err(None));
                }
                match offers.take() {
                    None => Found::Pending,
                    Some(offers) => {
                        self.room = Room::NotAsked;
                        self.choose(now, own(), &offers, count)
                    }
                }
            }
        }
    }

    /// Chooses the best of all offers.
    fn choose(&mut self, now: Instant, own: Offer, others: &[Offer], count: usize) -> Found {
        match best(own, others) {
            Best::Own => Found::Here,
            Best::Other(worker, rank) => {
                let count = if rank.is_free() { count } else { 1 };
                if let Some(hand) = self.hands.get_mut(worker) {
                    hand.send(Command::MakeRoom(count));
                    self.room = Room::Ordered(now);
                }
                Found::Pending
            }
            Best::None(due) => Found::None(due),
        }
    }

    /// Asks all workers for their figures. [`take_reports`](Self::take_reports) returns the
    /// replies.
    pub(crate) fn ask_for_reports(&mut self) {
        if !self.reports.is_asked {
            self.reports.begin();
            self.send_all(|| Command::Report);
        }
    }

    /// Returns `true` if no worker still has to report.
    pub(crate) fn have_reported(&self) -> bool {
        !self.reports.is_asked
    }

    /// Returns the reports of all workers in order, once they have arrived.
    pub(crate) fn take_reports(&mut self) -> Option<Vec<LoopFigures>> {
        self.reports.take()
    }

    /// Makes all workers forget the files that they have read.
    pub(crate) fn forget_files(&mut self) {
        self.send_all(|| Command::ForgetFiles);
        self.wake();
    }

    /// Makes all workers prepare for other settings.
    pub(crate) fn prepare(&mut self, change: &Arc<Change>) {
        self.prepared.begin();
        self.send_all(|| Command::Prepare(Arc::clone(change)));
        self.wake();
    }

    /// Returns whether all workers are prepared, or the error, once they have replied.
    pub(crate) fn take_prepared(&mut self) -> Option<Result<(), String>> {
        let prepared = self.prepared.take()?;
        Some(prepared.into_iter().collect())
    }

    /// Makes all workers apply the settings that they have prepared.
    pub(crate) fn put_in_force(&mut self) {
        self.send_all(|| Command::PutInForce);
        self.wake();
    }

    /// Makes all workers drop the settings that they have prepared.
    pub(crate) fn discard(&mut self) {
        self.prepared.is_asked = false;
        self.send_all(|| Command::Discard);
        self.wake();
    }

    /// Makes all workers take the time of day from another clock.
    pub(crate) fn set_time_of_day(&mut self, time_of_day: fn() -> std::time::SystemTime) {
        self.send_all(|| Command::TimeOfDay(time_of_day));
        self.wake();
    }

    /// Makes all workers finish their requests in progress until the deadline.
    pub(crate) fn drain(&mut self, deadline: Instant) {
        self.draining.begin();
        self.finished.is_asked = true;
        self.send_all(|| Command::Drain(deadline));
        self.wake();
    }

    /// Returns the number of requests in progress, once all workers drain.
    pub(crate) fn take_draining(&mut self) -> Option<usize> {
        self.draining.take().map(|counts| counts.iter().sum())
    }

    /// Returns `true` if all workers have finished.
    pub(crate) fn has_finished(&self) -> bool {
        self.finished.replies.iter().all(Option::is_some)
    }

    /// Stops the workers that have not finished, and waits briefly for their last log lines.
    pub(crate) fn stop(&mut self) {
        self.send_all(|| Command::Stop);
        self.wake();
        let deadline = Instant::now() + LAST_WAIT;
        while !self.has_finished() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.replies.recv_timeout(left) {
                Ok((worker, reply)) => self.put(worker, reply),
                Err(_) => return,
            }
        }
    }
}

/// The best of several offers.
#[derive(Debug, PartialEq, Eq)]
enum Best {
    Own,
    /// The offer of another worker.
    Other(usize, EvictionRank),
    /// No offer, before this time at the earliest.
    None(Option<Instant>),
}

fn best(own: Offer, others: &[Offer]) -> Best {
    let ranked = others.iter().enumerate();
    let other = ranked
        .filter_map(|(worker, offer)| Some((offer.ok()?, worker)))
        .min_by_key(|(rank, _)| *rank);
    match (own, other) {
        (Ok(own), Some((rank, worker))) if rank < own => Best::Other(worker, rank),
        (Ok(_), _) => Best::Own,
        (Err(_), Some((rank, worker))) => Best::Other(worker, rank),
        (Err(due), None) => {
            let dues = others.iter().filter_map(|offer| offer.err().flatten());
            Best::None(dues.chain(due).min())
        }
    }
}

/// The time to wait for the offers of workers. Their ticks take milliseconds, and a worker that
/// waits for a disk has nothing to offer.
const OFFER_TIMEOUT: Duration = Duration::from_millis(100);

/// The time to wait at the end of the process for a worker that does not stop, such as one that
/// waits for a disk.
const LAST_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_dispensable_connection_of_all_workers_is_closed() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let (lingering, idle) = (EvictionRank::Lingering(later), EvictionRank::Idle(now));
        let arriving = EvictionRank::Arriving(now);
        for (own, others, expected) in [
            (
                Ok(idle),
                [Ok(lingering), Ok(arriving)],
                Best::Other(0, lingering),
            ),
            (Ok(idle), [Ok(arriving), Err(None)], Best::Own),
            (Ok(idle), [Ok(idle), Ok(idle)], Best::Own),
            (
                Err(Some(now)),
                [Err(None), Ok(arriving)],
                Best::Other(1, arriving),
            ),
            (
                Err(None),
                [Err(Some(later)), Err(Some(now))],
                Best::None(Some(now)),
            ),
            (
                Err(Some(later)),
                [Err(None), Err(None)],
                Best::None(Some(later)),
            ),
            (Err(None), [Err(None), Err(None)], Best::None(None)),
        ] {
            assert_eq!(best(own, &others), expected, "{own:?} {others:?}");
        }
    }

    #[test]
    fn replies_are_complete_when_all_have_arrived() {
        let mut gathered = Gathered::new(2);
        gathered.begin();
        gathered.put(1, 'b');
        assert_eq!(gathered.take(), None);
        gathered.put(0, 'a');
        assert_eq!(gathered.take(), Some(vec!['a', 'b']));
        assert_eq!(gathered.take(), None, "nobody was asked again");
    }
}

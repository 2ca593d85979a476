//! The admission of connections: their limits, the choice of connections to close when a limit is
//! reached, and pauses in accepting.

use super::eviction::{EvictionRank, IDLE_GRACE};
use super::per_client::PerClient;
use crate::server::observe::metrics::ConnectionCounters;
use crate::server::workers::seats::Seat;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The limits of connections, and their use.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The number of connections that there are descriptors for.
    fd_budget: usize,
    files_kept_open_max: usize,
    connections_max: usize,
    tally: Tally,
    /// The best sessions to close at the last search, the best one last, each with its rank. If the
    /// rank has changed since, the session has been busy.
    candidates: Vec<(usize, EvictionRank)>,
    /// The time until which no connection can be closed for a new one, according to the last
    /// search.
    none_until: Option<Instant>,
    /// The time until which no connection is accepted, because the limit is reached and none could
    /// be closed, or because the system refuses.
    paused_until: Option<Instant>,
    /// The number of connections of all workers when accepting paused.
    paused_at: usize,
    /// The time of the last log line about a pause.
    reported: Option<Instant>,
    counters: ConnectionCounters,
}

/// The place where connections are counted.
#[derive(Debug)]
enum Tally {
    /// Here, if there is a single event loop. The sessions know their total, so only those of each
    /// client are counted.
    Own(Option<PerClient>),
    /// In the seats that all workers share.
    Shared(Seat),
}

impl Admission {
    /// Creates an admission for `connections_max` connections, but no more than there are
    /// descriptors, of which this many are `reserved`.
    pub(crate) fn new(
        connections_max: Option<usize>,
        per_client_max: Option<usize>,
        reserved: usize,
    ) -> Self {
        let descriptors = raise_descriptor_limit().unwrap_or_else(|error| {
            log::warn!("cannot raise the limit of open files: {error}");
            DESCRIPTORS_ASSUMED
        });
        let descriptors = descriptors.saturating_sub(reserved as u64);
        let fd_budget = fd_budget(descriptors);
        let own = Tally::Own(per_client_max.map(PerClient::new));
        Self {
            connections_max: within(connections_max, fd_budget),
            ..Self::with(fd_budget, files_kept_open(descriptors), own)
        }
    }

    /// Returns the admission of the first of several workers, for the connections of all.
    #[must_use]
    pub(crate) fn of_first_worker(self, seat: Seat, workers: usize) -> Self {
        Self {
            files_kept_open_max: self.files_kept_open_max / workers,
            ..self
        }
        .seated(seat)
    }

    /// Creates the admission of another worker, whose connections were admitted by the first one.
    pub(crate) fn of_worker(seat: Seat, files_kept_open_max: usize) -> Self {
        let own = Tally::Own(None);
        Self::with(usize::MAX, files_kept_open_max, own).seated(seat)
    }

    fn seated(self, mut seat: Seat) -> Self {
        seat.join_table(std::iter::empty());
        Self {
            tally: Tally::Shared(seat),
            ..self
        }
    }

    fn with(fd_budget: usize, files_kept_open_max: usize, tally: Tally) -> Self {
        Self {
            fd_budget,
            files_kept_open_max,
            connections_max: fd_budget,
            tally,
            candidates: Vec::new(),
            none_until: None,
            paused_until: None,
            paused_at: 0,
            reported: None,
            counters: ConnectionCounters::default(),
        }
    }

    pub(crate) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Returns the most files that may stay open while nobody requests them.
    pub(crate) fn files_kept_open_max(&self) -> usize {
        self.files_kept_open_max
    }

    pub(crate) fn counters(&self) -> ConnectionCounters {
        self.counters
    }

    /// Changes the limits, while these clients have one connection each.
    pub(crate) fn resize(
        &mut self,
        connections_max: Option<usize>,
        per_client_max: Option<usize>,
        clients: impl Iterator<Item = Option<IpAddr>>,
    ) {
        self.connections_max = within(connections_max, self.fd_budget);
        match &mut self.tally {
            Tally::Own(per_client) => {
                *per_client = per_client_max.map(|connections_max| {
                    let mut per_client = PerClient::new(connections_max);
                    clients.flatten().for_each(|it| per_client.add(it));
                    per_client
                });
            }
            Tally::Shared(seat) => seat.join_table(clients),
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// Returns the time at which accepting may be tried again.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Ends a pause that is over, or during which a connection of another worker has ended.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.paused_until.is_some() {
            let has_ended = match &self.tally {
                Tally::Own(_) => false,
                Tally::Shared(seat) => seat.total() < self.paused_at,
            };
            self.paused_until = self.paused_until.filter(|until| now < *until && !has_ended);
        }
    }

    /// Pauses accepting until this time, or until a connection ends.
    fn pause_accepting(&mut self, until: Instant) {
        self.paused_until = Some(until);
        if let Tally::Shared(seat) = &self.tally {
            // In this order: a connection that ends in between causes a needless wake-up, or is
            // seen in the next tick.
            seat.await_release();
            self.paused_at = seat.total();
        }
    }

    /// Pauses accepting while the workers are asked for a connection to close.
    pub(crate) fn await_room(&mut self, now: Instant) {
        self.pause_accepting(now + PAUSE);
    }

    /// Ends a pause because something has changed.
    pub(crate) fn resume(&mut self) {
        self.paused_until = None;
    }

    /// Pauses accepting until a connection ends, or for a moment, because the problem may disappear
    /// without a notification.
    fn pause(&mut self, reason: impl Display, now: Instant) {
        self.counters.pauses += u64::from(self.paused_until.is_none());
        if self
            .reported
            .is_none_or(|reported| now.duration_since(reported) >= REPORTED_EVERY)
        {
            self.reported = Some(now);
            log::warn!("accepting pauses: {reason}");
        }
        self.pause_accepting(now + PAUSE);
    }

    /// Pauses accepting because the system refuses to accept.
    pub(crate) fn pause_on_error(&mut self, errno: Errno, now: Instant) {
        self.pause(format_args!("no connection can be accepted: {errno}"), now);
    }

    /// Pauses accepting because the limit is reached. `due` is the first time at which a connection
    /// can be closed for a new one. If that is soon, the pause is not worth reporting.
    pub(crate) fn pause_until(&mut self, due: Option<Instant>, now: Instant) {
        let connections_max = self.connections_max;
        match due {
            Some(due) if due <= now + PAUSE => self.pause_accepting(due),
            // A connection may become idle, or other users may close descriptors.
            _ => self.pause(
                format_args!(
                    "all {connections_max} connections that there is room for are busy; raise \
                     connections-max, or the limit on open files (ulimit -n)"
                ),
                now,
            ),
        }
    }

    /// Returns `true` if there is room for another connection. `connections` is the number of this
    /// worker's.
    pub(crate) fn has_capacity(&self, connections: usize) -> bool {
        let all = match &self.tally {
            Tally::Own(_) => connections,
            Tally::Shared(seat) => seat.total(),
        };
        all < self.connections_max
    }

    /// Counts a connection of a client. Returns `false` if the client has reached its limit.
    pub(crate) fn admit(&mut self, client: Option<IpAddr>) -> bool {
        let is_admitted = match (&mut self.tally, client) {
            (Tally::Own(Some(per_client)), Some(client)) => per_client.admit(client),
            (Tally::Own(_), _) => true,
            (Tally::Shared(seat), client) => seat.admit(client),
        };
        self.counters.accepted += u64::from(is_admitted);
        self.counters.refused += u64::from(!is_admitted);
        is_admitted
    }

    /// Records that a connection of a client has ended.
    pub(crate) fn release(&mut self, client: Option<IpAddr>) {
        self.paused_until = None;
        match (&mut self.tally, client) {
            (Tally::Own(Some(per_client)), Some(client)) => per_client.release(client),
            (Tally::Own(_), _) => {}
            (Tally::Shared(seat), client) => seat.release(client),
        }
    }

    /// Returns the session to close: the one that has been idle longest, approximately; or else the
    /// one whose request has been arriving longest, if that is long; or else the one that receives
    /// its response most slowly, unless that pace is acceptable. If there is none, the error is the
    /// time at which there may be one.
    ///
    /// One search over all sessions provides some dozens of results. An unsuccessful one is
    /// repeated only after another session could have become idle long enough. So a flood of new
    /// connections does not cause a search for each.
    pub(crate) fn pick_victim(
        &mut self,
        sessions: &impl Ranked,
        now: Instant,
    ) -> Result<usize, Option<Instant>> {
        let (key, _) = self.best_candidate(sessions, now)?;
        self.counters.evicted += 1;
        Ok(key)
    }

    /// Returns the rank of the session that [`pick_victim`](Self::pick_victim) would return.
    pub(crate) fn offer(
        &mut self,
        sessions: &impl Ranked,
        now: Instant,
    ) -> Result<EvictionRank, Option<Instant>> {
        let candidate = self.best_candidate(sessions, now)?;
        self.candidates.push(candidate);
        Ok(candidate.1)
    }

    fn best_candidate(
        &mut self,
        sessions: &impl Ranked,
        now: Instant,
    ) -> Result<(usize, EvictionRank), Option<Instant>> {
        if let Some(until) = self.none_until.filter(|until| now < *until) {
            return Err(Some(until));
        }
        if let Some(found) = self.take_candidate(sessions) {
            return Ok(found);
        }
        let due = self.find_candidates(sessions, now);
        self.take_candidate(sessions).ok_or(due)
    }

    /// Finds the sessions that can be closed. If there is none, returns the time at which the first
    /// one can.
    fn find_candidates(&mut self, sessions: &impl Ranked, now: Instant) -> Option<Instant> {
        let all = sessions.ranks();
        let (due, later): (Vec<_>, Vec<_>) = all.partition(|(_, rank)| rank.due() <= now);
        self.candidates = due;
        let next = later.iter().map(|(_, rank)| rank.due()).min();
        if self.candidates.is_empty() {
            // A session that becomes idle from now on can be closed only then.
            let idle = now + IDLE_GRACE;
            self.none_until = Some(next.map_or(idle, |next| next.min(idle)));
        }
        self.candidates.sort_unstable_by_key(|(_, rank)| *rank);
        self.candidates.truncate(FOUND_AT_ONCE);
        self.candidates.reverse();
        next
    }

    fn take_candidate(&mut self, sessions: &impl Ranked) -> Option<(usize, EvictionRank)> {
        while let Some((key, rank)) = self.candidates.pop() {
            if sessions.rank(key) == Some(rank) {
                return Some((key, rank));
            }
        }
        None
    }
}

/// Sessions by key, as far as the choice needs them.
pub(crate) trait Ranked {
    /// Returns the rank of a session; `None` if it cannot be closed.
    fn rank(&self, key: usize) -> Option<EvictionRank>;

    /// Returns the ranks of all sessions that can be closed.
    fn ranks(&self) -> impl Iterator<Item = (usize, EvictionRank)>;
}

/// Returns the limit of connections: `wanted`, or less if descriptors are short.
fn within(wanted: Option<usize>, fd_budget: usize) -> usize {
    match wanted {
        Some(wanted) if wanted > fd_budget => {
            log::warn!(
                "connections-max is {fd_budget} instead of {wanted}: \
                 the limit on open files leaves no room for more"
            );
            fd_budget
        }
        _ => wanted.unwrap_or(fd_budget),
    }
}

/// Returns the number of connections for this many descriptors. A quarter is for files, and a few
/// are for listeners and logs.
fn fd_budget(descriptors: u64) -> usize {
    let others = descriptors / 4 + DESCRIPTORS_OF_OUR_OWN;
    usize::try_from(descriptors.saturating_sub(others).max(1)).unwrap_or(usize::MAX)
}

/// Returns the number of files to keep open for this many descriptors: half of those for files.
/// Responses, a replaced root and reloaded settings need the others.
fn files_kept_open(descriptors: u64) -> usize {
    usize::try_from(descriptors / 8).unwrap_or(usize::MAX)
}

/// Raises the soft limit of descriptors to the hard one, and returns it.
fn raise_descriptor_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// The epoll instance, the listeners, the signals, the root, the logs and the standard streams.
const DESCRIPTORS_OF_OUR_OWN: u64 = 16;

/// The usual soft limit, for the case that the real one is unknown.
const DESCRIPTORS_ASSUMED: u64 = 1024;

/// The number of sessions to close that one search finds.
const FOUND_AT_ONCE: usize = 64;

/// The interval of log lines about pauses. A flood of connections must not cause a flood of log
/// lines.
const REPORTED_EVERY: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_descriptors_and_a_few_more_are_reserved() {
        for (descriptors, connections, files) in [
            (0, 1, 0),
            (20, 1, 2),
            (64, 32, 8),
            (1024, 752, 128),
            (4096, 3056, 512),
        ] {
            assert_eq!(fd_budget(descriptors), connections, "{descriptors}");
            assert_eq!(files_kept_open(descriptors), files, "{descriptors}");
        }
    }
}

//! Room for connections: how many there may be, who goes when there are too many, and when none is
//! accepted.

use super::eviction::{IDLE_GRACE, Spare};
use crate::server::observe::metrics::ConnectionCounters;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What connections may take up.
#[derive(Debug)]
pub(crate) struct Room {
    /// As many as there are descriptors for.
    affordable: usize,
    files_kept_open_max: usize,
    connections_max: usize,
    per_client: Option<PerClient>,
    /// Those that could best be spared when they were last looked for, the best last, each with why:
    /// if that has changed, the session has been busy.
    spare: Vec<(usize, Spare)>,
    /// Until when no connection can make room, by the last look at all of them.
    none_until: Option<Instant>,
    /// Until when no connection is accepted, because there is no room and none could be made, or the
    /// system does not let us.
    paused_until: Option<Instant>,
    /// When the operator was last told of a pause.
    told: Option<Instant>,
    counters: ConnectionCounters,
}

/// How many connections each client has.
#[derive(Debug)]
struct PerClient {
    connections_max: usize,
    counts: HashMap<IpAddr, usize>,
}

impl Room {
    /// Room for `connections_max` connections, but for no more than there are descriptors, of which
    /// so many are `spoken_for`.
    pub(crate) fn new(
        connections_max: Option<usize>,
        per_client_max: Option<usize>,
        spoken_for: usize,
    ) -> Self {
        let descriptors = raise_descriptor_limit().unwrap_or_else(|error| {
            log::warn!("the limit on open files could not be raised: {error}");
            DESCRIPTORS_ASSUMED
        });
        let descriptors = descriptors.saturating_sub(spoken_for as u64);
        let affordable = affordable(descriptors);
        let counts = HashMap::new();
        Self {
            affordable,
            files_kept_open_max: files_kept_open(descriptors),
            connections_max: within(connections_max, affordable),
            per_client: per_client_max.map(|connections_max| PerClient {
                connections_max,
                counts,
            }),
            spare: Vec::new(),
            none_until: None,
            paused_until: None,
            told: None,
            counters: ConnectionCounters::default(),
        }
    }

    pub(crate) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// How many files may be open that nobody may be asking for.
    pub(crate) fn files_kept_open_max(&self) -> usize {
        self.files_kept_open_max
    }

    pub(crate) fn counters(&self) -> ConnectionCounters {
        self.counters
    }

    /// Changes how many connections there may be, where these clients have one each.
    pub(crate) fn resize(
        &mut self,
        connections_max: Option<usize>,
        per_client_max: Option<usize>,
        clients: impl Iterator<Item = Option<IpAddr>>,
    ) {
        self.connections_max = within(connections_max, self.affordable);
        self.per_client = per_client_max.map(|connections_max| {
            let mut counts = HashMap::new();
            for client in clients.flatten() {
                *counts.entry(client).or_default() += 1;
            }
            PerClient {
                connections_max,
                counts,
            }
        });
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// When accepting may be tried again.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Ends a pause whose time is over.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.paused_until = self.paused_until.filter(|until| now < *until);
    }

    /// Accepts nothing until a connection ends, or for a moment: what is wrong may pass without a
    /// sign to us.
    fn pause(&mut self, reason: impl Display, now: Instant) {
        self.counters.pauses += u64::from(self.paused_until.is_none());
        if self
            .told
            .is_none_or(|told| now.duration_since(told) >= TOLD_EVERY)
        {
            self.told = Some(now);
            log::warn!("accepting pauses: {reason}");
        }
        self.paused_until = Some(now + PAUSE);
    }

    /// The same, where the system does not let us accept.
    pub(crate) fn pause_on_error(&mut self, errno: Errno, now: Instant) {
        self.pause(format_args!("no connection can be accepted: {errno}"), now);
    }

    /// The same, where there is no room, and the first connection that can make some can do so at
    /// that time, of those that could be spared. If that is soon, it is no pause to speak of.
    fn pause_until(&mut self, due: Option<Instant>, now: Instant) {
        let connections_max = self.connections_max;
        match due {
            Some(due) if due <= now + PAUSE => self.paused_until = Some(due),
            // One may fall idle, or others may close descriptors.
            _ => self.pause(
                format_args!(
                    "all {connections_max} connections that there is room for are busy; raise \
                     connections-max, or the limit on open files (ulimit -n)"
                ),
                now,
            ),
        }
        // One that falls idle from now on can make room only then.
        let idle = now + IDLE_GRACE;
        self.none_until = Some(due.map_or(idle, |due| due.min(idle)));
    }

    pub(crate) fn has_room(&self, connections: usize) -> bool {
        connections < self.connections_max
    }

    /// Takes a client's connection into account. `false` if it has as many as it may have.
    pub(crate) fn enter(&mut self, client: Option<IpAddr>) -> bool {
        let may_enter = match (&mut self.per_client, client) {
            (Some(per_client), Some(client)) => per_client.enter(client),
            _ => true,
        };
        self.counters.accepted += u64::from(may_enter);
        self.counters.refused += u64::from(!may_enter);
        may_enter
    }

    /// Takes note that a client's connection has ended.
    pub(crate) fn leave(&mut self, client: Option<IpAddr>) {
        self.paused_until = None;
        if let (Some(per_client), Some(client)) = (&mut self.per_client, client)
            && let Some(count) = per_client.counts.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                per_client.counts.remove(&client);
            }
        }
    }

    /// The session that is to go: the one that has been idle for the longest time, or about so; where
    /// none is idle, the one whose request has been coming in for the longest time, and for long.
    /// If there is none, accepting pauses.
    ///
    /// All are looked at for some dozens of answers, and in vain no more often than one can fall
    /// idle and be spared, so that a flood of newcomers does not have to pay for it each time.
    pub(crate) fn most_spare(&mut self, sessions: &impl Ranked, now: Instant) -> Option<usize> {
        if let Some(until) = self.none_until.filter(|until| now < *until) {
            self.paused_until = Some(until);
            return None;
        }
        let found = self.take_most_spare(sessions).or_else(|| {
            self.find_most_spare(sessions, now);
            self.take_most_spare(sessions)
        });
        self.counters.evicted += u64::from(found.is_some());
        found
    }

    /// Finds those that can make room. Where there is none, accepting pauses.
    fn find_most_spare(&mut self, sessions: &impl Ranked, now: Instant) {
        let all = sessions.ranks();
        let (due, later): (Vec<_>, Vec<_>) = all.partition(|(_, spare)| spare.due() <= now);
        self.spare = due;
        if self.spare.is_empty() {
            let next = later.iter().map(|(_, spare)| spare.due()).min();
            self.pause_until(next, now);
        }
        self.spare.sort_unstable_by_key(|(_, spare)| *spare);
        self.spare.truncate(FOUND_AT_ONCE);
        self.spare.reverse();
    }

    fn take_most_spare(&mut self, sessions: &impl Ranked) -> Option<usize> {
        while let Some((key, spare)) = self.spare.pop() {
            if sessions.rank(key) == Some(spare) {
                return Some(key);
            }
        }
        None
    }
}

/// Sessions by key, as far as it matters which of them goes.
pub(crate) trait Ranked {
    /// The rank of a session; `None` if it cannot go.
    fn rank(&self, key: usize) -> Option<Spare>;

    /// The ranks of all that can go.
    fn ranks(&self) -> impl Iterator<Item = (usize, Spare)>;
}

impl PerClient {
    fn enter(&mut self, client: IpAddr) -> bool {
        let count = self.counts.entry(client).or_default();
        let may_enter = *count < self.connections_max;
        *count += usize::from(may_enter);
        may_enter
    }
}

/// As many connections as are `wanted`, but no more than are affordable.
fn within(wanted: Option<usize>, affordable: usize) -> usize {
    match wanted {
        Some(wanted) if wanted > affordable => {
            log::warn!(
                "connections-max is {affordable} instead of {wanted}: \
                 the limit on open files leaves no room for more"
            );
            affordable
        }
        _ => wanted.unwrap_or(affordable),
    }
}

/// How many connections there may be for so many descriptors: a quarter is for the files that are
/// sent and kept open, and a few are for listeners and logs.
fn affordable(descriptors: u64) -> usize {
    let others = descriptors / 4 + DESCRIPTORS_OF_OUR_OWN;
    usize::try_from(descriptors.saturating_sub(others).max(1)).unwrap_or(usize::MAX)
}

/// How many files may be kept open for so many descriptors: half of those that are for files. What
/// is sent, the root that is looked for anew and settings that are read again need the others.
fn files_kept_open(descriptors: u64) -> usize {
    usize::try_from(descriptors / 8).unwrap_or(usize::MAX)
}

/// Raises the soft limit on descriptors to the hard one, and returns it.
fn raise_descriptor_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// The epoll, the listeners, the signals, the root, the logs and standard streams.
const DESCRIPTORS_OF_OUR_OWN: u64 = 16;

/// The usual soft limit, where the real one cannot be learnt.
const DESCRIPTORS_ASSUMED: u64 = 1024;

/// Sessions to be spared that are found in one look at all of them.
const FOUND_AT_ONCE: usize = 64;

/// A flood of connections is not to become a flood of log lines.
const TOLD_EVERY: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_quarter_of_the_descriptors_and_a_few_are_not_for_connections() {
        for (descriptors, connections, files) in [
            (0, 1, 0),
            (20, 1, 2),
            (64, 32, 8),
            (1024, 752, 128),
            (4096, 3056, 512),
        ] {
            assert_eq!(affordable(descriptors), connections, "{descriptors}");
            assert_eq!(files_kept_open(descriptors), files, "{descriptors}");
        }
    }

    #[test]
    fn a_client_has_no_more_connections_than_it_may_have() {
        let mut room = Room::new(None, Some(2), 0);
        let client = Some(IpAddr::from(Ipv4Addr::LOCALHOST));
        let other = Some(IpAddr::from([192, 0, 2, 1]));
        assert!(room.enter(client) && room.enter(client) && !room.enter(client));
        assert!(
            room.enter(other) && room.enter(None),
            "others are not counted with it"
        );
        room.leave(client);
        assert!(room.enter(client) && !room.enter(client));
    }
}

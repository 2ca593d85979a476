//! The number of connections of each worker and of each client, because the limits apply to the
//! whole server.
//!
//! The counts change when a connection begins or ends, and never while a request is handled. The
//! connections of a worker are counted without a lock, and those of a client under a lock, if there
//! is a limit.

use crate::server::connections::per_client::PerClient;
use mio::Waker;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts of the connections of all workers.
#[derive(Debug)]
pub(crate) struct Seats {
    /// The connections of each worker, starting with the first one.
    connections: Box<[AtomicUsize]>,
    clients: Mutex<Clients>,
    /// `true` if the first worker waits for a connection to end, to accept another one instead.
    is_awaited: AtomicBool,
    /// The waker of the first worker.
    waker: Arc<Waker>,
}

/// The counts of the connections of each client.
#[derive(Debug, Default)]
struct Clients {
    /// The number of the present table. A connection that was counted in an older one is not
    /// subtracted from it.
    table: u64,
    /// `None` if there is no limit.
    per_client: Option<PerClient>,
}

/// The part of one worker in the counts.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    worker: usize,
    /// The table in which the clients of this worker's connections are counted, or `None` if there
    /// is no limit.
    table: Option<u64>,
}

impl Seats {
    /// Creates the counts for several workers. `waker` wakes the first one.
    pub(crate) fn new(workers: usize, waker: Arc<Waker>) -> Arc<Self> {
        Arc::new(Self {
            connections: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            clients: Mutex::default(),
            is_awaited: AtomicBool::new(false),
            waker,
        })
    }

    /// Returns the seat of a worker.
    pub(crate) fn seat(self: &Arc<Self>, worker: usize) -> Seat {
        Seat {
            seats: Arc::clone(self),
            worker,
            table: None,
        }
    }

    /// Returns the number of connections.
    pub(crate) fn total(&self) -> usize {
        let counts = self.connections.iter();
        counts.map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Counts a connection for the worker with the fewest, and returns that worker. Of several such
    /// workers, the first after `after` is chosen.
    pub(crate) fn take_fewest(&self, after: usize) -> usize {
        let counts = self.connections.iter().enumerate();
        let rank = |(worker, count): &(usize, &AtomicUsize)| {
            (count.load(Ordering::SeqCst), *worker <= after, *worker)
        };
        let fewest = counts.min_by_key(rank).map_or(0, |(worker, _)| worker);
        if let Some(count) = self.connections.get(fewest) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        fewest
    }

    /// Begins a new table of clients, with this limit for each. Workers enter their connections
    /// when they apply the settings.
    pub(crate) fn begin_table(&self, per_client_max: Option<usize>) {
        let mut clients = self.clients();
        clients.table += 1;
        clients.per_client = per_client_max.map(PerClient::new);
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Returns the number of connections of all workers.
    pub(crate) fn total(&self) -> usize {
        self.seats.total()
    }

    /// Enters these connections into the present table of clients, in which later ones are counted
    /// from now on.
    pub(crate) fn join_table(&mut self, clients: impl Iterator<Item = Option<IpAddr>>) {
        let mut shared = self.seats.clients();
        let table = shared.table;
        self.table = shared.per_client.as_mut().map(|per_client| {
            for client in clients.flatten() {
                per_client.add(client);
            }
            table
        });
    }

    /// Counts a client's connection. Returns `false` if the client has reached its limit.
    pub(crate) fn admit(&self, client: Option<IpAddr>) -> bool {
        let (Some(_), Some(client)) = (self.table, client) else {
            return true;
        };
        let mut shared = self.seats.clients();
        shared.per_client.as_mut().is_none_or(|it| it.admit(client))
    }

    /// Records that a connection of this worker has ended.
    pub(crate) fn release(&self, client: Option<IpAddr>) {
        if let Some(count) = self.seats.connections.get(self.worker) {
            count.fetch_sub(1, Ordering::SeqCst);
        }
        if let (Some(table), Some(client)) = (self.table, client) {
            let mut shared = self.seats.clients();
            if shared.table == table
                && let Some(per_client) = &mut shared.per_client
            {
                per_client.release(client);
            }
        }
        // This comes after the count, because the thread that has set the flag reads the count
        // again before it waits.
        if self.seats.is_awaited.load(Ordering::SeqCst)
            && self.seats.is_awaited.swap(false, Ordering::SeqCst)
        {
            wake(&self.seats.waker);
        }
    }

    /// Makes the end of the next connection wake the first worker.
    pub(crate) fn await_release(&self) {
        self.seats.is_awaited.store(true, Ordering::SeqCst);
    }
}

/// Wakes a worker that waits.
pub(crate) fn wake(waker: &Waker) {
    if let Err(error) = waker.wake() {
        log::error!("cannot wake a worker: {error}");
    }
}

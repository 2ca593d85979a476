//! Several event loops. Each is a thread with its own sessions and its own cache, and shares
//! nothing while it handles a request.
//!
//! The first worker is the thread in which the process began. Only this one listens. It accepts
//! connections and passes each to the worker with the fewest (`crew`). So even a few connections
//! are spread evenly, and a restart with another number of workers passes on the same sockets. The
//! first worker also handles signals and the admin port, and gives the others commands (`message`).
//! Counts for the whole server, such as the connections of each client, are in `seats`, and change
//! only when a connection begins or ends.

pub(crate) mod crew;
pub(crate) mod message;
pub(crate) mod pending_reload;
pub(crate) mod seats;
pub(crate) mod start;
mod worker;

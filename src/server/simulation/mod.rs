//! A simulation of the event loop: everything that a server has around it is made up, and seeds
//! decide all of it.
//!
//! The loop, its sessions, the protocol machines, the responder and the site are the real ones. The
//! test plays the kernel ([`memory`](super::net::memory)), the clients and the clock. So thousands
//! of histories run in a second, each the same for the same seed. In each of them, everything in
//! `invariants` holds after every tick.
//!
//! A history goes on like this: clients connect, send some bytes of their requests, read some bytes
//! of the responses, end, reset or vanish; settings are reloaded; at last the server is drained. In
//! between, time passes, and the loop has some ticks. It is woken as a poll would wake it: by events,
//! or when its timeout is over.

mod client;
mod files;
mod history;
mod invariants;
mod random;
mod reader;
mod request;
mod stage;
mod tests;
mod time;
mod timeline;
mod world;

//! The foundation of every black-box test: a directory to serve, the real binary on a free port, a
//! client that sends raw bytes, and a strict parser of responses.

mod ahead;
mod client;
mod kernel;
mod load;
mod network;
mod process;
mod reference;
mod response;
mod rounds;
mod server;
mod site;
mod table;
#[cfg(target_arch = "x86_64")]
mod tracee;

pub(crate) use client::{Client, uninterrupted};
pub(crate) use kernel::unsent_bytes;
pub(crate) use load::{Load, site_of_many_files, waits_during};
pub(crate) use network::in_a_network;
pub(crate) use process::{Hearing, PATIENCE, Process, poll_until};
pub(crate) use reference::resolve;
pub(crate) use response::{MADE, Response, responses, without_dates};
pub(crate) use rounds::rounds;
pub(crate) use rustix::process::Signal;
pub(crate) use server::{Launch, Server};
pub(crate) use site::{
    LAST_MODIFIED, Site, gzip, gzip_of, noise, quoted, settled_time, zstandard_of,
};
pub(crate) use table::{assert_all, is_root, unavailable};
#[cfg(target_arch = "x86_64")]
pub(crate) use tracee::{Argument, Outcome, Tracee};

/// Used only by tests that run other programs.
#[cfg(feature = "strangers")]
pub(crate) use {
    load::{Files, LARGE_FILE, files_of_many_sizes},
    table::skipped,
};

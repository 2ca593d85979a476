//! What every black-box test stands on: a directory to serve, the real binary on a free port, a
//! client that speaks raw bytes, and a parser that forgives a response nothing.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test file is a crate of its own and uses its own part of what stands here"
)]

mod client;
mod kernel;
mod load;
mod network;
mod process;
mod reference;
mod response;
mod server;
mod site;
mod table;

pub(crate) use client::Client;
pub(crate) use kernel::unsent_bytes;
pub(crate) use load::{Files, LARGE_FILE, Load, files_of_many_sizes, waits_beside};
pub(crate) use network::in_a_network;
pub(crate) use process::{Hearing, PATIENCE, Process, poll_until};
pub(crate) use reference::resolve;
pub(crate) use response::{Response, responses, without_dates};
pub(crate) use rustix::process::Signal;
pub(crate) use server::{Launch, Server};
pub(crate) use site::{
    LAST_MODIFIED, Site, gzip, gzip_of, noise, quoted, settled_time, zstandard_of,
};
pub(crate) use table::{assert_all, is_root, skipped, unavailable};
